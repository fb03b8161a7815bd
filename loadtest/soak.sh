#!/usr/bin/env bash
# People come and go for a long time, and the server's memory must stay where it is after the warm-up.
#
# Starts the release server on ports of its own, lets bots come and go, writes target/soak/{memory.svg,report.json} and
# prints one line of JSON. Fails when memory grew, a frame could not be decrypted or somebody could not take part.
# Usage: soak.sh [MINUTES] [PARTICIPANTS AT A TIME] [CHANGES PER SECOND]
set -euo pipefail
cd "$(dirname "$0")/.."

readonly minutes=${1:-30} participants=${2:-8} rate=${3:-1}
readonly web=127.0.0.1:18090 media=127.0.0.1:13490

mkdir -p target/soak
target/release/conclave serve --listen "$web" --media "$media" --advertise 127.0.0.1 >target/soak/server.log 2>&1 &
readonly server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/${web/://}") 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || { cat target/soak/server.log >&2; exit 1; }
    sleep 0.1
done
target/release/conclave-loadtest run churn --url "http://$web" --participants "$participants" --rate "$rate" \
    --duration "${minutes}m" --server-pid "$server" --memory-plot target/soak/memory.svg --json target/soak/report.json \
    --fail-if 'memory.growth_mb>4' --fail-if 'decrypt_failures>0' --fail-if 'problems>0'
