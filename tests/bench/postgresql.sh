#!/bin/bash
# postgresql.sh - the same authorised read and the same durable update, over connections that stay open: by cubby
# over SQLite, by cubby over PostgreSQL, and by Flask with gunicorn and psycopg2 over the same PostgreSQL server.
# `make bench-postgresql` calls it. Prints a table in Markdown and leaves all figures in
# build/bench/postgresql.json.
#
#   ROUNDS=3          of everything; the median counts
#   SECONDS_EACH=3    of load per side, call and round
#   CONNECTIONS=16
#   WORKERS=          processes of gunicorn; as many as there are processors
#   THREADS=8         of each of them
#   PROCESSES=8       of each program of cubby over PostgreSQL, which wait for the server
#   USERS=100         whose items are read and updated, in no order
#   RESULTS=FILE      instead of build/bench/postgresql.json
#
# The data of all lie below TMPDIR (/tmp); what kind of file system that is, is told: in memory nothing is durable.
# cubby's programs stay, under nginx, in both cases. The server has a database for each side, with the same rows,
# and its settings as they come: synchronous_commit is on. SQLite keeps a write-ahead log, with synchronous=EXTRA.
# All run at once and take turns within a round. `update one` has all connections update one item of one user.
#
# Before and after the load each side is asked for the right value, to update it, and with a bad token; one
# that answers otherwise, or an error under load, makes this fail.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
connections=${CONNECTIONS:-16}
workers=${WORKERS:-$(nproc)}
threads=${THREADS:-8}
processes=${PROCESSES:-8}
users=${USERS:-100}
results=${RESULTS:-$root/build/bench/postgresql.json}
items=10
sides='sqlite postgresql flask'
unset SERVER MODE PORT DATA READY PROCESSES ENGINE DATABASE_AT
cd "$root"
mkdir -p "$root/build/bench"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/cubby-postgresql.XXXXXX")
chmod 755 "$scratch"
# shellcheck source=tests/bench/fixture.bash
. "$here/fixture.bash"
# shellcheck source=tests/bench/sides.bash
. "$here/sides.bash"
fail() { die "$@"; }
is_root() { [ "$(id -u)" = 0 ]; }
# shellcheck source=tests/waiting.bash
. "$root/tests/waiting.bash"
# shellcheck source=tests/system/postgresql.bash
. "$root/tests/system/postgresql.bash"
unset PROGRAMS TOOL

