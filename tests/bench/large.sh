#!/bin/bash
# large.sh - what a read costs among many items; `make bench-large` calls it.
#
#   ITEMS=10000000 USERS=100000   of the large database; the small one has 1,000 and 10
#   KEEP=FOLDER                   makes the databases there, or uses those it finds, and keeps them
#
# The rows are copies of one user and one item that the programs themselves made, so the tables may
# change without this. Takes minutes and some gigabytes.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
items=${ITEMS:-10000000}
users=${USERS:-100000}
# shellcheck source=tests/bench/fixture.bash
. "$here/fixture.bash"

scratch=${KEEP:-$(mktemp -d /tmp/cubby-large.XXXXXX)}
mkdir -p "$scratch"
[ -n "${KEEP:-}" ] || trap 'rm -rf "$scratch"' EXIT

# columns TABLE OVERRIDES: the columns of TABLE, those of OVERRIDES (name=expression lines) replaced.
columns() {
    local name found list='' names=''
    while read -r name; do
        found=$(sed -n "s/^$name=//p" <<<"$2")
        names+=${names:+, }$name
        list+=${list:+, }${found:-$name}
    done < <(sqlite3 "$fixture/cubby.db" "SELECT name FROM pragma_table_info('$1')")
    printf 'INSERT INTO %s (%s) SELECT %s' "$1" "$names" "$list"
}

# Each new user is a copy of the first and has the same number of items.
multiply() {
    local each=$((items / users))
    sqlite3 "$fixture/cubby.db" >/dev/null <<SQL
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;
PRAGMA locking_mode = EXCLUSIVE;
BEGIN;
DELETE FROM items WHERE key <> 'greeting';
WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $users)
$(columns users "id=n.i
username='user' || n.i
username_key='user' || n.i
email='user' || n.i || '@example.org'
email_key='user' || n.i || '@example.org'") FROM n, (SELECT * FROM users WHERE id = 1);
CREATE TEMP TABLE template AS SELECT * FROM items WHERE user_id = 1 AND key = 'greeting';
DELETE FROM items;
WITH RECURSIVE u (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM u WHERE i < $users),
    k (j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM k WHERE j < $each)
$(columns items "user_id=u.i
key=printf('item-%05d', k.j)
version=k.j") FROM u CROSS JOIN k CROSS JOIN template;
COMMIT;
SQL
}

# make_case NAME ITEMS USERS: a database; leaves the call `read` of one of its users in the middle.
make_case() {
    items=$2
    users=$3
    if [ ! -d "$scratch/$1" ]; then
        fixture_make "$scratch/$1"
        rm "$fixture/cubby.db.start"
        multiply
    fi
    fixture=$scratch/$1
    fixture_token=''
    printf '{"username":"user%d","password":"Engine-1843"}' $((users / 2)) >"$fixture/login.json"
    fixture_call login token POST - login.json
    fixture_token=$(fixture_run login | tail -n 1 | jq -r .token)
    fixture_call read data GET "/item-$(printf '%05d' $((items / users / 2)))" -
    fixture_must read
    fixture_run read strace -qq -o "$scratch/calls" >/dev/null
    printf '%s: %d items of %d users, %d bytes, %d system calls\n' "$1" "$items" "$users" \
        "$(stat -c %s "$fixture/cubby.db")" "$(($(wc -l <"$scratch/calls") - 1))"
}

large_items=$items large_users=$users
make_case small 1000 10
make_case large "$large_items" "$large_users"
cp "$root/build/cgi-bin/data" "$scratch/data"
"$root/build/bench/once" 100 10 small "$scratch/data" "$scratch/small/read.environment" /dev/null \
    large "$scratch/data" "$scratch/large/read.environment" /dev/null >"$scratch/once"
awk -F '\t' '{ fast[$1] = $2; median[$1] = $3
    printf "%s: median %.0f us, fastest %.0f us, %d page faults\n", $1, $3, $2, $7 }
    END { printf "large / small: %.2f by the median, %.2f by the fastest\n", median["large"] / median["small"],
        fast["large"] / fast["small"] }' "$scratch/once"
