#!/usr/bin/env bats
# cubby user …: accounts in the hands of the operator, seen through the programs.

load tool

setup() {
    note_test_alone
    installation;
    screen=$BATS_TEST_TMPDIR/screen
    terminal=$BATS_TEST_TMPDIR/terminal
}

add() {
    printf '%s\n' "${2:-$PASSWORD}" | "$TOOL" user add "$1" --email "$1@example.org" \
        --full-name 'Test User' --age 30 --gender female --password-stdin
}

# tool_with STATUS INPUT WORD…: as tool, with a line on standard input
tool_with() {
    local wanted=$1 input=$2
    shift 2
    run --separate-stderr "$TOOL" "$@" <<<"$input"
    [ "$status" = "$wanted" ] || fail "ends with $status, not $wanted: cubby $* $stderr"
}

@test "user add: the account logs in, and the rules are those of registering" {
    tool_with 0 "$PASSWORD" user add Ann --email ann@example.org --full-name 'Ann A.' --age 30 \
        --gender female --password-stdin --json
    same "$(of .user_id)" 1
    login ann
    same "$code" 200
    cgi me GET
    same "$(jq -c '.data | [.username, .email, .full_name, .age, .gender]' <<<"$body")" \
        '["Ann","ann@example.org","Ann A.",30,"female"]'
    rest=(--full-name X --age 30 --gender x --password-stdin)
    tool_with 1 "$PASSWORD" user add ANN --email other@example.org "${rest[@]}"
    said 'username is already taken'
    tool_with 1 "$PASSWORD" user add bob --email ANN@example.org "${rest[@]}"
    said 'email is already registered'
    tool_with 1 weak user add bob --email bob@example.org "${rest[@]}"
    said '8 bytes'
    tool_with 1 '' user add bob --email bob@example.org "${rest[@]}"
    for name in '' 'a@b' ' a' "$(printf 'x%.0s' $(seq 65))" $'a\nb' $'\xff' $'a\u200bb' $'p\u0430ypal' 😀; do
        tool_with 2 "$PASSWORD" user add "$name" --email bob@example.org "${rest[@]}"
    done
    for email in '' bob '@example.org' 'bob@' 'b b@example.org'; do
        tool_with 2 "$PASSWORD" user add bob --email "$email" "${rest[@]}"
    done
    for age in 0 151 -1 1.5 x ''; do
        tool_with 2 "$PASSWORD" user add bob --email bob@example.org --full-name X --age "$age" \
            --gender x --password-stdin
    done
    tool_with 2 "$PASSWORD" user add bob --email bob@example.org --age 3 --gender x --password-stdin
    tool_with 2 "$PASSWORD" user add bob --password "$PASSWORD"
    tool 2 user add
    same "$(query 'SELECT COUNT(*) FROM users')" 1
}

@test "user list: all accounts in order, with what they store, never a hash" {
    tool 0 user list --json
    same "$(of 'length')" 0
    add cat
    add ann
    add bob
    login bob
    store k '"12345678"'
    tool 0 user list --json
    same "$(of '[.[].username] | @csv')" '"ann","bob","cat"'
    same "$(of '.[1] | [.keys, .bytes, .disabled] | @csv')" '1,10,false'
    case $output in *'$y$'* | *hash*) fail 'shows a hash' ;; esac
    tool 0 user list
    same "$(wc -l <<<"$output")" 4
}

@test "user list, show: what would turn the text around it is not shown as it is" {
    add ann
    # Of accounts that are older than the rules for names.
    query "UPDATE users SET full_name = 'a' || char(8238) || 'b', gender = char(27) || '[31m', email = 'x' || char(8294) || '@example.org'"
    for words in 'user list' 'user show ann'; do
        # shellcheck disable=SC2086 # two words, or three
        tool 0 $words
        [[ $output == *ann* ]]
        case $output in *$'\u202e'* | *$'\u2066'* | *$'\e'*) fail 'shown as it is' ;; esac
    done
    tool 0 user show ann --json
    same "$(of .full_name)" $'a\u202eb'
}

