# Confined programs: what they must not do is stopped, what requests need is not, and a process that stays
# notices what it has given up.

load tool.bash
load loop.bash
load filters.bash

has() { case $1 in *"$2"*) ;; *) fail "\"$2\" is not in: $1" ;; esac; }

setup_file() {
    export FORBIDDEN=$root/build/test-tools
    # What the kernel of this machine offers decides what there is to see.
    offered=$("$TOOL" -c /dev/null check --json 2>/dev/null | jq -c .kernel_offers)
    export offered
}

teardown() {
    loops_stop
    [ -z "${listener:-}" ] || kill "$listener" 2>/dev/null || true # it may have ended
}

# confined LINE…: an installation with a folder beside that of the database, which nothing may be done in.
confined() {
    installation "${@:-sandbox = all}"
    beside=$BATS_TEST_TMPDIR/beside
    mkdir "$beside"
    plain=$home/plain
    : >"$plain"
    echo secret >"$beside/file"
    program=forbidden
}

# attempt WHAT [PATH]: what came of it, into $outcome.
attempt() {
    local answer
    answer=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= QUERY_STRING="try=$1&at=${2:-}" \
        REMOTE_ADDR=192.0.2.1 "$FORBIDDEN/$program" </dev/null 2>>"$BATS_TEST_TMPDIR/log")
    body=${answer#*$'\r\n\r\n'}
    outcome=$(jq -r '.data.outcome // .code' <<<"$body")
}

# ends_in OUTCOME WHAT [PATH]
ends_in() {
    attempt "$2" "${3:-}"
    [ "$outcome" = "$1" ] || fail "$2 ${3:-}: $outcome, not $1"
}

# Every attempt, by what has to come of it. With OUTCOME works for all of them the sandbox is off.
outside() { # FILES CALLS [WRITES]: the outcomes that Landlock and seccomp have to give
    ends_in "$1" read /etc/passwd
    ends_in "$1" read "$beside/file"
    ends_in "${3:-$1}" write "$beside/file"
    ends_in "${3:-$1}" create "$beside/new"
    ends_in "$1" append "$beside/file"
    ends_in "$1" read "$FORBIDDEN/$program"
    if [ "$2" != works ]; then
        ends_in "$2" folder "$beside/folder"
        ends_in "$2" rename "$beside/file"
        ends_in "$2" link "$beside/link"
        ends_in "$2" mode "$beside/file"
        ends_in "$2" execute /bin/true
        ends_in "$2" execute-memory
        ends_in "$2" make-code
        ends_in "$2" code
    fi
    [ "$2" != works ] || rm -f "$home/program"
    ends_in "$2" make-program "$home/program"
    ends_in "$2" temporary-program "$home"
    ends_in "$2" mark-program "$plain"
    ends_in "$2" close-folder "$home"
    log_is "$2"
    ends_in "$2" owner
    ends_in "$2" owner-signal
    ends_in "$2" owner-of-socket
    ends_in "$2" asynchronous
    ends_in "$2" duplicate
    ends_in "$2" fork
    ends_in "$2" limits
    ends_in "$2" socket
    ends_in "$2" trace
    ends_in "$2" dumpable
    ends_in "$2" signal
}

# log_is OUTCOME: of what standard error leads to, a log that others write too, whatever could undo a line.
log_is() {
    local before each
    echo 'a line of another' >>"$BATS_TEST_TMPDIR/log"
    before=$(cat "$BATS_TEST_TMPDIR/log")
    for each in rewind-log overwrite-log mode-of-log owner-of-log empty-log; do ends_in "$1" "$each"; done
    [ "$1" = works ] || case $(cat "$BATS_TEST_TMPDIR/log") in "$before"*) ;; *) fail 'lines are gone' ;; esac
}

# Each right over files, one by one: in the folder of the database only plain files can be made.
files() {
    ends_in "$1" read /etc/passwd
    ends_in "$1" read "$beside"
    ends_in "$1" write "$beside/file"
    ends_in "$1" truncate "$beside/file"
    ends_in "$1" create "$beside/new"
    ends_in "$1" make-file "$beside/made"
    ends_in "$1" rename "$beside/file"
    ends_in "$1" execute /bin/true
    ends_in "$1" execute "$home/true"
    ends_in "$1" remove-folder "$home/empty"
    ends_in "$1" folder "$home/folder"
    ends_in "$1" link "$home/link"
    ends_in "$1" fifo "$home/fifo"
    ends_in "$1" device "$home/device"
    ends_in "$1" block-device "$home/block"
    ends_in "$1" name "$home/name"
    [ ! -e "$beside/file" ] || ends_in "$1" remove "$beside/file"
}

