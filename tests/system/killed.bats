# A write is stopped before each of its system calls in turn: killed there, or told by the system that
# it can't be done. What was acknowledged stays, what was not is whole or not there at all, and the
# next request works without help.

load tool.bash

# The calls that change a file or a lock, and the answer. Not every machine has all of them (?).
changing='pwrite64 writev fdatasync ?fsync ?unlink ?unlinkat ?ftruncate ?ftruncate64 fcntl'
writing='pwrite64 fdatasync ?fsync ?unlink ?unlinkat ?ftruncate ?ftruncate64'

setup_file() {
    command -v strace >/dev/null
}

# injected CALL NUMBER WHAT PROGRAM METHOD PATH BODY: a request in which the NUMBER-th system call CALL
# gets WHAT. Leaves the answer as cgi does, $code empty when there is none that is whole, and
# in $struck whether there were as many.
injected() {
    local calls=$1 number=$2 what=$3 program=$4 plain=$PROGRAMS
    shift 4
    mkdir -p "$BATS_TEST_TMPDIR/programs"
    # strace ends as the program does, here by a signal
    printf '#!/bin/sh\nstrace -qq -o "%s" -e "trace=%s" -e "inject=%s:%s:when=%s" "%s"\nexit 0\n' \
        "$BATS_TEST_TMPDIR/trace" "$calls" "$calls" "$what" "$number" "$plain/$program" >"$BATS_TEST_TMPDIR/programs/stopped"
    chmod 755 "$BATS_TEST_TMPDIR/programs/stopped"
    PROGRAMS=$BATS_TEST_TMPDIR/programs
    cgi stopped "$@"
    PROGRAMS=$plain
    case $body in '{'*'}') ;; *) code='' ;; esac
    grep -q 'INJECTED\|killed by' "$BATS_TEST_TMPDIR/trace" && struck=yes || struck=no
}

# in_every_place CALLS WHAT WRITE: WRITE makes the request, by injected, and looks at what came of it.
in_every_place() {
    local call number
    place=0
    for call in $1; do
        struck=yes
        for ((number = 1; number < 200; number++)); do
            place=$((place + 1))
            misfit='' # who asks went_well may go on
            "$3" injected "$call" "$number" "$2"
            [ -z "$misfit" ] || fail "$call $number: $misfit"
            [ "$struck" = yes ] || break
        done
        [ "$struck" = no ] || fail "no end of $call"
    done
    # It is no proof when hardly anything was stopped.
    [ "$place" -gt "${least:-40}" ] || fail "only $place places"
    tool 0 check
}

# The next request is a reader or a writer.
next_request() {
    if [ $((place % 2)) = 0 ]; then
        cgi data PUT /other "{\"value\":$place}"
        same "$code" 200
    fi
}

value_of() { # KEY: the value, or nothing
    read_value "$1"
    case $code in
    200)
        body=${body#*\"value\":}
        echo "${body%%,*}"
        ;;
    404) ;;
    *) fail "place $place: $1" ;;
    esac
}

# went_well CODE: the answer was this one. May be none, or a refusal that the test expects; then
# nothing may have changed, unless answer and log say that this is unknown.
went_well() {
    refused=no
    [ "$code" = "$1" ] && return 0
    [ -n "$code" ] || return 1
    if [ "$code" = 503 ] && [[ $body == *'"It is not known whether this was done; read before you repeat it."'* ]]; then
        tail -n 1 "$BATS_TEST_TMPDIR/log" | grep -q 'may be done or not' || misfit="place $place: not in the log"
        unsure=$((unsure + 1))
    elif [ "$code" = "${refusal:-}" ]; then
        refused=yes
    else
        misfit="place $place: answered $code"
    fi
    return 1
}

# stays IS WANTED: of what was refused
stays() { [ "$refused" = no ] || [ "$1" = "$2" ] || fail "place $place: refused, but now $1, not $2"; }

updates() {
    local acknowledged=no after
    "$@" data PUT /kept "{\"value\":$place}"
    went_well 200 && acknowledged=yes
    next_request
    after=$(value_of kept)
    [ "$after" = "$place" ] || { [ "$acknowledged" = no ] && [ "$after" = "$((place - 1))" ]; } ||
        fail "place $place: is $after, acknowledged: $acknowledged"
    stays "$after" "$((place - 1))"
    cgi data PUT /kept "{\"value\":$place}"
    same "$code" 200
}

stores() {
    local acknowledged=no after
    "$@" data POST '' "{\"key\":\"new/$place\",\"value\":$place}"
    went_well 201 && acknowledged=yes
    next_request
    after=$(value_of "new/$place")
    [ "$after" = "$place" ] || { [ "$acknowledged" = no ] && [ -z "$after" ]; } || fail "place $place: is $after"
    stays "$after" ''
    store "new/$place" "$place"
    [ "$code" = "$([ -z "$after" ] && echo 201 || echo 400)" ] || fail "place $place: then"
}