@test "user show: by name or e-mail, in any case, with the device tokens and none of their secrets" {
    add ann
    login ann
    cgi keys POST '' '{"name":"sensor","scope":"read","prefix":"home/","ttl":3600}'
    same "$code" 201
    secret=$(jq -r '.data.token' <<<"$body")
    token=$secret read_value home/nothing
    cgi keys GET
    same "$(jq -r '.data.keys[0].last_used_at | type' <<<"$body")" string
    tool 0 user show ANN@example.org --json
    same "$(of .username)" ann
    same "$(of '.device_tokens | tojson')" "$(jq -c .data.keys <<<"$body")"
    case $output in *"${secret: -43}"* | *'$y$'*) fail 'shows a secret' ;; esac
    tool 0 user show Ann
    case $output in *sensor*) ;; *) fail 'no token' ;; esac
    for words in 'show' 'disable' 'enable' 'delete --yes' 'reset-code'; do
        # shellcheck disable=SC2086 # words
        tool 4 user $words nobody
        said 'there is no user nobody'
    done
    tool_with 4 "$PASSWORD" user passwd nobody --password-stdin
}

@test "user disable: every token is dead at once, device tokens too; enable lets in again" {
    add ann
    login ann
    store k 1
    cgi keys POST '' '{"name":"sensor","scope":"read"}'
    device=$(jq -r '.data.token' <<<"$body")
    access=$token
    tool 0 user disable ann
    for token in "$access" "$device"; do
        read_value k
        same "$code" 401
    done
    login ann
    same "$code $(jq -r .code <<<"$body")" '401 INVALID_CREDENTIALS'
    tool 0 user list --json
    same "$(of '.[0].disabled')" true
    tool 1 user reset-code ann
    tool 0 user enable ann
    token=$access
    read_value k
    same "$code" 401
    token=$device
    read_value k
    same "$code" 200
    login ann
    same "$code" 200
}

# screen_of WORDS: the tool at a terminal, where standard input is typed; leaves $output and $status. The screen is in the
# file $screen, the name of the terminal in the file $terminal.
screen_of() {
    script -qefc "tty >$terminal; exec $TOOL $1" "$screen" >/dev/null || true
    output=$(cat "$screen")
    status=$(sed -n 's/.*COMMAND_EXIT_CODE="\([0-9]*\)".*/\1/p' "$screen")
    rm "$screen" "$terminal"
}

@test "user disable: asks at a terminal, and only there" {
    add ann
    login ann
    store k 1
    at_terminal() { # ANSWER WORD…
        local answer=$1
        shift
        screen_of "$*" < <([ "${*: -1}" = --yes ] || eventually grep -qsF '[y/N]' "$screen"; echo "$answer")
    }
    for answer in n ''; do
        at_terminal "$answer" user disable ann
        same "$status" 3
        case $output in *'Disable user ann? All sessions end at once. [y/N]'*) ;; *) fail 'does not ask' ;; esac
        read_value k
        same "$code" 200
    done
    at_terminal y user disable ann
    same "$status" 0
    read_value k
    same "$code" 401
    tool 0 user enable ann
    login ann
    at_terminal '' user disable ann --yes
    same "$status" 0
    read_value k
    same "$code" 401
    tool 0 user enable ann
    tool 0 user disable ann
    tool 4 user disable nobody
}

@test "user passwd: the new password is good, the old one and the tokens of before are not" {
    add ann
    login ann
    old=$token
    cgi keys POST '' '{"name":"sensor","scope":"read"}'
    device=$(jq -r .data.token <<<"$body")
    tool 0 user reset-code ann
    reset_code=$output
    tool_with 0 'Other1-pass' user passwd ann --password-stdin
    login ann
    same "$code" 401
    login ann 'Other1-pass'
    same "$code" 200
    token=$old
    cgi me GET
    same "$code" 401
    token=$device
    read_value k
    same "$code" 401
    token=''
    cgi reset POST '' "{\"username\":\"ann\",\"code\":\"$reset_code\",\"new_password\":\"Third1-pass\"}"
    same "$code" 401
    same "$(query 'SELECT COUNT(*) FROM tokens')" 0
    tool_with 1 'weak' user passwd ann --password-stdin
    run setsid "$TOOL" user passwd ann </dev/null
    same "$status" 2
    login ann 'Other1-pass'
    same "$code" 200
}

# types PASSWORD AGAIN: at a terminal, each when it is asked for and no more shown; leaves $output and $status
types() {
    screen_of 'user passwd ann' < <(eventually asks 'new password: '; echo "$1"; eventually asks 'the same again: '; echo "$2")
    case $output in *"$1"* | *"$2"*) fail 'the screen shows it' ;; esac
}
asks() { grep -qsF "$1" "$screen" && stty -F "$(cat "$terminal")" -a | grep -q -- ' -echo '; }