# listens_tcp: somebody listens at a port of this machine, $port, and notes who comes in $came.
listens_tcp() {
    came=$BATS_TEST_TMPDIR/came
    python3 -c 'import socket
at = socket.create_server(("127.0.0.1", 0)); at.settimeout(600); print(at.getsockname()[1], flush=True); at.accept(); print("came", flush=True)' \
        >"$came" 3>&- 2>/dev/null &
    listener=$!
    eventually test -s "$came"
    port=$(head -n 1 "$came")
}

# listens NAME: somebody listens at an abstract address, which is told in $abstract.
listens() {
    abstract=cubby-$1-$$-$BATS_TEST_NUMBER
    python3 -c 'import socket, sys, time
at = socket.socket(socket.AF_UNIX); at.bind("\0" + sys.argv[1]); at.listen(); print(flush=True); time.sleep(600)' \
        "$abstract" >"$BATS_TEST_TMPDIR/listens" 3>&- &
    listener=$!
    eventually test -s "$BATS_TEST_TMPDIR/listens"
}

# within: what a program needs, and what no setting gives it.
within() {
    ends_in works read "$database"
    ends_in works read "$keys"
    ends_in works write "$database"
    ends_in works create "$home/new"
    ends_in works remove "$home/new"
}

@test "sandbox: the kernel of the tests offers both" {
    same "$offered" '["landlock","seccomp"]'
}

@test "sandbox: files outside, other calls, code and processes are out of a program's reach" {
    confined
    outside EACCES ENOSYS
    ends_in ENOSYS connect
    ends_in ENOSYS listen
    listens_tcp
    ends_in ENOSYS fast-open "$port"
    within
    ends_in ENOMEM memory
    ends_in ENOSYS shared-memory
    ends_in EFBIG size "$database"
    # nothing came of any of it
    same "$(cat "$beside/file") $(ls "$beside") $(stat -c %a "$beside/file")" 'secret file 644'
}

@test "sandbox: a program that only reads can change no file, the database neither" {
    confined
    program=forbidden-reader
    outside EACCES ENOSYS ENOSYS # the filter lets nothing be opened to write but as a log is
    ends_in works read "$database"
    ends_in ENOSYS write "$database"
    ends_in ENOSYS update "$database"
    ends_in EACCES append "$database"
    ends_in ENOSYS create "$home/new"
    ends_in ENOSYS remove "$keys"
    # and the rules for files, where no calls are filtered
    sed -i 's/^sandbox.*/sandbox = on/' "$conf"
    ends_in EACCES write "$database"
    ends_in EACCES update "$database"
    ends_in EACCES append "$database"
    ends_in EACCES write "$keys"
    ends_in EACCES create "$home/new"
    ends_in EACCES remove "$keys"
    sed -i 's/^sandbox.*/sandbox = all/' "$conf"
    # but where a journal lies there, it may have to roll back
    touch "$database-journal"
    ends_in works write "$database"
    ends_in works remove "$database-journal"
    # which is beside the file, where the database is a link to it
    mv "$database" "$beside/itself"
    ln -s "$beside/itself" "$database"
    touch "$beside/itself-journal"
    ends_in works write "$beside/itself"
    ends_in works remove "$beside/itself-journal"
    ends_in ENOSYS write "$beside/itself"
    rm "$database"
    mv "$beside/itself" "$database"
    # and so with a write-ahead log, whose shared memory every reader writes
    sed -i 's/^password_cost/journal = wal\n&/' "$conf"
    tool 0 migrate
    ends_in works write "$database"
}

@test "sandbox = off: all of it goes through, so it is the sandbox that stops it" {
    confined 'sandbox = off'
    outside works works
    attempt connect # nobody listens there
    same "$outcome" 'Connection refused'
    ends_in works listen
    listens abstract
    ends_in works abstract "$abstract"
    ends_in works limits
    ends_in works look-into
    for each in truncate:$beside/file remove:$beside/file folder:$beside/a remove-folder:$beside/a fifo:$home/b device:$home/c name:$home/d \
        block-device:$home/e make-file:$home/f ask-device:/dev/null; do
        ends_in works "${each%%:*}" "${each#*:}"
    done
    kill "$listener"
    wait "$listener" || true
    listens_tcp
    ends_in works fast-open "$port"
    eventually grep -q came "$came"
    within
    ends_in works memory
    ends_in works shared-memory
    same "$(jq -c .data.sandbox <<<"$body")" '[]'
    cgi health GET
    same "$(jq -c .data.sandbox <<<"$body")" '[]'
}

