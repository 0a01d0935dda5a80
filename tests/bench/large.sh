#!/bin/bash
# large.sh - what a read and an update cost among many items; `make bench-large` calls it.
#
#   ITEMS=10000000 USERS=100000   of the large database; the small one has 1,000 and 10
#   KEEP=FOLDER                   makes the databases there, or uses those it finds, and keeps them
#   ROUNDS=5 SECONDS_EACH=2       of load per case and round
#   JOURNALS='rollback wal'
#
# The rows are copies of one user and one item that the programs themselves made, so the tables may
# change without this; their values are small. Takes minutes and one gigabyte, in build/bench unless KEEP
# says otherwise.
#
# First one execution for one item each; then, under lighttpd, as CGI and by programs that stay, any items
# of 1,000 users of the large database (of all users of the small one), one request after the other. Small
# and large take turns.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
items=${ITEMS:-10000000}
users=${USERS:-100000}
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-2}
journals=${JOURNALS:-rollback wal}
unset SERVER MODE PORT DATA READY PROCESSES
# shellcheck source=tests/bench/fixture.bash
. "$here/fixture.bash"

mkdir -p "${KEEP:-$root/build/bench}"
scratch=$(cd "${KEEP:-$(mktemp -d "$root/build/bench/large.XXXXXX")}" && pwd)
chmod 755 "$scratch"
finish() {
    stop_running
    [ -z "${KEEP:-}" ] || return 0
    # As root, where the programs' user does not reach a folder, a link is in its place.
    rm -rf "$(readlink -f "$scratch/small")" "$(readlink -f "$scratch/large")" "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

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
UPDATE users SET version = $each, keys = $each, bytes = $each;
CREATE TEMP TABLE template AS SELECT * FROM items WHERE user_id = 1 AND key = 'greeting';
DELETE FROM items;
WITH RECURSIVE u (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM u WHERE i < $users),
    k (j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM k WHERE j < $each)
$(columns items "user_id=u.i
key=printf('item-%05d', k.j)
size=1
value='1'
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

# tokens_of NAME ITEMS USERS: NAME.tokens, an access token for each of up to 1,000 users, evenly among all.
tokens_of() {
    local epoch
    epoch=$(sqlite3 "$scratch/$1/cubby.db" 'SELECT epoch FROM users LIMIT 1')
    python3 - "$scratch/$1/keys.json" "$3" "$epoch" >"$scratch/$1.tokens" <<'PYTHON'
import base64, hashlib, hmac, json, sys, time

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")

path, users, epoch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path, encoding="utf-8") as file:
    key = json.load(file)["keys"][0]
secret = base64.urlsafe_b64decode(key["k"] + "==")
now = int(time.time())
head = encode(json.dumps({"alg": "HS256", "kid": key["kid"], "typ": "JWT"}).encode())
for user in range(1, users + 1, max(1, users // 1000)):
    claims = {"sub": str(user), "user_id": user, "iat": now, "exp": now + 86400, "jti": "%032x" % user, "epoch": epoch}
    text = head + b"." + encode(json.dumps(claims).encode())
    print((text + b"." + encode(hmac.new(secret, text, hashlib.sha256).digest())).decode())
PYTHON
}

# serve NAME MODE: sets base[NAME-MODE]. Two servers have one database.
declare -A base
serve() {
    local ready=$scratch/ready-$1-$2
    rm -f "$ready"
    SERVER=lighttpd MODE=$2 PORT=0 DATA=$scratch/$1 READY=$ready PROGRAMS=$root/build/cgi-bin \
        TOOL=$root/build/bin/cubby WWW=$root/www DOCUMENTATION='' sh "$root/cgi-bin/server/run.sh" >"$scratch/log" 2>&1 &
    running+=($!)
    for _ in $(seq 600); do
        [ ! -s "$ready" ] || break
        sleep 0.1
    done
    base[$1-$2]=$(cat "$ready") || {
        cat "$scratch/log" >&2
        exit 1
    }
}

# load NAME MODE CALL ITEMS-OF-EACH-USER
load() {
    local requests duration errors
    local request=(GET "$scratch/$1.tokens" "$4")
    [ "$3" != update ] || request=(PUT "$scratch/$1.tokens" "$4" '{"value":2}')
    wrk -t1 -c1 -d"${seconds}s" -s "$here/spread.lua" "${base[$1-$2]}" -- "${request[@]}" >"$scratch/wrk" 2>&1
    IFS=$'\t' read -r requests duration errors < <(tail -n 1 "$scratch/wrk")
    [ "$requests" -gt 0 ] && [ "$errors" = 0 ] || {
        echo "bench: $1, $2, $3: $errors errors, $requests answers" >&2
        exit 1
    }
    printf '{"journal":"%s","mode":"%s","call":"%s","size":"%s","us":%d,"requests":%d}\n' \
        "$journal" "$2" "$3" "$1" "$duration" "$requests" >>"$scratch/runs.jsonl"
}

measure_served() {
    local name mode call round
    for name in small large; do
        # run.sh names the files itself.
        sed -i -e '/^journal =/d' -e '/^# "make run"/d' -e '/^database =/d' -e '/^keys =/d' "$scratch/$name/cubby.conf"
        echo "journal = $journal" >>"$scratch/$name/cubby.conf"
        serve "$name" fastcgi
        serve "$name" cgi
    done
    for round in $(seq "$rounds"); do
        for mode in cgi fastcgi; do
            for call in read update; do
                load small "$mode" "$call" 100
                load large "$mode" "$call" $((large_items / large_users))
            done
        done
    done
    stop_running
}

large_items=$items large_users=$users
make_case small 1000 10
tokens_of small 1000 10
make_case large "$large_items" "$large_users"
tokens_of large "$large_items" "$large_users"
cp "$root/build/cgi-bin/data" "$scratch/data"
"$root/build/bench/once" 100 10 small "$scratch/data" "$scratch/small/read.environment" /dev/null \
    large "$scratch/data" "$scratch/large/read.environment" /dev/null >"$scratch/once"
awk -F '\t' '{ fast[$1] = $2; median[$1] = $3
    printf "%s: median %.0f us, fastest %.0f us, %d page faults\n", $1, $3, $2, $7 }
    END { printf "large / small: %.2f by the median, %.2f by the fastest\n", median["large"] / median["small"],
        fast["large"] / fast["small"] }' "$scratch/once"

: >"$scratch/runs.jsonl"
for journal in $journals; do
    measure_served
done
echo
jq -rs '
    def median: sort | .[length / 2 | floor];
    def each: map(.us / .requests) | median;
    "| journal | call | processes | microseconds among 1,000 items | among '"$large_items"' | ratio |",
    "| --- | --- | --- | --- | --- | --- |",
    (group_by([.journal, .call, .mode])[] | .[0] as $first
        | (map(select(.size == "small")) | each) as $small | (map(select(.size == "large")) | each) as $large
        | "| \($first.journal) | \($first.call) | \({cgi: "one for each request", fastcgi: "that stay"}[$first.mode]) | \($small | round) | \($large | round) | \($large / $small * 100 | round | . / 100) |")
    ' "$scratch/runs.jsonl"
