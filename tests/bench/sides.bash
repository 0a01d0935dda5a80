# sides.bash - what comparisons of several services share: each side is a service that answers reads and
# updates of items as cubby does.
#
# Sourced behind fixture.bash. Wants: here, scratch, workers; the key of the item is `greeting`. Gives: base, the
# address of each side's API; die, await, gunicorn_start, ask, expect, check_item.

: "${here:?}" "${scratch:=}" "${workers:=2}"
declare -A base

die() {
    echo "bench: $*" >&2
    exit 1
}

# await SIDE FILE: until a line is in FILE, which is the address of SIDE's API.
await() {
    local pid=${running[-1]}
    for _ in $(seq 1000); do
        [ ! -s "$2" ] || break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    [ -s "$2" ] || {
        cat "$scratch/log-$1" >&2
        die "$1 does not start"
    }
    base[$1]=$(cat "$2")
}

# gunicorn_start SIDE FILE THREADS COMMAND…: Flask, in an environment that COMMAND makes; FILE gets the address
# of its API.
gunicorn_start() {
    local side=$1 at=$2 threads=$3
    shift 3
    # Threads are how gunicorn keeps connections open; the plain workers close each.
    (cd "$here/peers" && exec "$@" PYTHONDONTWRITEBYTECODE=1 gunicorn --workers "$workers" --threads "$threads" --worker-class gthread \
        --keep-alive 30 --bind 127.0.0.1:0 --worker-tmp-dir "$scratch" app:app) >"$scratch/log-$side" 2>&1 &
    running+=($!)
    for _ in $(seq 1000); do
        sed -n 's|.*Listening at: \(http://[0-9.:]*\).*|\1/api|p' "$scratch/log-$side" >"$at"
        [ ! -s "$at" ] || break
        kill -0 "${running[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    await "$side" "$at"
}

# ask SIDE METHOD TOKEN [BODY]: prints the answer and, in a line of its own, its status.
ask() {
    local side=$1 method=$2 bearer=$3
    shift 3
    curl -sS --max-time 20 -X "$method" -w '\n%{http_code}' -H "Authorization: Bearer $bearer" \
        ${1+-H 'Content-Type: application/json' --data-binary "$1"} "${base[$side]}/data/greeting"
}

# expect STATUS FILTER SIDE METHOD TOKEN [BODY]: that status, and FILTER of jq is true for the answer.
expect() {
    local status=$1 filter=$2 answer
    shift 2
    answer=$(ask "$@") || die "$1 does not answer"
    [ "${answer##*$'\n'}" = "$status" ] && jq -e "$filter" <<<"${answer%$'\n'*}" >/dev/null ||
        die "$1 answers $2 wrongly: $answer"
}

# check_item SIDE VALUE NEXT: has VALUE, takes NEXT in its place, and refuses what it must.
check_item() {
    local tampered=${fixture_token%?????}AAAAA
    expect 200 ".data.value == $2" "$1" GET "$fixture_token"
    expect 200 ".data.value == $3" "$1" PUT "$fixture_token" "{\"value\":$3}"
    expect 200 ".data.value == $3 and .data.version > 1" "$1" GET "$fixture_token"
    expect 401 '.code == "INVALID_TOKEN"' "$1" GET "$tampered"
    expect 401 '.code == "INVALID_TOKEN"' "$1" PUT "$tampered" '{"value":1}'
    expect 400 '.status == "error"' "$1" PUT "$fixture_token" '{"value":null}'
}
