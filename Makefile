# Two commands: `make run` builds everything and serves; `make test` passes every test. Both do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
BUILD_PACKAGES := cmake
WASM_PACKAGES := rustc-web cargo-web rust-web-src lld-19 binaryen
TEST_PACKAGES := chromium firefox-esr iproute2 iptables ethtool util-linux tcpdump ffmpeg pulseaudio
COMPARE_PACKAGES := janus iproute2 util-linux
WEB := client-web
ARGS ?=
MINUTES ?= 30
PEOPLE ?= 16
SECONDS ?= 30

# step NAME, COMMAND: runs it and prints how long it took.
step = @echo "== $(1)"; begin=$$(date +%s); $(2); echo "== $(1): $$(( $$(date +%s) - begin )) s"

.PHONY: help run build web wasm types bench compare test lint lint-rust lint-web test-rust test-web test-browsers trace soak fuzz setup setup-test setup-compare clips

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: build ## Build everything and serve on http://localhost:8080 (ARGS="--listen 0.0.0.0:80" passes options)
	target/release/conclave serve $(ARGS)

build: web ## Build the release binaries into target/release
	$(call step,release binaries,cargo build --locked --release --bin conclave --bin conclave-sfu --bin conclave-loadtest)

test: lint test-rust test-web test-browsers ## Pass every test

lint: lint-rust lint-web ## Formatting, clippy, generated types, tsc, biome

lint-rust: setup
	$(call step,rustfmt,cargo fmt --all --check)
	$(call step,clippy,cargo clippy --locked --workspace --all-targets --features conclave-wire/typescript -- -D warnings)
	$(call step,generated types,cargo run -q --locked -p conclave-wire --features typescript --bin conclave-types | diff -u $(WEB)/src/wire/types.ts - || { echo "client-web/src/wire/types.ts is stale: run make types" >&2; exit 1; })

lint-web: wasm
	$(call step,tsc and biome,cd $(WEB) && npm run --silent lint)

test-rust: web
	$(call step,Rust tests,cargo test --locked)

test-web: wasm
	$(call step,web unit tests,cd $(WEB) && npm test)

# The programs of the Rust tests: to build everything once more for release would take a third of their time again.
test-browsers: setup-test web
	$(call step,programs under test,cargo test --locked --no-run)
	$(call step,browser tests,$(WEB)/tests/browser/run.sh)

trace: setup-test build ## Trace a call of 16 in Chromium and print first paint and long tasks (PEOPLE=25 SECONDS=30)
	cd $(WEB) && TRACE_PEOPLE=$(PEOPLE) TRACE_SECONDS=$(SECONDS) npx vitest run --config tests/trace/vitest.config.ts

soak: build ## Let people come and go for MINUTES=30 and watch the server's memory; plot in target/soak/memory.svg
	$(call step,soak,loadtest/soak.sh $(MINUTES))

web: wasm
	$(call step,web client,cd $(WEB) && npm run --silent build)

wasm: setup $(WEB)/node_modules/.package-lock.json
	$(call step,wasm core,$(WEB)/build-wasm.sh)

compare: setup-compare build ## Put Conclave, Janus and LiveKit under the same load (ARGS="--rooms 8", "--help")
	target/release/conclave-loadtest compare $(ARGS)

bench: setup ## Measure the SFU: one JSON line per figure (ARGS="--figure forward_pps", "--quick", "--help")
	cargo run --locked --release -q -p conclave-bench -- $(ARGS)

types: setup ## Generate the client's TypeScript types from the Rust messages
	cargo run -q --locked -p conclave-wire --features typescript --bin conclave-types > $(WEB)/src/wire/types.ts

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	$(call step,npm packages,cd $(WEB) && npm ci --no-audit --no-fund)
	@touch $@

clips: setup-test ## Capture the load tester's video clips again from a browser's encoder
	node loadtest/clips/capture.mjs

# Nothing is installed that is already there.
setup:
	@missing=(); command -v cmake >/dev/null || missing+=($(BUILD_PACKAGES)); \
	if [ ! -d "$$(rustc --print target-libdir --target wasm32-unknown-unknown)" ] || ! command -v wasm-opt >/dev/null; then \
	    for package in $(WASM_PACKAGES); do dpkg -s $$package >/dev/null 2>&1 || missing+=($$package); done; fi; \
	$(call install)

setup-test: setup
	@missing=(); for package in $(TEST_PACKAGES); do dpkg -s $$package >/dev/null 2>&1 || missing+=($$package); done; \
	$(call install)

# LiveKit is built by the load tester, with the Go that is there or a newer one that it fetches.
setup-compare: setup
	@missing=(); for package in $(COMPARE_PACKAGES); do dpkg -s $$package >/dev/null 2>&1 || missing+=($$package); done; \
	command -v go >/dev/null || missing+=(golang-go); \
	$(call install)

install = if [ $${\#missing[@]} -gt 0 ]; then echo "== installing $${missing[*]}"; $(SUDO) apt-get update -qq; \
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; fi
