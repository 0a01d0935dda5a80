#!/bin/bash
# instructions.sh - instructions per call, counted by callgrind: they do not depend on what else the
# machine does, so a regression of a few percent shows.
#
#   instructions.sh          prints the table: call, instructions, budget, difference
#   instructions.sh check    the same as TAP; a call above its budget by more than ROOM % fails
#   instructions.sh renew    writes the budgets; say in the commit why they changed
#
# The budgets hold for the static build with the project's own flags.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
ROOM=4
mode=${1:-show}
# shellcheck source=tests/bench/fixture.bash
. "$here/fixture.bash"

scratch=$(mktemp -d /tmp/cubby-count.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
fixture_make "$scratch/f"
# Valgrind is part of the process that would be confined, and makes calls of its own. What the programs
# themselves spend on it is counted apart, below.
echo 'sandbox = off' >>"$fixture/cubby.conf"

count() {
    local said
    fixture_reset
    said=$(fixture_run "$1" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --log-file="$scratch/said")
    case $said in
    *'"status":"success"'*) ;;
    *)
        echo "the call went wrong: $said" >&2
        return 1
        ;;
    esac
    sed -n 's/.*Collected : *//p' "$scratch/said"
}

budget_of() { awk -v call="$1" '$1 == call { print $2 }' "$here/budgets"; }

show() {
    local counted budget
    counted=$(count "$1")
    budget=$(budget_of "$1")
    printf '%-14s %12d %12s' "$1" "$counted" "${budget:--}"
    [ -z "$budget" ] || awk -v a="$counted" -v b="$budget" 'BEGIN { printf "  %+6.1f %%", (a - b) * 100 / b }'
    echo
}

number=0
check() {
    local counted budget
    number=$((number + 1))
    counted=$(count "$1") || counted=''
    budget=$(budget_of "$1")
    if [ -n "$counted" ] && [ -n "$budget" ] && [ $((counted * 100)) -le $((budget * (100 + ROOM))) ]; then
        echo "ok $number $1 takes $counted instructions, budget $budget"
    else
        echo "not ok $number $1 takes ${counted:-?} instructions, budget ${budget:-none} and $ROOM % of room"
    fi
}

renew() { printf '%-14s %12d\n' "$1" "$(count "$1")"; }

case $mode in
show)
    printf '%-14s %12s %12s\n' call instructions budget
    fixture_each show
    ;;
check)
    fixture_each check
    echo "1..$number"
    ;;
renew)
    {
        echo '# Instructions per call; "make bench-instructions RENEW=1" writes this file.'
        fixture_each renew
    } >"$scratch/budgets"
    cp "$scratch/budgets" "$here/budgets"
    cat "$here/budgets"
    ;;
*)
    echo "usage: instructions.sh [check|renew]" >&2
    exit 2
    ;;
esac
