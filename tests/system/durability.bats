# Nothing that was acknowledged is lost, and what goes wrong below is told in full.

load tool.bash
load loop.bash

LOAD=${LOAD:-$root/build/test-tools/load}

# users COUNT: their tokens in the file $tokens
users() {
    tokens=$BATS_TEST_TMPDIR/tokens
    : >"$tokens"
    for number in $(seq "$1"); do
        new_user "user$number"
        echo "$token" >>"$tokens"
    done
}

# cgi_by WORDS PROGRAM METHOD PATH BODY: cgi, of a program that is started by WORDS, as a shell reads them
cgi_by() {
    local plain=$PROGRAMS
    mkdir -p "$BATS_TEST_TMPDIR/programs"
    printf '#!/bin/sh\nexec %s "%s"\n' "$1" "$PROGRAMS/$2" >"$BATS_TEST_TMPDIR/programs/started"
    chmod 755 "$BATS_TEST_TMPDIR/programs/started"
    PROGRAMS=$BATS_TEST_TMPDIR/programs
    shift 2
    cgi started "$@"
    PROGRAMS=$plain
}

# cgi_within SECONDS PROGRAM…: cgi, of a program that may hang
cgi_within() { cgi_by "timeout $1" "${@:2}"; }

in_order() {
    same "$(query 'PRAGMA integrity_check')" ok
    tool 0 check
}

refused() {
    same "$code" "$1"
    same "$(jq -r .code <<<"$body")" "$2"
}

# As somebody who may not do everything: programs and installation are given to nobody first.
as_nobody() {
    if [ "$(id -u)" != 0 ]; then
        PROGRAMS=$PROGRAMS "$@"
        return
    fi
    mkdir -p "$BATS_TEST_TMPDIR/programs"
    cp "$PROGRAMS/data" "$PROGRAMS/health" "$PROGRAMS/me" "$BATS_TEST_TMPDIR/programs"
    local folder=$BATS_TEST_TMPDIR
    while [ "$folder" != / ]; do
        [ "$((0$(stat -c %a "$folder") & 1))" = 1 ] || chmod o+x "$folder"
        folder=$(dirname "$folder")
    done
    chmod 644 "$conf"
    PROGRAMS=$BATS_TEST_TMPDIR/programs "$@"
}

# cgi, but by nobody when this is root
cgi_as_nobody() {
    local plain=$PROGRAMS
    if [ "$(id -u)" = 0 ]; then
        printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups "%s"\n' "$PROGRAMS/$1" \
            >"$BATS_TEST_TMPDIR/programs/as_nobody"
        chmod 755 "$BATS_TEST_TMPDIR/programs/as_nobody"
        shift
        cgi as_nobody "$@"
    else
        cgi "$@"
    fi
    PROGRAMS=$plain
}

@test "durability: 16 writers of one user, with readers and deletes: every write is there, no 5xx" {
    installation 'busy_timeout = 60000'
    users 1
    timeout 280 "$LOAD" "$PROGRAMS/data" "$tokens" 16 20
    in_order
}

@test "durability: 16 writers of 8 users: every write is there, no 5xx" {
    installation 'busy_timeout = 60000'
    users 8
    timeout 280 "$LOAD" "$PROGRAMS/data" "$tokens" 16 20
    in_order
}

@test "durability: programs killed at random moments lose nothing, and the next request works" {
    installation 'busy_timeout = 60000'
    users 4
    timeout 280 "$LOAD" "$PROGRAMS/data" "$tokens" 8 40 300
    in_order
}

@test "durability: a database in WAL mode holds the same promises" {
    installation 'journal = wal' 'busy_timeout = 60000'
    same "$(query 'PRAGMA journal_mode')" wal
    users 4
    timeout 280 "$LOAD" "$PROGRAMS/data" "$tokens" 16 20 100
    in_order
    sed -i 's/^journal = .*/journal = rollback/' "$conf"
    tool 0 migrate
    same "$(query 'PRAGMA journal_mode')" delete
    in_order
}

