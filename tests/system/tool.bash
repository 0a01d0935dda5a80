# tool.bash - what the tests of the operator's tool share: an installation in the test's own folder,
# and calls of the programs as a web server makes them (RFC 3875), without one.

# shellcheck source=tests/common.bash
. "${BASH_SOURCE[0]%/*}/../common.bash"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export TOOL=${TOOL:-$root/build/bin/cubby} PROGRAMS=${PROGRAMS:-$root/build/cgi-bin}

# settings [LINE…]: $conf names $database and $keys, with these lines besides; with $busy_timeout, where it is set.
settings() {
    printf '%s\n' "database = $database" "keys = $keys" 'password_cost = 1' ${busy_timeout:+"busy_timeout = $busy_timeout"} "$@" >"$conf"
    chmod 644 "$conf"
}

# installation [LINE…]: settings in $conf with these lines besides, database and keys in $home.
installation() {
    home=$BATS_TEST_TMPDIR/home
    conf=$BATS_TEST_TMPDIR/cubby.conf
    database=$home/cubby.db
    keys=$home/keys.json
    settings "$@"
    export CUBBY_CONF=$conf
    "$TOOL" init >/dev/null
}

# place_of NAME: a folder that others may enter, $place, with the paths of an installation that is not made yet, and
# with $victim, a file of whoever runs this.
place_of() {
    place=$(mktemp -d "${TMPDIR:-/tmp}/cubby-$1.XXXXXX")
    chmod 755 "$place"
    home=$place/data
    conf=$place/cubby.conf
    database=$home/cubby.db
    keys=$home/keys.json
    export CUBBY_CONF=$conf
    victim=$place/victim
    : >"$victim"
    chmod 600 "$victim"
}

fail() {
    printf '%s\n' "$*"
    printf 'status: %s\n%s\n' "${status:-}" "${output:-}"
    printf 'answer: %s\n%s\n' "${code:-}" "${body:-}"
    return 1
}

# tool STATUS WORD…: runs the tool without a terminal; leaves what it printed in $output and
# $stderr, and fails unless it ends with STATUS.
tool() {
    local wanted=$1 said=$BATS_TEST_TMPDIR/.stderr.$EUID
    shift
    status=0
    output=$("$TOOL" "$@" </dev/null 2>"$said") || status=$?
    stderr=$(<"$said")
    [ "$status" = "$wanted" ] || fail "ends with $status, not $wanted: cubby $* $stderr"
}

# said TEXT: the tool's last messages have TEXT in them.
said() {
    case $stderr in *"$1"*) ;; *) fail "did not say \"$1\" but: $stderr" ;; esac
}

# of JQ-PATH: something of what the tool printed as JSON.
of() { jq -r "$1" <<<"$output"; }

# cgi PROGRAM METHOD [PATH [BODY]]: one call, with $token and the query $parameters if they are set; leaves $code and $body; the head
# in the file $BATS_TEST_TMPDIR/head, for who runs it in the background too.
cgi() {
    local program=$1 method=$2 path=${3:-} sent=${4:-} answer
    local LC_ALL=C # lengths are of bytes
    answer=$(printf '%s' "$sent" | env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD="$method" \
        PATH_INFO="$path" QUERY_STRING="${parameters:-}" REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH="${#sent}" CONTENT_TYPE=application/json \
        ${token:+HTTP_AUTHORIZATION="Bearer $token"} "$PROGRAMS/$program" 2>>"$BATS_TEST_TMPDIR/log")
    code=${answer#Status: }
    code=${code%% *}
    printf '%s\n' "${answer%%$'\r\n\r\n'*}" >"$BATS_TEST_TMPDIR/head"
    body=${answer#*$'\r\n\r\n'}
}

# new_user NAME: sets $token
new_user() {
    token=''
    cgi register POST '' "{\"username\":\"$1\",\"email\":\"$1@example.org\",\"full_name\":\"Test User\",\"age\":30,\"gender\":\"female\",\"password\":\"$PASSWORD\"}"
    [ "$code" = 201 ] || fail 'registering failed'
    login "$1"
}

# login NAME [PASSWORD]: sets $token and $code
login() {
    token=''
    cgi token POST '' "{\"username\":\"$1\",\"password\":\"${2:-$PASSWORD}\"}"
    token=$(jq -r '.token // ""' <<<"$body")
}

# store KEY VALUE-JSON / read_value KEY: what is stored, as $body's data.value
store() { cgi data POST '' "{\"key\":\"$1\",\"value\":$2}"; }
read_value() { cgi data GET "/$1"; }

# gateway ARGUMENT…: a web server as gateway.js plays it, with these arguments; sets $address.
gateway() {
    node "$root/tests/system/gateway.js" "$PROGRAMS" "$@" >"$BATS_TEST_TMPDIR/port" 2>>"$BATS_TEST_TMPDIR/log" 3>&- &
    gateway=$!
    eventually [ -s "$BATS_TEST_TMPDIR/port" ]
    address=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")/api
}

stop_gateway() {
    [ -z "$gateway" ] || { kill "$gateway" && wait "$gateway" || true; }
    gateway=''
    : >"$BATS_TEST_TMPDIR/port"
}

# The SQL of the first migration.
first_schema() {
    awk '/^    \/\* 1\. /{on=1} /^    \/\* 2\. /{exit} on' "$root/db/engine/schema.c" |
        sed -n 's/^    "\(.*\)",\{0,1\}$/\1/p' | tr -d '\n'
}

# query SQL: asks the database file itself. Who has just answered may have it locked for a moment still.
query() { sqlite3 -cmd '.timeout 60000' "$database" "$1"; }

# held_open SQL / let_go: another program is connected in between, has done that, which prints something, and does what
# is written to it
held_open() {
    rm -f "$BATS_TEST_TMPDIR/hold" "$BATS_TEST_TMPDIR/held"
    mkfifo "$BATS_TEST_TMPDIR/hold"
    sqlite3 -bail "$database" <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/held" 3>&- &
    holder=$!
    exec 5>"$BATS_TEST_TMPDIR/hold"
    printf '%s\n' '.timeout 60000' "$1" >&5
    eventually [ -s "$BATS_TEST_TMPDIR/held" ] || fail 'the lock is not held'
}

# hold [KIND] / let_go: another program keeps the write lock in between, or one of KIND, and stands in no queue
hold() { held_open "BEGIN ${1:-IMMEDIATE}; SELECT 1;"; }

let_go() {
    exec 5>&-
    wait "$holder"
}
