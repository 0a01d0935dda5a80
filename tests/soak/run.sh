#!/bin/bash
# run.sh - many writers at once for minutes, on one user and on many, some of them killed, in both
# journal modes: nothing that was acknowledged may be lost. `make soak` calls it.
#
#   WRITERS=16 WRITES=1000 FOLDER=where the databases lie (a disk, not memory, for what it is worth)
set -euo pipefail

cd "$(dirname "$0")/../.."
root=$PWD
writers=${WRITERS:-16}
writes=${WRITES:-1000}
scratch=$(mktemp -d "${FOLDER:-$root/build}/soak.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failures=0

cgi() {
    printf '%s' "$2" | env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST CONTENT_LENGTH="${#2}" \
        "$root/build/cgi-bin/$1" 2>>"$scratch/log" | sed '1,/^\r$/d'
}

# soak TITLE USERS JOURNAL KILLS: KILLS of 1000 writes are killed
soak() {
    local home=$scratch/home
    mkdir -m 700 "$home"
    export CUBBY_CONF=$scratch/cubby.conf
    printf '%s\n' "database = $home/cubby.db" "keys = $home/keys.json" 'password_cost = 1' "journal = $3" >"$CUBBY_CONF"
    build/bin/cubby init >/dev/null
    for number in $(seq "$2"); do
        cgi register "{\"username\":\"u$number\",\"email\":\"u$number@example.org\",\"full_name\":\"U\",\"age\":30,\"gender\":\"x\",\"password\":\"Abcdef1!\"}" >/dev/null
        cgi token "{\"username\":\"u$number\",\"password\":\"Abcdef1!\"}" | jq -r .token
    done >"$scratch/tokens"
    local said=ok
    build/test-tools/load build/cgi-bin/data "$scratch/tokens" "$writers" "$writes" "$4" || said='not ok'
    [ "$(sqlite3 "$home/cubby.db" 'PRAGMA integrity_check')" = ok ] || said='not ok'
    echo "$said $1 (users $2, journal $3, killed $4 of 1000)"
    [ "$said" = ok ] || failures=$((failures + 1))
    rm -rf "$home"
}

for journal in rollback wal; do
    soak 'one user' 1 "$journal" 0
    soak 'many users' 16 "$journal" 0
    soak 'killed at random' 8 "$journal" 100
done
[ "$failures" = 0 ]
