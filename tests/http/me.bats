# /api/me and /api/me/password

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

profile() { field '.data | {user_id, username, email, full_name, age, gender}'; }

@test "me: shows the profile, what is used, and the limits" {
    new_user
    store a '"12345"'
    store b 1
    as_user GET /me
    succeeded 200
    same "$(field .data.user_id)" "$user_id"
    same "$(field .data.username)" "$user"
    same "$(field .data.email)" "$user@example.org"
    same "$(field .data.full_name)" 'Test User'
    same "$(field .data.age)" 30
    same "$(field .data.gender)" female
    [[ $(field .data.created_at) == 20*T*Z && $(field .data.updated_at) == 20*T*Z ]] || fail 'no times'
    same "$(field .data.usage.keys)" 2
    same "$(field .data.usage.bytes)" 8
    same "$(field '.data.limits | tojson')" '{"bytes":1073741824,"device_tokens":100,"keys":100000,"value_bytes":262144}'
    [[ $body != *'$y$'* && $body != *epoch* ]] || fail 'tells too much'
    as_user HEAD /me
    same "$code" 200
}

@test "me: is nobody else's" {
    call GET /me
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    as_user GET /me
    mine=$(field .data.user_id)
    new_user
    as_user GET /me
    [ "$(field .data.user_id)" != "$mine" ] || fail 'the same user'
}

@test "me: other methods and addresses are told what there is" {
    as_user PUT /me
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'GET, HEAD, PATCH, DELETE, OPTIONS'
    as_user GET /me/password
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'PUT, OPTIONS'
    as_user GET /me/nothing
    refused 404 NOT_FOUND
}

@test "me: PATCH changes what it names and nothing else" {
    as_user GET /me
    before=$(profile)
    made=$(field .data.created_at) changed=$(field .data.updated_at)
    send PATCH /me '{"full_name":"Ärger \"x\"","age":31.0}'
    succeeded 200
    same "$(field .data.created_at)" "$made"
    [[ $(field .data.updated_at) > $changed ]] || fail 'not noted as changed'
    wanted=$(jq '.full_name = "Ärger \"x\"" | .age = 31' <<<"$before")
    same "$(profile)" "$wanted"
    as_user GET /me
    same "$(profile)" "$wanted"
    send PATCH /me '{"gender":"diverse","email":"'"New.$user"'@Example.org"}'
    succeeded 200
    as_user GET /me
    same "$(field .data.gender)" diverse
    same "$(field .data.email)" "New.$user@Example.org"
    # The new e-mail logs in, the old one does not.
    login "new.$user@example.org"
    succeeded 200
    login "$user@example.org"
    refused 401 INVALID_CREDENTIALS
    login "$user"
}

@test "me: PATCH refuses what is not its own, and an empty one changes nothing" {
    as_user GET /me
    before=$(profile)
    send PATCH /me '{"username":"root","user_id":1,"password":"Xxxxxx1!","epoch":5,"disabled":1}'
    refused 400 INVALID_FIELD
    same "$(field '.details | keys | tojson')" '["disabled","epoch","password","user_id","username"]'
    send PATCH /me '{}'
    succeeded 200
    as_user GET /me
    same "$(profile)" "$before"
    login "$user"
    succeeded 200
}

@test "me: PATCH refuses by the rules and codes of registration, and changes nothing" {
    as_user GET /me
    before=$(profile)
    while IFS='|' read -r json wanted message; do
        send PATCH /me "$json"
        refused 400 "$wanted" "$message"
        [ -n "$(field '.details | keys[0]')" ] || fail 'no reason'
    done <<DONE
{"email":"no-at"}|INVALID_REQUEST|$MESSAGE_REGISTER
{"email":null}|INVALID_REQUEST|$MESSAGE_REGISTER
{"email":"a@b@c.org"}|INVALID_REQUEST|$MESSAGE_REGISTER
{"full_name":""}|INVALID_REQUEST|$MESSAGE_REGISTER
{"full_name":7,"age":5}|INVALID_REQUEST|$MESSAGE_REGISTER
{"age":0,"full_name":"changed"}|INVALID_AGE|$MESSAGE_AGE
{"age":151}|INVALID_AGE|$MESSAGE_AGE
{"age":"30"}|INVALID_AGE|$MESSAGE_AGE
{"age":30.5}|INVALID_AGE|$MESSAGE_AGE
{"gender":""}|GENDER_REQUIRED|$MESSAGE_GENDER
{"gender":null}|GENDER_REQUIRED|$MESSAGE_GENDER
DONE
    send PATCH /me '[]'
    refused 400 INVALID_REQUEST
    send PATCH /me '{"age":5'
    refused 400 INVALID_REQUEST
    as_user GET /me
    same "$(profile)" "$before"
}

