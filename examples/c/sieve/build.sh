#!/bin/sh
# Builds sieve.wasm with clang, wasm-ld and wasi-libc; on Debian:
#   apt-get install clang lld wasi-libc libclang-rt-dev-wasm32
# An argument names another output. A module needs nothing of assay: any WASI
# preview-1 command does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${CLANG:-clang}" --target=wasm32-wasi -O2 -Wall -Wextra -Wl,--strip-all \
	-o "${1:-$here/sieve.wasm}" "$here/sieve.c"