# fill_up: stores values until the answer is no 201; leaves that in $code and $body
fill_up() {
    local value number
    value=$(head -c 20000 /dev/zero | tr '\0' x)
    for number in $(seq 200); do
        "$@" "filler/$number" "\"$value\""
        [ "$code" = 201 ] || return 0
    done
    fail 'it never got full'
}

store_with_little_room() {
    (
        ulimit -f 150
        store "$@"
        printf '%s\n%s' "$code" "$body" >"$BATS_TEST_TMPDIR/answer"
    )
    code=$(head -n 1 "$BATS_TEST_TMPDIR/answer")
    body=$(tail -n +2 "$BATS_TEST_TMPDIR/answer")
}

@test "durability: a full disk is 507, what was stored stays, and room makes all well again" {
    if [ "$(id -u)" = 0 ] && mkdir "$BATS_TEST_TMPDIR/home" &&
        mount -t tmpfs -o size=600k,mode=700 none "$BATS_TEST_TMPDIR/home" 2>/dev/null; then
        echo mounted >"$BATS_TEST_TMPDIR/mounted"
        writer=store
    else
        writer=store_with_little_room
    fi
    installation
    new_user ann
    store kept '"safe"'
    fill_up "$writer"
    refused 507 INSUFFICIENT_STORAGE
    [ "$writer" != store ] || mount -o remount,size=4m "$BATS_TEST_TMPDIR/home"
    read_value kept
    same "$code" 200
    same "$(jq -r .data.value <<<"$body")" safe
    same "$(query 'PRAGMA integrity_check')" ok
    store after_that 1
    same "$code" 201
}

teardown() {
    loops_stop
    [ ! -f "$BATS_TEST_TMPDIR/mounted" ] || umount -l "$BATS_TEST_TMPDIR/home"
}

# What has expired becomes a deletion in the changes, which is a write that a read makes.
expiring() {
    cgi data POST '' '{"key":"gone","value":1,"ttl":1000}'
    same "$code" 201
    query "UPDATE items SET expires_at = 1000 WHERE key = 'gone'; UPDATE users SET next_expiry = 1000"
}

shown_changes() {
    cgi changes GET
    same "$code" 200
    same "$(jq -c '[(.data.changes | map([.key, .deleted])), .data.more]' <<<"$body")" "$1"
}

@test "durability: who follows the changes reads on where nothing can be written, and learns later what expired" {
    if [ "$(id -u)" = 0 ]; then
        mkdir "$BATS_TEST_TMPDIR/home"
        mount -t tmpfs -o size=600k,mode=700 none "$BATS_TEST_TMPDIR/home" 2>/dev/null || skip 'may not mount'
        echo mounted >"$BATS_TEST_TMPDIR/mounted"
    fi
    installation
    new_user ann
    store kept 1
    expiring
    if [ "$(id -u)" = 0 ]; then
        mount -o remount,ro "$home"
        shown_changes '[[["kept",null]],false]'
        mount -o remount,rw "$home"
        head -c 1m /dev/zero >"$home/filler" 2>/dev/null || true
        shown_changes '[[["kept",null]],false]'
        tail -n 1 "$BATS_TEST_TMPDIR/log" | grep -q 'warning: .*no room on the disk' || fail 'not in the log'
        rm "$home/filler"
    else
        chmod 500 "$home"
        chmod 400 "$database"
        shown_changes '[[["kept",null]],false]'
        chmod 700 "$home"
        chmod 600 "$database"
    fi
    shown_changes '[[["kept",null],["gone",true]],false]'
    in_order
}

@test "durability: who follows the changes reads on while somebody else writes for long, and learns later what expired" {
    installation 'busy_timeout = 300'
    new_user ann
    store kept 1
    expiring
    hold
    shown_changes '[[["kept",null]],false]'
    tail -n 1 "$BATS_TEST_TMPDIR/log" | grep -q 'warning: .*locked' || fail 'not in the log'
    cgi data PUT /kept '{"value":2}'
    same "$code" 503
    let_go
    shown_changes '[[["kept",null],["gone",true]],false]'
    in_order
}

