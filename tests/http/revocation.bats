# Revocation is immediate: every way of ending a token, against every call that takes one

load lib.bash

# Every call that takes a token, in a form that would do its work: METHOD PATH [BODY].
# PASSWORD stands for the user's. Calls that end tokens by themselves come last.
DATA_CALLS='GET /data/one
HEAD /data/one
GET /data?key=one
GET /data
GET /data?prefix=o&count=true
POST /data {"key":"new","value":1}
PUT /data/one {"value":2}
PUT /data/new?upsert=true {"value":2}
PATCH /data/one {"a":1}
POST /batch {"operations":[{"op":"get","key":"one"}]}
POST /batch {"operations":[{"op":"increment","key":"count"}]}
GET /changes?since=0
GET /changes?since=2&wait=25
DELETE /data/one
DELETE /data?prefix=t'
ACCOUNT_CALLS='GET /me
PATCH /me {"full_name":"Changed"}
GET /me/export
POST /me/import?mode=replace {"items":[{"key":"imported","value":1}]}
POST /keys {"name":"more","scope":"write"}
GET /keys
DELETE /keys/1
POST /token/refresh {}
PUT /me/password {"current_password":"PASSWORD","new_password":"Other-pass2?"}
DELETE /me {"password":"PASSWORD"}'
ENDING_CALLS='DELETE /token?all=true
DELETE /token'

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    conf=$BATS_FILE_TMPDIR/cubby.conf
    grep -E '^(database|keys) = ' "$DATA/cubby.conf" >"$conf"
    chmod 644 "$conf"
    export conf
}

sql() { store_sql "$1"; }
operator() { "$TOOL" -c "$conf" "$@"; }