@test "user passwd: at a terminal the password is asked for twice, and not shown" {
    add ann
    types Other1-pass Other1-pass
    same "$status" 0
    login ann 'Other1-pass'
    same "$code" 200
    types Third1-pass Thirt1-pass
    same "$status" 1
    case $output in *'the two differ'*) ;; *) fail 'took a password typed in two ways' ;; esac
    login ann 'Other1-pass'
    same "$code" 200
}

@test "user passwd, enable and reset-code: a user who was locked out comes in at once" {
    printf '%s\n' 'login_limit_account = 2' >>"$conf"
    add ann
    for way in enable 'passwd --password-stdin' reset-code; do
        for _ in 1 2 3; do login ann 'Wrong1-pass'; done
        login ann
        same "$code" 429
        # shellcheck disable=SC2086 # words
        tool_with 0 "$PASSWORD" user $way ann
        login ann
        same "$code" 200
    done
}

@test "user reset-code: sets a new password once, a later code voids the earlier" {
    add ann
    tool 0 user reset-code ann
    first=$output
    same "$(query 'SELECT (expires_at - created_at + 1000) / 60000 FROM tokens')" 1440
    tool 0 user reset-code ann --json
    second=$(of .code)
    # More than 128 random bits, so that a plain digest is enough to store it by.
    [[ $second =~ ^([0-9A-HJKMNP-TV-Z]{5}-){5}[0-9A-HJKMNP-TV-Z]{5}$ ]] || fail "the code is $second"
    case $(query 'SELECT hash FROM tokens') in *"$second"*) fail 'the code is stored' ;; esac
    reset() { cgi reset POST '' "{\"username\":\"ann\",\"code\":\"$1\",\"new_password\":\"Other1-pass\"}"; }
    token=''
    reset "$first"
    same "$code" 401
    reset "$second"
    same "$code" 200
    reset "$second"
    same "$code" 401
    login ann 'Other1-pass'
    same "$code" 200
    tool 0 user reset-code ann --valid 1 --json
    [ "$(of .code)" != "$second" ] || fail 'the same code'
    for seconds in 0 x -1 2592001; do tool 2 user reset-code ann --valid "$seconds"; done
}

@test "user delete: asks, and then nothing of the account is left in the file" {
    add ann
    login ann
    store k '"marker-of-a-value"'
    cgi keys POST '' '{"name":"marker-of-a-token","scope":"read"}'
    grep -q marker-of-a-value "$database"
    tool 3 user delete ann
    read_value k
    same "$code" 200
    tool 0 user delete ann --yes
    for mark in marker-of-a-value marker-of-a-token ann@example.org; do
        ! grep -q "$mark" "$database" || fail "$mark is left"
    done
    same "$(query 'SELECT (SELECT COUNT(*) FROM items), (SELECT COUNT(*) FROM tokens), (SELECT COUNT(*) FROM users)')" '0|0|0'
    read_value k
    same "$code" 401
    tool 0 check
}

@test "deletion: with a write-ahead log nothing of the account is left in it, though others are connected" {
    installation 'journal = wal'
    "$TOOL" migrate
    new_user bob
    coproc sqlite3 "$database"
    echo 'SELECT 1 FROM users;' >&"${COPROC[1]}"
    read -r _ <&"${COPROC[0]}"
    for deletion in program tool; do
        new_user ann
        store k '"MARKED-BY-ANN"'
        grep -q MARKED-BY-ANN "$database-wal" || fail 'it never was there'
        if [ "$deletion" = program ]; then
            cgi me DELETE '' "{\"password\":\"$PASSWORD\"}"
            same "$code" 200
        else
            tool 0 user delete ann --yes
        fi
        # the answer goes out first
        eventually eval '! grep -qs MARKED-BY-ANN "$home"/*' || fail "$(grep -ls MARKED-BY-ANN "$home"/*)"
    done
    # One who reads for longer than anybody waits keeps it there, until gc comes.
    echo 'busy_timeout = 100' >>"$conf"
    new_user ann
    store k '"MARKED-BY-ANN"'
    printf 'BEGIN;\nSELECT 1 FROM users;\n' >&"${COPROC[1]}"
    read -r _ <&"${COPROC[0]}"
    tool 0 user delete ann --yes
    grep -q MARKED-BY-ANN "$database-wal" || fail 'nobody read'
    printf 'COMMIT;\nSELECT 2;\n' >&"${COPROC[1]}"
    while read -r line <&"${COPROC[0]}" && [ "$line" != 2 ]; do :; done
    tool 0 gc
    same "$(grep -ls MARKED-BY-ANN "$home"/*)" ''
    kill "$COPROC_PID"
}

