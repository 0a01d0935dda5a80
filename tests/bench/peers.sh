#!/bin/bash
# peers.sh - cubby beside others, in one run: the same authorised read and the same durable update, over
# connections that stay open. `make bench-peers` calls it, `make bench` too. Prints tables in Markdown and
# leaves all figures in build/bench/peers.json.
#
#   ROUNDS=3                of everything; the median counts
#   SECONDS_EACH=1          of load per side, call, number of connections and round
#   CONNECTIONS='1 4 16'
#   JOURNALS='rollback wal' of the database of each side
#   WORKERS=2               processes of gunicorn and of Fastify
#   RESULTS=FILE            instead of build/bench/peers.json
#
# The sides: cubby as CGI under lighttpd; cubby's programs that stay, under lighttpd and nginx; under both
# an empty FastCGI program in their place, which is asked the same; Flask under gunicorn, and Fastify,
# which are asked directly, as both are made to answer clients themselves. Each has a copy of one database,
# on one file system, with the same journal and synchronous=EXTRA, and the same token. All run at once, and
# take turns within a round, so that whatever else the machine does falls on all of them alike.
#
# Before and after the load each side is asked for the right value, to update it, and with a bad token; one
# that answers otherwise, or an error under load, makes this fail.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
out=$root/build/bench
modules=$root/build/bench-npm
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-1}
connections=${CONNECTIONS:-1 4 16}
journals=${JOURNALS:-rollback wal}
workers=${WORKERS:-2}
results=${RESULTS:-$out/peers.json}
sides='cgi lighttpd nginx empty-lighttpd empty-nginx flask fastify'
unset SERVER MODE PORT DATA READY PROCESSES
# shellcheck source=tests/bench/fixture.bash
. "$here/fixture.bash"
# shellcheck source=tests/bench/sides.bash
. "$here/sides.bash"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/cubby-peers.XXXXXX")
chmod 755 "$scratch"
clean() {
    stop_running
    rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

# ---- the sides -------------------------------------------------------------------------------------------

# data_for SIDE: the folder of its own database.
data_for() {
    local data=$scratch/$journal-$1
    mkdir -m 700 "$data"
    cp "$fixture/cubby.db.start" "$data/cubby.db"
    cp "$fixture/keys.json" "$data/keys.json"
    printf '%s\n' "journal = $journal" >"$data/cubby.conf"
    echo "$data"
}

# start_cubby SIDE SERVER MODE PROGRAMS
start_cubby() {
    local data ready=$scratch/ready-$journal-$1
    data=$(data_for "$1")
    SERVER=$2 MODE=$3 PORT=0 DATA=$data READY=$ready PROGRAMS=$4 TOOL=$root/build/bin/cubby \
        WWW=$root/www DOCUMENTATION='' sh "$root/cgi-bin/server/run.sh" >"$scratch/log-$1" 2>&1 &
    running+=($!)
    await "$1" "$ready"
}

# peer_data SIDE: sets $peer, what runs a program with its database, which has the journal.
peer_data() {
    local data
    data=$(data_for "$1")
    sqlite3 "$data/cubby.db" "PRAGMA journal_mode = $([ "$journal" = wal ] && echo WAL || echo DELETE)" >"$scratch/log-$1"
    peer=(env -i PATH="$PATH" "PEER_DATABASE=$data/cubby.db" "PEER_KEYS=$data/keys.json" "PEER_MODULES=$modules" "PEER_PROCESSES=$workers")
}

start_flask() {
    peer_data flask
    gunicorn_start flask "$scratch/ready-$journal-flask" 4 "${peer[@]}"
}

start_fastify() {
    local at=$scratch/ready-$journal-fastify
    peer_data fastify
    "${peer[@]}" NODE_ENV=production node "$here/peers/server.js" >"$at" 2>"$scratch/log-fastify" &
    running+=($!)
    await fastify "$at"
}

start_sides() {
    start_cubby cgi lighttpd cgi "$scratch/cubby"
    start_cubby lighttpd lighttpd fastcgi "$scratch/cubby"
    start_cubby nginx nginx fastcgi "$scratch/cubby"
    start_cubby empty-lighttpd lighttpd fastcgi "$scratch/empty"
    start_cubby empty-nginx nginx fastcgi "$scratch/empty"
    start_flask
    start_fastify
}

# ---- what they answer ------------------------------------------------------------------------------------

# check_side SIDE VALUE NEXT: has VALUE, takes NEXT in its place.
check_side() {
    case $1 in
    empty-*) expect 200 '. == {}' "$1" GET "$fixture_token" ;;
    *) check_item "$@" ;;
    esac
}

