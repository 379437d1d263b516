#!/bin/sh
# Leaves one rule of the table out at a time and shows that its tests notice.
#
#   tests/break_rules.sh [RULE..]
#
# Builds the engine once for each rule with `--cfg engine_broken="RULE"` and with small segments
# (`--cfg engine_small`). A compiler wrapper adds the flags for the engine alone, so nothing but
# this workspace's crates is built anew. Fails if the tests fail with all rules in place, or pass
# without one of them.
set -eu
cd "$(dirname "$0")/.."
work=${CARGO_TARGET_DIR:-target}/broken
export RUST_BACKTRACE=0
mkdir -p "$work"
work=$(cd "$work" && pwd)

# The rules, each with the tests that are there for it.
rules='
no_grace_period         points::a_cut_waits order:: stress::
trim_before_cursor      walks::
no_second_look          points::a_version_published walks::keys_written_once
stamp_before_publish    order::a_cut_respects stress::a_cut_shows
frozen_empty_skipped    races::
tombstone_dropped_early cut:: stress::
shared_hands_over       loans::
lends_unsettled         loans::
'

# build RULE: prints the path of the test binary.
build() {
    wrapper=$work/rustc-$1
    broken=
    [ "$1" = none ] || broken="--cfg 'engine_broken=\"$1\"'"
    cat > "$wrapper" <<WRAPPER
#!/bin/sh
rustc=\$1; shift
case " \$* " in
*" --crate-name exuvia "*) exec "\$rustc" "\$@" --cfg engine_small $broken ;;
*) exec "\$rustc" "\$@" ;;
esac
WRAPPER
    chmod +x "$wrapper"
    RUSTC_WORKSPACE_WRAPPER=$wrapper \
        cargo test --quiet -p exuvia-tests --test engine --no-run --message-format json \
        | sed -n 's/.*"executable":"\([^"]*engine-[^"]*\)".*/\1/p'
}

# passes BINARY TESTS..: whether the tests pass; a test that hangs has failed.
passes() {
    (cd tests && timeout 300 "$@" > "$work/output" 2>&1)
}

chosen=${*:-$(echo "$rules" | awk 'NF { print $1 }')}
sound=$(build none)
failures=0
for rule in $chosen; do
    tests=$(echo "$rules" | awk -v rule="$rule" '$1 == rule { $1 = ""; print }')
    [ -n "$tests" ] || { echo "$rule: unknown rule" >&2; exit 2; }
    binary=$(build "$rule")
    for test in $tests; do
        if ! passes "$sound" "$test"; then
            echo "$rule: $test fails with the rule in place"
            sed -n 's/^/    /; /panicked at/,+2p' "$work/output"
            failures=$((failures + 1))
        elif passes "$binary" "$test"; then
            echo "$rule: $test does NOT notice"
            failures=$((failures + 1))
        else
            noticed=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$work/output" | tr '\n' ' ')
            echo "$rule: noticed by ${noticed:-$test, which hangs or dies}"
        fi
    done
done
[ "$failures" -eq 0 ]
