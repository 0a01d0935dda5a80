# cubby copy: a whole store from a file to a server and back.

load system.bash
load tool.bash
load loop.bash
load postgresql.bash

setup_file() { server_make; }
teardown_file() { server_end; }

# An installation over a file, filled; the server has an empty database. $to is the server, as in the settings.
setup() {
    token=''
    server_empty
    installation 'audit_rows = 100' 'busy_timeout = 20000'
    printf '*:*:*:*:Server-secret-1\n' >"$home/passfile"
    chmod 600 "$home/passfile"
    to="postgresql://cubby@/cubby?host=$server/socket&passfile=$home/passfile"
}
teardown() {
    loops_stop
    hold_end
    sql 'ALTER ROLE cubby RESET ALL'
    [ ! -f "$BATS_TEST_TMPDIR/copy.pid" ] || kill -9 "$(cat "$BATS_TEST_TMPDIR/copy.pid")" 2>/dev/null || true
}

# with DATABASE: from now on the settings name this one
with() { sed -i "s|^database = .*|database = ${1//&/\\&}|" "$conf"; }

fill() {
    new_user gone
    tool 0 user delete gone --yes
    new_user ann
    store a '{"n":1e400,"z":"\u0000","b":[1.0,9007199254740993]}'
    store 'é/日本' '"😀"'
    store 'Z' 1
    store 'a/b' 2
    store 'a-b' 3
    store deleted 1
    cgi data DELETE /deleted
    cgi data POST '' '{"key":"short","value":[true],"ttl":100000}'
    cgi data GET /a
    etag=$(jq -c '[.data.version, .data.updated_at]' <<<"$body")
    cgi keys POST '' '{"name":"sensor","scope":"read","prefix":"a","ttl":100000}'
    device=$(jq -r .token <<<"$body")
    ann=$token
    login ann
    ended=$token
    cgi token DELETE
    token=$device
    cgi data GET /a # the use is noted
    login ann Wrong-pass-1
    tool 0 user quota ann --keys 1000 --bytes 100000
    tool 0 user reset-code ann
    reset_code=$output
    new_user zoe
    tool 0 user disable zoe
    token=$ann
    cgi changes GET
    changes=$body
}

