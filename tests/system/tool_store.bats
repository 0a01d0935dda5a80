#!/usr/bin/env bats
# cubby gc and stats.

load tool

setup() {
    note_test_alone
    installation;
}

teardown() {
    [ ! -f "$BATS_TEST_TMPDIR/mounted" ] || umount -l "$(cat "$BATS_TEST_TMPDIR/mounted")"
}

@test "gc: what is over goes and is counted, what lives stays" {
    new_user ann
    cgi keys POST '' '{"name":"dead","scope":"read","ttl":1}'
    cgi keys POST '' '{"name":"alive","scope":"read","ttl":1000}'
    cgi keys POST '' '{"name":"for ever","scope":"read"}'
    tool 0 user reset-code ann --valid 1
    login nobody
    cgi token DELETE
    login ann
    cgi token DELETE
    login ann
    same "$(query "SELECT length(revoked) > 0 FROM users")" 1
    # an hour and a day later
    query "UPDATE throttle SET until = 1; INSERT INTO throttle (id, count, until) VALUES (7, 1, strftime('%s', 'now') * 1000 + 600000); UPDATE users SET revoked = revoked || ';dead=98$(printf ';%032x=100' $(seq 32));deader=99'"
    query "UPDATE tokens SET expires_at = 1 WHERE expires_at < strftime('%s', 'now') * 1000 + 10000"
    rows=$(query 'SELECT COUNT(*) FROM throttle WHERE until = 1')
    [ "$rows" -gt 0 ]
    tool 0 gc --json
    same "$(of '[.device_tokens, .throttle, .ended_tokens] | @csv')" "2,$rows,2"
    same "$(query 'SELECT id FROM throttle')" 7
    same "$(query 'SELECT name FROM tokens ORDER BY name' | paste -sd,)" 'alive,for ever'
    same "$(query "SELECT revoked LIKE '%dead%', length(revoked) > 0 FROM users")" '0|1'
    tool 0 gc --json
    same "$(of '[.[]] | add')" 0
    cgi me GET
    same "$code" 200
    tool 0 check
}

@test "check: names whose device tokens and codes were made while the clock was ahead, which gc keeps" {
    new_user ann
    cgi keys POST '' '{"name":"early","scope":"read","ttl":1000}'
    cgi keys POST '' '{"name":"now","scope":"read","ttl":1000}'
    tool 0 user reset-code ann
    tool 0 check --json
    same "$(of '[.warnings[] | .problem | select(contains("yet to come"))] | length')" 0
    query "UPDATE tokens SET created_at = created_at + 86400000, expires_at = expires_at + 86400000 WHERE name <> 'now'"
    tool 0 check --json
    same "$(of '[.warnings[] | .problem | select(contains("yet to come"))] | join("")')" \
        'the device tokens or codes of "ann" that were made at a time yet to come are refused until then; they are 2'
    tool 0 check
    said 'had better delete them'
    # They are not over: it may be that the clock is behind now.
    tool 0 gc --json
    same "$(of .device_tokens)" 0
}

@test "gc: expired items become deletions that the changes feed tells, old deletions are forgotten" {
    new_user ann
    cgi data POST '' '{"key":"short","value":1,"ttl":1000}'
    cgi data POST '' '{"key":"long","value":1,"ttl":1000}'
    store plain 1
    store gone 1
    cgi data DELETE /gone
    new_user bob
    cgi data POST '' '{"key":"short","value":1,"ttl":1000}'
    query "UPDATE items SET expires_at = 1000 WHERE key = 'short'; UPDATE users SET next_expiry = 1000"
    tool 0 stats --json
    same "$(of '[.items, .tombstones] | @csv')" '4,1'
    tool 0 gc --json
    same "$(of '[.expired_items, .tombstones] | @csv')" '2,0'
    same "$(query "SELECT username, keys, bytes, tombstones, horizon FROM users ORDER BY id")" 'ann|2|2|2|0
bob|0|0|1|0'
    tool 0 check
    query "UPDATE items SET updated_at = updated_at - 91 * 86400000 WHERE key = 'gone'"
    tool 0 gc --json
    same "$(of '[.expired_items, .tombstones] | @csv')" '0,1'
    same "$(query "SELECT username, tombstones, horizon FROM users ORDER BY id")" "ann|1|5
bob|1|0"
    tool 0 gc --tombstones 0 --json
    same "$(of .tombstones)" 2
    same "$(query "SELECT COUNT(*) FROM items")" 2
    tool 0 check
    tool 2 gc --tombstones x
}

