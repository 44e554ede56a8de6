#!/usr/bin/env bash
# All benchmarks: ./dev bench [--write] [NAME...]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
export TOMADA_BIN=${TOMADA_BIN:-$root/build/release/bin/tomada}
exec "$root/tests/node_modules/node/bin/node" "$root/tests/bench/run.mjs" "$@"