# content FILE: every row of every table, in the order of their keys, and what SQLite keeps beside them. Fails where
# nothing would be compared.
content() {
    local table columns
    for table in $(sqlite3 "$1" "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence' ORDER BY name"); do
        columns=$(sqlite3 "$1" "SELECT group_concat(name) FROM pragma_table_info('$table')")
        echo "$table $columns"
        for column in ${columns//,/ }; do
            [ "$(sqlite3 "$1" "SELECT count($column) FROM $table")" -gt 0 ] || fail "$table.$column is empty: fill it in this test"
        done
        sqlite3 "$1" ".mode quote" "SELECT * FROM $table ORDER BY 1, 2"
    done
    sqlite3 "$1" 'SELECT * FROM sqlite_sequence; PRAGMA user_version; SELECT sql FROM sqlite_schema ORDER BY name'
}

# hold_reading: nobody but the superuser reads a row of the table that is copied last before release
hold_reading() {
    sql 'SET ROLE cubby; CREATE TABLE more () INHERITS (throttle)' # which is read with it
    hold_rows 'LOCK TABLE more IN ACCESS EXCLUSIVE MODE'
}
# as_replicated NAME: the trigger of this name is one that check and copy let be, and that fires nevertheless
as_replicated() { sql "ALTER TABLE items ENABLE REPLICA TRIGGER $1; ALTER ROLE cubby SET session_replication_role = replica"; }
nobody_connected() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cubby'")" = 0 ]; }

# copy_until_lock ARGUMENT…: a copy in the background, which has come to where somebody holds a lock; $copying
copy_until_lock() {
    "$TOOL" copy "$@" >"$BATS_TEST_TMPDIR/copied" 2>&1 3>&- 6>&- &
    copying=$!
    echo "$copying" >"$BATS_TEST_TMPDIR/copy.pid"
    eventually waits_for 'Lock%' || fail "$(cat "$BATS_TEST_TMPDIR/copied")"
}

@test "copy: a file to a server and back is the same to the last byte, and nobody who uses it notices" {
    fill
    cp "$database" "$BATS_TEST_TMPDIR/before.db"
    tool 0 copy --to "$to" --json
    same "$(of '[.users, .items, .tokens, .throttle > 0, .verified] | tojson')" '[2,7,2,true,true]'
    sed -i 's/^audit_rows.*/audit_rows = 0/' "$conf"
    content "$BATS_TEST_TMPDIR/before.db" >"$BATS_TEST_TMPDIR/before"

    with "$to"
    tool 0 check
    mkdir "$home/back"
    tool 0 copy --to "$home/back/cubby.db"
    content "$home/back/cubby.db" >"$BATS_TEST_TMPDIR/back"
    diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/back"
    same "$(stat -c %a "$home/back/cubby.db")" 600

    token=$ann
    cgi data GET /a
    same "$code $(jq -c '[.data.version, .data.updated_at]' <<<"$body")" "200 $etag"
    cgi changes GET
    same "$body" "$changes"
    store more 1
    same "$(jq .data.version <<<"$body")" 9
    token=$device
    cgi data GET /a
    same "$code" 200
    token=$ended
    cgi data GET /a
    same "$code" 401
    login zoe
    same "$code" 401
    token=''
    cgi reset POST '' "{\"username\":\"ann\",\"code\":\"$reset_code\",\"new_password\":\"Other1-pass\"}"
    same "$code" 200
    new_user next
    same "$(sql "SELECT id FROM users WHERE username = 'next'")" 4
}

@test "copy: from a server to the file of the settings, and from file to file" {
    fill
    tool 0 copy --to "$to"
    with "$home/other.db"
    tool 0 copy --from "$to"
    tool 0 check
    sed -i 's/^audit_rows.*/audit_rows = 0/' "$conf" # the copy itself is no event
    tool 0 copy --to "$home/third.db"
    diff <(content "$home/other.db") <(content "$home/third.db")
    token=$ann
    cgi data GET /a
    same "$code" 200
}

@test "copy: ids are not given twice, also where no account is left" {
    new_user gone
    tool 0 user delete gone --yes
    tool 0 copy --to "$to"
    with "$to"
    tool 0 copy --to "$home/other.db"
    with "$home/other.db"
    new_user next
    same "$(sqlite3 "$home/other.db" 'SELECT id FROM users')" 2
}

@test "copy: an empty target that gave away more ids than the source goes on with its own" {
    new_user ann
    with "$to"
    tool 0 init
    sql "SELECT setval('users_id_seq', 9)" >/dev/null
    with "$home/other.db"
    tool 0 init
    sqlite3 "$home/other.db" "INSERT INTO sqlite_sequence VALUES ('users', 20)"
    with "$database"
    tool 0 copy --to "$to"
    with "$to"
    new_user bob
    same "$(sql "SELECT id FROM users WHERE username = 'bob'")" 10
    tool 0 copy --to "$home/other.db"
    with "$home/other.db"
    new_user eve
    same "$(sqlite3 "$home/other.db" "SELECT id FROM users WHERE username = 'eve'")" 21
}

@test "copy: over a target that is not empty, the source itself or another schema it refuses, and changes nothing" {
    fill
    tool 2 copy
    tool 1 copy --to "$database"
    said 'are the same'
    ln -s "$database" "$home/link"
    tool 1 copy --to "$home/link"
    said 'are the same'
    tool 0 copy --to "$to"
    tool 1 copy --to "$to"
    said 'or holds a copy of it already'
    sql "UPDATE meta SET value = 'another' WHERE name = 'store_id'"
    tool 1 copy --to "$to"
    said 'is not empty'
    sql 'DELETE FROM users; DELETE FROM items; DELETE FROM tokens; DELETE FROM throttle'
    tool 1 copy --to "$to" # events are left
    said 'is not empty'
    sql "UPDATE cubby_schema SET number = 3"
    tool 1 copy --to "$to"
    said 'schema 3'
    sql "UPDATE cubby_schema SET number = 99"
    tool 1 copy --to "$to"
    said 'schema 99'
    sql "UPDATE cubby_schema SET number = 4; ALTER TABLE items ALTER COLUMN key TYPE TEXT COLLATE \"default\""
    tool 1 copy --to "$to"
    said "the schema is not cubby's"
    echo 'no database' >"$home/text"
    tool 1 copy --to "$home/text"
    same "$(cat "$home/text")" 'no database'
    tool 1 copy --to "$home/none/cubby.db"
    tool 1 copy --from "$home/none.db"
    said 'is the source itself' || said 'no such database'
    [ ! -e "$home/none.db" ] || fail 'a file for nothing'
    sqlite3 "$database" 'PRAGMA user_version = 3'
    tool 1 copy --to "$home/new.db"
    said 'schema 3'
    [ ! -e "$home/new.db" ] || fail 'a file for nothing'
}

# A database of ENCODING beside the other one, which is left as it is made. other_encoding ENCODING
other_encoding() {
    sql 'DROP DATABASE IF EXISTS other' postgres
    sql "CREATE DATABASE other OWNER cubby ENCODING '$1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0" postgres
    other=${to/\/cubby\?//other?}
    [ "$other" != "$to" ] || fail "$to"
}

@test "copy, init and migrate: a database that can't hold every text is refused before any table is made" {
    fill
    for encoding in LATIN1 SQL_ASCII; do
        other_encoding "$encoding"
        tool 1 copy --to "$other"
        said 'its encoding is not UTF8'
        said 'createdb --encoding UTF8 --template template0'
        sed "s|^database = .*|database = ${other//&/\\&}|; s|^keys = .*|keys = $home/other.json|" "$conf" >"$conf.other"
        for words in init migrate init; do
            CUBBY_CONF=$conf.other tool 1 $words
            said 'its encoding is not UTF8'
            said 'createdb --encoding UTF8 --template template0'
        done
        same "$(sql "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" other)" 0
        # One that was made before this was asked is not migrated either.
        sql 'CREATE TABLE cubby_schema (number BIGINT NOT NULL); INSERT INTO cubby_schema VALUES (3);
            ALTER TABLE cubby_schema OWNER TO cubby' other
        CUBBY_CONF=$conf.other tool 1 migrate
        said 'its encoding is not UTF8'
        said 'pg_dump -E UTF8 OLD | psql NEW'
    done
    other_encoding UTF8
    CUBBY_CONF=$conf.other tool 0 init
    CUBBY_CONF=$conf.other tool 0 check
    sql 'DROP DATABASE other' postgres
}

@test "copy and programs: whatever encoding role, database, environment or settings name for clients, texts are UTF-8" {
    fill
    sql "ALTER ROLE cubby SET client_encoding = 'LATIN1'"
    sql "ALTER DATABASE cubby SET client_encoding = 'LATIN1'"
    export PGCLIENTENCODING=LATIN1
    to="$to&client_encoding=LATIN1"
    tool 0 copy --to "$to"
    unset PGCLIENTENCODING
    sql 'ALTER DATABASE cubby RESET client_encoding'
    same "$(PGCLIENTENCODING=UTF8 sql "SELECT key || ' ' || value FROM items WHERE key LIKE 'é%'")" 'é/日本 "😀"'
    sql "ALTER DATABASE cubby SET client_encoding = 'LATIN1'"
    with "$to"
    PGCLIENTENCODING=LATIN1 cgi data GET '/é/日本'
    answered 200
    same "$(jq -r .data.value <<<"$body")" '😀'
    PGCLIENTENCODING=LATIN1 cgi data POST '' '{"key":"€","value":"ł"}'
    answered 201
    PGCLIENTENCODING=LATIN1 cgi data GET '/€'
    same "$(jq -r .data.value <<<"$body")" 'ł'
    tool 0 check
    sql 'ALTER DATABASE cubby RESET client_encoding'
}

@test "copy: what names no database is a wrong usage, and a password is not repeated" {
    for bad in relative 'mysql://x' 'postgresql://cubby:Hidden-9@/cubby' "$to&password=Hidden-9"; do
        tool 2 copy --to "$bad"
        said '--to must'
        [[ $stderr$output != *Hidden-9* ]] || fail "$stderr"
    done
    tool 1 copy --to 'postgresql://127.0.0.1:1/cubby' || tool 5 copy --to 'postgresql://127.0.0.1:1/cubby'
}

@test "copy: killed in the middle, or with its connection lost, it leaves a target without anything, and can be done again" {
    fill
    with "$to"
    tool 0 init
    with "$database"
    for how in kill lose; do
        hold_rows 'LOCK TABLE throttle IN EXCLUSIVE MODE' # it may be read
        copy_until_lock --to "$to"
        case $how in
        kill) kill -9 "$copying" ;;
        lose) sql "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'cubby'" >/dev/null ;;
        esac
        status=0
        wait "$copying" || status=$?
        case $how$status in kill137 | lose[15]) ;; *) fail "$how$status" ;; esac
        release
        eventually nobody_connected # what was killed has gone in the server too
        same "$(sql 'SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items), (SELECT count(*) FROM meta)')" '0|0|1'
    done
    tool 0 copy --to "$to"
    # The same into a file, from the server.
    hold_reading
    with "$to"
    copy_until_lock --to "$home/other.db"
    kill -9 "$copying"
    wait "$copying" || true
    release
    with "$home/other.db"
    cgi health GET
    case $code in 500 | 503) ;; *) fail "serves half a copy: $code" ;; esac
    with "$to"
    tool 0 copy --to "$home/other.db"
    same "$(sqlite3 "$home/other.db" 'SELECT count(*) FROM items; PRAGMA integrity_check')" $'7\nok'
}

