#!/bin/bash
# instructions.sh - instructions per call, counted by callgrind: they do not depend on what else the
# machine does, so a regression of a few percent shows.
#
#   instructions.sh          prints the table: call, instructions, budget, difference
#   instructions.sh check    the same as TAP; a call above its budget by more than ROOM % fails, and a read that
#                            takes more than SANDBOX_ROOM % more when it confines itself
#   instructions.sh renew    writes the budgets; say in the commit why they changed
#
# The budgets hold for the static build with the project's own flags.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
ROOM=4
SANDBOX_ROOM=5
mode=${1:-show}
# shellcheck source=tests/bench/fixture.bash
. "$here/fixture.bash"

scratch=$(mktemp -d /tmp/cubby-count.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
fixture_make "$scratch/f"
# Valgrind is part of the process that would be confined, makes calls of its own, and tells the program that
# there is no Landlock. What the programs themselves spend on it is counted apart, below, without valgrind.
echo 'sandbox = off' >>"$fixture/cubby.conf"

# Patches that are as much work as a patch can be: their first operation brings the value that the others are
# about, so that only what it costs to go through that value again and again is seen.
patches='patch-move patch-copy patch-test patch-index patch-name patch-merge'
patch() {
    fixture_call "$1" data PATCH /greeting "$1.json"
    sed -i "s|^CONTENT_TYPE=.*|CONTENT_TYPE=application/$2+json|" "$fixture/$1.environment"
}
make_patches() {
    local long='[{"op":"add","path":"","value":{"a":%s}},%s]'
    local -A rest=(
        [move]='[range(499) | {op: "move", from: "/a", path: "/b"}, {op: "move", from: "/b", path: "/a"}]'
        [copy]='[range(499) | {op: "add", path: "/b", value: {c: 1}}, {op: "copy", from: "/b", path: "/c"}]'
        [test]='[range(998) | {op: "test", path: "/a", value: "@"}]'
        [index]='[range(499) | {op: "add", path: "/a/9000", value: 1}, {op: "remove", path: "/a/0"}]'
        [name]='[range(499) | {op: "replace", path: "/a/k18999", value: 2}, {op: "test", path: "/a/k18998", value: 1}]'
    )
    local string number
    string=$(head -c 200000 /dev/zero | tr '\0' x)
    number=$(head -c 200000 /dev/zero | tr '\0' 0)
    local -A value=(
        [move]="\"$string\"" [copy]="\"$string\"" [test]="1$number"
        [index]=$(jq -nc '[range(19000)]') [name]=$(jq -nc '[range(19000) | {key: "k\(.)", value: 1}] | from_entries')
    )
    local each operations
    for each in "${!rest[@]}"; do
        operations=$(jq -nc "${rest[$each]}")
        operations=${operations#[}
        operations=${operations//\"@\"/1e200000} # which jq would round
        # shellcheck disable=SC2059 # it is the format of all of them
        printf "$long" "${value[$each]}" "${operations%]}" >"$fixture/patch-$each.json"
        patch "patch-$each" json-patch
    done
    jq -nc '[range(4000) | {key: "k\(.)", value: .}] | from_entries' >"$fixture/patch-merge.json"
    patch patch-merge merge-patch
}
make_patches

# each FUNCTION: calls it with the name of every call.
each() {
    local call
    fixture_each "$1"
    for call in $patches; do
        "$1" "$call"
    done
}

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

# counted_steps SETTING CALL: the instructions of the program itself, with `sandbox = SETTING`.
counted_steps() {
    local said
    sed -i "s/^sandbox.*/sandbox = $1/" "$fixture/cubby.conf"
    fixture_reset
    said=$(fixture_run "$2" "$root/build/test-tools/steps" "$scratch/steps")
    sed -i 's/^sandbox.*/sandbox = off/' "$fixture/cubby.conf"
    case $said in *'"status":"success"'*) cat "$scratch/steps" ;; *) echo "the call went wrong: $said" >&2 ;; esac
}

# confined: what a read takes with each setting, and what has to come of it.
confined() {
    local off on all
    off=$(counted_steps off read)
    on=$(counted_steps on read)
    all=$(counted_steps all read)
    if [ "$mode" = show ]; then
        awk -v off="$off" -v on="$on" -v all="$all" 'BEGIN { printf "\nread, step by step: sandbox = off %d, on %d (%+.1f %%), all %d (%+.1f %%)\n",
            off, on, (on - off) * 100 / off, all, (all - off) * 100 / off }'
        return
    fi
    number=$((number + 1))
    # More than without: it is counted where the sandbox is.
    if [ "$on" -gt "$off" ] && [ "$all" -gt "$off" ] && [ $((all * 100)) -le $((off * (100 + SANDBOX_ROOM))) ]; then
        echo "ok $number a read that confines itself takes $on instructions, with a filter of calls $all, without both $off"
    else
        echo "not ok $number a read that confines itself takes ${on:-?} instructions, with a filter of calls ${all:-?}, without both ${off:-?}, and $SANDBOX_ROOM % of room"
    fi
}

renew() { printf '%-14s %12d\n' "$1" "$(count "$1")"; }

case $mode in
show)
    printf '%-14s %12s %12s\n' call instructions budget
    each show
    confined
    ;;
check)
    each check
    confined
    echo "1..$number"
    ;;
renew)
    {
        echo '# Instructions per call; "make bench-instructions RENEW=1" writes this file.'
        each renew
    } >"$scratch/budgets"
    cp "$scratch/budgets" "$here/budgets"
    cat "$here/budgets"
    ;;
*)
    echo "usage: instructions.sh [check|renew]" >&2
    exit 2
    ;;
esac
