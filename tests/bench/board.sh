#!/bin/bash
# board.sh - what a small board has to bear: peak memory of a read and of a login with the settings
# for boards, and what one small update writes to the medium, for both journals. `make bench-board`
# calls it. Prints a table; the exit status is 1 when a read or a login takes more memory than is
# promised.
#
#   UPDATES=200   the mean of so many, since a write-ahead log is moved into the database now and then
#
# Bytes and flushes are those that the program hands to the kernel for the database, its journal and
# their folder, as strace sees them. They do not depend on the machine; a medium writes more, by whole
# pages or erase blocks of its own.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
updates=${UPDATES:-200}
read_maximum=1024 # KiB
login_maximum=6144
# shellcheck source=tests/bench/fixture.bash
. "$root/tests/bench/fixture.bash"

scratch=$(mktemp -d /tmp/cubby-board.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# setting NAME VALUE
setting() {
    sed -i "/^$1 =/d" "$fixture/cubby.conf"
    echo "$1 = $2" >>"$fixture/cubby.conf"
}

# peak CALL PROGRAM MAXIMUM: prints its peak, and notes when it is above.
too_much=0
peak() {
    local size
    size=$("$root/build/bench/once" 3 5 "$1" "$root/build/cgi-bin/$2" "$fixture/$1.environment" \
        "$(cat "$fixture/$1.body")" | awk -F '\t' '{ print $8 }')
    printf '%-8s %6.1f MB\n' "$1" "$(awk "BEGIN { print $size / 1024 }")"
    [ "$size" -le "$3" ] || too_much=1
}

# written JOURNAL: bytes and flushes of an update in the mean.
written() {
    local number
    setting journal "$1"
    CUBBY_CONF=$fixture/cubby.conf "$root/build/bin/cubby" migrate >"$scratch/migrated"
    rm -f "$scratch/calls"
    for number in $(seq "$updates"); do
        fixture_run update strace -f -y -qq -o "$scratch/call" \
            -e trace=write,writev,pwrite64,pwritev,fsync,fdatasync >"$scratch/answer"
        grep -q '"status":"success"' "$scratch/answer" || {
            echo "bench: update $number went wrong" >&2
            exit 1
        }
        cat "$scratch/call" >>"$scratch/calls"
    done
    # PID write(4</path>, …) = 512
    awk -v journal="$1" -v folder="<$fixture" -v database="<$fixture/cubby.db" -v updates="$updates" '
        index($0, database) && / p?writev?(64)?\(/ { bytes += $NF }
        index($0, folder) && / f(data)?sync\(/ { flushes++ }
        END { printf "%-10s %13.0f %9.1f\n", journal, bytes / updates, flushes / updates }' "$scratch/calls"
}

fixture_cost=3 fixture_make "$scratch/f"
setting max_hashes 1
echo 'password_cost = 3, max_hashes = 1: peak memory'
peak read data "$read_maximum"
cp "$fixture/token.environment" "$fixture/login.environment"
peak login token "$login_maximum"
echo
echo "one update of a value of 37 bytes, the mean of $updates"
printf '%-10s %13s %9s\n' journal 'bytes written' flushes
written rollback
written wal
[ "$too_much" = 0 ] || {
    echo "bench: more memory than the $read_maximum KiB of a read or the $login_maximum KiB of a login" >&2
    exit 1
}
