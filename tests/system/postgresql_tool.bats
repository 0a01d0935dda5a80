# The operator's tool over PostgreSQL: each command does there what it does over a file, or says what does.

load system.bash
load tool.bash
load loop.bash
load postgresql.bash
load pages.bash
load rows.bash

setup_file() { server_make; }
teardown_file() { server_end; }

setup() {
    token=''
    server_empty
    install_over "$server/socket" 'audit_rows = 50'
    keys=$home/keys.json
    export CUBBY_CONF=$conf
}
teardown() {
    servers_stop
    stop_all
    [ ! -x "$BATS_TEST_TMPDIR/place/cubby-httpd" ] || env -i RUNDIR="$place/run" "$place/cubby-httpd" stop
    loops_stop
    rm -f "$BATS_TEST_TMPDIR/load"
    hold_end
    # With copies to wait for, nothing that is not local would end.
    [ "$(sql 'SHOW synchronous_standby_names' 2>/dev/null || echo none)" = '' ] || { server_stop || server_stop QUIT; server_start; }
    sql 'ALTER ROLE cubby RESET ALL'
}

@test "tool over postgresql: init makes tables and keys once, config shows the settings, key rotates and retires" {
    rm "$keys"
    tool 0 init --json
    same "$(of '[(.made | length), (.kept | length)] | tojson')" '[1,1]'
    tool 0 init --json
    same "$(of '[(.made | length), (.kept | length)] | tojson')" '[0,2]'
    same "$(tool 0 config && sed -n 's/^database = //p' <<<"$output")" "$(sed -n 's/^database = //p' "$conf")"
    new_user ann
    old=$token
    kid=$(jq -r '.keys[0].kid' "$keys")
    tool 0 key rotate
    cgi data GET /k
    same "$code" 404
    tool 0 key retire "$kid" --yes
    token=$old
    cgi data GET /k
    same "$code" 401
    tool 0 key list --json
    same "$(of length)" 1
    same "$(sql "SELECT count(*) FROM meta WHERE value LIKE '%key_%'")" 2
}

@test "tool over postgresql: the page's statements for an older state leave no version that names another value" {
    new_user ann
    store k 1
    cgi data PUT /k '{"value":2}'
    ended=$token
    id=$(sql "SELECT value FROM meta WHERE name = 'store_id'")
    sql "$(typed www/docs/postgresql.md 'Backups' sql)"
    [ "$(sql "SELECT value FROM meta WHERE name = 'store_id'")" != "$id" ] || fail 'the same store_id'
    cgi data GET /k
    same "$code" 401
    login ann
    [ "$token" != "$ended" ] || fail 'the same token'
    cgi data PUT /k '{"value":"other"}'
    version=$(jq .data.version <<<"$body")
    [ "$version" -gt $((1 << 40)) ] && [ "$version" -lt $((1 << 53)) ] || fail "$version"
    for since in 0 2 3; do
        parameters="since=$since" cgi changes GET
        same "$code" 410
    done
    parameters="since=$((version - 1))" cgi changes GET
    same "$(jq -c '[.data.changes[].value]' <<<"$body")" '["other"]'
    tool 0 check
}

@test "tool over postgresql: every command about accounts" {
    printf 'Abcdef1!\n' >"$BATS_TEST_TMPDIR/secret"
    run --separate-stderr "$TOOL" user add ann --email ann@example.org --full-name Ann --age 30 --gender female --password-stdin <"$BATS_TEST_TMPDIR/secret"
    same "$status" 0
    tool 1 user add ann --email other@example.org --full-name Ann --age 30 --gender female --password-stdin
    login ann
    store a 1
    store b/c '"x"'
    tool 0 user list --json
    same "$(of '[.[] | [.username, .keys]] | tojson')" '[["ann",2]]'
    tool 0 user show ann --json
    same "$(of .email)" ann@example.org
    tool 4 user show nobody
    tool 0 user edit ann --age 31 --username anna
    tool 0 user show anna --json
    same "$(of .age)" 31
    tool 0 user quota anna --keys 2 --bytes default
    store c 1
    same "$code $(jq -r .code <<<"$body")" '507 QUOTA_EXCEEDED'
    tool 0 user keys anna --prefix b/ --values --json
    same "$(of '[.[] | [.key, .value]] | tojson')" '[["b/c","x"]]'
    tool 0 user disable anna --yes
    login anna
    same "$code" 401
    tool 0 user enable anna
    login anna
    same "$code" 200
    run --separate-stderr "$TOOL" user passwd anna --password-stdin <<<'Other1-pass'
    same "$status" 0
    cgi data GET /a
    same "$code" 401
    tool 0 user reset-code anna
    reset=$output
    token=''
    cgi reset POST '' "{\"username\":\"anna\",\"code\":\"$reset\",\"new_password\":\"Third1-pass\"}"
    same "$code" 200
    tool 3 user delete anna
    tool 0 user delete anna --yes
    same "$(sql "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items), (SELECT count(*) FROM tokens), (SELECT count(*) FROM meta WHERE value LIKE '%\"user_id\":1,%')")" '0|0|0|0'
}