@test "check and gc --recount: counts that do not fit and rows of nobody are found and mended" {
    new_user ann
    store k '"12345678"'
    query "UPDATE users SET keys = 7, bytes = 1; INSERT INTO tokens VALUES (99 * 1048576 + 1, '$(printf 'x%.0s' $(seq 64))', 'x', 0, '', 1, NULL, NULL)"
    query "INSERT INTO items (user_id, key, version, size, created_at, updated_at, value) VALUES (99, 'k', 1, 1, 1, 1, '1')"
    tool 1 check --json
    same "$(of '[.problems[].remedy] | unique | @csv')" '"run ""cubby gc --recount"""'
    same "$(of '.problems | length')" 2
    tool 0 gc --recount --json
    same "$(of '[.orphans, .users_recounted] | @csv')" '2,1'
    tool 0 check
    same "$(query 'SELECT keys, bytes FROM users')" '1|10'
    read_value k
    same "$code" 200
}

@test "check and gc --recount: whatever import refuses of rows together is found, named and mended" {
    new_user ann
    store mine 1
    new_user bob
    store k '"é"'
    store gone 1
    cgi data POST '' '{"key":"ends","value":5,"ttl":1000000}'
    cgi data DELETE /gone
    tool 0 check
    rows() { query 'SELECT id, keys, bytes, tombstones, next_expiry, version, (SELECT SUM(size) FROM items WHERE user_id = users.id) FROM users ORDER BY id'; }
    good=$(rows)
    cp "$database" "$BATS_TEST_TMPDIR/good"
    dump=$BATS_TEST_TMPDIR/dump
    while IFS='|' read -r change mended found import; do
        cp "$BATS_TEST_TMPDIR/good" "$database"
        query "UPDATE ${change//;/; UPDATE }"
        tool 1 check --json
        same "$(of '[.problems[].problem] | join(", ")')" "$found"
        same "$(of '[.problems[].remedy] | unique | join("")')" 'run "cubby gc --recount"'
        tool 0 export "$dump" --yes
        mv "$database" "$database.bad"
        tool 0 init
        tool 1 import "$dump"
        said "${import:-${found#1 }}"
        rm "$database"
        mv "$database.bad" "$database"
        tool 0 gc --recount --json
        same "$(of '[.orphans, .items_resized, .users_recounted] | join(",")')" "$mended"
        tool 0 check
        same "$(rows)" "$good"
        same "$(query 'SELECT COUNT(*) FROM users WHERE horizon > version')" 0
        tool 0 export "$dump" --yes
        rm "$database"
        tool 0 init
        tool 0 import "$dump"
    done <<'DONE'
users SET horizon = version + 1 WHERE id = 2|0,0,1|1 accounts whose items or deletions are ahead of their version
users SET version = version - 1 WHERE id = 2|0,0,1|1 accounts whose items or deletions are ahead of their version
users SET version = version - 1, horizon = version + 5|0,0,2|2 accounts whose items or deletions are ahead of their version|accounts whose items or deletions are ahead of their version
users SET next_expiry = 0 WHERE id = 2|0,0,1|1 accounts whose next_expiry is behind that of an item
users SET next_expiry = next_expiry + 1 WHERE id = 2|0,0,1|1 accounts whose next_expiry is behind that of an item
users SET tombstones = 0 WHERE id = 2|0,0,1|1 accounts whose counts are not what they store
items SET size = size + 1 WHERE key = 'k';users SET bytes = bytes + 1 WHERE id = 2|0,1,1|1 items whose size is not that of their value|"size" is not the number of bytes of the value
items SET size = length(value) WHERE key = 'k';users SET bytes = bytes - 1 WHERE id = 2|0,1,1|1 items whose size is not that of their value|"size" is not the number of bytes of the value
items SET size = 1 WHERE key = 'gone'|0,1,0|1 items whose size is not that of their value|"size" is not the number of bytes of the value
DONE
}

