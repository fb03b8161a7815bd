#!/usr/bin/env bash
# Runs the browser tests against the server that `cargo test` builds, in a network of their own.
#
# Firefox never sends to a loopback candidate, so server and browsers share a network namespace with one more address.
# Where this user may not make one, Chromium runs on loopback and Firefox is left out; in CI that is a failure.
# Usage: run.sh [vitest arguments]
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly address=10.99.0.1

inside() {
    ip link set lo up
    ip link add media0 type veth peer name media1
    ip addr add "$address/24" dev media0
    ip link set media0 up
    ip link set media1 up
    # Browsers gather candidates on the interface of the default route.
    ip route add default via 10.99.0.254
    export BROWSER_TEST_ADDRESS=$address
    # Firefox mixes no sound where none can be played: it is given a sink that plays to nobody.
    sound=$(mktemp -d)
    XDG_RUNTIME_DIR=$sound HOME=$sound pulseaudio --daemonize=no --exit-idle-time=-1 -n -L module-null-sink \
        -L "module-native-protocol-unix socket=$sound/native auth-anonymous=1" 2>/dev/null &
    trap 'kill $!; wait $! || true; rm -rf "$sound"' EXIT
    FIREFOX_SOUND=unix:$sound/native npx vitest run --config tests/browser/vitest.config.ts "$@"
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
    exit
fi

unshare=(unshare --net)
[ "$(id -u)" = 0 ] || unshare=(unshare --user --map-root-user --net)
if "${unshare[@]}" true 2>/dev/null; then
    exec "${unshare[@]}" tests/browser/run.sh --inside "$@"
fi
if [ "${CI:-}" = true ]; then
    echo "browser tests need a network namespace: run as root, or allow unprivileged user namespaces" >&2
    exit 1
fi
echo "Firefox is left out: it does not send to loopback, and this user may not make a network namespace."
BROWSER_TEST_ADDRESS=127.0.0.1 exec npx vitest run --config tests/browser/vitest.config.ts "$@"