@test "durability: where files may not grow, a write is answered with 507, not with the end of the program" {
    installation
    new_user ann
    store kept '"safe"'
    fill_up store_with_little_room
    refused 507 INSUFFICIENT_STORAGE
    value=$(head -c 200000 /dev/zero | tr '\0' x)
    answer=$(
        ulimit -f 150
        cgi me POST /import "{\"items\":[{\"key\":\"one\",\"value\":\"$value\"}]}"
        printf '%s' "$code"
    )
    same "$answer" 507
    answer=$(
        ulimit -f 50
        "$TOOL" backup "$BATS_TEST_TMPDIR/copy" 2>&1 || printf '%s' "$?"
    )
    case $answer in *'no room on the disk'*1) ;; *) fail "$answer" ;; esac
    [ ! -e "$BATS_TEST_TMPDIR/copy" ] || fail 'half a copy'
    in_order
    store after_that 1
    same "$code" 201
}

@test "durability: a database that may only be read is read; writes are refused and say so in the log" {
    installation
    new_user ann
    store kept 1
    prepare() {
        chmod 444 "$database" "$keys"
        chmod 555 "$home"
        cgi_as_nobody data GET /kept
        same "$code" 200
        cgi_as_nobody data PUT /kept '{"value":2}'
        refused 503 SERVICE_UNAVAILABLE
        grep -q 'SERVICE_UNAVAILABLE: ' "$BATS_TEST_TMPDIR/log"
        chmod 700 "$home"
        chmod 600 "$database" "$keys"
    }
    as_nobody prepare
    read_value kept
    same "$(jq -c .data.value <<<"$body")" 1
    in_order
}

@test "durability: an account is exported from a medium that may only be read, twice at once" {
    installation 'busy_timeout = 300'
    new_user ann
    store big "\"$(head -c 200000 /dev/zero | tr '\0' x)\""
    cgi me GET /export
    whole=$(jq -c '.data.items' <<<"$body")
    rm -f "$database-transfers"
    mkfifo -m 666 "$BATS_TEST_TMPDIR/unread"
    chmod 666 "$BATS_TEST_TMPDIR/unread"
    prepare() {
        local as=() number
        [ "$(id -u)" != 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        chmod 444 "$database" "$keys"
        chmod 555 "$home"
        cgi_as_nobody me GET /export
        same "$code" 200
        same "$(jq -c '.data.items' <<<"$body")" "$whole"
        exec 5<>"$BATS_TEST_TMPDIR/unread"
        for number in 1 2; do
            env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO=/export REMOTE_ADDR=192.0.2.1 \
                HTTP_AUTHORIZATION="$token" "${as[@]}" "$PROGRAMS/me" >&5 2>/dev/null 3>&- &
            note_process "$!" "$BATS_TEST_TMPDIR/loops" # they end with the test
            echo "$!" >>"$BATS_TEST_TMPDIR/exports"
            in_places "$number" "$keys"
        done
        cgi_as_nobody me GET /export
        refused 503 SERVICE_UNAVAILABLE
        kill -9 "$(head -n 1 "$BATS_TEST_TMPDIR/exports")"
        in_places 1 "$keys"
        cgi_as_nobody me GET /export
        same "$code" 200
        kill -9 "$(tail -n 1 "$BATS_TEST_TMPDIR/exports")"
        cgi_as_nobody me POST /import '{"items":[{"key":"big","value":1}]}'
        refused 503 SERVICE_UNAVAILABLE
        chmod 700 "$home"
        chmod 600 "$database" "$keys"
    }
    as_nobody prepare
    read_value big
    same "$(jq -c '.data.value | length' <<<"$body")" 200000
    [ -z "$(find "$home" -name '*spool*')" ] || fail 'a spool is left'
}
# in_places NUMBER [FILE]: waits until so many are, or have a place on FILE
in_places() {
    eventually eval "[ \"\$(places '${2:-$database}')\" = $1 ]"
}

# events: how many exports of ann the database remembers, and how many the log has
events() { printf '%s %s' "$(query "SELECT count(*) FROM meta WHERE name LIKE 'audit/%' AND value LIKE '%\"export\"%'")" \
    "$(grep -c 'audit .*"event":"export","outcome":"done"' "$BATS_TEST_TMPDIR/log")"; }

# reads_all CALL…: what reads, and these, by an access token and by a device token; $access and $device
reads_all() {
    local each
    for each in "$access" "$device"; do
        token=$each
        for call in 'data GET /kept' 'data GET' 'data HEAD /kept' 'changes GET' 'batch POST'; do
            # shellcheck disable=SC2086 # its words
            "$ask" $call ${body_of[$call]:+'' "${body_of[$call]}"}
            same "$call $code" "$call 200"
        done
    done
    token=$access
    for call in 'me GET' 'keys GET' 'token POST /refresh' 'health GET' "$@"; do
        # shellcheck disable=SC2086 # its words
        "$ask" $call
        same "$call $code" "$call 200"
    done
}

# writes_none CODE ERROR: what can't be done without a write
writes_none() {
    local login="{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    token=$access
    for call in 'data PUT /kept' 'token POST' 'me PATCH' 'token DELETE' 'reset POST'; do
        # shellcheck disable=SC2086 # its words
        case $call in
            'data PUT /kept') "$ask" $call '{"value":2}' ;;
            'token POST') "$ask" $call '' "$login" ;;
            'me PATCH') "$ask" $call '' '{"age":31}' ;;
            'reset POST') "$ask" $call '' "{\"username\":\"ann\",\"code\":\"7mzq2k4t9a0xhbnpd6we\",\"new_password\":\"Other-$PASSWORD\"}" ;;
            *) "$ask" $call ;;
        esac
        same "$call $code" "$call $1"
        same "$(jq -r .code <<<"$body")" "$2"
    done
}

