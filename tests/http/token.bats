# POST /api/token

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

@test "token: name and password give a token, in both places" {
    call POST /token --data-binary "{\"username\":\"$user\",\"password\":\"$PASSWORD\"}"
    succeeded 200 'Access token generated successfully.'
    same "$(field .token)" "$(field .data.access_token)"
    same "$(field .data.token_type)" Bearer
    same "$(field .data.expires_in)" 3600
    same "$(field '.token | split(".") | length')" 3
}

@test "token: claims and header are those of the contract" {
    call POST /token --data-binary "{\"username\":\"$user\",\"password\":\"$PASSWORD\"}"
    succeeded 200
    token=$(field .token)
    header=$(token_part 1)
    claims=$(token_part 2)
    same "$(jq -r .alg <<<"$header")" HS256
    same "$(jq -r .kid <<<"$header")" "$(jq -r '.keys[0].kid' "$DATA/keys.json")"
    same "$(jq -r .sub <<<"$claims")" "$user_id"
    same "$(jq -r '.sub | type' <<<"$claims")" string
    same "$(jq -r .user_id <<<"$claims")" "$user_id"
    same "$(jq -r '.user_id | type' <<<"$claims")" number
    same "$(jq -r '.exp - .iat' <<<"$claims")" 3600
    same "$(jq -r '.epoch | type' <<<"$claims")" number
    first=$(jq -r .jti <<<"$claims")
    [ -n "$first" ]
    call POST /token --data-binary "{\"username\":\"$user\",\"password\":\"$PASSWORD\"}"
    token=$(field .token)
    [ "$first" != "$(token_part 2 | jq -r .jti)" ] || fail 'jti twice'
}

@test "token: the e-mail works, in either field, in any ASCII case" {
    for json in "{\"email\":\"$user@example.org\",\"password\":\"$PASSWORD\"}" \
        "{\"username\":\"$user@example.org\",\"password\":\"$PASSWORD\"}" \
        "{\"email\":\"${user^^}@EXAMPLE.ORG\",\"password\":\"$PASSWORD\"}" \
        "{\"username\":\"${user^^}\",\"password\":\"$PASSWORD\"}"; do
        call POST /token --data-binary "$json"
        succeeded 200
    done
}

@test "token: the whole user object is accepted" {
    call POST /token --data-binary "$(user_json "$user")"
    succeeded 200
}

@test "token: a missing name or password is MISSING_FIELDS" {
    for json in '{}' "{\"username\":\"$user\"}" "{\"password\":\"$PASSWORD\"}" \
        "{\"username\":\"\",\"password\":\"$PASSWORD\"}" "{\"username\":\"$user\",\"password\":\"\"}" \
        "{\"username\":null,\"password\":\"$PASSWORD\"}" "{\"username\":5,\"password\":\"$PASSWORD\"}" \
        "{\"username\":\"$user\",\"password\":[]}"; do
        call POST /token --data-binary "$json"
        refused 400 MISSING_FIELDS "$MESSAGE_FIELDS"
    done
}

@test "token: wrong password and unknown user are answered alike" {
    login "$user" 'Wrong-pass1!'
    refused 401 INVALID_CREDENTIALS "$MESSAGE_CREDENTIALS"
    wrong=$body
    login "$(fresh_name nobody)" 'Wrong-pass1!'
    refused 401 INVALID_CREDENTIALS "$MESSAGE_CREDENTIALS"
    same "$body" "$wrong"
    login "$(fresh_name nobody)@example.org"
    refused 401 INVALID_CREDENTIALS "$MESSAGE_CREDENTIALS"
    same "$body" "$wrong"
}

@test "token: passwords differ in every byte, also after a NUL or a space" {
    for bad in "$PASSWORD " " $PASSWORD" "${PASSWORD%!}" "${PASSWORD,,}"; do
        login "$user" "$bad"
        refused 401 INVALID_CREDENTIALS
    done
    call POST /token --data-binary "{\"username\":\"$user\",\"password\":\"$PASSWORD\\u0000x\"}"
    refused 400 MISSING_FIELDS "$MESSAGE_FIELDS"
    same "$(field .details.password)" 'must not have a NUL character'
    call POST /token --data-binary "{\"username\":\"$user\\u0000\",\"password\":\"$PASSWORD\"}"
    refused 400 MISSING_FIELDS
    call POST /token --data-binary "{\"username\":\"$user\",\"password\\u0000\":\"$PASSWORD\"}"
    refused 400 MISSING_FIELDS
}

@test "token: a password of 100 KB is refused without harm" {
    long=$(head -c 60000 /dev/zero | tr '\0' x)
    printf '{"username":"%s","password":"%s"}' "$user" "$long" >"$BATS_TEST_TMPDIR/long"
    call POST /token --data-binary "@$BATS_TEST_TMPDIR/long"
    refused 401 INVALID_CREDENTIALS
    printf '{"username":"%s","password":"%s%s"}' "$user" "$long" "$long" >"$BATS_TEST_TMPDIR/long"
    call POST /token --data-binary "@$BATS_TEST_TMPDIR/long"
    refused 413 BODY_TOO_LARGE
}

@test "token: a hash made by an older setting is made anew at the next login" {
    name=$(fresh_name old)
    register "$(user_json "$name")"
    succeeded 201
    old=$("$TOOL" --version >/dev/null && node -e '
        process.stdout.write("$6$rounds=1000$saltsalt$" + "x".repeat(86))')
    store_sql "UPDATE users SET password_hash = '$old' WHERE username = '$name'"
    login "$name"
    refused 401 INVALID_CREDENTIALS
    # Made by crypt(3) of PASSWORD with that method.
    hash=$(perl -e 'print crypt($ARGV[0], "\$6\$rounds=1000\$saltsalt\$")' "$PASSWORD")
    store_sql "UPDATE users SET password_hash = '$hash' WHERE username = '$name'"
    login "$name"
    succeeded 200
    now=$(store_sql "SELECT password_hash FROM users WHERE username = '$name'")
    case $now in '$y$'*) ;; *) fail "still $now" ;; esac
    login "$name"
    succeeded 200
    login "$name" 'Wrong-pass1!'
    refused 401 INVALID_CREDENTIALS
}

@test "token: only POST and DELETE are taken" {
    call GET /token
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'POST, DELETE, OPTIONS'
}
