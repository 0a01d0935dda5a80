#!/usr/bin/env bats
# The journal and the medium: a write-ahead log only where it can be carried, a way back where it can't.

load tool

setup() {
    note_test_alone
    installation
    # The tool and the programs as on a medium without shared writable mappings.
    poor=$root/build/test-tools/no_shared_maps
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$poor" "$TOOL" >"$BATS_TEST_TMPDIR/poor-cubby"
    mkdir "$BATS_TEST_TMPDIR/poor"
    for program in data health; do
        printf '#!/bin/sh\nexec "%s" "%s"\n' "$poor" "$PROGRAMS/$program" >"$BATS_TEST_TMPDIR/poor/$program"
    done
    chmod 755 "$BATS_TEST_TMPDIR/poor-cubby" "$BATS_TEST_TMPDIR/poor"/*
}

# there STATUS WORD…: as tool, on the poor medium.
there() { TOOL=$BATS_TEST_TMPDIR/poor-cubby tool "$@"; }

# cgi_there PROGRAM METHOD [PATH [BODY]]: as cgi, on the poor medium.
cgi_there() { PROGRAMS=$BATS_TEST_TMPDIR/poor cgi "$@"; }

journal() {
    sed -i '/^journal =/d' "$conf"
    echo "journal = $1" >>"$conf"
}

sums() { sha256sum "$home"/*; }

# locked_in: a database with a log, part of the data in it, as after a switch that nobody refused.
locked_in() {
    journal wal
    tool 0 migrate
    new_user ann
    store k '"in the log"'
    [ -s "$database-wal" ]
}

UNFIT="can't carry"

@test "medium: the poor one is one: SQLite can't open a log there" {
    locked_in
    run "$poor" sqlite3 "$database" 'SELECT 1 FROM users'
    [ "$status" != 0 ] || fail 'opened'
    cgi_there health GET
    same "$code" 503
}

@test "init: refuses journal = wal where the medium can't carry it, and makes nothing" {
    rm -rf "$home"
    journal wal
    for words in 'init' "init --owner $(id -un)"; do
        # shellcheck disable=SC2086 # words
        there 1 $words
        said "$UNFIT journal = wal"
        said 'No such device'
        said 'set journal = rollback'
        [ ! -e "$home" ] || fail 'made something'
        same "$(find "$BATS_TEST_TMPDIR" -name '*.new-*')" ''
    done
    # In a folder that is there, too.
    mkdir -m 700 "$home"
    there 1 init
    same "$(ls -A "$home")" ''
    journal rollback
    there 0 init
    there 0 check
    # Where it can be carried, it is.
    rm -rf "$home"
    journal wal
    tool 0 init
    same "$(query 'PRAGMA journal_mode')" wal
    # Not even a file can be made.
    sed -i "s|^database = .*|database = /sys/cubby/cubby.db|" "$conf"
    tool 1 init
    said 'no file can be made in /sys'
}

@test "migrate: refuses a switch to the log there, and changes nothing" {
    journal wal
    before=$(sums)
    there 1 migrate
    said "$UNFIT journal = wal"
    said 'nothing was changed'
    same "$(sums)" "$before"
    # Nor does it migrate the schema.
    : >"$database"
    there 1 migrate
    [ ! -s "$database" ] || fail 'migrated'
    tool 0 migrate
    same "$(query 'PRAGMA journal_mode')" wal
}

@test "migrate: brings a locked-in database back, with all that its log holds" {
    locked_in
    before=$(sums)
    # Not while the settings want the log.
    there 1 migrate
    said 'set journal = rollback'
    same "$(sums)" "$before"
    journal rollback
    there 0 migrate
    case $output in *'its journal is rollback now') ;; *) fail 'not told' ;; esac
    same "$(find "$home" -name 'cubby.db*' ! -name '*-hashes' | wc -l)" 1
    there 0 check
    cgi_there data GET /k
    same "$code $(jq -r .data.value <<<"$body")" '200 in the log'
    cgi_there data PUT /k '{"value":2}'
    same "$code" 200
    there 0 migrate --json
    same "$(of '[.journal, .migrated] | tojson')" '["rollback",false]'
}

@test "migrate: a locked-in database of a newer schema stays as it is" {
    locked_in
    query 'PRAGMA user_version = 99'
    journal rollback
    there 1 migrate
    said 'schema 99'
    same "$(query 'PRAGMA journal_mode')" wal
}

@test "check: says that the medium can't carry the journal that is there, or that is wanted" {
    for wanted in rollback wal; do
        rm -rf "$home"
        journal rollback
        tool 0 init
        locked_in
        journal $wanted
        there 1 check
        said "$database: its journal is wal, which its medium $UNFIT: "
        said 'set journal = rollback and run "cubby migrate"'
        there 1 check --json
        same "$(of '[.problems | length, .[0].where, .[0].remedy] | tojson')" \
            "[1,\"$database\",\"set journal = rollback and run \\\"cubby migrate\\\"\"]"
    done
    journal rollback
    there 0 migrate
    journal wal
    there 1 check
    said "$database: the settings say wal, which its medium $UNFIT: "
    there 1 check --json
    same "$(of '[.problems | length, .[0].remedy] | tojson')" '[1,"set journal = rollback"]'
    # Nothing of the attempts is left.
    same "$(find "$home" -name '*.new-*')" ''
    # Whatever else is wrong is told as well.
    journal wal
    tool 0 migrate
    query 'DELETE FROM users'
    there 1 check
    said "$UNFIT"
    said 'cubby gc --recount'
}

@test "commands: one that can't open the database says why" {
    locked_in
    echo "$PASSWORD" >"$BATS_TEST_TMPDIR/password"
    for words in stats 'user list' 'user show ann' gc "backup $BATS_TEST_TMPDIR/backup" export 'user disable ann'; do
        # shellcheck disable=SC2086 # words
        there 1 $words
        said "its journal is wal, which its medium $UNFIT: "
        said 'set journal = rollback and run "cubby migrate"'
    done
    run --separate-stderr "$BATS_TEST_TMPDIR/poor-cubby" user add bob --email bob@example.org --full-name Bob \
        --age 30 --gender male --password-stdin <"$BATS_TEST_TMPDIR/password"
    same "$status" 1
    said "its journal is wal, which its medium $UNFIT: "
    # Of a file that is broken otherwise nothing of the kind is said.
    journal rollback
    there 0 migrate
    printf 'this is no database, whatever its name says' >"$database"
    there 1 stats
    case $stderr in *"$UNFIT"*) fail 'blames the medium' ;; esac
}

@test "restore: refuses the log there, and puts a backup in the place of a locked-in database" {
    new_user ann
    store k '"backed up"'
    tool 0 backup "$BATS_TEST_TMPDIR/backup"
    # A copy of a file that kept a log, made by hand.
    cp "$BATS_TEST_TMPDIR/backup" "$BATS_TEST_TMPDIR/by-hand"
    sqlite3 "$BATS_TEST_TMPDIR/by-hand" 'PRAGMA journal_mode = wal' >"$BATS_TEST_TMPDIR/mode"
    journal wal
    before=$(sums)
    there 1 restore --yes "$BATS_TEST_TMPDIR/backup"
    said "$UNFIT journal = wal"
    same "$(sums)" "$before"
    for file in backup by-hand; do
        rm -rf "$home"
        journal rollback
        tool 0 init
        journal wal
        tool 0 migrate
        new_user bob
        journal rollback
        there 0 restore --yes "$BATS_TEST_TMPDIR/$file"
        there 0 migrate
        there 0 check
        there 0 user show ann
        # What was there is kept, as one file.
        kept=$(find "$home" -name '*.before-restore-*')
        same "$(sqlite3 "$kept" 'SELECT username FROM users; PRAGMA journal_mode')" $'bob\ndelete'
    done
    # There is no database, or none any more.
    for wreck in absent wreck; do
        rm -f "$database"*
        [ $wreck = absent ] || { printf 'no database' >"$database" && chmod 600 "$database"; }
        there 0 restore --yes "$BATS_TEST_TMPDIR/by-hand"
        there 0 check
    done
    # Where the log can be carried, the settings hold.
    rm "$database"
    journal wal
    tool 0 restore --yes "$BATS_TEST_TMPDIR/backup"
    same "$(query 'PRAGMA journal_mode')" wal
    tool 0 check
}

@test "check: warns of a folder in memory, which is no problem" {
    folder=$(mktemp -d /dev/shm/cubby-medium.XXXXXX)
    same "$(stat -f -c %T "$folder")" tmpfs
    for place in "$folder" "$root/build"; do
        kind=$(stat -f -c %T "$place")
        rm -rf "$place/medium-test"
        mkdir -m 700 "$place/medium-test"
        ln -sfn "$place/medium-test" "$BATS_TEST_TMPDIR/link"
        # By way of a link, as /var is one on OpenWrt.
        printf '%s\n' "database = $BATS_TEST_TMPDIR/link/cubby.db" "keys = $place/medium-test/keys.json" >"$conf"
        tool 0 init
        tool 0 check --json
        same "$(of '[.ok, (.problems | length)] | tojson')" '[true,0]'
        case $kind in
        tmpfs | ramfs)
            same "$(of '[.warnings[].where] | tojson')" "[\"$BATS_TEST_TMPDIR/link/cubby.db\",\"$place/medium-test/keys.json\"]"
            tool 0 check
            same "${output##*$'\n'}" 'all in order'
            said "warning: $BATS_TEST_TMPDIR/link/cubby.db: lies in memory ($kind), and is lost at a reboot; set database to"
            said "warning: $place/medium-test/keys.json: lies in memory"
            ;;
        *)
            same "$(of .warnings)" '[]'
            tool 0 check
            same "$stderr" ''
            ;;
        esac
        rm -rf "$place/medium-test"
    done
    rm -rf "$folder"
}

# read_only STATUS WORD…: as tool, with the folder of the database read-only.
read_only() {
    local wanted=$1
    shift
    run --separate-stderr unshare --mount sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"' \
        sh "$home" "$TOOL" "$@" </dev/null
    same "$status" "$wanted"
}

@test "read-only: a backup goes where nobody else may write; where a copy beside the database is wanted, it says what to do" {
    [ "$(id -u)" = 0 ] || { echo 'only root can mount: run this as root'; return 1; }
    new_user ann
    mkdir -m 700 "$BATS_TEST_TMPDIR/own"
    mkdir -m 1777 "$BATS_TEST_TMPDIR/all"
    chmod 1777 "$BATS_TEST_TMPDIR/all"
    for words in "backup $BATS_TEST_TMPDIR/all/b.db" 'backup -'; do
        # shellcheck disable=SC2086 # words
        read_only 1 $words
        said "$database: its medium is read-only, and a copy is made beside it first; \"cubby backup FILE\" into a folder where nobody else"
        same "$output" ''
        same "$(find "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/own" -mindepth 1)" ''
    done
    read_only 1 gc
    said 'its medium is read-only'
    # what it says to do works
    read_only 0 backup "$BATS_TEST_TMPDIR/own/b.db"
    sed "s|^database = .*|database = $BATS_TEST_TMPDIR/own/b.db|" "$conf" >"$conf.copy"
    tool 0 -c "$conf.copy" export
    case $output in *'"username":"ann"'*) ;; *) fail 'not all of it' ;; esac
}

@test "export, user list: what could not be read to its end does not look whole" {
    new_user ann
    query "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 40)
        INSERT INTO items (user_id, key, version, size, created_at, updated_at, value)
        SELECT id, 'k' || n, 100 + n, 6002, 1, 1, '\"' || hex(zeroblob(3000)) || '\"' FROM users, n;
        CREATE TEMP TABLE more AS SELECT * FROM users;
        $(for number in $(seq 200); do
            echo "UPDATE more SET id = 1000 + $number, username = 'u$number', username_key = 'u$number', email_key = 'u$number';
                INSERT INTO users SELECT * FROM more;"
        done)"
    for words in 'export --user ann' 'user list --json'; do
        # shellcheck disable=SC2086 # words
        strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=pread64 "$TOOL" $words | jq . >/dev/null
        reads=$(grep -c pread64 "$BATS_TEST_TMPDIR/trace")
        # shellcheck disable=SC2086 # words
        run --separate-stderr strace -f -qq -o /dev/null -e "inject=pread64:error=EIO:when=$((reads - 1))+" "$TOOL" $words
        same "$status" 1
        [ -n "$output" ] || fail "$words: nothing was written before"
        ! jq . <<<"$output" >/dev/null 2>&1 || fail "$words: looks whole"
    done
}

@test "export: what could not be written is named" {
    new_user ann
    for words in "export $BATS_TEST_TMPDIR/out" "export --user ann $BATS_TEST_TMPDIR/out"; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr strace -f -qq -o /dev/null -e inject=writev:error=ENOSPC:when=1 "$TOOL" $words
        same "$status" 1
        said "cubby: $BATS_TEST_TMPDIR/out: No space left on device"
        [ ! -e "$BATS_TEST_TMPDIR/out" ] || fail 'it is there'
    done
}