# traced_locks FILE PROGRAM METHOD PATH BODY: cgi, and in FILE the locks that the program asks for
traced_locks() { cgi_by "strace -qq -y -o '$1' -e trace=fcntl" "${@:2}"; }

# rows: what the database holds
rows() {
    local table
    for table in meta users items tokens throttle; do
        query "SELECT * FROM $table"
    done
}

@test "durability: on a read-only medium, on a full disk and beside a lock what reads is answered, its events are in the log" {
    [ "$(id -u)" = 0 ] || skip 'may not mount'
    mkdir "$BATS_TEST_TMPDIR/home"
    mount -t tmpfs -o size=1m,mode=700 none "$BATS_TEST_TMPDIR/home"
    echo mounted >"$BATS_TEST_TMPDIR/mounted"
    installation 'audit_rows = 10' 'busy_timeout = 300'
    new_user ann
    store kept 1
    access=$token
    cgi keys POST '' '{"name":"meter","scope":"write"}'
    device=$(jq -r .data.token <<<"$body")
    local -A body_of=(['batch POST']='{"operations":[{"op":"get","key":"kept"}]}')
    local before way ask=cgi
    before=$(rows)
    for way in read-only lock full loop; do
        : >"$BATS_TEST_TMPDIR/log"
        case $way in
            lock) hold ;;
            full) head -c 2m /dev/zero >"$home/filler" 2>/dev/null || true ;;
            *) mount -o remount,ro "$home" ;;
        esac
        if [ "$way" = loop ]; then
            ask=ask
            loop_start data changes batch me keys token reset health
        fi
        if [ "$way" = full ]; then # where an export has no room for itself
            reads_all
            writes_none 507 INSUFFICIENT_STORAGE
        else
            reads_all 'me GET /export' 'me HEAD /export'
            same "$(events)" '0 2'
            grep -q 'warning: ' "$BATS_TEST_TMPDIR/log" || fail 'the log does not say why'
            writes_none 503 SERVICE_UNAVAILABLE
            grep -q '^Retry-After: ' "$BATS_TEST_TMPDIR/head" || fail 'no Retry-After'
        fi
        case $way in
            lock) let_go && rm "$BATS_TEST_TMPDIR/hold" "$BATS_TEST_TMPDIR/held" ;;
            full) rm "$home/filler" ;;
            *) mount -o remount,rw "$home" ;;
        esac
        same "$(rows)" "$before"
    done
    cgi me GET /export
    same "$code" 200
    same "$(events | cut -d' ' -f1)" 1
    # The place of an export is a lock on the key file: to close the database would let go of those of SQLite.
    rm -f "$database"-*
    mount -o remount,ro "$home"
    traced_locks "$BATS_TEST_TMPDIR/trace" me GET /export
    same "$code" 200
    grep -q "fcntl([0-9]*<$keys>, F_OFD_SETLK, {l_type=F_RDLCK.* = 0" "$BATS_TEST_TMPDIR/trace" || fail 'no place was taken'
    ! grep "<$database>, F_OFD" "$BATS_TEST_TMPDIR/trace" || fail 'a place was taken on the database'
    mount -o remount,rw "$home"
    in_order
}

