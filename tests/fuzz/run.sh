#!/usr/bin/env bash
# Fuzzes each target for a while, beginning with tests/fuzz/seeds, and keeps what it found in tests/fuzz/corpus:
# of the fewest inputs that reach all that is reached the smallest, so that a repository can hold them.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]
#
# Needs the stable toolchain and a C++ compiler: the coverage that libFuzzer asks for is a pass of LLVM, and the
# panics and overflow checks of Rust stand in for sanitizers in a program without unsafe code.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

FILES_MAX=120
seconds=${1:-30}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(event manifest payments_file assertion signature)

host=$(rustc -vV | sed -n 's/^host: //p')
# What is fuzzed is what is shipped: the same versions, and those of the fuzzer's own crates with them.
cp Cargo.lock tests/fuzz/Cargo.lock
passes="-Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    passes+=" -Cllvm-args=-sanitizer-coverage-$option"
done
# With a target named, build scripts and macros go without coverage.
RUSTFLAGS=$passes cargo build --manifest-path tests/fuzz/Cargo.toml --target "$host" --target-dir target/fuzz \
    --bins

status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for target in "${targets[@]}"; do
    program=target/fuzz/$host/debug/$target
    corpus=tests/fuzz/corpus/$target
    mkdir -p "$work/$target" "$work/$target.least" "$corpus"
    before=$(find "$corpus" -type f | wc -l)
    if ! "$program" "$work/$target" "$corpus" "tests/fuzz/seeds/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=16384 -artifact_prefix="tests/fuzz/corpus/$target/found-" -print_final_stats=1 \
        >"$work/$target.log" 2>&1; then
        tail -n 40 "$work/$target.log" >&2
        printf 'fuzz: %s FAILS on the input kept in %s\n' "$target" "$corpus" >&2
        status=1
        continue
    fi
    "$program" -merge=1 -use_counters=0 "$work/$target.least" "$corpus" "tests/fuzz/seeds/$target" \
        "$work/$target" >/dev/null 2>&1
    # What once went wrong stays, whatever it reaches.
    find "$corpus" -type f ! -name 'found-*' -delete
    (cd "$work/$target.least" && ls -Sr | head -n "$FILES_MAX" || true) | while read -r file; do
        cp "$work/$target.least/$file" "$corpus/"
    done
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
    printf 'fuzz: %-14s %9s inputs in %s s, corpus %d -> %d\n' "$target" "$runs" "$seconds" \
        "$before" "$(find "$corpus" -type f | wc -l)"
done
exit $status