@test "sandbox: on, the default, is files and limits; a process for one request has all calls" {
    installation
    cgi health GET
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 ["landlock"]'
    logs=$BATS_TEST_TMPDIR/logs
    mkdir "$logs"
    confined 'sandbox = on' "log = $logs/log"
    mkdir "$home/empty"
    cp "$FORBIDDEN/forbidden" "$home/true" # static: no other file is needed to execute it
    files EACCES
    ends_in works truncate "$home/true"
    # the log is for writing at its end, and its folder is nobody's business
    ends_in works write "$logs/log"
    ends_in EACCES read "$logs/log"
    ends_in EACCES truncate "$logs/log"
    ends_in EACCES create "$logs/new"
    ends_in EACCES look-into
    within
    ends_in ENOMEM memory
    ends_in ENOMEM shared-memory
    ends_in EFBIG size "$database"
    ends_in works fork
    ends_in works code
    ends_in works make-program "$home/program"
    ends_in works mark-program "$home/program"
    # what no rule for files holds back, as the page says
    ends_in works mode "$beside/file"
    ends_in works close-folder "$home"
    log_is works
    # as far as this kernel has them in Landlock
    others_expected=works
    [ "$(jq .data.landlock <<<"$body")" -lt 6 ] || others_expected=EPERM
    listens abstract
    ends_in "$others_expected" abstract "$abstract"
    ends_in "$others_expected" signal
    if [ "$(jq .data.landlock <<<"$body")" -ge 4 ]; then
        ends_in EACCES listen
        ends_in EACCES connect
    fi
    # a device that may be written to, as a log may be, is asked nothing
    sed -i 's|^log = .*|log = /dev/null|' "$conf"
    [ "$(jq .data.landlock <<<"$body")" -lt 5 ] || others_expected=EACCES
    ends_in "$others_expected" ask-device /dev/null
}

@test "sandbox: on, all, off, and nothing else" {
    confined
    cgi health GET
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 ["landlock","seccomp"]'
    for bad in '' yes 1 ON landlock; do
        sed -i '/^sandbox/d' "$conf"
        echo "sandbox = $bad" >>"$conf"
        cgi health GET
        same "$code" 500
        tail -n 1 "$BATS_TEST_TMPDIR/log" | grep -q 'sandbox must be one of: on all off' || fail "$(tail -n 1 "$BATS_TEST_TMPDIR/log")"
    done
}

@test "sandbox: keys, database and log elsewhere, and behind symbolic links" {
    installation 'sandbox = all'
    mkdir -p "$BATS_TEST_TMPDIR/keys" "$BATS_TEST_TMPDIR/logs" "$BATS_TEST_TMPDIR/disk" "$BATS_TEST_TMPDIR/more"
    mv "$keys" "$BATS_TEST_TMPDIR/keys/k.json"
    ln -s "$BATS_TEST_TMPDIR/keys/k.json" "$keys"
    mv "$database" "$BATS_TEST_TMPDIR/disk/data.db"
    ln -s "$BATS_TEST_TMPDIR/disk/data.db" "$database"
    ln -s "$BATS_TEST_TMPDIR/logs/log" "$BATS_TEST_TMPDIR/more/log"
    echo "log = $BATS_TEST_TMPDIR/more/log" >>"$conf"
    new_user ann
    store a 1
    same "$code" 201
    cgi data PUT /a '{"value":2}'
    same "$code" 200
    cgi me GET /export
    same "$code" 200
    cgi data GET /a
    same "$(jq -c .data.value <<<"$body")" 2
    grep -q '"event":"login"' "$BATS_TEST_TMPDIR/logs/log"
    # a log that is not there yet, is a device, or a pipe
    rm "$BATS_TEST_TMPDIR/logs/log" "$BATS_TEST_TMPDIR/more/log"
    login ann
    same "$(stat -c %a "$BATS_TEST_TMPDIR/more/log")" 600
    grep -q '"event":"login"' "$BATS_TEST_TMPDIR/more/log"
    sed -i 's|^log = .*|log = /dev/full|' "$conf"
    login ann
    same "$code" 200
    tail -n 1 "$BATS_TEST_TMPDIR/log" | grep -q '"event":"login"'
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    sed -i "s|^log = .*|log = $BATS_TEST_TMPDIR/pipe|" "$conf"
    exec 6<>"$BATS_TEST_TMPDIR/pipe"
    login ann
    same "$code" 200
    read -r -t 100 line <&6
    exec 6>&-
    has "$line" '"event":"login"'
}

