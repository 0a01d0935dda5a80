#!/bin/bash
# loop.sh - a process of `data` serves a million requests (REQUESTS says how many), and must need no more
# memory and no more open files after them than after the first thousand. `make soak-loop` calls it.
#
#   FOLDER=where the database lies (a folder in memory makes it quicker)
set -euo pipefail

cd "$(dirname "$0")/../.."
root=$PWD
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/soak/long_life.bash
. tests/soak/long_life.bash

scratch=$(mktemp -d "${FOLDER:-$root/build}/soak.XXXXXX")
chmod 711 "$scratch"
server=''
finish() {
    [ -z "$server" ] || { kill -TERM "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

said=ok
life='it did not start'
{ long_life_start "$scratch/data" && long_life "${REQUESTS:-1000000}"; } || said='not ok'
echo "$said a long life: $life"
[ "$said" = ok ]