@test "me: an e-mail of somebody else is refused, the own one in another case is not" {
    mine=$token
    me=$user
    new_user
    theirs=$user@example.org
    token=$mine
    send PATCH /me "{\"email\":\"${theirs^^}\",\"age\":77}"
    refused 400 EMAIL_EXISTS "$MESSAGE_EMAIL"
    as_user GET /me
    [ "$(field .data.age)" != 77 ] || fail 'half a change'
    as_user GET /me
    own=$(field .data.email)
    send PATCH /me "{\"email\":\"${own^^}\"}"
    succeeded 200
    login "$me"
    succeeded 200
}

@test "password: a change ends every older token at once, and answers with a new one" {
    new_user
    first=$token
    as_user GET /me
    changed=$(field .data.updated_at)
    login "$user"
    send POST /keys '{"name":"k","scope":"write"}'
    device=$(field .data.token)
    send PUT /me/password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass2?\"}"
    succeeded 200
    fresh=$(field .token)
    same "$(field .data.access_token)" "$fresh"
    same "$(field .data.expires_in)" 3600
    for old in "$first" "$token" "$device"; do
        token=$old
        as_user GET /data/x
        refused 401 INVALID_TOKEN
    done
    token=$fresh
    as_user GET /me
    succeeded 200
    [[ $(field .data.updated_at) > $changed ]] || fail 'not noted as changed'
    login "$user"
    refused 401 INVALID_CREDENTIALS
    login "$user" 'Other-pass2?'
    succeeded 200
}

@test "password: a wrong current one is refused and changes nothing" {
    new_user
    send PUT /me/password '{"current_password":"Wrong-pass1!","new_password":"Other-pass2?"}'
    refused 401 INVALID_CREDENTIALS
    as_user GET /me
    succeeded 200
    login "$user"
    succeeded 200
}

@test "password: a weak new one is refused before the current one is looked at" {
    for weak in short1! alllower1! ALLUPPER1! NoDigits! NoSpecial1; do
        send PUT /me/password "{\"current_password\":\"Wrong-pass1!\",\"new_password\":\"$weak\"}"
        refused 400 INVALID_PASSWORD "$MESSAGE_PASSWORD"
    done
}

@test "password: both are needed, and a token" {
    for json in '{}' "{\"current_password\":\"$PASSWORD\"}" '{"new_password":"Other-pass2?"}' \
        '{"current_password":5,"new_password":"Other-pass2?"}' '{"current_password":"","new_password":""}'; do
        send PUT /me/password "$json"
        refused 400 INVALID_REQUEST
    done
    call POST /me/password -H 'X-HTTP-Method-Override: PUT' \
        --data-binary "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass2?\"}"
    refused 401 INVALID_TOKEN
}

@test "password: of ten changes at once one wins" {
    new_user
    for i in 0 1 2 3 4 5 6 7 8 9; do
        curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/change.$i" -X POST -H 'X-HTTP-Method-Override: PUT' \
            -H "Authorization: $token" -d "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass$i?\"}" \
            "$BASE/me/password" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/change.* | jq -r '.code // .status' | sort | uniq -c | tr -s ' \n' ' ')" \
        ' 9 INVALID_TOKEN 1 success '
    winner=$(grep -l '"success"' "$BATS_TEST_TMPDIR"/change.* | sed 's/.*\.//')
    login "$user" "Other-pass$winner?"
    succeeded 200
}

@test "delete: the account, its data and its tokens are gone" {
    new_user
    store left-over 1
    login "$user"
    send DELETE /me "{\"password\":\"$PASSWORD\"}"
    succeeded 200
    for place in /me /data/left-over /keys; do
        as_user GET "$place"
        refused 401 INVALID_TOKEN
    done
    store again 1
    refused 401 INVALID_TOKEN
    login "$user"
    refused 401 INVALID_CREDENTIALS "$MESSAGE_CREDENTIALS"
    # Name and e-mail are free again, and the new account is another one.
    old=$user_id
    register "$(user_json "$user")"
    succeeded 201
    [ "$(field .data.user_id)" != "$old" ] || fail 'the number was used again'
    login "$user"
    as_user GET /data/left-over
    refused 404 KEY_NOT_FOUND
}

@test "delete: without the right password nothing happens" {
    new_user
    store kept 1
    for json in '{}' '{"password":null}' '{"password":""}'; do
        send DELETE /me "$json"
        refused 400 INVALID_REQUEST
    done
    send DELETE /me '{"password":"Wrong-pass1!"}'
    refused 401 INVALID_CREDENTIALS
    as_user DELETE /me
    refused 400 INVALID_REQUEST
    as_user GET /data/kept
    succeeded 200
}