@test "what the operator does is in the log and, when wanted, in the database; no secret is" {
    printf '%s\n' "log = $home/log" 'audit_rows = 3' >>"$conf"
    add ann
    tool 0 user disable ann
    tool 0 user enable ann
    tool 0 user reset-code ann
    secret=$output
    tool 0 key rotate
    tool 0 user delete ann --yes
    same "$(sed -n 's/.*audit //p' "$home/log" | jq -r .event | paste -sd' ')" \
        'user_added user_disabled user_enabled reset_code_made key_rotated user_deleted'
    same "$(sed -n 's/.*audit //p' "$home/log" | jq -r 'select(.event == "user_deleted") | [.user_id, .operator] | @csv')" "1,$(id -u)"
    same "$(query "SELECT value FROM meta WHERE name LIKE 'audit/%' ORDER BY name" | jq -r .event | paste -sd' ')" \
        'key_rotated user_deleted'
    ! grep -qF -e "$secret" -e "$PASSWORD" "$home/log" || fail 'a secret in the log'
}

@test "the end of an account takes its security events out of the database, and no other's" {
    printf '%s\n' "log = $home/log" 'audit_rows = 100' >>"$conf"
    # Numbers that begin and end alike, and an operator who writes what events look like.
    query "UPDATE sqlite_sequence SET seq = 0; INSERT INTO sqlite_sequence (name, seq) SELECT 'users', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence)"
    new_user ann
    ann=$token
    for number in 10 100 1000; do
        query "UPDATE sqlite_sequence SET seq = $number WHERE name = 'users'"
        new_user "user$number"
    done
    login ann 'Wrong1-pass'
    token=$ann
    cgi keys POST '' '{"name":"sensor","scope":"read"}'
    tool 0 user disable user10
    tool 0 backup "$BATS_TEST_TMPDIR/a \"user_id\":1, b"
    events() { query "SELECT value FROM meta WHERE name LIKE 'audit/%' ORDER BY name" | jq -r '"\(.user_id // "") \(.event)"'; }
    same "$(events | grep -c '^1 ')" 4
    others=$(events | grep -v '^1 ')
    cgi me DELETE '' '{"password":"Wrong1-pass"}'
    same "$code $(events | tail -n 1)" '401 1 account_delete'
    cgi me DELETE '' "{\"password\":\"$PASSWORD\"}"
    same "$code" 200
    same "$(events)" "$others
 account_delete"
    same "$(query "SELECT value FROM meta ORDER BY name" | jq -c 'select(.event? == "account_delete") | keys' 2>/dev/null)" '["at","event","outcome"]'
    ! grep -qa '"user_id":1,' "$database" || fail 'the file holds an event still'
    # The log has the whole story.
    same "$(sed -n 's/.*audit //p' "$home/log" | jq -r 'select(.user_id == 1) | .event + " " + .outcome' | tail -n 2 | paste -sd' ')" \
        'account_delete INVALID_CREDENTIALS account_delete done'
    tool 0 user delete user10 --yes
    same "$(events | grep -c '^11 ')" 0
    same "$(events | tail -n 1)" ' user_deleted'
    same "$(events | grep -c '^1[0-9]*1 ')" 4
    # Also those of a time when they were wanted.
    sed -i 's/^audit_rows.*/audit_rows = 0/' "$conf"
    tool 0 user delete user100 --yes
    same "$(events | grep -c '^101 ')" 0
    ! grep -qa '"user_id":101,' "$database" || fail 'the file holds an event still'
}