# Who ended all sessions is refused by every side at once.
check_revocation() {
    local side
    for side in $sides; do
        case $side in empty-*) continue ;; esac
        sqlite3 -cmd '.timeout 5000' "$scratch/$journal-$side/cubby.db" 'UPDATE users SET epoch = epoch + 1'
        expect 401 '.code == "INVALID_TOKEN"' "$side" GET "$fixture_token"
        expect 401 '.code == "INVALID_TOKEN"' "$side" PUT "$fixture_token" '{"value":1}'
    done
}

# ---- load ------------------------------------------------------------------------------------------------

value='{"text":"hello world","list":[1,2,3]}'

# load SIDE CALL CONNECTIONS: one line of JSON. A machine that stands still for so long that nobody answers at all gets
# another try, ten times as long.
load() {
    local time requests duration errors p50 p99
    local request=(GET /data/greeting "$fixture_token")
    [ "$2" != update ] || request=(PUT /data/greeting "$fixture_token" "{\"value\":$value}")
    for time in "$seconds" "$((seconds * 10))"; do
        wrk -t1 -c"$3" -d"${time}s" --timeout 60s -s "$here/keep_alive.lua" "${base[$1]}" -- "${request[@]}" \
            >"$scratch/wrk" 2>&1 || die "wrk: $(cat "$scratch/wrk")"
        IFS=$'\t' read -r requests duration errors p50 p99 < <(tail -n 1 "$scratch/wrk")
        [ "$requests" = 0 ] && [ "$errors" = 0 ] || break
    done
    printf '{"journal":"%s","side":"%s","call":"%s","connections":%d,"round":%d,"requests":%d,"us":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n' \
        "$journal" "$1" "$2" "$3" "$round" "$requests" "$duration" "$errors" "$p50" "$p99" >>"$scratch/runs.jsonl"
    [ "$requests" -gt 0 ] && [ "$errors" = 0 ] || die "$1, $2 with $3 connections: $errors errors, $requests answers"
}

measure() {
    local round number call side
    for round in $(seq "$rounds"); do
        printf '  journal %s, round %d of %d\n' "$journal" "$round" "$rounds" >&2
        for number in $connections; do
            for call in read update; do
                for side in $sides; do
                    case $call-$side in update-empty-*) continue ;; esac
                    load "$side" "$call" "$number"
                done
            done
        done
    done
}

# ---- all of it -------------------------------------------------------------------------------------------

python_version() { /usr/bin/python3 -c "from importlib.metadata import version; print(version('$1'))"; }
npm_version() { jq -r .version "$modules/node_modules/$1/package.json"; }

mkdir "$scratch/cubby" "$scratch/empty"
cp "$root"/build/cgi-bin/* "$scratch/cubby"
# In the place of `data`, so that servers hand it the same and run as many of it.
cp "$root/build/cgi-bin/health" "$scratch/empty/health"
cp "$out/empty_fcgi" "$scratch/empty/data"
fixture_make "$scratch/f"
first='{"text":"hello","list":[1,2,3]}'
: >"$scratch/runs.jsonl"
for journal in $journals; do
    start_sides
    for side in $sides; do
        check_side "$side" "$first" "$value"
    done
    measure
    for side in $sides; do
        check_side "$side" "$value" '["at",1,"end"]'
    done
    check_revocation
    stop_running
done
jq -n --slurpfile runs "$scratch/runs.jsonl" -f "$here/peers.jq" --arg when "$(date -u +%FT%TZ)" \
    --arg machine "$(uname -srm), $(nproc) processors" \
    --arg flask "Flask $(python_version flask), gunicorn $(python_version gunicorn)" \
    --arg fastify "Fastify $(npm_version fastify), better-sqlite3 $(npm_version better-sqlite3), Node.js $(node --version)" \
    >"$results"
jq -r -f "$here/peers_table.jq" "$results"
echo "As JSON: ${results#"$root/"}"
