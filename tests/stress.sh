#!/usr/bin/env bash
# Long stress runs of the concurrent core: `tests/stress.sh [SECONDS_PER_TEST] [ROUNDS]`.
#
# Segments of 64 slots, runs of two buckets and trees with nodes of six children keep splits,
# compactions and helps constant; every race point delays its thread at random. Each round has a new
# seed, which a failing test prints.
set -euo pipefail
cd "$(dirname "$0")/.."
export EXUVIA_STRESS_SECS="${1:-20}"
rounds="${2:-3}"
export RUSTFLAGS="--cfg engine_small ${RUSTFLAGS:-}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/small"
for round in $(seq "$rounds"); do
    echo "== round $round of $rounds"
    cargo test -p exuvia-tests --test engine --test memory
done
