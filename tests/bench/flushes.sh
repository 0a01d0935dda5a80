#!/bin/bash
# flushes.sh - how often three processes that stay flush for a write, when 1, 4 and 16 clients write at once,
# with each journal. `make bench-flushes` calls it. Prints a table in Markdown.
#
#   WRITES=400   of all clients together, for each figure
#
# A flush is a call of fsync or fdatasync by one of the processes, as strace counts them; so it does not depend
# on the machine, but for how many writes find a log that is to be emptied. The writers are those of
# tests/soak/load.c, which fails when one was not answered as it should be.
set -euo pipefail

writes=${WRITES:-400}
BATS_TEST_TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/cubby-flushes.XXXXXX")
keeper=''
tidy() {
    [ -z "$keeper" ] || kill -TERM -- "-$keeper" 2>/dev/null || true
    rm -rf "$BATS_TEST_TMPDIR"
}
trap tidy EXIT
trap 'exit 130' INT TERM HUP
bats_require_minimum_version() { :; } # the helpers of the tests are used without bats
# shellcheck source=tests/system/tool.bash
. "${BASH_SOURCE[0]%/*}/../system/tool.bash"
# shellcheck source=tests/system/loop.bash
. "${BASH_SOURCE[0]%/*}/../system/loop.bash"

# flushes JOURNAL CLIENTS: a write, in the mean
flushes() {
    local number
    rm -rf "${BATS_TEST_TMPDIR:?}/home"
    installation "journal = $1" 'busy_timeout = 60000'
    : >"$BATS_TEST_TMPDIR/tokens"
    for number in $(seq "$2"); do
        new_user "user$number"
        echo "$token" >>"$BATS_TEST_TMPDIR/tokens"
    done
    keeper_by="strace -f -qq -c -e trace=fdatasync,fsync -o $BATS_TEST_TMPDIR/calls"
    keeper PROCESSES_data=3
    looped "$root/build/test-tools/load" "$BATS_TEST_TMPDIR/asking/data" "$BATS_TEST_TMPDIR/tokens" "$2" "$((writes / $2))" 0 \
        >"$BATS_TEST_TMPDIR/load" 2>&1 || {
        cat "$BATS_TEST_TMPDIR/load" >&2
        exit 1
    }
    kill -TERM -- "-$keeper" # strace too, which then tells what it counted
    wait "$keeper" || true
    keeper=''
    awk -v writes="$((writes / $2 * $2))" '/sync/ { count += $4 } END { printf "%.2f", count / writes }' "$BATS_TEST_TMPDIR/calls"
}

echo '| journal | 1 client | 4 clients | 16 clients |'
echo '| --- | --- | --- | --- |'
for journal in wal rollback; do
    row="| $journal |"
    for clients in 1 4 16; do
        flushes "$journal" "$clients" >"$BATS_TEST_TMPDIR/mean"
        row="$row $(cat "$BATS_TEST_TMPDIR/mean") |"
    done
    echo "$row"
done