@test "gc: thousands of rows, and --compact gives the room back" {
    new_user ann
    query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) INSERT INTO throttle SELECT i, 1, 1 FROM n"
    before=$(stat -c %s "$database")
    tool 0 gc --compact --json
    [ "$(of .throttle)" -ge 30000 ]
    after=$(stat -c %s "$database")
    same "$(of .bytes_given_back)" $((before - after))
    [ "$after" -lt $((before / 2)) ]
    tool 0 check
    read_value none
    same "$code" 404
    tool 0 gc
    case $output in *throttle*0*) ;; *) fail 'no report for people' ;; esac
}

# large_store ITEMS: items of 100 KB, of which a third was deleted, so that there is room to give back
large_store() {
    tool 0 migrate
    new_user ann
    query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO items SELECT 1, 'k' || i, i, 100002, 1, 1, NULL, '\"' || hex(zeroblob(50000)) || '\"' FROM n;
        DELETE FROM items WHERE version % 3 = 0"
    tool 0 gc --recount
}

# compact_in_files JOURNAL: with a third of the memory that the database would need
compact_in_files() {
    echo "journal = $1" >>"$conf"
    large_store 1200
    before=$(stat -c %s "$database")
    [ "$before" -gt 120000000 ] || fail "has $before bytes"
    printf '#!/bin/sh\nulimit -v 40000 && exec "%s" "$@"\n' "$TOOL" >"$BATS_TEST_TMPDIR/little"
    chmod 755 "$BATS_TEST_TMPDIR/little"
    TOOL=$BATS_TEST_TMPDIR/little tool 0 gc --compact --json
    same "$(of .bytes_given_back)" $((before - $(stat -c %s "$database")))
    [ "$(stat -c %s "$database")" -lt $((before * 7 / 10)) ]
    same "$(ls "$home" | tr '\n' ' ')" 'cubby.db cubby.db-hashes keys.json '
    tool 0 check
    same "$(query 'SELECT count(*), sum(length(value)) FROM items')" '800|80001600'
}

@test "gc --compact: a database that is larger than the memory, rollback journal" { compact_in_files rollback; }

@test "gc --compact: the same with a write-ahead log" { compact_in_files wal; }

@test "gc --compact: where the database is a link, works in the folder where it lies" {
    tool 0 migrate
    mkdir "$BATS_TEST_TMPDIR/elsewhere"
    mv "$database" "$BATS_TEST_TMPDIR/elsewhere/store.db"
    ln -s "$BATS_TEST_TMPDIR/elsewhere/store.db" "$database"
    large_store 60
    # Neither memory nor the folder that the system has for temporary files.
    cubby=$TOOL
    TMPDIR=/tmp TOOL=strace tool 0 -f -e trace=open,openat -o "$BATS_TEST_TMPDIR/opened" "$cubby" gc --compact
    grep -q "\"$BATS_TEST_TMPDIR/elsewhere/[^\"]*\".*O_CREAT|O_EXCL" "$BATS_TEST_TMPDIR/opened" || fail "$(cat "$BATS_TEST_TMPDIR/opened")"
    ! grep -q '"/\(var\|usr\)*/*tmp/[^/]*".*O_EXCL' "$BATS_TEST_TMPDIR/opened" || fail "$(cat "$BATS_TEST_TMPDIR/opened")"
    same "$(ls "$BATS_TEST_TMPDIR/elsewhere")" store.db
    tool 0 check
}

# compact_without_room JOURNAL: while the copy is made, and while it is copied back
compact_without_room() {
    is_root || fail 'only root can mount a small disk: run this as root'
    echo "journal = $1" >>"$conf"
    large_store 60
    mkdir "$BATS_TEST_TMPDIR/disk"
    for megabytes in 9 11; do
        mount -t tmpfs -o "size=${megabytes}m,mode=700" none "$BATS_TEST_TMPDIR/disk"
        echo "$BATS_TEST_TMPDIR/disk" >"$BATS_TEST_TMPDIR/mounted"
        cp "$database" "$BATS_TEST_TMPDIR/disk/cubby.db"
        rows=$(query .dump)
        sed "s|^database = .*|database = $BATS_TEST_TMPDIR/disk/cubby.db|" "$conf" >"$conf.disk"
        CUBBY_CONF=$conf.disk tool 1 gc --compact
        said "giving unused room back: no room on the disk"
        same "$(ls "$BATS_TEST_TMPDIR/disk")" cubby.db
        same "$(stat -c %s "$BATS_TEST_TMPDIR/disk/cubby.db")" "$(stat -c %s "$database")"
        [ "$(sqlite3 "$BATS_TEST_TMPDIR/disk/cubby.db" .dump)" = "$rows" ] || fail 'has other rows'
        CUBBY_CONF=$conf.disk tool 0 check
        umount "$BATS_TEST_TMPDIR/disk"
        rm "$BATS_TEST_TMPDIR/mounted"
    done
}