@test "tool over postgresql: gc deletes what is over, counts anew and compacts; stats has the numbers" {
    new_user ann
    store a 1
    store b 1
    cgi data DELETE /b
    cgi data POST '' '{"key":"t","value":1,"ttl":1000}'
    cgi keys POST '' '{"name":"dev","scope":"read","ttl":1000}'
    sql "UPDATE items SET expires_at = 5 WHERE key = 't'; UPDATE users SET next_expiry = 5, keys = 77;
        UPDATE tokens SET expires_at = 5; INSERT INTO throttle VALUES (7, 1, 5);
        INSERT INTO items SELECT 9, 'of nobody', 1, 1, 1, 1, NULL, '1'"
    tool 1 check
    tool 0 gc --recount --compact --tombstones 0 --json
    tool 0 check
    same "$(sql 'SELECT keys, tombstones, (SELECT count(*) FROM items), (SELECT count(*) FROM tokens), (SELECT count(*) FROM throttle WHERE id = 7) FROM users')" '1|0|1|0|0'
    tool 0 stats --json
    same "$(of '[.users, .items] | tojson')" '[1,1]'
    tool 0 stats --prometheus
    grep -qx 'cubby_users 1' <<<"$output" || fail "$output"
}

@test "tool over postgresql: doctor finds nothing wrong with a web server over it" {
    home=$BATS_TEST_TMPDIR/served
    mkdir -m 755 "$home"
    SERVER=lighttpd MODE=fastcgi ENGINE=postgresql PORT=0 DATA=$home READY=$BATS_TEST_TMPDIR/ready sh "$root/cgi-bin/server/run.sh" \
        >"$BATS_TEST_TMPDIR/served.log" 2>&1 3>&- &
    note_process "$!" "$BATS_TEST_TMPDIR/servers"
    eventually test -f "$BATS_TEST_TMPDIR/ready" || fail "$(cat "$BATS_TEST_TMPDIR/served.log")"
    export CUBBY_CONF=$home/cubby.conf
    tool 0 doctor "$(cat "$BATS_TEST_TMPDIR/ready")"
    has "$output" postgresql
}

# installed_script NAME: that of this checkout, with programs and settings in $place
installed_script() {
    sed -e "/^@WHO_ELSE@/{r $root/cgi-bin/server/who_else.sh" -e 'd;}' -e "/^@MISSING_DISK@/{r $root/cgi-bin/server/missing_disk.sh" -e 'd;}' \
        -e "s|@CGIDIR@|$place/cgi-bin|g; s|@SBINDIR@|$place|g; s|@SYSCONFDIR@|$place|g; s|@SHAREDIR@|$root|g" \
        "$root/cgi-bin/server/$1.in" >"$place/$1"
    chmod 755 "$place/$1"
}

# scripts_refuse TEXT: whatever starts programs
scripts_refuse() {
    for command in 'cubby-httpd start' 'cubby-httpd run' 'cubby-loop run'; do
        # shellcheck disable=SC2086 # words
        run timeout 250 env -i "${script_settings[@]}" "$place"/$command
        [ "$status" = 1 ] || fail "$command: $status $output"
        has "$output" "$1"
    done
}