server=''
clean() {
    stop_running
    if [ -n "$server" ]; then
        instances_stop
        server_end
    fi
    rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

# ---- the data --------------------------------------------------------------------------------------------

# fixture_asks PROGRAM PATH FILE: one call of a program of the ordinary build, which must succeed.
fixture_asks() {
    fixture_call one "$1" POST "$2" "$3"
    fixture_must one
}

# make_users: each has items; their tokens are the lines of $scratch/tokens. The first is the fixture's own.
make_users() {
    local i item
    echo "$fixture_token" >"$scratch/tokens"
    for i in $(seq 2 "$users"); do
        fixture_token=''
        printf '{"username":"user%s","email":"user%s@example.org","full_name":"Ada Lovelace","age":36,"gender":"female","password":"Engine-1843"}' \
            "$i" "$i" >"$fixture/person.json"
        fixture_asks register - person.json
        printf '{"username":"user%s","password":"Engine-1843"}' "$i" >"$fixture/login.json"
        fixture_call login token POST - login.json
        fixture_run login | tail -n 1 | jq -r .token >>"$scratch/tokens"
    done
    while read -r fixture_token; do
        for item in $(seq -f 'item-%05g' "$items"); do
            printf '{"key":"%s","value":{"text":"hello","list":[1,2,3]}}' "$item" >"$fixture/one.json"
            fixture_asks data - one.json
        done
    done <"$scratch/tokens"
    fixture_token=$(head -n 1 "$scratch/tokens")
}

copy_to_server() {
    local both=$root/build/postgresql/bin/cubby
    "$root/build/bin/cubby" -c "$fixture/cubby.conf" export "$fixture/export" >"$scratch/log-copy"
    "$both" -c "$conf" import "$fixture/export" >>"$scratch/log-copy"
    # A database that somebody is connected to can't be copied.
    until_true 20 sql 'CREATE DATABASE flask OWNER cubby TEMPLATE cubby' postgres 2>>"$scratch/log-copy" || die "$(cat "$scratch/log-copy")"
    sql 'VACUUM ANALYZE' cubby
    sql 'VACUUM ANALYZE' flask
}

# ---- the sides -------------------------------------------------------------------------------------------

start_sqlite() {
    local data=$scratch/sqlite
    mkdir -m 700 "$data"
    cp "$fixture/cubby.db" "$fixture/keys.json" "$data"
    echo 'journal = wal' >"$data/cubby.conf"
    SERVER=nginx MODE=fastcgi PORT=0 DATA=$data READY=$scratch/ready-sqlite PROGRAMS=$root/build/cgi-bin TOOL=$root/build/bin/cubby \
        DOCUMENTATION='' sh "$root/cgi-bin/server/run.sh" >"$scratch/log-sqlite" 2>&1 &
    running+=($!)
    await sqlite "$scratch/ready-sqlite"
}

start_postgresql() {
    server_make
    keys_of=$fixture PROCESSES=$processes PROGRAMS=$root/build/postgresql/cgi-bin TOOL=$root/build/postgresql/bin/cubby instances 1
    base[postgresql]=$addresses
    copy_to_server
}

start_flask() {
    printf '*:*:*:*:Server-secret-1\n' >"$scratch/passfile"
    chmod 600 "$scratch/passfile"
    gunicorn_start flask "$scratch/ready-flask" "$threads" env -i PATH="$PATH" "PEER_KEYS=$fixture/keys.json" \
        "PEER_DATABASE=postgresql://cubby@/flask?host=$server/socket&passfile=$scratch/passfile"
}

# ---- load ------------------------------------------------------------------------------------------------

value='{"text":"hello world","list":[1,2,3]}'

# load SIDE CALL: one line of JSON.
load() {
    local requests duration errors script=spread.lua request=(GET "$scratch/tokens" "$items")
    case $2 in
    update) request=(PUT "$scratch/tokens" "$items" "{\"value\":$value}") ;;
    'update one') script=keep_alive.lua request=(PUT /data/greeting "$fixture_token" "{\"value\":$value}") ;;
    esac
    wrk -t1 -c"$connections" -d"${seconds}s" --timeout 20s -s "$here/$script" "${base[$1]}" -- "${request[@]}" \
        >"$scratch/wrk" 2>&1 || die "wrk: $(cat "$scratch/wrk")"
    IFS=$'\t' read -r requests duration errors _ < <(tail -n 1 "$scratch/wrk")
    printf '{"side":"%s","call":"%s","round":%d,"requests":%d,"us":%d,"errors":%d}\n' \
        "$1" "$2" "$round" "$requests" "$duration" "$errors" >>"$scratch/runs.jsonl"
    [ "$requests" -gt 0 ] && [ "$errors" = 0 ] || die "$1, $2: $errors errors, $requests answers"
}

# kind_of FOLDER: of its file system
kind_of() { df --output=fstype "$1" | tail -n 1; }

python_version() { /usr/bin/python3 -c "from importlib.metadata import version; print(version('$1'))"; }

fixture_make "$scratch/f"
# The same for all sides, or there is nothing to compare.
storage=$(kind_of "$scratch")
make_users
start_sqlite
start_postgresql
start_flask
for folder in "$scratch/sqlite" "$server/db"; do
    [ "$(kind_of "$folder")" = "$storage" ] || die "$folder lies on $(kind_of "$folder"), and $scratch on $storage"
done
first='{"text":"hello","list":[1,2,3]}'
for side in $sides; do
    check_item "$side" "$first" "$value"
done
for round in $(seq "$rounds"); do
    printf '  round %d of %d\n' "$round" "$rounds" >&2
    for call in read update 'update one'; do
        for side in $sides; do
            load "$side" "$call"
        done
    done
done
for side in $sides; do
    check_item "$side" "$value" '["at",1,"end"]'
done
# Who ended all sessions is refused by every side at once.
sqlite3 -cmd '.timeout 5000' "$scratch/sqlite/cubby.db" 'UPDATE users SET epoch = epoch + 1'
sql 'UPDATE users SET epoch = epoch + 1' cubby
sql 'UPDATE users SET epoch = epoch + 1' flask
for side in $sides; do
    expect 401 '.code == "INVALID_TOKEN"' "$side" GET "$fixture_token"
    expect 401 '.code == "INVALID_TOKEN"' "$side" PUT "$fixture_token" '{"value":1}'
done
jq -n --slurpfile runs "$scratch/runs.jsonl" -f "$here/postgresql.jq" --arg when "$(date -u +%FT%TZ)" \
    --arg machine "$(uname -srm), $(nproc) processors" --arg connections "$connections" \
    --arg server "PostgreSQL $(sql 'SHOW server_version' | cut -d' ' -f1), synchronous_commit $(sql 'SHOW synchronous_commit')" \
    --arg storage "$storage" --arg flask "Flask $(python_version flask), gunicorn $(python_version gunicorn) ($workers processes, $threads threads each), psycopg2 $(python_version psycopg2)" \
    >"$results"
jq -r -f "$here/postgresql_table.jq" "$results"
echo "As JSON: ${results#"$root/"}"
