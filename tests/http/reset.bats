# POST /api/reset: a new password with a one-time code

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

sql() { store_sql "$1"; }

# A code as the operator's tool makes it: only the digest of its 20 characters is stored.
give_code() {
    local text=${2//-/} hash
    hash=$(printf %s "$text" | openssl dgst -sha384 -binary | base64 -w 0 | tr '+/' '-_')
    sql "DELETE FROM tokens WHERE id = $1 * 1048576;
        INSERT INTO tokens (id, hash, name, writes, prefix, created_at, expires_at)
        VALUES ($1 * 1048576, '$hash', 'reset', 0, '', 0, ${3:-$(($(date +%s) + 600))000})"
}

# reset NAME CODE PASSWORD
reset() {
    call POST /reset --data-binary "$(jq -cn --arg u "$1" --arg c "$2" --arg p "$3" '{username: $u, code: $c, new_password: $p}')"
}

CODE=7MZQ2-K4T9A-0XHBN-PD6WE

@test "reset: the code sets a new password, once, and ends every token" {
    new_user
    send POST /keys '{"name":"k","scope":"write"}'
    device=$(field .data.token)
    give_code "$user_id" "$CODE"
    reset "$user" "$CODE" 'Other-pass2?'
    succeeded 200 'Password reset successfully.'
    for old in "$token" "$device"; do
        token=$old
        as_user GET /data/x
        refused 401 INVALID_TOKEN
    done
    login "$user"
    refused 401 INVALID_CREDENTIALS
    login "$user" 'Other-pass2?'
    succeeded 200
    reset "$user" "$CODE" 'Third-pass3!'
    refused 401 INVALID_CREDENTIALS
    login "$user" 'Other-pass2?'
    succeeded 200
}

@test "reset: a code may be typed in any case, with or without hyphens, O for 0, I and L for 1" {
    new_user
    give_code "$user_id" 10QZ2-K4T9A-01HBN-PD6WE
    reset "${user^^}" ' lo qz2k4t9a-oihbn-PD6we' 'Other-pass2?'
    succeeded 200
    give_code "$user_id" "$CODE"
    reset "$user@example.org" "$CODE" 'Third-pass3!'
    succeeded 200
}

@test "reset: a wrong code, an unknown user and a user without a code are answered alike" {
    new_user
    give_code "$user_id" "$CODE"
    reset "$user" 7MZQ2-K4T9A-0XHBN-PD6WF 'Other-pass2?'
    refused 401 INVALID_CREDENTIALS
    wrong=$body
    reset "$(fresh_name nobody)" "$CODE" 'Other-pass2?'
    refused 401 INVALID_CREDENTIALS
    same "$body" "$wrong"
    new_user
    reset "$user" "$CODE" 'Other-pass2?'
    same "$body" "$wrong"
    login "$user"
    succeeded 200
}

@test "reset: a code that is a beginning, longer, of another user or expired does nothing" {
    new_user
    give_code "$user_id" "$CODE"
    for bad in 7 "${CODE%?}" "${CODE}A" "$CODE-$CODE" - ' ' 'ü' "$(printf '7%.0s' $(seq 3000))"; do
        reset "$user" "$bad" 'Other-pass2?'
        refused 401 INVALID_CREDENTIALS
    done
    give_code "$user_id" "$CODE" "$(($(date +%s) - 1))000"
    reset "$user" "$CODE" 'Other-pass2?'
    refused 401 INVALID_CREDENTIALS
    login "$user"
    succeeded 200
}

@test "reset: a weak password is refused and the code stays good" {
    new_user
    give_code "$user_id" "$CODE"
    reset "$user" "$CODE" short
    refused 400 INVALID_PASSWORD "$MESSAGE_PASSWORD"
    reset "$user" "$CODE" 'Other-pass2?'
    succeeded 200
}

@test "reset: all three fields are needed" {
    for json in '{}' '{"username":"a","code":"b"}' '{"username":"a","new_password":"Other-pass2?"}' \
        '{"code":"b","new_password":"Other-pass2?"}' '{"username":5,"code":"b","new_password":"Other-pass2?"}' \
        '{"username":"a","code":"","new_password":"Other-pass2?"}' '{"username":"a","code":"b","new_password":null}'; do
        call POST /reset --data-binary "$json"
        refused 400 INVALID_REQUEST
        [ -n "$(field '.details | keys[0]')" ] || fail 'no reason'
    done
    call GET /reset
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'POST, OPTIONS'
}

@test "reset: a disabled user stays out" {
    new_user
    give_code "$user_id" "$CODE"
    sql "UPDATE users SET disabled = 1 WHERE id = $user_id"
    reset "$user" "$CODE" 'Other-pass2?'
    refused 401 INVALID_CREDENTIALS
    sql "UPDATE users SET disabled = 0 WHERE id = $user_id"
    login "$user"
    succeeded 200
}

@test "reset: of ten uses of one code at once one wins" {
    new_user
    give_code "$user_id" "$CODE"
    for i in 0 1 2 3 4 5 6 7 8 9; do
        curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/reset.$i" \
            -d "{\"username\":\"$user\",\"code\":\"$CODE\",\"new_password\":\"Other-pass$i?\"}" "$BASE/reset" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/reset.* | jq -r '.code // .status' | sort | uniq -c | tr -s ' \n' ' ')" \
        ' 9 INVALID_CREDENTIALS 1 success '
    winner=$(grep -l '"success"' "$BATS_TEST_TMPDIR"/reset.* | sed 's/.*\.//')
    login "$user" "Other-pass$winner?"
    succeeded 200
}

@test "reset: the code is no token" {
    new_user
    secret=$(printf 'A%.0s' $(seq 43))
    give_code "$user_id" "$secret"
    token="cubby_${user_id}_0_$secret"
    as_user GET /data/x
    refused 401 INVALID_TOKEN
}