# An import looks the token up before anything else, so it is no event at all.
@test "what asks with the token of a deleted account is no event that names it in the database" {
    printf '%s\n' "log = $home/log" 'audit_rows = 100' >>"$conf"
    new_user ann
    cgi me DELETE '' "{\"password\":\"$PASSWORD\"}"
    same "$code" 200
    while read -r program method path sent; do
        cgi "$program" "$method" "${path%/}" "$sent"
        same "$code" 401
    done <<'CALLS'
me GET /export
me PATCH / {"age":31}
me DELETE / {"password":"x"}
me PUT /password {"current_password":"x","new_password":"Other-pass2?"}
me POST /import {"items":[]}
keys POST / {"name":"more","scope":"read"}
token DELETE /
CALLS
    same "$(query "SELECT value FROM meta WHERE name LIKE 'audit/%' ORDER BY name" | jq -r '"\(.event) \(.user_id) \(.address)"')" \
        'account_delete null null
export null null
profile_change null null
account_delete null null
password_change null null
device_token_create null null
logout null null'
    same "$(sed -n 's/.*audit //p' "$home/log" | jq -r '"\(.event) \(.user_id) \(.address)"' | tail -n 1)" 'logout 1 192.0.2.1'
}

@test "what the operator does is in the system's log where the programs have the web server's" {
    add ann
    # There may be no such log here: it connects all the same, and what it sends is looked at.
    strace -qq -s 400 -e trace=connect,sendto -e inject=connect:retval=0 -o "$BATS_TEST_TMPDIR/calls" \
        "$TOOL" user disable ann
    grep -q 'sun_path="/dev/log"' "$BATS_TEST_TMPDIR/calls" || fail "$(cat "$BATS_TEST_TMPDIR/calls")"
    grep -q '"<37>' "$BATS_TEST_TMPDIR/calls" || fail 'not a notice of the facility auth'
    line=$(grep -oE 'cubby\[[0-9]+\]: audit \{.*\}' "$BATS_TEST_TMPDIR/calls" | head -n 1 | sed 's/.*audit //; s/\\"/"/g')
    same "$(jq -r '[.event, .outcome, .user_id] | @csv' <<<"$line")" '"user_disabled","done",1'
}

# ---- edit, quota, keys

# quota STATUS WORD…: of ann, as JSON
quota() {
    local wanted=$1
    shift
    tool "$wanted" user quota ann --json "$@"
}

@test "user edit: what is given changes by the rules of registering, and the rest stays" {
    add ann
    add bob
    login ann
    store k 1
    kept=$token
    tool 0 user edit ann --email New@example.org --full-name 'Ann B.' --json
    same "$(of 'del(.user_id) | tojson')" '{"age":30,"email":"New@example.org","full_name":"Ann B.","gender":"female","username":"ann"}'
    token=$kept
    cgi me GET
    same "$(jq -c '.data | [.username, .email, .full_name, .age, .gender]' <<<"$body")" '["ann","New@example.org","Ann B.",30,"female"]'
    same "$(jq '.data.updated_at > .data.created_at' <<<"$body")" true
    tool 0 user edit NEW@example.org --username Anna --age 31 --gender other
    same "$output" 'user ann is changed, and is now Anna'
    login ann
    same "$code" 401
    for name in anna new@example.org; do
        login "$name"
        same "$code" 200
    done
    read_value k
    same "$code" 200
    # Its own name in other letters is not another's.
    tool 0 user edit anna --username ANNA --email nEW@example.org
    before=$(query 'SELECT * FROM users')
    tool 1 user edit anna --username BOB
    said 'username is already taken'
    tool 1 user edit anna --email BOB@example.org --full-name X
    said 'email is already registered'
    for words in '' '--json' '--username' '--username=' '--username=a@b' '--email=' '--email=x' '--email=@x.y' '--full-name=' '--gender=' \
        '--age=0' '--age=151' '--age=x' '--age=' '--password=x' "--username=$(printf 'x%.0s' $(seq 65))" \
        "--full-name=$(printf 'x%.0s' $(seq 121))" "--gender=$(printf 'x%.0s' $(seq 33))" $'--username=\xff' $'--username=a\nb' $'--full-name=\xff'; do
        # shellcheck disable=SC2086 # words
        tool 2 user edit anna $words
    done
    tool 2 user edit anna
    said 'nothing is to be changed'
    tool 4 user edit ann --age 3
    same "$(query 'SELECT * FROM users')" "$before"
}