@test "durability: on a read-only medium who has a password logs in where attempts are not limited, as many at a time as may" {
    [ "$(id -u)" = 0 ] || skip 'may not mount'
    mkdir "$BATS_TEST_TMPDIR/home" "$BATS_TEST_TMPDIR/elsewhere"
    mount -t tmpfs -o size=1m,mode=700 none "$BATS_TEST_TMPDIR/home"
    echo mounted >"$BATS_TEST_TMPDIR/mounted"
    installation 'login_limit_account = 0' 'login_limit_address = 0' 'register_limit = 0' 'max_hashes = 1'
    new_user ann
    store kept 1
    rm -f "$database"-*
    sed -i 's/^password_cost = .*/password_cost = 2/' "$conf" # a login would replace the hash
    local ask=cgi way before
    before=$(rows)
    mount -o remount,ro "$home"
    for way in cgi loop elsewhere; do
        if [ "$way" = loop ]; then
            ask=ask
            loop_start token data
        elif [ "$way" = elsewhere ]; then # its folder gives the programs no right to the key file
            ask=cgi
            loops_stop
            mv "$conf" "$conf.old"
            cp "$keys" "$BATS_TEST_TMPDIR/elsewhere/keys.json"
            sed "s|^keys = .*|keys = $BATS_TEST_TMPDIR/elsewhere/keys.json|" "$conf.old" >"$conf"
        fi
        token=''
        "$ask" token POST '' "{\"username\":\"ann\",\"password\":\"Wrong-$PASSWORD\"}"
        same "$way $code $(jq -r .code <<<"$body")" "$way 401 INVALID_CREDENTIALS"
        "$ask" token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
        same "$way $code" "$way 200"
        token=$(jq -r .token <<<"$body")
        "$ask" data GET /kept
        same "$way $code" "$way 200"
        "$ask" data PUT /kept '{"value":2}'
        same "$way $code" "$way 503"
    done
    mv "$conf.old" "$conf"
    # The place is a lock on the key file, and on no other.
    traced_locks "$BATS_TEST_TMPDIR/trace" token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    same "$code" 200
    grep -q "fcntl([0-9]*<$keys>, F_OFD_SETLK, {l_type=F_RDLCK.* = 0" "$BATS_TEST_TMPDIR/trace" || fail 'no place was taken'
    mount -o remount,rw "$home"
    same "$(rows)" "$before"
    in_order
}

@test "durability: a folder that may not be written to takes no write, and loses none" {
    installation
    new_user ann
    store kept 1
    prepare() {
        [ "$(id -u)" != 0 ] || chown 65534:65534 "$database" "$keys"
        chmod 555 "$home"
        cgi_as_nobody data PUT /kept '{"value":2}'
        refused 503 SERVICE_UNAVAILABLE
        cgi_as_nobody data GET /kept
        same "$(jq -c .data.value <<<"$body")" 1
        chmod 700 "$home"
    }
    as_nobody prepare
    [ "$(id -u)" != 0 ] || chown 0:0 "$database" "$keys"
    cgi data PUT /kept '{"value":2}'
    same "$code" 200
    in_order
}

