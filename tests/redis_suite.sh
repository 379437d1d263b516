#!/usr/bin/env bash
# Redis's own tests, against a freshly started server. Takes the path of a Redis 7.0 source tree, and
# files of its suite if only some are wanted: tests/redis_suite.sh ~/redis-7.0.15 unit/type/string
#
# The tests run in a copy of the tree. What is left out stands in redis_suite.skip.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
redis="${1:?the path of a Redis source tree}"
shift
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
    files=(unit/type/{string,incr,hash,list,list-2,list-3,set,zset,stream,stream-cgroups} unit/{expire,multi,keyspace,scan,bitops,bitfield,protocol,quit,slowlog,pubsub,introspection})
fi
command -v tclsh >/dev/null || { echo "tclsh is needed"; exit 2; }

binary="${EXUVIA_SERVER_BINARY:-}"
if [ -z "$binary" ]; then
    cargo build --quiet --manifest-path "$here/../Cargo.toml" --workspace --bin exuvia
    binary="$here/../target/debug/exuvia"
fi
work="$(mktemp -d)"
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

cp -r "$redis/tests" "$redis/runtest" "$work/"
grep -v -e '^#' -e '^$' "$here/redis_suite.skip" >"$work/skip"

port="${EXUVIA_SUITE_PORT:-7379}"
failed=0
printf '%-28s %7s %7s\n' file passed failed
for file in "${files[@]}"; do
    mkdir "$work/data"
    "$binary" --port="$port" --dir="$work/data" >/dev/null 2>"$work/server.log" &
    server=$!
    for _ in $(seq 100); do
        grep -q 'ready to accept commands' "$work/server.log" && break
        sleep 0.1
    done
    log="$work/$(basename "$file").log"
    code=0
    (cd "$work" && timeout "${EXUVIA_SUITE_SECONDS:-300}" ./runtest --host 127.0.0.1 \
        --port "$port" --durable --ignore-encoding --ignore-digest --skipfile "$work/skip" \
        --tags "-needs:debug -needs:repl -needs:save" --single "$file") >"$log" 2>&1 || code=$?
    kill "$server"
    wait "$server" || true
    server=
    rm -rf "$work/data"
    # The suite colours its words.
    sed -i 's/\x1b\[[0-9;]*m//g' "$log"
    passed=$(grep -ac '^\[ok\]' "$log" || true)
    errors=$(grep -ac '^\[err\]' "$log" || true)
    printf '%-28s %7s %7s\n' "$file" "$passed" "$errors"
    if [ "$code" -ne 0 ]; then
        failed=1
        echo "  the suite ended with $code:"
        grep -a -A3 -e '^\[err\]' -e '^\[exception\]' "$log" | sed 's/^/  /' || true
    fi
done
exit "$failed"