@test "sandbox: a limit that is lower already stays" {
    confined
    attempt() { # with 8 MB of processor... the limits of the shell that starts it
        answer=$(ulimit -v 200000; ulimit -f 100; env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= \
            QUERY_STRING="try=$1&at=${2:-}" "$FORBIDDEN/$program" </dev/null 2>>"$BATS_TEST_TMPDIR/log")
        body=${answer#*$'\r\n\r\n'}
        outcome=$(jq -r '.data.outcome // .code' <<<"$body")
    }
    ends_in ENOMEM memory
    ends_in EFBIG size "$database"
    cgi() {
        answer=$(ulimit -S -f 100; ulimit -S -t 50; env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= \
            strace -qq -o "$BATS_TEST_TMPDIR/calls" -e trace=prlimit64 "$PROGRAMS/health" </dev/null)
    }
    cgi
    # the last word on each is the one of the shell
    grep FSIZE "$BATS_TEST_TMPDIR/calls" | tail -n 1 | grep -q 'RLIMIT_FSIZE, {rlim_cur=100\*1024, .*}, NULL) = 0'
    grep CPU "$BATS_TEST_TMPDIR/calls" | tail -n 1 | grep -q 'RLIMIT_CPU, {rlim_cur=50, .*}, NULL) = 0'
}

@test "sandbox: a kernel without one of them, or without both, goes on" {
    confined
    # as such kernels answer
    without() { # CALL=ERROR…: into $code and $body
        local options=() each
        for each; do options+=(-e "inject=${each%=*}:error=${each#*=}"); done
        answer=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= strace -qq -o /dev/null "${options[@]}" "$PROGRAMS/health" </dev/null)
        code=${answer#Status: }
        code=${code%% *}
        body=${answer#*$'\r\n\r\n'}
    }
    without landlock_create_ruleset=ENOSYS
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 ["seccomp"]'
    without landlock_create_ruleset=EOPNOTSUPP
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 ["seccomp"]'
    without landlock_restrict_self=EPERM
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 ["seccomp"]'
    without seccomp=ENOSYS
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 ["landlock","seccomp"]' # by prctl
    without seccomp,prctl=EINVAL
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 []'
    without seccomp,prctl,landlock_create_ruleset=ENOSYS
    same "$code $(jq -c .data.sandbox <<<"$body")" '200 []'
    # an older Landlock: the first attempt with all rights is refused, the next one is not
    answer=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= strace -qq -o "$BATS_TEST_TMPDIR/calls" \
        -e trace=landlock_create_ruleset -e inject=landlock_create_ruleset:error=E2BIG:when=1 "$PROGRAMS/health" </dev/null)
    same "$(jq -c .data.sandbox <<<"${answer#*$'\r\n\r\n'}")" '["landlock","seccomp"]'
    same "$(wc -l <"$BATS_TEST_TMPDIR/calls")" 3
}

@test "sandbox: the filter decides about each system call of this processor as the list says" {
    filters_decide_as_listed "$root/build/generated/common/sandbox/filters.h" x86_64 musl
}

@test "sandbox: with the data in a server the network is left, files for reading, and all calls but the worst" {
    both=$root/build/postgresql
    filters_decide_as_listed "$both/generated/common/sandbox/filters.h" x86_64 glibc
    installation 'sandbox = all'
    sed -i 's|^database = .*|database = postgresql://nobody@127.0.0.1:1/none|' "$conf"
    answer=$(env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO= strace -qq -o "$BATS_TEST_TMPDIR/calls" \
        "$both/cgi-bin/health" </dev/null 2>>"$BATS_TEST_TMPDIR/log")
    same "$(jq -c '[.code, .data.sandbox]' <<<"${answer#*$'\r\n\r\n'}")" '["SERVICE_UNAVAILABLE",["landlock","seccomp"]]'
    # what it calls afterwards is not refused: it did try to connect
    same "$(grep -c 'landlock_add_rule' "$BATS_TEST_TMPDIR/calls")" 2
    same "$(grep 'landlock_add_rule' "$BATS_TEST_TMPDIR/calls" | grep -c 'allowed_access=LANDLOCK_ACCESS_FS_READ_FILE|LANDLOCK_ACCESS_FS_READ_DIR, parent_fd')" 1
    sed '1,/^seccomp(/d' "$BATS_TEST_TMPDIR/calls" >"$BATS_TEST_TMPDIR/after"
    grep -qE '^connect\(.*htons\(1\).*= -1 E(INPROGRESS|CONNREFUSED)' "$BATS_TEST_TMPDIR/after" || fail "$(tail -n 30 "$BATS_TEST_TMPDIR/after")"
    ! grep -nE '= -1 (ENOSYS|EACCES)' "$BATS_TEST_TMPDIR/after" || fail 'something is refused'
}

@test "sandbox: with the data in a server Kerberos may have its settings in a whole folder" {
    confined
    listens_tcp
    printf 'includedir %s\n' "$beside" >"$home/krb5.conf"
    printf '[libdefaults]\ndefault_realm = EXAMPLE.ORG\n' >"$beside/realm"
    sed -i "s|^database = .*|database = postgresql://nobody@127.0.0.1:$port/none?gssencmode=require|" "$conf"
    env -i CUBBY_CONF="$conf" KRB5_CONFIG="$home/krb5.conf" REQUEST_METHOD=GET PATH_INFO= strace -qq -o "$BATS_TEST_TMPDIR/calls" \
        "$root/build/postgresql/cgi-bin/health" </dev/null >/dev/null 2>>"$BATS_TEST_TMPDIR/log"
    sed '1,/^seccomp(/d' "$BATS_TEST_TMPDIR/calls" >"$BATS_TEST_TMPDIR/after"
    grep -qE "^openat\\(.*$beside/realm\".* = [0-9]+\$" "$BATS_TEST_TMPDIR/after" || fail "$(grep krb5 "$BATS_TEST_TMPDIR/after")"
}

@test "sandbox: cubby check says what the kernel offers, whatever the settings say" {
    confined
    tool 0 check
    has "$output" 'sandbox: Landlock offered by this kernel, seccomp offered'
    sed -i 's/^sandbox.*/sandbox = off/' "$conf"
    tool 0 check
    has "$output" 'switched off by the settings'
    tool 0 check --json
    same "$(of '.kernel_offers | tojson')" '["landlock","seccomp"]'
    output=$(strace -qq -o /dev/null -e inject=landlock_create_ruleset,prctl:error=ENOSYS "$TOOL" check)
    has "$output" 'sandbox: Landlock not offered, seccomp not offered'
}

@test "sandbox: programs that stay are confined likewise, and to what they need for that" {
    confined 'sandbox = on'
    LOOP_PROGRAMS=$FORBIDDEN loop_start forbidden
    attempt() {
        answer=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= QUERY_STRING="try=$1&at=${2:-}" \
            "$BATS_TEST_TMPDIR/asking/forbidden" </dev/null 2>>"$BATS_TEST_TMPDIR/log")
        body=${answer#*$'\r\n\r\n'}
        outcome=$(jq -r '.data.outcome // .code' <<<"$body")
    }
    outside EACCES ENOSYS
    ends_in ENOSYS connect
    ends_in ENOSYS listen
    within
    ends_in ENOMEM memory
    ends_in ENOSYS shared-memory
    ends_in EFBIG size "$database"
    same "$(jq -c .data.sandbox <<<"$body")" '["landlock","seccomp"]'
    loops_stop
    # over TCP the socket itself could become a connection
    LOOP_TCP=1 LOOP_PROGRAMS=$FORBIDDEN loop_start forbidden
    ends_in ENOSYS option
    ends_in ENOSYS shut-down
    listens_tcp
    ends_in ENOSYS fast-open "$port"
    ends_in works read "$database" # it still listens
    ! grep -q came "$came" || fail 'a program that stays has connected'
}

# confined_already PID: 0 or 1 (no new privileges), then 0 or 2 (a filter of system calls)
confined_already() { awk '/^NoNewPrivs:/ {printf "%s ", $2} /^Seccomp:/ {print $2}' "/proc/$1/status"; }

is_confined() { [ "$(confined_already "$1")" = "$2" ]; }

@test "sandbox: a process that stays is confined before it takes a request, if its environment names the settings" {
    installation
    loop_start health
    eventually is_confined "$loop_health" '1 2'
    grep -q 'Max cpu time  *36[0-9][0-9] ' "/proc/$loop_health/limits" || fail "$(cat "/proc/$loop_health/limits")"
    ask health GET
    answered 200
    same "$(jq -c .data.sandbox <<<"$body")" '["landlock","seccomp"]'
    # settings that nobody can read yet: the first request tells, and the first that finds them confines it
    mv "$conf" "$conf.away"
    loop_start data
    ask data GET /a
    answered 500
    same "$(confined_already "$loop_data")" '0 0'
    mv "$conf.away" "$conf"
    ask data GET /a
    answered 401
    same "$(confined_already "$loop_data")" '1 2'
    # those that only requests name
    LOOP_CONF='' loop_start me
    sleep 0.3
    same "$(confined_already "$loop_me")" '0 0'
    ask me GET
    answered 401
    same "$(confined_already "$loop_me")" '1 2'
    # one that was never asked does not end for its age
    echo 'loop_lifetime = 1' >>"$conf"
    loop_start token
    sleep 1.5
    ! process_gone "$loop_token" || fail 'it ended without a request'
}

@test "sandbox: where environment and web server name the settings differently, nobody is served by the wrong ones" {
    installation
    new_user ann
    sed "s|$home|$home/other|" "$conf" >"$conf.other"
    CUBBY_CONF=$conf.other "$TOOL" init >/dev/null
    ln "$conf" "$conf.again"
    ln -s "$conf" "$conf.link"
    loop_start data
    eventually is_confined "$loop_data" '1 2'
    # the same file by another name, and none: before others were read, and after
    for name in "$BATS_TEST_TMPDIR/./cubby.conf" "$conf.again" "$conf.link" '' "$conf"; do
        CUBBY_CONF=$name ask data GET /a
        answered 404
    done
    ! process_gone "$loop_data" || fail 'it ended'
    # another file, one that is not there, and a link that leads to another meanwhile
    for name in "$conf.other" "$conf.none" "$conf.link"; do
        ln -sfn "$conf.other" "$conf.link"
        CUBBY_CONF=$name ask data GET /a
        answered 503 SERVICE_UNAVAILABLE
        tail -n 1 "$BATS_TEST_TMPDIR/log" | grep -q 'the request names other settings' || fail "$(tail -n 1 "$BATS_TEST_TMPDIR/log")"
        ends "$loop_data"
        loop_start data
        eventually is_confined "$loop_data" '1 2'
    done
    # one whose environment names none is confined by the first request: an empty name is that of the usual file
    loops_stop
    LOOP_CONF='' loop_start data
    CUBBY_CONF=$conf.other ask data GET /a
    answered 401
    CUBBY_CONF='' ask data GET /a
    answered 503 SERVICE_UNAVAILABLE
    ends "$loop_data"
}

# beside_it MODE: the write-ahead log has it, and its index; a process that has nothing to do takes both along
beside_it() {
    ask data GET "/$journal-$mode"
    [ "$(stat -c %a "$database-wal" "$database-shm" | sort -u)" = "$1" ]
}

@test "sandbox: beside a database that can be executed, as a whole folder's mode was set, nothing is refused" {
    installation 'sandbox = all' 'audit_rows = 100'
    new_user ann
    umask 077 # it counts for none of what lies beside the database
    for journal in rollback wal; do
        sed -i '/^journal/d' "$conf"
        echo "journal = $journal" >>"$conf"
        tool 0 migrate
        for mode in 770 711 700; do
            rm -f "$database-wal" "$database-shm"
            chmod "$mode" "$database"
            store "$journal-$mode" 1
            same "$code" 201
            cgi data GET "/$journal-$mode"
            same "$code" 200
            loop_start data
            eventually is_confined "$loop_data" '1 2'
            ask data PUT "/$journal-$mode" '{"value":2}'
            answered 200
            # what lies beside it has its mode, but for that
            [ "$journal" != wal ] || eventually beside_it "$(printf %o $((0$mode & 0666)))" || fail "$(ls -l "$home")"
            kill -TERM "$loop_data"
            ends "$loop_data"
        done
    done
    same "$(stat -c %a "$database")" 700
}

@test "sandbox: files that the web server had open are closed" {
    confined 'sandbox = on'
    exec 7<"$beside/file"
    ends_in 'Bad file descriptor' inherited 7
    LOOP_PROGRAMS=$FORBIDDEN loop_start forbidden
    PROGRAM_OF=$BATS_TEST_TMPDIR/asking
    answer=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= QUERY_STRING='try=inherited&at=7' "$PROGRAM_OF/forbidden" </dev/null)
    exec 7<&-
    same "$(sed '1,/^\r$/d' <<<"$answer" | jq -r .data.outcome)" 'Bad file descriptor'
}

# an_hour_each: the process of `token` has one; and another one when a request comes after it has worked for a second
an_hour_each() {
    local left
    hour_left
    prlimit --pid "$loop_token" --cpu=50:unlimited
    for _ in $(seq 60); do
        ask token POST '' '{"username":"nobody","password":"Password-1"}'
        answered 401
        left=$(prlimit --pid "$loop_token" --cpu --noheadings --output SOFT)
        [ "$left" -eq 50 ] || break
    done
    hour_left
}

hour_left() {
    local left
    left=$(prlimit --pid "$loop_token" --cpu --noheadings --output SOFT)
    [ "$left" != unlimited ] && [ "$left" -ge 3600 ] && [ "$left" -le 3620 ] || fail "$left seconds"
}

@test "sandbox: each request of a process that stays has an hour of processor time" {
    installation 'login_limit_account = 0' 'login_limit_address = 0'
    sed -i 's/^password_cost.*/password_cost = 6/' "$conf"
    loop_start token
    eventually is_confined "$loop_token" '1 2'
    an_hour_each
    # by a kernel that has neither Landlock nor filters too
    mkdir "$BATS_TEST_TMPDIR/old"
    printf '#!/bin/sh\nexec strace -D -qq -o /dev/null -e inject=landlock_create_ruleset,seccomp:error=ENOSYS %s "%s/token"\n' \
        '-e inject=prctl:error=EINVAL:when=3+' "$PROGRAMS" >"$BATS_TEST_TMPDIR/old/token"
    chmod 755 "$BATS_TEST_TMPDIR/old/token"
    LOOP_PROGRAMS=$BATS_TEST_TMPDIR/old loop_start token
    ask token POST '' '{"username":"nobody","password":"Password-1"}'
    answered 401
    same "$(confined_already "$loop_token")" '1 0'
    an_hour_each
    # its limits are those of its settings, and can't be raised: when they change it ends, as confined ones do
    before=$(prlimit --pid "$loop_token" --as --noheadings --output SOFT)
    echo 'max_import_bytes = 1073741824' >>"$conf"
    LOOP_PROGRAMS=$BATS_TEST_TMPDIR/old made_anew token
    ask token POST '' '{"username":"nobody","password":"Password-1"}'
    answered 401
    same "$(confined_already "$loop_token")" '1 0'
    [ "$(prlimit --pid "$loop_token" --as --noheadings --output SOFT)" -gt $((before + (3 << 30))) ] || fail "$before"
}

@test "sandbox: a lower soft limit of processor time stays that of each request of a process that stays" {
    local used
    installation 'login_limit_account = 0' 'login_limit_address = 0'
    sed -i 's/^password_cost.*/password_cost = 6/' "$conf"
    mkdir "$BATS_TEST_TMPDIR/bounded"
    bounded() { # SOFT[:HARD]: started with these
        printf '#!/bin/sh\nexec prlimit --cpu=%s "%s/token"\n' "$1" "$PROGRAMS" >"$BATS_TEST_TMPDIR/bounded/token"
        chmod 755 "$BATS_TEST_TMPDIR/bounded/token"
        LOOP_PROGRAMS=$BATS_TEST_TMPDIR/bounded loop_start token
        eventually is_confined "$loop_token" '1 2'
    }
    soft() { prlimit --pid "$loop_token" --cpu --noheadings --output SOFT | tr -d ' '; }
    bounded 50:unlimited
    same "$(soft)" 50
    # It rises by the seconds that the process has used, the one that has begun among them, and no more.
    for _ in $(seq 60); do
        ask token POST '' '{"username":"nobody","password":"Password-1"}'
        answered 401
        [ "$(soft)" -le 51 ] || break
    done
    used=$(awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) / tick) }' "/proc/$loop_token/stat")
    [ "$used" -ge 1 ] || fail 'it did not work long enough'
    [ "$(soft)" -gt 51 ] && [ "$(soft)" -le $((51 + used)) ] || fail "$(soft) after $used"
    # one of a single second is not used up by the requests before
    bounded 1:unlimited
    before=$loop_token
    until [ "$(soft)" -gt 3 ]; do
        ask token POST '' '{"username":"nobody","password":"Password-1"}'
        answered 401
    done
    [ -d "/proc/$before" ]
    # and never above the hard one
    bounded 50:51
    for _ in $(seq 60); do
        ask token POST '' '{"username":"nobody","password":"Password-1"}'
        answered 401
        [ "$(soft)" -eq 50 ] || break
    done
    same "$(soft)" 51
}

