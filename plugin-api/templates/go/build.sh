#!/bin/sh
# Builds my-plugin.so. The version script hides what Go's run time and cgo would export beside the entry.
set -eu
cd "$(dirname "$0")"
export CGO_ENABLED=1
exec go build -buildmode=c-shared -ldflags "-extldflags '-Wl,--version-script=$PWD/plugin.map'" -o my-plugin.so .