@test "durability: no database, or one that is none: 500 and a log line; health says so" {
    installation
    new_user ann
    mv "$database" "$database.away"
    store some 1
    refused 500 INTERNAL_ERROR
    [ ! -e "$database" ] || fail 'a program made a database'
    cgi health GET
    refused 503 SERVICE_UNAVAILABLE
    grep -q 'there is no such database' "$BATS_TEST_TMPDIR/log"
    head -c 20000 /dev/urandom >"$database"
    store some 1
    refused 500 INTERNAL_ERROR
    cgi data GET /some
    refused 500 INTERNAL_ERROR
    : >"$database"
    store some 1
    refused 500 INTERNAL_ERROR
    mv "$database.away" "$database"
    store some 1
    same "$code" 201
}

@test "durability: a pipe in the place of a file is told, not waited for" {
    installation
    new_user ann
    store some 1
    for file in "$database" "$keys" "$conf"; do
        mv "$file" "$file.away"
        mkfifo "$file"
        for call in 'data GET /some' 'data PUT /some {"value":2}' 'health GET'; do
            IFS=' ' read -r program method path sent <<<"$call"
            cgi_within 100 "$program" "$method" "$path" "$sent"
            case $program$file in
            "health$keys") same "$code" 200 ;;
            "health$database") same "$code" 503 ;;
            *) refused 500 INTERNAL_ERROR ;;
            esac
        done
        run timeout 100 "$TOOL" check </dev/null
        same "$status" 1
        rm "$file"
        mv "$file.away" "$file"
    done
    in_order
}

@test "durability: a log that is a pipe nobody reads, or reads too slowly, holds nobody up" {
    installation "log = $BATS_TEST_TMPDIR/lines"
    new_user ann
    rm -f "$BATS_TEST_TMPDIR/lines"
    mkfifo "$BATS_TEST_TMPDIR/lines"
    token=''
    log_line() { cgi_within 100 token POST '' '{"username":"ann","password":"Wrong-1-wrong"}'; }
    log_line
    refused 401 INVALID_CREDENTIALS
    grep -q '"event":"login"' "$BATS_TEST_TMPDIR/log" # where the web server keeps what programs say
    exec 6<>"$BATS_TEST_TMPDIR/lines"
    log_line
    refused 401 INVALID_CREDENTIALS
    read -r -t 100 line <&6
    case $line in *'"event":"login"'*) ;; *) fail "$line" ;; esac
    dd if=/dev/zero bs=4096 count=100 oflag=nonblock status=none >&6 2>/dev/null || true # it is full
    : >"$BATS_TEST_TMPDIR/log"
    log_line
    refused 401 INVALID_CREDENTIALS
    grep -q '"event":"login"' "$BATS_TEST_TMPDIR/log"
    exec 6>&-
}

@test "durability: pages overwritten in the middle of the file never make a program crash" {
    installation
    new_user ann
    for number in $(seq 30); do store "key/$number" '"0123456789012345678901234567890123456789"'; done
    cp "$database" "$database.good"
    for at in $(seq 1000 1500 30000); do
        cp "$database.good" "$database"
        head -c 700 /dev/urandom | dd of="$database" bs=1 seek="$at" conv=notrunc status=none
        cgi data GET /key/7
        case $code in 200 | 401 | 404 | 500) ;; *) fail "damage at $at" ;; esac
        cgi data PUT /key/7 '{"value":2}'
        case $code in 200 | 401 | 404 | 500) ;; *) fail "damage at $at" ;; esac
    done
}

@test "durability: a database of a newer version is refused and left alone" {
    installation
    new_user ann
    store some 1
    query 'PRAGMA user_version=99999'
    cp "$database" "$database.before"
    cgi data PUT /some '{"value":2}'
    refused 500 INTERNAL_ERROR
    cgi data GET /some
    refused 500 INTERNAL_ERROR
    grep -q 'newer version' "$BATS_TEST_TMPDIR/log"
    cmp "$database" "$database.before"
}