@test "gc --compact: without the room for it says so and leaves the database as it was, rollback journal" { compact_without_room rollback; }

@test "gc --compact: without the room, write-ahead log" { compact_without_room wal; }

@test "gc: ended tokens of any number of users" {
    # 8 MB of them, more than the tool keeps for a run
    query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500),
        list(revoked) AS (SELECT group_concat(';' || printf('%032x', i) || '=99', '') FROM n)
        INSERT INTO users SELECT i, 'u' || i, 'u' || i, i || '@x.y', i || '@x.y', 'x', 3, 'x', 'x', 1, 0, 1, 1, 0,
        revoked || ';live=99999999999', 0, 0, 0, 0, 0, NULL, NULL FROM n, list"
    tool 0 gc --json
    same "$(of .ended_tokens)" $(((500 - 32) * 500))
    same "$(query 'SELECT DISTINCT revoked FROM users')" "$(printf ';%032x=99' $(seq 32));live=99999999999"
}

@test "stats: counts everything" {
    printf '%s\n' 'audit_rows = 100' >>"$conf"
    new_user ann
    store a '"12345678"'
    store b '"12345678"'
    cgi keys POST '' '{"name":"sensor","scope":"read"}'
    new_user bob
    tool 0 user disable bob
    tool 0 user reset-code ann
    tool 0 stats --json
    same "$(of '[.users, .disabled_users, .items, .item_bytes, .device_tokens, .reset_codes] | @csv')" '2,1,2,20,1,1'
    same "$(of .database_bytes)" "$(stat -c %s "$database")"
    same "$(of .store_id)" "$(query "SELECT value FROM meta WHERE name = 'store_id'")"
    [ "$(of .events)" -gt 3 ]
    tool 0 stats
    case $output in *'store id'*) ;; *) fail 'no report for people' ;; esac
}

@test "store: a program uses the database without requests, answers and the loop linked to it" {
    run "$root/build/test-tools/store_alone" "$conf"
    [ "$output" = added ] || fail 'not added'
    tool 0 user show alone
    run "$root/build/test-tools/store_alone" "$conf"
    [ "$status" = 1 ] || fail 'added twice'
}

@test "stats --prometheus: what --json counts, in the form of Prometheus" {
    installation
    new_user ann
    store k '"v"'
    tool 0 stats --json
    counts=$output
    tool 0 stats --prometheus
    same "$stderr" ''
    # Each line is a comment about the name that follows, or a sample of a number.
    same "$(grep -vcE '^# (HELP cubby_[a-z_]+ [A-Z].*\.|TYPE cubby_[a-z_]+ gauge)$|^cubby_[a-z_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? [0-9]+$' <<<"$output")" 0
    same "$(sed -n 's/^cubby_\([a-z_]*\) \([0-9]*\)$/\1 \2/p' <<<"$output" | sort)" \
        "$(jq -r 'del(.schema) | to_entries[] | select(.value | type == "number") | "\(.key) \(.value)"' <<<"$counts" | sort)"
    same "$(grep -c '^# TYPE' <<<"$output") $(grep -c '^# HELP' <<<"$output")" "$(grep -c '^cubby_' <<<"$output") $(grep -c '^cubby_' <<<"$output")"
    grep -qF "cubby_info{version=\"0.1.0\",schema=\"$(jq .schema <<<"$counts")\",store_id=\"$(jq -r .store_id <<<"$counts")\"} 1" <<<"$output"
    query "UPDATE meta SET value = 'a\"b' || char(10) WHERE name = 'store_id'"
    tool 0 stats --prometheus
    grep -qF 'store_id=""} 1' <<<"$output"
    tool 2 stats --prometheus --json
    said '--prometheus and --json are two forms'
    same "$output" ''
    tool 2 stats --prometheus=yes
    rm "$database"
    tool 1 stats --prometheus
    same "$output" ''
}