@test "user quota: of one account, for every way to write, from the next write on; default and none undo it" {
    add ann
    add bob
    login ann
    for key in a b c; do store $key '"12345678"'; done
    quota 0
    same "$(of tojson)" '{"bytes":30,"keys":3,"max_bytes":1073741824,"max_keys":100000,"own_max_bytes":false,"own_max_keys":false,"user_id":1,"username":"ann"}'
    quota 0 --keys 3
    same "$stderr" ''
    same "$(of '[.max_keys, .max_bytes, .own_max_keys, .own_max_bytes] | tojson')" '[3,1073741824,true,false]'
    store d 1
    same "$code $(jq -r '.code + " " + .details.limits' <<<"$body")" '507 QUOTA_EXCEEDED 3 keys, 1073741824 bytes'
    cgi data PUT /d '{"value":1,"upsert":true}'
    [ "$code" != 201 ]
    cgi batch POST '' '{"operations":[{"op":"increment","key":"d"}]}'
    same "$code $(jq -r .details.code <<<"$body")" '409 QUOTA_EXCEEDED'
    for mode in merge replace; do
        cgi me POST /import "{\"mode\":\"$mode\",\"items\":[{\"key\":\"a\",\"value\":1},{\"key\":\"b\",\"value\":1},{\"key\":\"c\",\"value\":1},{\"key\":\"d\",\"value\":1}]}"
        same "$code $(jq -r .code <<<"$body")" '507 QUOTA_EXCEEDED'
    done
    # Nor as many of one key, which would keep the others waiting.
    cgi me POST /import '{"items":[{"key":"a","value":1},{"key":"a","value":1},{"key":"a","value":1},{"key":"a","value":1}]}'
    same "$code $(jq -r .details.items <<<"$body")" '507 are more than this user may store'
    cgi data PUT /a '{"value":"12345678"}'
    same "$code" 200
    cgi me GET
    same "$(jq -c '[.data.limits.keys, .data.limits.bytes]' <<<"$body")" '[3,1073741824]'
    # Another's is as it was, and so is what the one stores already.
    login bob
    for key in 1 2 3 4; do store $key 1; done
    same "$code" 201
    login ann
    quota 0 --bytes 20 --keys none
    said 'stores more than that'
    same "$(of '[.max_keys, .max_bytes, .own_max_keys, .own_max_bytes] | tojson')" '[null,20,true,true]'
    cgi me GET
    same "$(jq -c '[.data.limits.keys, .data.limits.bytes]' <<<"$body")" '[null,20]'
    cgi data PUT /a '{"value":"123456789"}'
    same "$code $(jq -r .details.limits <<<"$body")" '507 20 bytes'
    cgi data PUT /a '{"value":"1234567"}'
    same "$code" 200
    read_value b
    same "$code" 200
    tool 0 user show ann --json
    same "$(of '[.max_keys, .max_bytes, .own_max_keys] | tojson')" '[null,20,true]'
    # None is more than the settings allow, default what they say today.
    echo 'max_user_keys = 1' >>"$conf"
    quota 0 --bytes 2K
    same "$(of .max_bytes)" 2048
    store e 1
    same "$code" 201
    quota 0 --keys default --bytes default
    same "$(of '[.max_keys, .own_max_keys, .own_max_bytes] | tojson')" '[1,false,false]'
    store f 1
    same "$code" 507
    same "$(query 'SELECT max_keys IS NULL AND max_bytes IS NULL FROM users WHERE id = 1')" 1
    before=$(query 'SELECT * FROM users')
    for word in 0 -1 '' x 1.5 1k 1KB K 1025T 1125899906842625 99999999999999999999 ' 1' None; do
        tool 2 user quota ann --keys "$word"
        tool 2 user quota ann --bytes "$word"
        said '--bytes must be a number from 1 on, none, or default'
    done
    tool 4 user quota nobody --keys 1
    tool 4 user quota nobody
    tool 2 user quota
    same "$(query 'SELECT * FROM users')" "$before"
    tool 0 check
}

