#!/usr/bin/env bash
# Runs all tests, shows what they print, and closes with one line for all and the names of what failed.
# What they print goes to .tools/test.log first: a program that outlives a failed test would hold a pipe
# open, and whoever reads it would wait for ever.
#
#   RUST_TEST_THREADS=6 tests/tools/test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The whole run takes about twenty minutes on two cores.
LIMIT_S=2700
LOG=.tools/test.log

: >"$LOG"
timeout --kill-after=30 "$LIMIT_S" cargo test --locked --no-fail-fast --lib --bins --tests >"$LOG" 2>&1 &
tests=$!
# A shell without a terminal starts its background processes deaf to Ctrl-C.
trap 'kill "$tests" 2>/dev/null || true' EXIT INT TERM
tail -n +1 --pid="$tests" -f "$LOG"
status=0
wait "$tests" || status=$?
trap - EXIT INT TERM

if [ "$status" -ne 0 ]; then
    echo "What failed, or was still at work after 60 seconds and never ended:"
    grep -E '^test .* FAILED$|^ *process didn|given up' "$LOG" || true
    awk '/has been running for over 60 seconds$/ { open[$2] = 1 }
         /^test .* \.\.\. (ok|FAILED)$/ { delete open[$2] }
         END { for (name in open) print "    " name }' "$LOG"
    if [ "$status" -eq 124 ]; then echo "The tests did not end within $LIMIT_S s."; fi
fi
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$LOG"
exit "$status"