@test "scripts over postgresql: programs run as the owner of the keys, and never as root in silence" {
    is_root || return 0
    place=$BATS_TEST_TMPDIR/place
    mkdir -m 755 "$place"
    cp -R "$PROGRAMS" "$place/cgi-bin"
    cp "$TOOL" "$place/cubby"
    installed_script cubby-httpd
    installed_script cubby-loop
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    script_settings=(ADDRESS="127.0.0.1:$port" LOG="$place/log" RUNDIR="$place/run" CUBBY_CONF="$conf")
    chmod 711 "$BATS_TEST_TMPDIR"
    scripts_refuse "$keys belongs to root; give it to the user that programs shall run as (chown it and its folder), or name that user: set RUN_USER="
    mv "$keys" "$keys.away"
    scripts_refuse "$keys is missing; make it: cubby init --owner USER"
    mv "$keys.away" "$keys"
    # Whose folder it is could put anybody's keys there.
    chown -R www-data "$home"
    chown nobody "$keys"
    scripts_refuse "$keys, or what leads there, can be changed by others than root and its owner"
    chown www-data "$keys"
    env -i "${script_settings[@]}" "$place/cubby-httpd" start 3>&- 4>&-
    pid=$(cat "$place/run/pid")
    eventually curl -sf -o "$BATS_TEST_TMPDIR/health" "http://127.0.0.1:$port/cgi-bin/health" || fail "$(cat "$place/log")"
    same "$(stat -c %U "/proc/$pid")" www-data
    has "$(cat "$BATS_TEST_TMPDIR/health")" '"database":"ok"'
    env -i "${script_settings[@]}" "$place/cubby-httpd" stop
    run_start env -i "${script_settings[@]}" "$place/cubby-loop" run
    eventually served "$place/run/register.sock" || fail "$(cat "$run_output")"
    eventually pgrep -g "$run_pid" -f "^$place/cgi-bin/register"
    same "$(ps -o user= -p "$(pgrep -d, -g "$run_pid" -f "^$place/cgi-bin/")" | sort -u)" www-data
    run_stop TERM
    # By name, also where the keys are another's.
    chown -R root "$home"
    script_settings+=(RUN_USER=www-data)
    run env -i "${script_settings[@]}" "$place/cubby-httpd" start 3>&- 4>&-
    same "$status" 0
    same "$(stat -c %U "/proc/$(cat "$place/run/pid")")" www-data
    env -i "${script_settings[@]}" "$place/cubby-httpd" stop
}

@test "tool over postgresql: check looks at what makes writes lost: synchronous_commit, fsync, full_page_writes" {
    tool 0 check
    sql 'ALTER ROLE cubby SET synchronous_commit = off'
    tool 1 check
    said 'synchronous_commit is off'
    sql 'ALTER ROLE cubby SET synchronous_commit = local'
    tool 0 check
    server_stop
    server_start -c fsync=off -c full_page_writes=off -c synchronous_standby_names=elsewhere
    tool 1 check
    said 'synchronous_commit is local'
    said 'fsync is off'
    said 'full_page_writes is off'
    PGOPTIONS='-c synchronous_commit=local' sql 'ALTER ROLE cubby SET synchronous_commit = remote_write'
    tool 1 check
    said 'synchronous_commit is remote_write'
    PGOPTIONS='-c synchronous_commit=local' sql 'ALTER ROLE cubby SET synchronous_commit = off'
    tool 1 check
    said 'synchronous_commit is off'
    PGOPTIONS='-c synchronous_commit=local' sql 'ALTER ROLE cubby SET synchronous_commit = remote_apply'
    tool 1 check
    [[ $stderr != *synchronous_commit* ]] || fail "$stderr"
    server_stop
    server_start
    sql 'ALTER ROLE cubby RESET ALL'
    tool 0 check
}

@test "tool over postgresql: check names what somebody has made of the tables, and what the role may not do with them" {
    tool 0 check
    while IFS='|' read -r make undo words; do
        sql "$make"
        tool 1 check
        said "$words"
        sql "$undo"
        tool 0 check
    done <<'CASES'
ALTER TABLE items SET UNLOGGED|ALTER TABLE items SET LOGGED|items, which is UNLOGGED
ALTER TABLE cubby_schema SET UNLOGGED|ALTER TABLE cubby_schema SET LOGGED|cubby_schema, which is UNLOGGED
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_expiry'::regclass|REINDEX INDEX items_expiry|the index items_expiry, which is not valid
ALTER TABLE items ADD CONSTRAINT odd CHECK (size < 9)|ALTER TABLE items DROP CONSTRAINT odd|the constraint odd of items
ALTER TABLE tokens ADD CONSTRAINT odd FOREIGN KEY (writes) REFERENCES users|ALTER TABLE tokens DROP CONSTRAINT odd|the constraint odd of tokens
CREATE TABLE theirs (id BIGINT REFERENCES users)|DROP TABLE theirs|of users
CREATE TRIGGER odd BEFORE UPDATE ON throttle FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()|DROP TRIGGER odd ON throttle|the trigger odd of throttle
CREATE RULE odd AS ON DELETE TO meta DO INSTEAD NOTHING|DROP RULE odd ON meta|the rule odd of meta
ALTER TABLE items ENABLE ROW LEVEL SECURITY|ALTER TABLE items DISABLE ROW LEVEL SECURITY|items, which has row level security
REVOKE INSERT ON items FROM cubby|GRANT ALL ON items TO cubby|may not read and write
REVOKE UPDATE ON users FROM cubby|GRANT ALL ON users TO cubby|may not read and write
REVOKE DELETE ON meta FROM cubby|GRANT ALL ON meta TO cubby|may not read and write
CASES
}

