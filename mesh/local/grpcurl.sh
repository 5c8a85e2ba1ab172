#!/bin/sh
# Builds grpcurl into .eco2/bin with Go, for the README's examples. No part of `make test`: with empty
# caches it takes about 190 s of CPU and 200 MB of modules. Without it a stand-in runs the examples.
set -eu

version=v1.9.4
bin=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)/.eco2/bin
say() { printf 'setup  %-17s %s\n' 'grpcurl' "$1"; }

command -v go >/dev/null || {
    say 'Go is not here; install it, or put a grpcurl into PATH' >&2
    exit 1
}
if go version -m "$bin/grpcurl" 2>/dev/null | grep -qwF "$version"; then
    say "complete ($bin/grpcurl)"
    exit 0
fi
say "building $version with $(go env GOVERSION)"
mkdir -p "$bin"
GOBIN=$bin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version"
say "complete ($bin/grpcurl)"