@test "sandbox: the size of a file is bounded by that of the database, behind a link and without Landlock too" {
    confined
    most() { # WORD…: the limit that the program gets
        env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= strace -qq -o "$BATS_TEST_TMPDIR/calls" "$@" "$PROGRAMS/health" </dev/null >/dev/null
        sed -n 's/.*RLIMIT_FSIZE, {rlim_cur=\([^,]*\),.*/\1/p' "$BATS_TEST_TMPDIR/calls" | head -n 1
    }
    size=$(stat -c %s "$database")
    same "$((size % 1024))" 0
    expected="$(((1 << 30) + size / 1024))*1024"
    same "$(most)" "$expected"
    same "$(most -e inject=landlock_create_ruleset:error=ENOSYS)" "$expected"
    mv "$database" "$beside/itself"
    ln -s "$beside/itself" "$database"
    same "$(most)" "$expected"
    same "$(most -e inject=landlock_create_ruleset:error=ENOSYS)" "$expected"
    ends_in EFBIG size "$database"
}

@test "sandbox: a process that stays ends before a request for other files, and answers none from them" {
    installation
    new_user ann
    loop_start data
    ask data GET /a
    answered 404
    # other settings, a log that was moved away, another folder of the database: each time it makes place
    echo "log = $BATS_TEST_TMPDIR/the-log" >>"$conf"
    made_anew data
    ask data GET /a
    answered 404
    mv "$BATS_TEST_TMPDIR/the-log" "$BATS_TEST_TMPDIR/the-log.1"
    made_anew data
    ask data GET /a
    answered 404
    [ -e "$BATS_TEST_TMPDIR/the-log" ]
    cp -a "$home" "$home.copy"
    mv "$home" "$home.old"
    mv "$home.copy" "$home"
    made_anew data
    ask data GET /a
    answered 404
    # keys in a folder of their own, which are rotated
    mkdir "$BATS_TEST_TMPDIR/keys"
    mv "$keys" "$BATS_TEST_TMPDIR/keys/"
    sed -i "s|^keys = .*|keys = $BATS_TEST_TMPDIR/keys/keys.json|" "$conf"
    made_anew data
    ask data GET /a
    answered 404
    tool 0 key rotate
    made_anew data
    ask data GET /a
    answered 404
    # another list of refused passwords
    echo Password-1 >"$BATS_TEST_TMPDIR/refused"
    echo "refused_passwords = $BATS_TEST_TMPDIR/refused" >>"$conf"
    made_anew data
    ask data GET /a
    answered 404
    echo Password-2 >"$BATS_TEST_TMPDIR/refused.new"
    mv "$BATS_TEST_TMPDIR/refused.new" "$BATS_TEST_TMPDIR/refused"
    made_anew data
    ask data GET /a
    answered 404
    # a request that names other settings, as no server does by itself
    sed "s|$home|$home/three|" "$conf" >"$conf.other"
    CUBBY_CONF=$conf.other "$TOOL" init >/dev/null
    CUBBY_CONF=$conf.other ask data GET /a
    answered 503
    ends "$loop_data"
}