@test "tool over postgresql: migrate refuses a newer schema and keeps it; backup and restore name the server's own" {
    tool 0 migrate --json
    same "$(of '[.schema, .migrated] | tojson')" '[4,false]'
    sql 'UPDATE cubby_schema SET number = 99'
    tool 1 migrate
    said 'schema 99'
    same "$(sql 'SELECT number FROM cubby_schema')" 99
    tool 1 backup "$BATS_TEST_TMPDIR/b"
    said 'use pg_dump'
    tool 1 restore "$BATS_TEST_TMPDIR/b" --yes
    said 'use pg_restore'
}

@test "tool over postgresql: what is not whole is not imported, and what is holds" {
    new_user ann
    store a 1
    tool 0 export "$BATS_TEST_TMPDIR/all"
    tool 0 export --user ann "$BATS_TEST_TMPDIR/one"
    same "$(jq -r '.data.items[0].key' "$BATS_TEST_TMPDIR/one")" a
    tool 1 import "$BATS_TEST_TMPDIR/all"
    said 'has accounts already'
    tool 0 user delete ann --yes
    sed '$d' "$BATS_TEST_TMPDIR/all" >"$BATS_TEST_TMPDIR/cut"
    tool 1 import "$BATS_TEST_TMPDIR/cut"
    sed '3p' "$BATS_TEST_TMPDIR/all" >"$BATS_TEST_TMPDIR/twice"
    tool 1 import "$BATS_TEST_TMPDIR/twice"
    said 'nothing was imported'
    same "$(sql 'SELECT count(*) FROM users')" 0
    tool 0 import "$BATS_TEST_TMPDIR/all"
    cgi data GET /a
    same "$code" 200
}

# sharing: for as long as the file `load` is there, transactions that overlap and write for a moment each
sharing() {
    while [ -f "$BATS_TEST_TMPDIR/load" ]; do
        sql 'BEGIN; SELECT pg_advisory_xact_lock_shared(1668637282, 1); SELECT pg_sleep(0.3); COMMIT' >/dev/null
    done
}

@test "tool over postgresql: while it waits for a long write others go on writing, and it has its turn under constant load" {
    new_user ann
    store k 1
    sed -i 's/^busy_timeout = .*/busy_timeout = 60000/' "$conf"
    loop_start data
    hold_rows 'SELECT pg_advisory_xact_lock_shared(1668637282, 1)'
    "$TOOL" gc >"$BATS_TEST_TMPDIR/said" 2>&1 </dev/null 3>&- 6>&- &
    gc=$!
    eventually waits_for 'Lock%'
    for _ in 1 2 3 4 5 6; do
        put k 2
        same "$code" 200
    done
    kill -0 "$gc" || fail "it has not waited: $(cat "$BATS_TEST_TMPDIR/said")"
    release
    wait "$gc" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    # But not for ever.
    hold_rows 'SELECT pg_advisory_xact_lock_shared(1668637282, 1)'
    sed -i 's/^busy_timeout = .*/busy_timeout = 300/' "$conf"
    tool 5 gc
    release
    sed -i 's/^busy_timeout = .*/busy_timeout = 60000/' "$conf"
    tool 0 gc
    touch "$BATS_TEST_TMPDIR/load"
    for _ in 1 2 3; do
        sharing &
        began
        sleep 0.1
    done
    tool 0 user quota ann --keys 7
    rm "$BATS_TEST_TMPDIR/load"
    wait_all
    same "$(sql 'SELECT max_keys FROM users')" 7
}