@test "durability: while another process holds the lock, writes are 503 with Retry-After, reads go on" {
    installation 'busy_timeout = 300'
    new_user ann
    store some 1
    hold
    head=$(printf '{"value":2}' | env -i CUBBY_CONF="$conf" REQUEST_METHOD=PUT PATH_INFO=/some CONTENT_LENGTH=11 \
        HTTP_AUTHORIZATION="$token" timeout 100 "$PROGRAMS/data" 2>>"$BATS_TEST_TMPDIR/log")
    case $head in 'Status: 503 '*Retry-After:*SERVICE_UNAVAILABLE*) ;; *) fail "$head" ;; esac
    read_value some
    same "$code" 200
    let_go
    cgi data PUT /some '{"value":2}'
    same "$code" 200
}

# in_queue: how many wait for their turn to write to the database, the one whose turn it is included
in_queue() { places "$database"; }

@test "durability: who wants to write gets its turn in the order it came" {
    installation 'busy_timeout = 60000'
    new_user ann
    hold
    for number in 1 2 3 4 5 6 7 8; do
        store "$number" 1 5>&- &
        began
        in_places "$number"
    done
    let_go
    wait_all
    same "$(query 'SELECT group_concat(key) FROM (SELECT key FROM items ORDER BY version)')" 1,2,3,4,5,6,7,8
    same "$(in_queue)" 0
}

@test "durability: whose turn does not come in time is told so, and the queue goes on" {
    installation 'busy_timeout = 300'
    new_user ann
    hold
    sed 's/^busy_timeout.*/busy_timeout = 60000/' "$conf" >"$conf.patient"
    (
        CUBBY_CONF=$conf.patient
        store first 1
        same "$code" 201
    ) 5>&- &
    first=$!
    eventually eval '[ "$(in_queue)" != 0 ]'
    for number in 1 2 3; do
        (
            store "$number" 1
            refused 503 SERVICE_UNAVAILABLE
            echo "$number" >>"$BATS_TEST_TMPDIR/refused"
        ) 5>&- &
        began
    done
    wait_all
    same "$(sort "$BATS_TEST_TMPDIR/refused" | tr -d '\n')" 123
    same "$(grep -c 'the turn to do so did not come' "$BATS_TEST_TMPDIR/log")" 3
    let_go
    wait "$first"
    store last 1
    same "$code" 201
    same "$(query 'SELECT group_concat(key) FROM (SELECT key FROM items ORDER BY version)')" first,last
}

@test "durability: a client that hangs up half-way stores nothing and holds nobody up" {
    installation
    new_user ann
    store some 1
    answer=$(printf '{"val' | env -i CUBBY_CONF="$conf" REQUEST_METHOD=PUT PATH_INFO=/some CONTENT_LENGTH=1000 \
        HTTP_AUTHORIZATION="$token" timeout 100 "$PROGRAMS/data" 2>>"$BATS_TEST_TMPDIR/log")
    case $answer in 'Status: 400 '*INCOMPLETE_BODY*) ;; *) fail "$answer" ;; esac
    read_value some
    same "$(jq -c .data.value <<<"$body")" 1
    # and one that does not wait for its answer: what was acknowledged to nobody is done all the same
    printf '{"value":2}' | env -i CUBBY_CONF="$conf" REQUEST_METHOD=PUT PATH_INFO=/some CONTENT_LENGTH=11 \
        HTTP_AUTHORIZATION="$token" "$PROGRAMS/data" 2>>"$BATS_TEST_TMPDIR/log" | true
    in_order
    cgi data PUT /some '{"value":3}'
    same "$code" 200
}

@test "durability: 200 at once are all answered" {
    # Each waits for all before it, as long as a slow disk makes that.
    installation 'busy_timeout = 60000'
    users 8
    timeout 280 "$LOAD" "$PROGRAMS/data" "$tokens" 200 1
    in_order
}

@test "durability: one who writes alone does not make the write-ahead log grow without end" {
    installation 'journal = wal'
    users 1
    "$LOAD" "$PROGRAMS/data" "$tokens" 1 300 0
    # Some 100 pages, and what the last write added; 300 writes are ten times as much.
    [ "$(stat -c %s "$database-wal")" -lt 1000000 ]
    in_order
}
