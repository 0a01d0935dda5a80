#!/bin/bash
# run.sh - measures cubby; `make bench` calls it. Prints tables and leaves the same as JSON in
# build/bench/results.json.
#
#   ROUNDS=3       of everything; the median counts
#   SECONDS_EACH=1 of load per call and round
#   SERVERS='busybox lighttpd apache'
#
# First what one execution of each program costs beside an empty program, then what each server
# makes of it. The floor of a server is the empty program under it; bare programs that do one read
# or one update with SQLite show what is SQLite's; `bare-cubby` reads a row of cubby's database, with
# all its tables. All kinds of calls take turns within a round, so that whatever else the machine
# does falls on all of them alike. Still: best on an idle machine.
#
# What is measured are copies, as in an installation: a file as the linker wrote it, piece by piece,
# is slower to start.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
out=$root/build/bench
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-1}
servers=${SERVERS:-busybox lighttpd apache}
unset SERVER PORT DATA READY
# shellcheck source=tests/bench/fixture.bash
. "$here/fixture.bash"

scratch=$(mktemp -d /tmp/cubby-bench.XXXXXX)
chmod 755 "$scratch"
server_pid=''
stop_server() {
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" || true
    server_pid=''
}
finish() {
    [ -z "$server_pid" ] || stop_server
    rm -rf "$scratch" 2>/dev/null || { sleep 2 && rm -rf "$scratch"; } # the last programs write
}
trap finish EXIT
trap 'exit 130' INT TERM

make_bare_database() {
    sqlite3 "$1" 'CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER, value TEXT);
        INSERT INTO items VALUES (1, 1, hex(zeroblob(32)))'
}

# ---- one execution -------------------------------------------------------------------------------------

once_arguments=()
add_execution() {
    once_arguments+=("$1" "$out/cgi-bin/$(cat "$fixture/$1.program")"
        "$fixture/$1.environment" "$(cat "$fixture/$1.body")")
}

count_calls() { # of the kernel
    fixture_reset
    fixture_run "$1" strace -qq -o "$scratch/calls" >/dev/null
    printf '%s\t%s\n' "$1" "$(($(wc -l <"$scratch/calls") - 1))" # but the exec of strace
}

measure_executions() {
    local executions=$((rounds * 20 * 5 + 1)) person number
    fixture_make "$scratch/f"
    echo '{"username":"nobody","code":"none","new_password":"Engine-1844"}' >"$fixture/forgot.json"
    fixture_call reset reset POST - forgot.json
    # What can be done only once has a body for each time.
    mkdir "$fixture/stores" "$fixture/people"
    person=$(cat "$fixture/person.json")
    for number in $(seq "$executions"); do
        printf '{"key":"new-%06d","value":{"text":"hello"}}' "$number" >"$fixture/stores/$number"
        number=$(printf '%06d' "$number")
        printf '%s' "${person//bob/bob$number}" >"$fixture/people/$((10#$number))"
    done
    for call in store register; do
        size=$(stat -c %s "$fixture/$([ "$call" = store ] && echo stores || echo people)/1")
        sed -i "s/^CONTENT_LENGTH=.*/CONTENT_LENGTH=$size/" "$fixture/$call.environment"
    done
    make_bare_database "$fixture/bare.db"
    for method in GET POST; do
        printf '%s\n' "PATH_INFO=$fixture/bare.db" "REQUEST_METHOD=$method" >"$fixture/bare-$method"
    done
    printf '%s\n' "PATH_INFO=$fixture/cubby.db" REQUEST_METHOD=GET >"$fixture/bare-cubby"
    # Not one beside the other: who comes after its like finds all in the caches.
    once_arguments+=(bare-read "$out/cgi-bin/bare" "$fixture/bare-GET" /dev/null)
    add_execution health
    once_arguments+=(bare-cubby "$out/cgi-bin/bare" "$fixture/bare-cubby" /dev/null)
    for call in read read-large list changes me keys reset update update-large batch token; do
        add_execution "$call"
    done
    once_arguments+=(store "$out/cgi-bin/data" "$fixture/store.environment" "$fixture/stores/")
    once_arguments+=(register "$out/cgi-bin/register" "$fixture/register.environment" "$fixture/people/")
    once_arguments+=(bare-update "$out/cgi-bin/bare" "$fixture/bare-POST" /dev/null)
    "$out/once" $((rounds * 20)) 5 empty "$out/cgi-bin/empty" /dev/null /dev/null \
        "${once_arguments[@]}" >"$scratch/once"
    fixture_make "$scratch/g"
    fixture_each count_calls >"$scratch/calls.all"
    jq -n -R --rawfile calls "$scratch/calls.all" '
        ($calls | split("\n") | map(select(. != "") | split("\t") | {(.[0]): (.[1] | tonumber)}) | add) as $calls
        | [inputs | split("\t") | .[0] as $name | .[1:] | map(tonumber) |
           {program: $name, fastest_us: .[0], median_us: .[1], slow_us: .[2], cpu_fastest_us: .[3],
            cpu_median_us: .[4], page_faults: .[5], peak_kib: .[6], system_calls: $calls[$name]}]
        | .[0] as $empty
        | map(. + {ratio: (.median_us / $empty.median_us), ratio_fastest: (.fastest_us / $empty.fastest_us)})
        ' <"$scratch/once" >"$scratch/executions.json"
}