deletes() {
    local acknowledged=no after
    store gone 1
    same "$code" 201
    "$@" data DELETE /gone ''
    went_well 200 && acknowledged=yes
    next_request
    after=$(value_of gone)
    [ -z "$after" ] || [ "$acknowledged" = no ] || fail "place $place: it is back"
    stays "$after" 1
    cgi data DELETE /gone ''
    [ "$code" = "$([ -n "$after" ] && echo 200 || echo 404)" ] || fail "place $place: then"
}

batches() {
    local acknowledged=no before after
    before=$(value_of one)
    "$@" batch POST '' '{"operations":[{"op":"increment","key":"one"},{"op":"increment","key":"two"}]}'
    went_well 200 && acknowledged=yes
    next_request
    after=$(value_of one)
    same "$(value_of two)" "$after"
    [ "$after" = "$((before + 1))" ] || { [ "$acknowledged" = no ] && [ "$after" = "$before" ]; } ||
        fail "place $place: $before became $after"
    stays "$after" "$before"
}

registers() {
    local acknowledged=no kept=$token name=user$place
    local person="{\"username\":\"$name\",\"email\":\"$name@example.org\",\"full_name\":\"Test User\",\"age\":30,\"gender\":\"female\",\"password\":\"$PASSWORD\"}"
    token=''
    "$@" register POST '' "$person"
    went_well 201 && acknowledged=yes
    token=$kept
    next_request
    login "$name"
    [ "$code" = 200 ] || { [ "$acknowledged" = no ] && [ "$code" = 401 ]; } || fail "place $place: no such user"
    [ "$code" = 200 ] && wanted=400 || wanted=201
    token=''
    cgi register POST '' "$person"
    same "$code" "$wanted"
    token=$kept
}

beginning() {
    installation "$@" 'register_limit = 0' 'login_limit_address = 0'
    new_user ann
    store kept 0
    store other 0
    store one 0
    store two 0
}

# killed WRITE: with either journal
killed() {
    beginning
    in_every_place "$changing" signal=KILL "$1"
    rm -rf "$home"
    beginning 'journal = wal'
    in_every_place "$changing" signal=KILL "$1"
}

@test "killed: an update, before each of its system calls" { killed updates; }

@test "killed: storing a value, before each of its system calls" { killed stores; }

@test "killed: a deletion, before each of its system calls" { killed deletes; }

@test "killed: a batch, before each of its system calls" { killed batches; }

@test "killed: a registration, before each of its system calls" { killed registers; }

# refused_everywhere ERROR STATUS JOURNAL WRITE…
refused_everywhere() {
    local error=$1 journal=$3
    least=8
    unsure=0
    refusal=$2
    shift 3
    for write; do
        rm -rf "${BATS_TEST_TMPDIR:?}/home"
        beginning "journal = $journal"
        in_every_place "$writing" "error=$error" "$write"
    done
    # The last flush of each write, and no other; of a log's, the head's too.
    [ "$unsure" = "$#" ] || { [ "$journal" = wal ] && [ "$unsure" -gt "$#" ]; } || fail "unsure $unsure times"
}

@test "refused: no room on the disk, at each system call of a write: 507 and nothing changed" {
    refused_everywhere ENOSPC 507 rollback updates stores deletes batches
}

@test "refused: no room left for this user, at each system call of a write: 507 and nothing changed" {
    refused_everywhere EDQUOT 507 rollback updates
}

@test "refused: a broken disk, at each system call of a write: 500 and nothing changed" {
    refused_everywhere EIO 500 rollback updates stores deletes batches
}

@test "refused: a medium that has become read-only, at each system call of a write: 503 and nothing changed" {
    refused_everywhere EROFS 503 rollback updates deletes
}

@test "refused: a full or broken disk with a write-ahead log" {
    refused_everywhere ENOSPC 507 wal updates
    refused_everywhere EIO 500 wal batches
}

@test "refused: locks that can't be taken or let go: a write that is done is not said to have failed" {
    least=8
    refusal=500
    for write in updates deletes batches; do
        rm -rf "${BATS_TEST_TMPDIR:?}/home"
        unsure=0
        beginning
        in_every_place fcntl error=EIO "$write"
        same "$unsure" 2 # one is lowered, two are let go at once
    done
}

