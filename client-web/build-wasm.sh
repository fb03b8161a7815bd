#!/usr/bin/env bash
# Builds what of the browser's client is Rust: the end-to-end-encryption core into client-web/src/e2ee/wasm, and what
# finds the person in a picture into client-web/src/ui/background/wasm.
#
# Two toolchains can do it: rustup's with its wasm32-unknown-unknown target, or Debian's rustc-web, which brings the
# standard library's source for that target. The first that is there is taken.
set -euo pipefail
cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
out=client-web/src/e2ee/wasm
silhouette=client-web/src/ui/background/wasm
build=target/wasm
mkdir -p "$build" "$silhouette"

# Everything the module is made of; unchanged means nothing to do.
stamp="$build/conclave-web.inputs"
inputs=$(cat Cargo.toml Cargo.lock client-web/build-wasm.sh $(find e2ee/src client-web/wasm client-web/silhouette -name '*.rs' -o -name Cargo.toml | sort) e2ee/Cargo.toml | sha256sum)
if [ -f "$out/conclave_web_bg.wasm" ] && [ -f "$silhouette/silhouette.wasm" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$inputs" ]; then
    echo "wasm: unchanged"
    exit 0
fi

# JavaScript's values stay in an array instead of an externref table: wasm-opt before version 117 (Debian 12 has 108)
# exports the wrong table of a module that has two. conclave-bindgen does its part of it.
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=-reference-types"

libdir=$(rustc --print target-libdir --target "$target" 2>/dev/null || true)
if [ -d "$libdir" ]; then
    echo "wasm: building with the rustup toolchain"
    CARGO_TARGET_DIR=$build cargo build --locked --package conclave-web --package conclave-silhouette --lib --profile wasm --target "$target"
elif [ -x /usr/bin/cargo ] && [ -d "$(RUSTC_BOOTSTRAP=1 /usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src" ]; then
    echo "wasm: building with Debian's rustc-web (about three minutes the first time)"
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19 CARGO_TARGET_DIR=$build \
        /usr/bin/cargo build --locked --package conclave-web --package conclave-silhouette --lib --profile wasm --target "$target" -Zbuild-std=std,panic_abort
else
    echo "No toolchain for $target. Either of these brings one:" >&2
    echo "  rustup target add $target" >&2
    echo "  apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-19 binaryen" >&2
    exit 1
fi

cargo run --quiet --locked --package conclave-bindgen -- "$build/$target/wasm/conclave_web.wasm" "$out"

# Each feature by name: --all-features makes a module that no browser loads.
if command -v wasm-opt >/dev/null; then
    wasm-opt -Os --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
        --enable-reference-types --enable-multivalue --enable-simd \
        "$out/conclave_web_bg.wasm" -o "$out/conclave_web_bg.opt.wasm"
    mv "$out/conclave_web_bg.opt.wasm" "$out/conclave_web_bg.wasm"
fi
# Without glue: it takes and gives numbers only.
cp "$build/$target/wasm/conclave_silhouette.wasm" "$silhouette/silhouette.wasm"
echo "$inputs" > "$stamp"
echo "wasm: $(stat -c %s "$out/conclave_web_bg.wasm") bytes, $(stat -c %s "$silhouette/silhouette.wasm") bytes"