sizes() {
    for program in "$root"/build/cgi-bin/*; do
        printf '%s\t%s\n' "$(basename "$program")" "$(stat -c %s "$program")"
    done | jq -R -n '[inputs | split("\t") | {program: .[0], bytes: (.[1] | tonumber)}]' >"$scratch/sizes.json"
}

# ---- through a server ----------------------------------------------------------------------------------

start_server() {
    local data=$scratch/data-$1 ready=$scratch/ready-$1
    mkdir -m 700 "$data"
    printf '%s\n' 'register_limit = 0' 'login_limit_account = 0' 'login_limit_address = 0' >"$data/cubby.conf"
    SERVER=$1 PORT=0 DATA=$data READY=$ready PROGRAMS=$out/cgi-bin TOOL=$root/build/bin/cubby \
        WWW=$root/www sh "$root/cgi-bin/server/run.sh" >"$scratch/log-$1" 2>&1 &
    server_pid=$!
    for _ in $(seq 200); do
        [ ! -f "$ready" ] || break
        sleep 0.1
    done
    [ -f "$ready" ] || {
        cat "$scratch/log-$1" >&2
        exit 1
    }
    base=$(cat "$ready")
    bare=$data/bare.db
    make_bare_database "$bare"
    served=$data/cubby.db
    chown --reference="$served" "$bare"
}

post() { curl -sS --max-time 20 -H "Authorization: Bearer $token" --data-binary "$2" "$base$1"; }

prepare_user() {
    token=''
    post /register '{"username":"ada","email":"ada@example.org","full_name":"Ada Lovelace","age":36,
        "gender":"female","password":"Engine-1843"}' >/dev/null
    token=$(post /token '{"username":"ada","password":"Engine-1843"}' | jq -r .token)
    post /data '{"key":"greeting","value":{"text":"hello","list":[1,2,3]}}' >/dev/null
    for i in $(seq 30); do
        post /data "{\"key\":\"item-$i\",\"value\":{\"text\":\"hello\",\"list\":[1,2,3]}}" >/dev/null
    done
}

# Keys for one turn of deletions, more than it can take.
prepare_deletions() {
    local first
    for first in $(seq 1 500 3000); do
        jq -nc --arg turn "$turn" --argjson first "$first" '{operations: [range($first; $first + 500)
            | {op: "upsert", key: "k-\($turn)-0-\(.)", value: {text: "hello", list: [1, 2, 3]}}]}' \
            >"$scratch/batch.json"
        post /batch "@$scratch/batch.json" >/dev/null
    done
}

# load CALL CONNECTIONS: one line of JSON.
load() {
    local name=$1 method database=$bare requests duration errors p50 p99
    case $name in
    bare-read) method=GET ;;
    bare-cubby) method=GET database=$served ;;
    bare-update) method=POST ;;
    *) method=$name ;;
    esac
    wrk -t1 -c"$2" -d"${seconds}s" -s "$here/load.lua" "$base" -- "$method" "$token" "$turn" "/bare$database" \
        >"$scratch/wrk" 2>&1 || { cat "$scratch/wrk" >&2; exit 1; }
    IFS=$'\t' read -r requests duration errors p50 p99 < <(tail -n 1 "$scratch/wrk")
    printf '{"server":"%s","call":"%s","connections":%d,"round":%d,"requests":%d,"us":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n' \
        "$server" "$name" "$2" "$round" "$requests" "$duration" "$errors" "$p50" "$p99" >>"$scratch/http.jsonl"
}

measure_server() {
    local call connections turn
    start_server "$server"
    prepare_user
    for round in $(seq "$rounds"); do
        printf '  %s, round %d of %d\n' "$server" "$round" "$rounds" >&2
        for connections in 4 1 16; do
            # New keys and names for each turn.
            turn=$round-$connections
            for call in empty read list store update delete bare-read bare-cubby bare-update token register; do
                [ "$call" != delete ] || prepare_deletions
                load "$call" "$connections"
            done
        done
    done
    stop_server
}

# ---- all of it -----------------------------------------------------------------------------------------

cp "$root"/build/cgi-bin/* "$out/cgi-bin"
echo 'one execution of each program' >&2
measure_executions
sizes
: >"$scratch/http.jsonl"
for server in $servers; do
    measure_server
done
jq -n --slurpfile executions "$scratch/executions.json" --slurpfile sizes "$scratch/sizes.json" \
    --slurpfile runs "$scratch/http.jsonl" -f "$here/report.jq" --arg when "$(date -u +%FT%TZ)" \
    --arg machine "$(uname -srm), $(nproc) processors" >"$out/results.json"
jq -r -f "$here/table.jq" "$out/results.json"
echo "As JSON: ${out#"$root/"}/results.json"