@test "copy: a target that is full, or may only be read, is a failure that changes nothing" {
    fill
    tool 0 user quota ann --bytes default
    store large "\"$(head -c 250000 /dev/zero | tr '\0' x)\""
    same "$code" 201
    status=0
    (ulimit -f 200 && exec "$TOOL" copy --to "$home/other.db") >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
    same "$status" 1
    grep -q 'no room on the disk' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    [ ! -e "$home/other.db" ] && [ ! -e "$home/other.db-journal" ] || fail 'something is left'
    with "$to"
    tool 0 init
    with "$database"
    fault 53100 1
    as_replicated fault
    tool 1 copy --to "$to"
    said 'no room on the disk'
    sql 'DROP TRIGGER fault ON items; REVOKE INSERT ON tokens FROM cubby'
    tool 1 copy --to "$to"
    same "$(sql 'SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items)')" '0|0'
    sql 'GRANT ALL ON tokens TO cubby'
    tool 0 copy --to "$to"
}

@test "copy: a target that keeps something else than it is given is found by comparing" {
    fill
    with "$to"
    tool 0 init
    with "$database"
    sql "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN NEW.value := NEW.value || ' '; RETURN NEW; END \$\$;
        CREATE TRIGGER spoil BEFORE INSERT ON items FOR EACH ROW WHEN (NEW.key = 'a-b') EXECUTE FUNCTION spoil()"
    tool 1 copy --to "$to"
    said 'the trigger spoil of items'
    as_replicated spoil
    tool 1 copy --to "$to"
    said 'of table items differs in column value'
    sql "CREATE OR REPLACE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    tool 1 copy --to "$to"
    same "$(sql 'SELECT count(*) FROM users')" 0
    same "$(sql 'SELECT is_called FROM users_id_seq')" f # kept outside of transactions
}

