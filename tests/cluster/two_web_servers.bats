#!/usr/bin/env bats
# Two web servers, each with programs of its own, on one PostgreSQL, as two machines would have it.

load ../system/system.bash
load ../system/postgresql.bash

# Of many that write at once the last waits for long, on a busy machine, and is to have its turn all the same.
patient='busy_timeout = 45000'

setup_file() { server_make; }
teardown_file() { server_end; }
teardown() { instances_stop; }

@test "postgresql, two web servers: 16 writers of 1,000 writes each lose nothing, and all that is counted is right" {
    instances 2 "$patient"
    accounts 4
    LONGEST=150000 node "$root/tests/soak/writers.js" "$addresses" "$tokens" 16 1000 >"$BATS_TEST_TMPDIR/said" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    grep -qE '^1[6-9][0-9]{3} versions acknowledged, 0 answers 503, .* [1-9][0-9]* won and [1-9][0-9]* lost, .* 0 faults' "$BATS_TEST_TMPDIR/said" ||
        fail "$(cat "$BATS_TEST_TMPDIR/said")"
    # What the rows say of themselves.
    same "$(sql "SELECT count(*) FROM users u WHERE NOT ((keys, bytes, tombstones, version) = (SELECT
        count(*) FILTER (WHERE expires_at IS NULL), coalesce(sum(size) FILTER (WHERE expires_at IS NULL), 0)::bigint,
        count(*) FILTER (WHERE expires_at < 0), max(version) FROM items WHERE user_id = u.id))")" 0
    same "$(sql 'SELECT count(*) FROM users')" 4
    "$TOOL" -c "$conf" check
}

# creators COUNT: 8 writers for each web server create so many keys each; prints the statuses
creators() {
    local base number config
    for number in $(seq 16); do
        base=$(cut -d, -f$((number % 2 + 1)) <<<"$addresses")
        config=$BATS_TEST_TMPDIR/creator.$number
        for i in $(seq "$1"); do
            [ "$i" = 1 ] || echo next
            printf 'url = "%s/data"\nheader = "Authorization: %s"\noutput = "/dev/null"\nmax-time = 120\nwrite-out = "%%{http_code}\\n"\ndata = "{\\"key\\":\\"%s/%s\\",\\"value\\":1}"\n' \
                "$base" "$(cat "$tokens")" "$number" "$i"
        done >"$config"
        curl -sS -K "$config" >"$BATS_TEST_TMPDIR/codes.$number" &
        began
    done
    wait_all
    sort "$BATS_TEST_TMPDIR"/codes.* | uniq -c | tr -s ' '
}

@test "postgresql, two web servers: a quota is met exactly, however many write at once" {
    server_empty
    instances 2 "$patient" 'max_user_keys = 100'
    accounts 1
    same "$(creators 20)" $' 100 201\n 220 507'
    same "$(sql 'SELECT keys, version, (SELECT count(*) FROM items) FROM users')" '100|100|100'
}

@test "postgresql, two web servers: of registrations of one name at once one wins" {
    server_empty
    instances 2 "$patient" 'max_hashes = 0'
    for i in $(seq 16); do
        curl -sS --max-time 120 "$(cut -d, -f$((i % 2 + 1)) <<<"$addresses")/register" -o "$BATS_TEST_TMPDIR/answer.$i" \
            -d "{\"username\":\"Ann\",\"email\":\"ann$i@example.org\",\"full_name\":\"Ann\",\"age\":30,\"gender\":\"x\",\"password\":\"$PASSWORD\"}" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/answer.* | jq -r '.code // .status' | sort | uniq -c | tr -s ' ')" $' 15 USERNAME_EXISTS\n 1 success'
    same "$(sql 'SELECT count(*) FROM users')" 1
}
