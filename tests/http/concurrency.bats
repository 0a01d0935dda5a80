# Many at once

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# many_writes COUNT WORKER TOKEN: stores COUNT keys by one curl after the other; prints the statuses
many_writes() {
    local config=$BATS_TEST_TMPDIR/many.$2
    for i in $(seq "$1"); do
        [ "$i" = 1 ] || echo next
        printf 'url = "%s/data"\nheader = "Authorization: %s"\noutput = "/dev/null"\nmax-time = %s\nwrite-out = "%%{http_code}\\n"\n' "$BASE" "$3" "$PATIENCE"
        printf 'data = "{\\"key\\":\\"w%s-%s\\",\\"value\\":%s}"\n' "$2" "$i" "$i"
    done >"$config"
    curl -sS -K "$config"
}

@test "concurrency: 8 writers of one user lose nothing" {
    for worker in $(seq 8); do
        many_writes 25 "$worker" "$token" >"$BATS_TEST_TMPDIR/codes.$worker" &
        began
    done
    wait_all
    same "$(sort "$BATS_TEST_TMPDIR"/codes.* | uniq -c | tr -s ' ')" ' 200 201'
    for worker in $(seq 8); do
        for i in 1 13 25; do
            as_user GET "/data/w$worker-$i"
            same "$(field .data.value)" "$i"
        done
    done
    store last 1
    same "$(field .data.version)" 201
}

@test "concurrency: 8 writers of 8 users lose nothing" {
    tokens=()
    for worker in $(seq 8); do
        new_user
        tokens+=("$token")
    done
    for worker in $(seq 8); do
        many_writes 25 "$worker" "${tokens[$((worker - 1))]}" >"$BATS_TEST_TMPDIR/codes.$worker" &
        began
    done
    wait_all
    same "$(sort "$BATS_TEST_TMPDIR"/codes.* | uniq -c | tr -s ' ')" ' 200 201'
    for worker in $(seq 8); do
        token=${tokens[$((worker - 1))]}
        for i in 1 25; do
            as_user GET "/data/w$worker-$i"
            same "$(field .data.value)" "$i"
        done
        as_user GET "/data/w$((worker % 8 + 1))-1"
        refused 404 KEY_NOT_FOUND
    done
}

@test "concurrency: of 30 creations of one key one wins" {
    for i in $(seq 30); do
        curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/create.$i" -H "Authorization: $token" \
            -d "{\"key\":\"contested\",\"value\":$i}" "$BASE/data" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/create.* | jq -r '.code // .status' | sort | uniq -c | tr -s ' \n' ' ')" \
        ' 29 KEY_EXISTS 1 success '
}

@test "concurrency: readers see whole values while one writes" {
    store flip '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    for i in $(seq 40); do
        letter=$(printf '%s' abcd | cut -c$((i % 4 + 1)))
        curl -sS --max-time "$PATIENCE" -o /dev/null -X POST -H "Authorization: $token" -H 'X-HTTP-Method-Override: PUT' \
            -d "{\"value\":\"$(printf "$letter%.0s" $(seq 32))\"}" "$BASE/data/flip"
    done &
    began
    for i in $(seq 40); do
        as_user GET /data/flip
        succeeded 200
        [[ $(field .data.value) =~ ^(a{32}|b{32}|c{32}|d{32})$ ]] || fail 'a mixed value'
    done
    wait_all
}

@test "concurrency: 200 connections at once are all answered" {
    for i in $(seq 200); do
        curl -sS --max-time "$PATIENCE" -o /dev/null -w '%{http_code}\n' -H "Authorization: $token" "$BASE/data/nothing" \
            >"$BATS_TEST_TMPDIR/conn.$i" &
        began
    done
    wait_all
    same "$(sort "$BATS_TEST_TMPDIR"/conn.* | uniq -c | tr -s ' ')" ' 200 404'
}

@test "concurrency: clients that hang up half-way leave nothing and harm nobody" {
    for i in 1 2 3 4 5; do
        raw "POST $(prefix)/data HTTP/1.1\r\nHost: x\r\nAuthorization: $token\r\nContent-Length: 1000\r\n\r\n{\"key\":\"half\"," 100 HANGUP &
        began
    done
    wait_all
    store whole 1
    succeeded 201
    as_user GET /data/half
    refused 404 KEY_NOT_FOUND
}