# For rows.bash: what is planted is taken back from a schema of somebody else's.
lf='chr(10)'
change() { sql "SET session_replication_role = replica; $1" >/dev/null; }
rows_of() { sql "SELECT json_agg(t) FROM $1 t WHERE $2"; }
keep_rows() {
    local table
    sql 'DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept'
    for table in meta users items tokens throttle; do sql "CREATE TABLE kept.$table AS SELECT * FROM public.$table"; done
}
as_before() {
    sql 'TRUNCATE meta, users, items, tokens, throttle; INSERT INTO meta SELECT * FROM kept.meta; INSERT INTO users SELECT * FROM kept.users;
        INSERT INTO items SELECT * FROM kept.items; INSERT INTO tokens SELECT * FROM kept.tokens; INSERT INTO throttle SELECT * FROM kept.throttle' >/dev/null
}

@test "tool over postgresql: check names whatever a row can't be, and import refuses the same row, naming the line" {
    sed -i 's/^audit_rows.*/audit_rows = 1/' "$conf"
    rows_fill
    keep_rows
    rows_each postgresql
    sql "TRUNCATE users, items, tokens, throttle; DELETE FROM meta WHERE name <> 'store_id'"
    rows_refused
    same "$(sql 'SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items), (SELECT count(*) FROM tokens)')" '0|0|0'
    tool 0 import "$BATS_TEST_TMPDIR/good.lines"
    tool 0 check
    sql 'DROP SCHEMA kept CASCADE'
}

@test "tool over postgresql: no account gets a number that is taken, whatever an export says" {
    new_user ann
    new_user bob
    tool 0 export "$BATS_TEST_TMPDIR/good"
    sed '1s/"last_user_id":2/"last_user_id":1/' "$BATS_TEST_TMPDIR/good" >"$BATS_TEST_TMPDIR/bad"
    ! cmp -s "$BATS_TEST_TMPDIR/good" "$BATS_TEST_TMPDIR/bad" || fail "nothing was changed"
    sql "SELECT setval('users_id_seq', 1, false)" >/dev/null
    tool 1 check
    said '2 accounts with a number above the last one that was given away'
    tool 0 gc --recount
    tool 0 check
    new_user eve
    same "$(sql "SELECT id FROM users WHERE username = 'eve'")" 3
    sql "TRUNCATE users, items, tokens; DELETE FROM meta WHERE name <> 'store_id'; SELECT setval('users_id_seq', 1, false)" >/dev/null
    tool 1 import "$BATS_TEST_TMPDIR/bad"
    said 'bad:3: "id" is above the "last_user_id" of the first line, 1'
    same "$(sql 'SELECT count(*) FROM users')" 0
    tool 0 import "$BATS_TEST_TMPDIR/good"
    new_user eve
    same "$(sql "SELECT id FROM users WHERE username = 'eve'")" 3
}

@test "tool over postgresql: a value that was stored under a higher limit is read; import takes it only where the settings do" {
    printf '%s\n' 'max_value_bytes = 4194304' 'max_body_bytes = 4200000' >>"$conf"
    new_user ann
    { printf '{"key":"big","value":"'; head -c 4000000 /dev/zero | tr '\0' x; printf '"}'; } >"$BATS_TEST_TMPDIR/body"
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=POST CONTENT_LENGTH="$(stat -c %s "$BATS_TEST_TMPDIR/body")" HTTP_AUTHORIZATION="$token" \
        "$PROGRAMS/data" <"$BATS_TEST_TMPDIR/body" >/dev/null
    sed -i 's/^max_value.*/max_value_bytes = 65536/; s/^max_body.*/max_body_bytes = 65536/' "$conf"
    for call in data:/big changes: me:/export; do
        cgi "${call%:*}" GET "${call#*:}"
        same "$code" 200
        [ "${#body}" -gt 4000000 ] || fail "${call%:*}"
    done
    tool 0 check
    said '1 values are larger than max_value_bytes'
    tool 0 export "$BATS_TEST_TMPDIR/all"
    cgi data DELETE /big
    same "$code" 200
    tool 0 user delete ann --yes
    tool 1 import "$BATS_TEST_TMPDIR/all"
    said 'max_value_bytes (65536)'
    sed -i 's/^max_value.*/max_value_bytes = 4194304/; s/^max_body.*/max_body_bytes = 4200000/' "$conf"
    tool 0 import "$BATS_TEST_TMPDIR/all"
}
