# Tokens that end: POST /api/token/refresh, DELETE /api/token

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

setup() {
    note_test_alone
    login "$user"
}

# dead: the token in $token is refused on every endpoint, at once.
dead() {
    local place
    for place in 'GET /data/x' 'DELETE /data/x' 'GET /me' 'GET /keys' 'POST /token/refresh -d {}' 'DELETE /token'; do
        # shellcheck disable=SC2086
        as_user $place
        refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
        same "$(field .details.token)" revoked
    done
    store dead 1
    refused 401 INVALID_TOKEN
}

@test "login: each gives another token, and those before live on" {
    old=$token
    login "$user"
    [ "$token" != "$old" ] || fail 'the same token'
    for token in "$old" "$token"; do
        as_user GET /data/nothing
        refused 404 KEY_NOT_FOUND
    done
}

@test "refresh: a valid token gives a new one, and both live" {
    old=$token
    as_user POST /token/refresh -d ''
    succeeded 200
    new=$(field .token)
    same "$(field .data.access_token)" "$new"
    same "$(field .data.token_type)" Bearer
    same "$(field .data.expires_in)" 3600
    [ "$new" != "$old" ] || fail 'the same token'
    for token in "$old" "$new"; do
        as_user GET /data/nothing
        refused 404 KEY_NOT_FOUND
    done
}

@test "refresh: without a token, or with a bad one, there is none" {
    call POST /token/refresh -d ''
    refused 401 INVALID_TOKEN
    same "$(field .details.token)" missing
    token=$token.x
    as_user POST /token/refresh -d ''
    refused 401 INVALID_TOKEN
    same "$(field 'has("token")')" false
}

@test "refresh: only POST is taken" {
    as_user GET /token/refresh
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'POST, OPTIONS'
    as_user POST /token/refresh/x -d ''
    refused 404 NOT_FOUND
}

@test "logout: the token used is dead at once, others live" {
    first=$token
    login "$user"
    as_user DELETE /token
    succeeded 200
    dead
    token=$first
    as_user GET /data/nothing
    refused 404 KEY_NOT_FOUND
    as_user DELETE '/token?all=false'
    succeeded 200
    dead
}

@test "logout: a second one with the same token is refused" {
    as_user DELETE /token
    succeeded 200
    as_user DELETE /token
    refused 401 INVALID_TOKEN
    as_user DELETE '/token?all=true'
    refused 401 INVALID_TOKEN
    # It has ended nobody else's session.
    login "$user"
    as_user GET /me
    succeeded 200
}

@test "logout: many, one by one, each ends its own" {
    kept=$token
    ended=()
    for _ in 1 2 3 4 5; do
        login "$user"
        ended+=("$token")
        as_user DELETE /token
        succeeded 200
    done
    for token in "${ended[@]}"; do
        as_user GET /me
        refused 401 INVALID_TOKEN
    done
    token=$kept
    as_user GET /me
    succeeded 200
}

@test "logout: the list of ended tokens forgets those that have expired anyway, but for the last ones" {
    list=$(printf ';%032x=1000' $(seq 32))
    store_sql "UPDATE users SET revoked = ';aaaa=999$list;bbbb=99999999999' WHERE id = $user_id"
    as_user DELETE /token
    succeeded 200
    now=$(store_sql "SELECT revoked FROM users WHERE id = $user_id")
    [[ $now == "$list;bbbb=99999999999;"* ]] || fail "$now"
}

@test "logout: with more ended tokens than are remembered one by one, all end but those of devices" {
    send POST /keys '{"name":"k","scope":"read"}'
    succeeded 201
    device=$(field .data.token)
    other=$token
    login "$user"
    list=$(printf ';%032x=99999999999' $(seq 700))
    store_sql "UPDATE users SET revoked = '$list' WHERE id = $user_id"
    as_user DELETE /token
    succeeded 200
    dead
    token=$other
    dead
    same "$(store_sql "SELECT revoked FROM users WHERE id = $user_id")" ''
    token=$device
    as_user GET /data/nothing
    refused 404 KEY_NOT_FOUND
}

@test "logout: all=true ends every token of the user, and only of that user" {
    mine=()
    for _ in 1 2; do
        login "$user"
        mine+=("$token")
    done
    send POST /keys '{"name":"k","scope":"write"}'
    succeeded 201
    device=$(field .data.token)
    me=$user
    new_user
    others=$token
    token=${mine[0]}
    as_user DELETE '/token?all=true'
    succeeded 200
    for token in "${mine[@]}"; do
        dead
    done
    token=$device
    as_user GET /data/x
    refused 401 INVALID_TOKEN
    token=$others
    as_user GET /me
    succeeded 200
    login "$me"
    as_user GET /keys
    succeeded 200
    same "$(field '.data.keys | length')" 0
}

@test "logout: all that is neither true nor false is refused and ends nothing" {
    for value in yes 1 '' TRUE %ff true%00; do
        as_user DELETE "/token?all=$value"
        refused 400 INVALID_REQUEST
        [ -n "$(field .details.all)" ] || fail 'no reason'
    done
    as_user GET /me
    succeeded 200
}

@test "logout: needs a token" {
    call DELETE /token
    refused 401 INVALID_TOKEN
    call DELETE '/token?all=true' -H 'Authorization: nonsense'
    refused 401 INVALID_TOKEN
}

@test "logout: by POST with X-HTTP-Method-Override too" {
    send DELETE /token '{}'
    succeeded 200
    dead
}

@test "sessions: a disabled user can't log in, and is told what a wrong password is" {
    sql() { store_sql "$1"; }
    sql "UPDATE users SET disabled = 1, epoch = epoch + 1 WHERE id = $user_id"
    dead
    login "$user"
    refused 401 INVALID_CREDENTIALS "$MESSAGE_CREDENTIALS"
    disabled=$body
    login "$user" 'Wrong-pass1!'
    same "$body" "$disabled"
    sql "UPDATE users SET disabled = 0 WHERE id = $user_id"
    login "$user"
    succeeded 200
}
