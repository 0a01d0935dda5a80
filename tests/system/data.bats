#!/usr/bin/env bats
# The data API under load: many clients at once, many keys, much waiting

load system

setup_file() {
    export folder=$BATS_FILE_TMPDIR
    mkdir -m 700 "$folder/data"
    # Few tombstones, so that deletions are forgotten while others follow.
    printf 'password_cost = 1\nregister_limit = 0\ntombstones = 25\nbusy_timeout = 30000\n' >"$folder/data/cubby.conf"
    SERVER=lighttpd PORT=0 DATA=$folder/data READY=$folder/ready WWW=$root/www \
        setsid sh "$root/cgi-bin/server/run.sh" >"$folder/log" 2>&1 </dev/null 3>&- 4>&- &
    echo $! >"$folder/pid"
    until_true 30 test -f "$folder/ready" || fail "does not come up: $(cat "$folder/log")"
    BASE=$(cat "$folder/ready")
    export BASE DATABASE=$folder/data/cubby.db
}

teardown_file() {
    kill "$(cat "$folder/pid")"
    until_true 15 test ! -f "$folder/ready"
}

clients() { timeout 140 node "$root/tests/system/data.js" "$@"; }

@test "data: a copy that follows the changes ends with exactly what is there" {
    clients replica
}

@test "data: of reads and writes on condition by 16 at once, every acknowledged one counts" {
    clients counter
}

@test "data: 100,000 keys are walked in order, none twice and none left out, while others come and go" {
    clients walk
}

@test "data: 50 who wait use no processor, and all wake with a write" {
    clients wait
}

@test "data: deletions are remembered up to the limit, and the counters are those of the rows" {
    same "$(sqlite3 -cmd '.timeout 20000' "$DATABASE" 'SELECT COUNT(*) FROM users WHERE tombstones > 25')" 0
    same "$(sqlite3 -cmd '.timeout 20000' "$DATABASE" 'SELECT COUNT(*) FROM users WHERE
        keys <> (SELECT COUNT(*) FROM items WHERE user_id = users.id AND (expires_at IS NULL OR expires_at > 0)) OR
        bytes <> (SELECT COALESCE(SUM(size), 0) FROM items WHERE user_id = users.id) OR
        tombstones <> (SELECT COUNT(*) FROM items WHERE user_id = users.id AND expires_at < 0) OR
        version < (SELECT COALESCE(MAX(version), 0) FROM items WHERE user_id = users.id) OR
        next_expiry > (SELECT MIN(expires_at) FROM items WHERE user_id = users.id AND expires_at > 0)')" 0
    same "$(sqlite3 "$DATABASE" 'SELECT COUNT(*) FROM items WHERE size <> length(CAST(value AS BLOB))')" 0
}