@test "copy: a file gets the journal that the settings want" {
    new_user ann
    echo 'journal = wal' >>"$conf"
    tool 0 copy --to "$home/other.db"
    same "$(sqlite3 "$home/other.db" 'PRAGMA journal_mode')" wal
    with "$home/other.db"
    tool 0 check
    sed -i 's/^journal = .*/journal = rollback/' "$conf"
    tool 0 copy --to "$home/third.db"
    same "$(sqlite3 "$home/third.db" 'PRAGMA journal_mode')" delete
    with "$home/third.db"
    tool 0 check
}

@test "copy: rows that the server hides from the role are not left out in silence" {
    fill
    tool 0 copy --to "$to"
    sql "CREATE POLICY few ON items USING (key < 'b'); ALTER TABLE items ENABLE ROW LEVEL SECURITY; ALTER TABLE items FORCE ROW LEVEL SECURITY"
    with "$to"
    tool 1 copy --to "$home/other.db"
    said 'items, which has row level security'
    [ ! -e "$home/other.db" ] || fail 'a file for nothing'
}

@test "copy: what is written to a server meanwhile is copied whole or not at all" {
    fill
    tool 0 copy --to "$to"
    with "$to"
    loop_start data
    token=$ann
    hold_reading
    copy_until_lock --to "$home/other.db"
    for n in 1 2 3; do
        ask data POST '' "{\"key\":\"late$n\",\"value\":1}"
        same "$code" 201
    done
    release
    wait "$copying" || fail "$(cat "$BATS_TEST_TMPDIR/copied")"
    same "$(sqlite3 "$home/other.db" "SELECT count(*) FROM items WHERE key LIKE 'late%'")" 0
    with "$home/other.db"
    tool 0 check
}

@test "copy: while the schema is compared with what it should be, programs write" {
    new_user ann
    ann=$token
    tool 0 copy --to "$to"
    with "$to"
    loop_start data
    token=$ann
    hold_rows 'LOCK TABLE throttle IN ACCESS EXCLUSIVE MODE' # its columns can't be read then
    copy_until_lock --to "$home/other.db"
    ask data POST '' '{"key":"k","value":1}'
    same "$code" 201
    release
    wait "$copying" || fail "$(cat "$BATS_TEST_TMPDIR/copied")"
}

@test "copy: with many items it shows how far it is, and its memory stays small" {
    new_user ann
    sqlite3 "$database" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
        INSERT INTO items SELECT 1, 'k' || i, i, 2000, 1, 1, NULL, '\"' || substr(hex(zeroblob(1000)), 3) || '\"' FROM n;
        UPDATE users SET version = 60000, keys = 60000, bytes = 120000000"
    (ulimit -v 400000 && "$TOOL" copy --to "$to" --progress) >"$BATS_TEST_TMPDIR/said" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    grep -q '^items: [0-9]' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    grep -q '^comparing: [0-9]' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    same "$(sql 'SELECT count(*), sum(length(value)) FROM items')" '60000|120000000'
}
