# An import whose body comes slowly takes one of its user's two places meanwhile. Who has ended a token keeps
# none with it; who hardly sends anything keeps none either; who is slow, but steady, is waited for.

load tool.bash
load loop.bash
load slow_import.bash

teardown() {
    drip_end
    loops_stop
}

setup() {
    note_test_alone
    installation 'busy_timeout = 2000'
    new_user ann
}

# body_timeout SECONDS: from the next process on. It is 30 otherwise, which no pause of a busy machine takes.
body_timeout() { echo "body_timeout = $1" >>"$conf"; }

@test "slow import: once its token has ended, both places are free soon, although more keeps coming" {
    for number in 1 2; do
        slowly "slow.$number" 1000 1000
        eventually taken "$number" || fail 'no place taken'
    done
    cgi me GET /export
    same "$code" 503
    cgi me PUT /password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-horse-2\"}"
    same "$code" 200
    token=$(jq -r .token <<<"$body")
    eventually taken 0 || fail 'the places stay taken'
    cgi me GET /export
    same "$code" 200
    wait_all
    said_to slow.1 401 "$revoked"
    said_to slow.2 401 "$revoked"
}

@test "slow import: the same under FastCGI, and of a token that was ended alone" {
    loop_start me
    looped slowly slow.1 1000 1000
    eventually taken 1 || fail 'no place taken'
    cgi token DELETE
    same "$code" 200
    eventually taken 0 || fail 'the place stays taken'
    wait_all
    said_to slow.1 401 "$revoked"
    login ann
    ask me GET /export
    answered 200
}

@test "slow import: a key that is taken out of the key file ends it too" {
    slowly slow.1 1000 1000
    eventually taken 1 || fail 'no place taken'
    old=$(jq -r '.keys[0].kid' "$keys")
    tool 0 key rotate
    tool 0 key retire "$old" --yes
    eventually taken 0 || fail 'the place stays taken'
    wait_all
    said_to slow.1 401 '"code":"INVALID_TOKEN"'
}

@test "slow import: the same where the key file has a folder of its own: nothing is stored by a key that is gone" {
    mkdir -m 700 "$BATS_TEST_TMPDIR/keys"
    mv "$keys" "$BATS_TEST_TMPDIR/keys/keys.json"
    keys=$BATS_TEST_TMPDIR/keys/keys.json
    sed -i "s|^keys = .*|keys = $keys|" "$conf"
    loop_start me
    slowly slow.1 1000 1000 '{"items":[{"key":"late","value":1}]}'
    looped slowly slow.2 1000 1000 '{"items":[{"key":"late","value":1}]}'
    eventually taken 2 || fail 'no places taken'
    old=$(jq -r '.keys[0].kid' "$keys")
    tool 0 key rotate
    tool 0 key retire "$old" --yes
    eventually taken 0 || fail 'the places stay taken'
    wait_all
    for name in slow.1 slow.2; do
        grep -qE '^Status: (401|503) ' "$BATS_TEST_TMPDIR/$name" || fail "$(cat "$BATS_TEST_TMPDIR/$name")"
    done
    same "$(query 'SELECT COUNT(*) FROM items')" 0
}

@test "slow import: a body whose rest comes at once when its key has gone stores nothing" {
    loop_start me
    slowly slow.1 1000 1000 '{"items":[{"key":"late","value":1}]}'
    looped slowly slow.2 1000 1000 '{"items":[{"key":"late","value":1}]}'
    eventually taken 2 || fail 'no places taken'
    tool 0 key rotate --retire-others --yes
    touch "$BATS_TEST_TMPDIR/hurry"
    wait_all
    said_to slow.1 401 '"code":"INVALID_TOKEN"'
    said_to slow.2 401 '"code":"INVALID_TOKEN"'
    same "$(query 'SELECT COUNT(*) FROM items')" 0
}

@test "slow import: once the time of its token is over it is refused and its place is free, although more keeps coming" {
    # As short as this machine can begin two imports within.
    both=''
    for lifetime in 6 24 96; do
        echo "token_lifetime = $lifetime" >>"$conf"
        login ann
        loop_start me
        slowly slow.1 1000 1000
        looped slowly slow.2 1000 1000
        if until_true "$lifetime" taken 2; then
            both=yes
            break
        fi
        drip_end
        wait_all
        rm "$BATS_TEST_TMPDIR/enough"
        sed -i '/^token_lifetime/d' "$conf"
    done
    [ -n "$both" ] || fail 'the places are not taken'
    until_true $((lifetime + 90)) taken 0 || fail 'the places stay taken'
    wait_all
    said_to slow.1 401 "$over"
    said_to slow.2 401 "$over"
}

@test "slow import: a body that is whole when the token's time is over stores nothing" {
    echo 'token_lifetime = 2' >>"$conf"
    login ann
    loop_start me
    item='{"items":[{"key":"late","value":1}]}'
    slowly slow.1 20 8 "$item"
    looped slowly slow.2 20 8 "$item"
    wait_all
    said_to slow.1 401 "$over"
    said_to slow.2 401 "$over"
    same "$(query 'SELECT COUNT(*) FROM items')" 0
}

@test "slow import: a byte now and then is not waited for without end" {
    body_timeout 8
    loop_start me
    for by in '' looped; do
        $by slowly slow.1 1 1000
        eventually taken 1 || fail 'no place taken'
        eventually taken 0 || fail 'the place stays taken'
        wait_all
        said_to slow.1 400 '"code":"INCOMPLETE_BODY"'
    done
}

@test "slow import: 2 KB a second are read to their end, for longer than body_timeout, and so is one that pauses" {
    body_timeout 4
    loop_start me
    # Where the machine stands still for as long, none comes: then once more.
    for _ in 1 2 3 4 5; do
        slowly slow.1 800 25
        looped slowly slow.2 800 25
        wait_all
        grep -q INCOMPLETE_BODY "$BATS_TEST_TMPDIR"/slow.[12] || break
    done
    said_to slow.1 200 '"imported":0'
    said_to slow.2 200 '"imported":0'
}
