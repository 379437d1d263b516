#!/usr/bin/env bash
# The tests of the concurrent core under AddressSanitizer, on small segments, those of the shelf of
# freed entries, which nothing else has on there, and those of the collections' trees, on small nodes
# and without leaks. Takes the nightly compiler, or the stable one with its unstable
# options where no nightly one is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
export EXUVIA_STRESS_SECS="${1:-2}"
if rustup run nightly rustc --version >/dev/null 2>&1; then
    toolchain=+nightly
else
    toolchain=+stable
    export RUSTC_BOOTSTRAP=1
fi
export RUSTFLAGS="-Zsanitizer=address --cfg engine_small ${RUSTFLAGS:-}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/sanitize"
# The table's statics that live as long as the process (slots, the collector) are no leaks.
export ASAN_OPTIONS="detect_leaks=0 ${ASAN_OPTIONS:-}"
target="$(rustc -vV | sed -n 's/^host: //p')"
ASAN_OPTIONS="$ASAN_OPTIONS detect_leaks=1" \
    cargo "$toolchain" test -p exuvia --lib --target "$target" -- tree:: collection::
cargo "$toolchain" test -p exuvia --lib --target "$target" -- table::shelf
cargo "$toolchain" test -p exuvia-tests --test engine --target "$target"