# ask TOKEN CALLS [PASSWORD]: makes all the calls, one behind the other; prints for each its method
# and path, status, and code with reason, if it has a body.
ask() {
    local token=$1 table=$2 secret=${3:-$PASSWORD} method path json number=0
    local answers=$BATS_TEST_TMPDIR/answers
    rm -rf "$answers"
    mkdir "$answers"
    while read -r method path json; do
        number=$((number + 1))
        [ "$number" = 1 ] || echo next
        printf '%s\n' silent show-error "max-time = $PATIENCE" "url = \"$BASE$path\"" "output = \"$answers/$number\"" \
            "header = \"Authorization: Bearer $token\"" \
            "write-out = \"$method $path %{http_code} %header{www-authenticate}\n\""
        if [ "$method" = HEAD ]; then
            echo head
        elif [ -z "$json" ]; then
            echo "request = $method"
        else
            json=${json//PASSWORD/$secret}
            printf '%s\n' 'header = "Content-Type: application/json"' "data = \"${json//\"/\\\"}\""
            [ "$method" = POST ] || echo "header = \"X-HTTP-Method-Override: $method\""
        fi
    done <<<"$table" >"$BATS_TEST_TMPDIR/calls"
    curl -K "$BATS_TEST_TMPDIR/calls" >"$BATS_TEST_TMPDIR/heads"
    number=0
    while read -r head; do
        number=$((number + 1))
        printf '%s %s\n' "$head" "$(jq -r '"\(.code // .status) \(.details.token // "")"' "$answers/$number" 2>/dev/null || true)"
    done <"$BATS_TEST_TMPDIR/heads"
}

# refused_all TOKEN REASON: whatever is asked with it is 401, and does nothing.
refused_all() {
    local before wanted got
    before=$(stored)
    wanted=$(printf '%s\n' "$DATA_CALLS" "$ACCOUNT_CALLS" "$ENDING_CALLS" | while read -r method path _; do
        said="INVALID_TOKEN $2"
        [ "$method" != HEAD ] || said=' '
        echo "$method $path 401 Bearer realm=\"cubby\", error=\"invalid_token\" $said"
    done)
    got=$(ask "$1" "$DATA_CALLS
$ACCOUNT_CALLS
$ENDING_CALLS" | sed 's/ *$//')
    wanted=$(sed 's/ *$//' <<<"$wanted")
    [ "$got" = "$wanted" ] || {
        diff <(printf '%s\n' "$wanted") <(printf '%s\n' "$got") || true
        return 1
    }
    same "$(stored)" "$before"
}

# Everything there is of the user, but for when tokens were used.
stored() {
    sql "SELECT * FROM users WHERE id = $user_id; SELECT * FROM items WHERE user_id = $user_id;
        SELECT id, hash FROM tokens WHERE id BETWEEN $user_id * 1048576 AND $user_id * 1048576 + 1048575"
}

# somebody: a user with two items, an access token, a device token, and a request of each that waits
somebody() {
    new_user
    store one '{"a":0}'
    store two 2
    access=$token
    send POST /keys '{"name":"device","scope":"write"}'
    succeeded 201
    device=$(field .data.token)
    curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/waits.access" -H "Authorization: $access" "$BASE/changes?since=2&wait=25" 3>&- &
    began
    waits_access=$!
    curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/waits.device" -H "Authorization: $device" "$BASE/changes?since=2&wait=25" 3>&- &
    began
    waits_device=$!
    sleep 0.3
}

# ended REASON TOKEN…: each of access, device is refused to who waits, and everywhere
ended() {
    local reason=$1 kind waits
    shift
    for kind; do
        waits=waits_$kind
        woken "${!waits}"
        same "$(jq -r .code "$BATS_TEST_TMPDIR/waits.$kind")" INVALID_TOKEN
    done
    # Something for who still waits to see.
    if [ $# = 1 ]; then
        case $1 in access) token=$device ;; *) token=$access ;; esac
        store three 3
        succeeded 201
    fi
    woken
    [ $# = 2 ] || case $1 in
    access) same "$(jq -r '.data.changes[0].key' "$BATS_TEST_TMPDIR/waits.device")" three ;;
    device) same "$(jq -r '.data.changes[0].key' "$BATS_TEST_TMPDIR/waits.access")" three ;;
    esac
    for kind; do
        refused_all "${!kind}" "$reason" || fail "$kind token"
    done
}

@test "revocation: the calls of the table do their work with tokens that live" {
    new_user
    store one '{"a":0}'
    store two 2
    access=$token
    send POST /keys '{"name":"device","scope":"write"}'
    device=$(field .data.token)
    same "$(ask "$access" "${DATA_CALLS//&wait=25/}" | awk '{print $3}' | tr '\n' ' ')" \
        '200 200 200 200 200 201 200 200 200 200 200 200 200 200 200 '
    same "$(ask "$device" "$ACCOUNT_CALLS
$ENDING_CALLS" | awk '{print $3}' | sort -u)" 403
    store one '{"a":0}'
    same "$(ask "$device" "${DATA_CALLS//&wait=25/}" | awk '{print $3}' | grep -c '^20[01]$')" 14
    # With a wrong password the last two are refused for that.
    own=${ACCOUNT_CALLS/"keys/1"/"keys/$(cut -d _ -f 3 <<<"$device")"}
    same "$(ask "$access" "$own" 'Wrong-pass1!' | awk '{print $3, $6}' | tr '\n' ';')" \
        '200 ;200 ;200 ;200 ;201 ;200 ;200 ;200 ;401 INVALID_CREDENTIALS;401 INVALID_CREDENTIALS;'
    same "$(ask "$access" "${ENDING_CALLS##*$'\n'}" | awk '{print $3}')" 200
}

@test "revocation: by logout, of the token used alone" {
    somebody
    as_user DELETE /token
    succeeded 200
    ended revoked access
}

@test "revocation: by logout from everywhere" {
    somebody
    as_user DELETE '/token?all=true'
    succeeded 200
    ended revoked access device
}

@test "revocation: by another password" {
    somebody
    send PUT /me/password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass2?\"}"
    succeeded 200
    ended revoked access device
    token=$(field .token)
}

@test "revocation: by the end of the account" {
    somebody
    send DELETE /me "{\"password\":\"$PASSWORD\"}"
    succeeded 200
    ended revoked access device
}

@test "revocation: by the operator, who disables the account" {
    somebody
    operator user disable "$user"
    ended revoked access device
}

@test "revocation: by the operator, who deletes the account" {
    somebody
    operator user delete "$user" --yes
    ended revoked access device
}

@test "revocation: by the operator, who sets a password" {
    somebody
    echo 'Other-pass2?' | operator user passwd "$user" --password-stdin
    ended revoked access device
}

@test "revocation: by a code for a lost password, once it is used" {
    somebody
    given=$(operator user reset-code "$user" --json | jq -r .code)
    as_user GET /me
    succeeded 200
    call POST /reset --data-binary "{\"username\":\"$user\",\"code\":\"$given\",\"new_password\":\"Other-pass2?\"}"
    succeeded 200
    ended revoked access device
}

@test "revocation: of a device token, alone" {
    somebody
    as_user DELETE "/keys/$(cut -d _ -f 3 <<<"$device")"
    succeeded 200
    ended revoked device
}

@test "revocation: by the operator, who retires the key that signed the token" {
    somebody
    signer=$(jq -r '.keys[0].kid' "$DATA/keys.json")
    operator key rotate
    as_user GET /me
    succeeded 200
    operator key retire "$signer" --yes
    ended '' access
    login "$user"
    succeeded 200
}