@test "user quota: goes with exports, backups and databases of before" {
    add ann
    tool 0 user quota ann --keys 2 --bytes none
    tool 0 export "$BATS_TEST_TMPDIR/dump"
    tool 0 backup "$BATS_TEST_TMPDIR/copy"
    tool 0 user quota ann --keys default --bytes default
    tool 0 restore "$BATS_TEST_TMPDIR/copy" --yes
    quota 0
    same "$(of '[.max_keys, .max_bytes] | tojson')" '[2,null]'
    # One of before has no such members, and none there are too many of.
    jq -c 'del(.max_keys, .max_bytes)' "$BATS_TEST_TMPDIR/dump" >"$BATS_TEST_TMPDIR/old"
    for file in dump old; do
        tool 0 user delete ann --yes
        tool 0 import "$BATS_TEST_TMPDIR/$file"
        quota 0
        same "$(of '[.own_max_keys, .own_max_bytes] | tojson')" "$([ $file = dump ] && echo '[true,true]' || echo '[false,false]')"
    done
    tool 0 user delete ann --yes
    jq -c 'if .max_keys then .max_keys = -2 else . end' "$BATS_TEST_TMPDIR/dump" >"$BATS_TEST_TMPDIR/bad"
    tool 1 import "$BATS_TEST_TMPDIR/bad"
    said '"max_keys" is missing or not valid'
}

@test "user keys: those of one account in order, page by page, with the text of values, and nobody else's" {
    add ann
    add bob
    login bob
    store mine 1
    login ann
    tool 0 user keys ann --json
    same "$output" '[]'
    store 'b/2' '{"n":1.0}'
    store 'b/1' '"x"'
    store a 12345678901234567890
    cgi data POST '' '{"key":"gone","value":1}'
    cgi data DELETE /gone
    cgi data POST '' '{"key":"code","value":4711,"ttl":300}'
    tool 0 user keys ANN@example.org --json
    same "$(of '[.[].key] | tojson')" '["a","b/1","b/2","code"]'
    same "$(of '.[2] | [.version, .size] | tojson') $(of '.[0].expires_at')" '[1,9] null'
    has_not value
    tool 0 user keys ann --json --values --prefix b/
    same "$(grep -o '"value":.*' <<<"$output")" '"value":"x"},
"value":{"n":1.0}}'
    tool 0 user keys ann --values
    same "$(sed -n '2,3s/.*T..:..:..  //p' <<<"$output")" 'a  12345678901234567890
b/1  "x"'
    query "UPDATE items SET expires_at = 1 WHERE key = 'code'; UPDATE users SET next_expiry = 1 WHERE id = 1"
    tool 0 user keys ann --json --prefix c
    same "$output" '[]'
    # More than a page, and more than a page of values.
    query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1234) INSERT INTO items (user_id, key, version, size, created_at, updated_at, value) SELECT 1, 'k' || printf('%05d', i), 100 + i, 20002, 1, 1, '\"' || printf('%020000d', i) || '\"' FROM n"
    tool 0 user keys ann --json --prefix k
    same "$(of '[length, .[0].key, .[500].key, .[-1].key, ([.[].key] | unique | length)] | tojson')" '[1234,"k00001","k00501","k01234",1234]'
    "$TOOL" user keys ann --json --prefix k --values | jq -e 'length == 1234 and all(.[]; (.value | length) == 20000)'
    for words in nobody 'nobody --values'; do
        # shellcheck disable=SC2086 # words
        tool 4 user keys $words
    done
    tool 2 user keys
    tool 2 user keys ann --prefix "$(printf 'x%.0s' $(seq 513))"
    tool 2 user keys ann --prefix $'\xff'
    tool 2 user keys ann --prefix $'a\nb'
    run -1 bash -c '"$TOOL" user keys ann >/dev/full'
    # A terminal obeys nothing that a user has stored.
    query "UPDATE items SET key = 'a' || char(27) || '[31m', value = '1' || char(10) || char(27) WHERE key = 'a'"
    tool 0 user keys ann --values
    case $output in *$'\e'*) fail 'the terminal obeys' ;; esac
}

has_not() { case $output in *"$1"*) fail "has $1" ;; esac; }

@test "user keys: does not keep writers out while somebody reads slowly" {
    add ann
    login ann
    query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO items (user_id, key, version, size, created_at, updated_at, value) SELECT 1, 'k' || printf('%0300d', i), 100 + i, 1, 1, 1, '1' FROM n"
    query 'UPDATE users SET version = 4000'
    echo 'busy_timeout = 0' >>"$conf"
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    "$TOOL" user keys ann >"$BATS_TEST_TMPDIR/pipe" 3>&- &
    reader=$!
    exec 5<"$BATS_TEST_TMPDIR/pipe"
    read -r _ <&5
    store late 1
    same "$code" 201
    # What is new lies behind what was read.
    same "$(wc -l <&5)" 3001
    exec 5<&-
    wait "$reader"
}