# flushes METHOD PATH BODY: what a request does with the disk, one word each: the write of a
# (j)ournal, write-ahead (l)og or (d)atabase, the (F)lush of that or of their (f)older, the (u)nlinking of
# the journal, the (a)nswer. Repeated writes are one.
flushes() {
    injected 'open,openat,pwrite64,fdatasync,?fsync,?unlink,?unlinkat,writev' 1000 signal=KILL data "$@"
    # The number of a descriptor tells the file last opened as it.
    awk -v home="$home" '
        /^open/ {
            split($0, part, "\""); name = part[2]; file = $NF
            kind[file] = name ~ /-journal$/ ? "j" : name ~ /-wal$/ ? "l" : name ~ /cubby\.db$/ ? "d" : name == home ? "f" : ""
            next
        }
        { match($0, /\([0-9]+/); file = substr($0, RSTART + 1, RLENGTH - 1) }
        /^pwrite64/ && kind[file] != "" { said = said kind[file] }
        /^f(data)?sync/ { said = said (kind[file] == "f" ? "f" : "F" kind[file]) }
        /^unlink/ && /-journal"/ { said = said "u" }
        /^writev\(1/ { said = said "a" }
        END { gsub(/j+/, "j", said); gsub(/l+/, "l", said); gsub(/d+/, "d", said); print said }' "$BATS_TEST_TMPDIR/trace"
}

@test "flushed: journal and its name before the database, database before the journal goes, all before the answer" {
    beginning
    for write in 'PUT /kept {"value":1}' 'POST  {"key":"new","value":1}' 'DELETE /kept '; do
        IFS=' ' read -r method path body <<<"$write"
        [ "$method" != POST ] || { body=$path && path=''; }
        same "$(flushes "$method" "$path" "$body")" jFjfjFjdFdufa
    done
    rm -rf "$home"
    beginning 'journal = wal'
    same "$(flushes PUT /kept '{"value":1}')" lFlfa
}

# flushed_and_named WORD…: what the tool flushes and names, in that order, without the part of a path
# that all have.
flushed_and_named() {
    strace -f -qq -y -o "$BATS_TEST_TMPDIR/trace" \
        -e 'trace=fsync,fdatasync,?link,?linkat,?rename,?renameat,?renameat2,?mkdir,?mkdirat' "$TOOL" "$@" >/dev/null
    grep -v ' = -1 ' "$BATS_TEST_TMPDIR/trace" |
        sed -E -n "s|^[0-9]+ +||; s|$BATS_TEST_TMPDIR||g; s|-[0-9]+\\b|-N|g; s|[0-9TZ]+Z\\b|WHEN|
            s|^f(data)?sync\([0-9]+<([^>]*)>.*|flush \2|p
            s|^mkdirat\([0-9]+<([^>]*)>, \"([^\"/][^\"]*)\".*|make \1/\2|p
            s|^mkdir(at)?\([^\"]*\"([^\"]*)\".*|make \2|p
            s|^(link\|rename)at2?\(.*, [0-9]+<([^>]*)>, \"([^\"/][^\"]*)\".*|name \2/\3|p
            s|^(link\|rename).*\"([^\"]*)\".*\"([^\"]*)\".*|name \3|p"
}

# before FIRST THEN: both are lines of $said, the last FIRST above the last THEN
before() {
    local first second
    first=$(grep -n -x "$1" <<<"$said" | tail -n 1 | cut -d: -f1)
    second=$(grep -n -x "$2" <<<"$said" | tail -n 1 | cut -d: -f1)
    [ -n "$first" ] && [ -n "$second" ] && [ "$first" -lt "$second" ] || fail "not \"$1\" before \"$2\": $said"
}

@test "flushed: what the tool makes, before it has its name, and then the name" {
    installation
    sed -i "s|$home|$home/of/cubby|" "$conf"
    said=$(flushed_and_named init)
    before "make /home/of" "flush /home"
    before "name /home/of/cubby" "flush /home/of" # it was made under another name
    before "flush /home/of/cubby/cubby.db" "flush /home/of/cubby"
    before "flush /home/of/cubby/keys.json.new-N" "name /home/of/cubby/keys.json"
    before "name /home/of/cubby/keys.json" "flush /home/of/cubby"
    said=$(flushed_and_named key rotate)
    before "flush /home/of/cubby/keys.json.new-N" "name /home/of/cubby/keys.json"
    before "name /home/of/cubby/keys.json" "flush /home/of/cubby"
    mkdir "$BATS_TEST_TMPDIR/away"
    said=$(flushed_and_named backup "$BATS_TEST_TMPDIR/away/copy")
    before "flush /away/copy.new-N" "name /away/copy"
    before "name /away/copy" "flush /away"
    said=$(flushed_and_named restore --yes "$BATS_TEST_TMPDIR/away/copy")
    before "flush /home/of/cubby/cubby.db.restore-N-old" "name /home/of/cubby/cubby.db.before-restore-WHEN"
    before "name /home/of/cubby/cubby.db.before-restore-WHEN" "flush /home/of/cubby"
    said=$(flushed_and_named copy --to "$BATS_TEST_TMPDIR/away/store")
    before "flush /away/store.new-N" "name /away/store"
    before "name /away/store" "flush /away"
    printf 'no database' >"$home/of/cubby/cubby.db"
    said=$(flushed_and_named restore --yes "$BATS_TEST_TMPDIR/away/copy")
    before "flush /home/of/cubby/cubby.db.restore-N" "name /home/of/cubby/cubby.db"
    before "name /home/of/cubby/cubby.db" "flush /home/of/cubby"
}