@test "sandbox: with a slow disk, keys, hashes, exports, imports and long waits nothing is refused" {
    installation 'audit_rows = 100' 'journal = wal' 'sandbox = all'
    new_user ann
    for program in batch changes data health keys me register reset token; do
        mkdir -p "$BATS_TEST_TMPDIR/traced"
        printf '#!/bin/sh\nexec strace -f -qq -A -o "%s" -e trace=all "%s"\n' "$BATS_TEST_TMPDIR/trace" "$PROGRAMS/$program" \
            >"$BATS_TEST_TMPDIR/traced/$program"
        chmod 755 "$BATS_TEST_TMPDIR/traced/$program"
    done
    PROGRAMS=$BATS_TEST_TMPDIR/traced
    new_user bob
    store a 1
    cgi data PUT /a '{"value":2}'
    same "$code" 200
    cgi data GET /a
    cgi batch POST '' '{"operations":[{"op":"create","key":"b","value":1}]}'
    same "$code" 200
    cgi me GET /export
    same "$code" 200
    printf '%s' "$body" >"$BATS_TEST_TMPDIR/export"
    cgi me POST /import '{"items":[{"key":"l","value":1}]}'
    same "$code" 200
    cgi keys POST '' '{"name":"phone","scope":"read"}'
    same "$code" 201
    device=$(jq -r .data.token <<<"$body")
    before=$token
    token=$device
    cgi data GET /a
    same "$code" 200
    token=$before
    QUERY_STRING='' cgi changes GET
    cgi me PUT /password "{\"password\":\"$PASSWORD\",\"new_password\":\"Other-1234\"}"
    cgi health GET
    same "$code" 200
    # no call of any of them was refused by the filter, nor a file by a rule
    ! grep -nE '= -1 (ENOSYS|EACCES)' "$BATS_TEST_TMPDIR/trace" || fail 'something is refused'
    [ "$(grep -c '^[0-9]* *exit_group\|exit_group' "$BATS_TEST_TMPDIR/trace")" -ge 10 ]
}
