#!/usr/bin/env bats
# cubby export and import: the whole store as JSON lines, and back.

load tool

setup() {
    note_test_alone
    installation
    dump=$BATS_TEST_TMPDIR/lines
}

# Another installation with the same keys.
elsewhere() {
    home=$BATS_TEST_TMPDIR/elsewhere
    database=$home/cubby.db
    mkdir -m 700 "$home"
    cp -p "$keys" "$home/keys.json"
    keys=$home/keys.json
    CUBBY_CONF=$BATS_TEST_TMPDIR/elsewhere.conf
    printf '%s\n' "database = $database" "keys = $keys" 'password_cost = 1' >"$CUBBY_CONF"
    "$TOOL" init >/dev/null
}

fill() {
    new_user ann
    store a '1.0'
    store b '1e400'
    store c '{"z":1,"a":12345678901234567890,"s":"\u00e4 \"x\" \\u0041"}'
    store d '[1,

        2]'
    store 'e ä 日本' '"😀"'
    store n '{"\u0000":"a\u0000b","a\u0000":1.0}'
    cgi keys POST '' '{"name":"sensor","scope":"read","prefix":"a"}'
    device=$(jq -r '.data.token' <<<"$body")
    ann=$token
    cgi data POST '' '{"key":"short","value":[true],"ttl":1000}'
    store deleted 1
    cgi data DELETE /deleted
    new_user bob
    store a '"of bob"'
    bob=$token
    cgi token DELETE
    same "$code" 200
    new_user gone
    tool 0 user delete gone --yes
    tool 0 user disable bob
    tool 0 user reset-code ann
    reset_code=$output
}

@test "export and import: the new store is the old one, to the letter" {
    fill
    tool 0 export "$dump"
    same "$(stat -c %a "$dump")" 600
    jq -e . "$dump" >/dev/null
    elsewhere
    tool 0 import "$dump" --json
    same "$(of '[.users, .items, .tokens] | @csv')" '2,9,2'
    tool 0 check
    tool 0 export
    diff <(cat "$dump") <(printf '%s\n' "$output")

    token=$ann
    for key in a b c d n; do
        read_value "$key"
        same "$code" 200
        value=$(sqlite3 "$BATS_TEST_TMPDIR/home/cubby.db" "SELECT value FROM items WHERE key = '$key' AND user_id = 1")
        case $body in *"\"value\":$value,"*) ;; *) fail "$key is not $value" ;; esac
    done
    store f 1
    same "$(jq .data.version <<<"$body")" 10
    token=$device
    read_value a
    same "$code" 200
    token=$bob
    read_value a
    same "$code" 401
    login bob
    same "$code" 401
    token=''
    cgi reset POST '' "{\"username\":\"ann\",\"code\":\"$reset_code\",\"new_password\":\"Other1-pass\"}"
    same "$code" 200
    # nobody gets the id of the account that was deleted
    new_user next
    same "$(query "SELECT id FROM users WHERE username = 'next'")" 4
}

@test "export: every column of every table is in it, but for what is the store's own" {
    fill
    tool 0 export "$dump"
    for pair in users:user items:item tokens:token; do
        sqlite3 "$database" "SELECT name FROM pragma_table_info('${pair%:*}')" |
            grep -v '_key$' | sort >"$BATS_TEST_TMPDIR/columns"
        jq -r "select(.type == \"${pair#*:}\") | keys[] | select(. != \"type\") | sub(\"_text\$\"; \"\")" "$dump" |
            sort -u >"$BATS_TEST_TMPDIR/members"
        diff "$BATS_TEST_TMPDIR/columns" "$BATS_TEST_TMPDIR/members"
    done
    same "$(sqlite3 "$database" "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name" | paste -sd' ')" \
        'items meta throttle tokens users'
}

@test "export: to a file only with leave, never over the installation's own; streams to a pipe" {
    echo precious >"$dump"
    tool 3 export "$dump"
    same "$(cat "$dump")" precious
    tool 0 export "$dump" --yes
    tool 1 export "$database" --yes
    same "$("$TOOL" export | tail -n 1 | jq -c '[.type, .users, .items, .tokens, .events]')" '["end",0,0,0,0]'
    run bash -c '"$0" export >/dev/full' "$TOOL"
    same "$status" 1
    same "$(ls "$home")" 'cubby.db
keys.json'
}

@test "export: does not keep writers out while somebody reads slowly" {
    new_user ann
    for i in 1 2 3 4; do store "k$i" "\"$(head -c 60000 /dev/zero | tr '\0' x)\""; done
    echo 'busy_timeout = 0' >>"$conf"
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    "$TOOL" export >"$BATS_TEST_TMPDIR/pipe" 3>&- &
    began
    exec 5<"$BATS_TEST_TMPDIR/pipe"
    read -r _ <&5
    store late 1
    same "$code" 201
    same "$(cat <&5 | jq -r 'select(.type == "end") | .items')" 4
    exec 5<&-
    wait_all
}

@test "import: nothing but a whole export into an empty store; else nothing changes" {
    fill
    tool 0 export "$dump"
    tool 1 import "$dump"
    said 'has accounts already'
    elsewhere
    cp "$database" "$BATS_TEST_TMPDIR/before"
    bad=$BATS_TEST_TMPDIR/bad
    # how to spoil it, and what is said
    while IFS='|' read -r spoil says; do
        sed -e "$spoil" "$dump" >"$bad"
        ! cmp -s "$dump" "$bad" || fail "$spoil changes nothing"
        tool 1 import "$bad"
        said "$says"
        cmp "$database" "$BATS_TEST_TMPDIR/before" || fail "$spoil: the database is changed"
    done <<'SPOIL'
1d|not what "cubby export" writes
1s/"format":1/"format":2/|newer version
1s/"schema":[0-9]*/"schema":999/|newer version
$d|the last line is missing
3d|number of
3p|does not fit
3s/.$//|no JSON object
4s/"user_id":1/"user_id":"x"/|"user_id" is missing or not valid
4s/"version":1/"version":1.5/|"version" is missing or not valid
4s/"version":1/"version":99999999999999999999/|"version" is missing or not valid
2s/"username":"ann",//|"username" is missing or not valid
2s/"username":"ann"/"username":"bob"/|does not fit
2s/"type":"user"/"type":"thing"/|unknown type
$s/"users":2/"users":3/|number of users
$a{"type":"end"}|behind the end
1s/"last_user_id":[0-9]*/"last_user_id":9223372036854775807/|not what "cubby export" writes
2s/"id":1/"id":0/|"id" is missing or not valid
2s/"id":1/"id":9223372036854775807/|"id" is missing or not valid
2s/"username":"ann"/"username":"a\\u001b[31mb"/|"username" is missing or not valid
2s/"username":"ann"/"username":"ann\\u0000"/|"username" is missing or not valid
2s/"username":"ann"/"username":""/|"username" is missing or not valid
2s/"email":"[^"]*"/"email":"nowhere"/|"email" is missing or not valid
2s/"epoch":[0-9]*/"epoch":9223372036854775807/|"epoch" is missing or not valid
2s/"password_hash":"[^"]*"/"password_hash":"x"/|"password_hash" is missing or not valid
2s/"version":[0-9]*/"version":0/|ahead of
4s/"key":"[^"]*"/"key":"a\/\/b"/|"key" is missing or not valid
4s/"size":[0-9]*/"size":-1/|"size" is missing or not valid
$i{"type":"event","name":"store_id","value":"x"}|"name" is missing or not valid
$i{"type":"event","name":"audit/zzz","value":"x"}|"name" is missing or not valid
$i{"type":"event","name":"audit/999999999999999999","value":"x"}|"name" is missing or not valid
$i{"type":"a\\u001b[31m\\nb"}|unknown type "a?[31m?b"
SPOIL
    : >"$bad"
    tool 1 import "$bad"
    head -c 300 /dev/urandom >"$bad"
    tool 1 import "$bad"
    tool 1 import "$BATS_TEST_TMPDIR/none"
    tool 0 import "$dump"
}

@test "import: no value that no call takes, no item of nobody, no counts that are not true" {
    fill
    tool 0 export "$dump"
    elsewhere
    cp "$database" "$BATS_TEST_TMPDIR/before"
    deep=$(printf '[%.0s' $(seq 97))$(printf ']%.0s' $(seq 97))
    deleted=$(grep -n '"key":"deleted"' "$dump" | cut -d: -f1)
    while IFS='|' read -r line change says; do
        sed "$((line - 1))q" "$dump" >"$BATS_TEST_TMPDIR/bad"
        sed -n "${line}p" "$dump" | jq -c "$change" >>"$BATS_TEST_TMPDIR/bad"
        sed "1,${line}d" "$dump" >>"$BATS_TEST_TMPDIR/bad"
        tool 1 import "$BATS_TEST_TMPDIR/bad"
        said "$says"
        cmp "$database" "$BATS_TEST_TMPDIR/before" || fail "$change: the database is changed"
    done <<BAD
4|del(.value) + {value_text: ""}|"value" is missing or not valid
4|del(.value) + {value_text: "null"}|"value" is missing or not valid
4|del(.value) + {value_text: "$deep"}|"value" is missing or not valid
4|.value = null|"value" is missing or not valid
4|.value = $deep|"value" is missing or not valid
4|.expires_at = -.version|"value" is missing or not valid
4|. + {value: 100, size: 4}|:4: "size" is not the number of bytes of the value
4|. + {value: 100, size: 0}|:4: "size" is not the number of bytes of the value
4|.value = 12|:4: "size" is not the number of bytes of the value
4|. + {value: 100, expires_at: 0}|:4: "expires_at" is neither a moment nor that of a deleted item
4|.expires_at = 1.5|:4: "expires_at" is missing or not valid
4|.expires_at = "x"|:4: "expires_at" is missing or not valid
4|.expires_at = 253402300800000|:4: "expires_at" is missing or not valid
$deleted|.expires_at -= 1|:$deleted: "expires_at" is neither a moment nor that of a deleted item
$deleted|.expires_at += 1|:$deleted: "expires_at" is neither a moment nor that of a deleted item
$deleted|.size = 1|:$deleted: "size" is not the number of bytes of the value
4|. + {value: 100, user_id: 77}|belong to no account
2|.keys += 1|accounts whose counts are not what they store
2|.bytes += 1|accounts whose counts are not what they store
2|.next_expiry = 0|accounts whose next_expiry is behind that of an item
2|.next_expiry += 1|accounts whose next_expiry is behind that of an item
2|.horizon = .version + 1|accounts whose items or deletions are ahead of their version
BAD
    tool 0 import "$dump"
}

@test "export: blanks around a value, which somebody wrote by hand, go along, and import names the line" {
    new_user ann
    store a 1
    query "UPDATE items SET value = ' 1' || char(9), size = 3; UPDATE users SET bytes = 3"
    tool 0 export "$dump"
    same "$(jq -r 'select(.type == "item") | "\(.size) \(.value_text)"' "$dump")" $'3  1\t'
    line=$(grep -n '"type":"item"' "$dump" | cut -d: -f1)
    elsewhere
    cp "$database" "$BATS_TEST_TMPDIR/before"
    tool 1 import "$dump"
    said ":$line: \"value\" is missing or not valid: has white space around it"
    cmp "$database" "$BATS_TEST_TMPDIR/before" || fail 'the database is changed'
    # Without them the same export is taken.
    jq -c 'if .type == "item" then .value_text = "1" | .size = 1 elif .type == "user" then .bytes = 1 else . end' "$dump" \
        >"$BATS_TEST_TMPDIR/plain"
    tool 0 import "$BATS_TEST_TMPDIR/plain"
}

@test "export: what is noted of a file whose name is no UTF-8, or very long, can be imported" {
    echo 'audit_rows = 10' >>"$conf"
    long=$(printf '\303\251%.0s' $(seq 60))
    mkdir -p "$BATS_TEST_TMPDIR/$long/$long/$long/$long"
    tool 0 backup "$BATS_TEST_TMPDIR"/$'b\xff\e[31m\n.db' --json
    jq -e .verified <<<"$output"
    printf '%s' "$output" | iconv -f UTF-8 -t UTF-8 >/dev/null || fail 'no UTF-8'
    for more in '' x xx; do
        tool 0 export "$BATS_TEST_TMPDIR/$long/$long/$long/$long/$more$long"
    done
    tool 0 backup "$BATS_TEST_TMPDIR"/$'c\xff\e[31m\n.db'
    case $output in *$'\e'* | *$'\xff'*) fail 'shown as it is' ;; *'c??[31m?.db'*) ;; *) fail 'not shown' ;; esac
    tool 0 export "$dump"
    elsewhere
    tool 0 import "$dump"
}

# A dump of a store with the one account ada; $dump. fresh_store: the same place, empty.
account_dump() {
    new_user ada
    tool 0 export "$dump"
}

fresh_store() {
    rm -f "$database"*
    tool 0 init
}

# with_hash HASH: a dump of a store with one account, its hash replaced; $dump
with_hash() {
    sed "2s|\"password_hash\":\"[^\"]*\"|\"password_hash\":\"$1\"|" "$dump" >"$BATS_TEST_TMPDIR/changed"
    ! cmp -s "$dump" "$BATS_TEST_TMPDIR/changed" || fail 'nothing was changed'
}

# crypt PASSWORD SETTING: by the C library of this machine
crypt() { perl -e 'print crypt($ARGV[0], $ARGV[1])' "$1" "$2"; }

@test "import: a hash of every method that is not weaker than sha256crypt lets its user in, and is renewed" {
    account_dump
    for setting in '$2y$05$abcdefghijklmnopqrstuu' '$2a$05$abcdefghijklmnopqrstuu' '$2b$05$abcdefghijklmnopqrstuu' \
        '$5$rounds=1000$abcdefgh' '$5$abcdefgh' '$6$rounds=1000$abcdefgh' '$y$j75$abcdefgh' '$7$CU..../....abcdefgh' '$gy$j75$abcdefgh'; do
        hash=$(crypt "$PASSWORD" "$setting")
        [ "${#hash}" -gt 40 ] || fail "this machine makes no $setting"
        with_hash "$hash"
        fresh_store
        tool 0 import "$BATS_TEST_TMPDIR/changed"
        login ada
        [ "$code" = 200 ] || fail "$setting"
        login ada Analytical-2
        [ "$code" = 401 ] || fail "$setting: another password"
        [ "$(query 'SELECT substr(password_hash, 1, 3) FROM users')" = '$y$' ] || fail "$setting: not renewed"
        login ada
        [ "$code" = 200 ] || fail "$setting: once renewed"
    done
}

# $numbers
wrong_numbers() {
    local tail43 tail53
    tail43=$(printf 'a%.0s' $(seq 43)) tail53=$(printf 'a%.0s' $(seq 53)) tail86=$tail43$tail43
    numbers=("\$y\$jHT\$abcdefgh\$$tail43" "\$y\$jZT\$abcdefgh\$$tail43" "\$y\$\$abcdefgh\$$tail43"
        "\$y\$j9\$abcdefgh\$$tail43" "\$y\$j9T0\$abcdefgh\$$tail43" "\$y\$j9T\$abcdefghij\$$tail43"
        "\$gy\$jIT\$abcdefgh\$$tail43" "\$7\$zU..../....abcdefgh\$$tail43" "\$7\$CU..../zzzzabcdefgh\$$tail43"
        "\$7\$C..........abcdefgh\$$tail43" "\$2b\$21\$$tail53" "\$2a\$31\$$tail53" "\$2y\$99\$$tail53" "\$2b\$03\$$tail53"
        "\$6\$rounds=999999999\$abcdefgh\$$tail86" "\$6\$rounds=999\$abcdefgh\$$tail86" "\$6\$rounds=01000\$abcdefgh\$$tail86"
        "\$5\$rounds=10000000\$abcdefgh\$$tail43")
}

@test "import: any other hash is refused, naming the line; where one lies in the database it is a wrong password" {
    account_dump
    for bad in '$1$abcdefgh$AAAAAAAAAAAAAAAAAAAAAA' '!' '*' '' '$' '$5$abcdefgh' '$2y$05$abcdefghijklmnopqrstuu' '$6$' '$9$x$y' \
        'abJnggxhB/yWI' '_J9..XXXXabcdefghijk' '$y$j75$abcdefgh$short' '$3$$8846f7eaee8fb117ad06bdd830b7586c'; do
        with_hash "$bad"
        fresh_store
        tool 1 import "$BATS_TEST_TMPDIR/changed"
        said 'changed:2: "password_hash"'
    done
    # Whole by their looks, but with numbers that libxcrypt can't use, or that make one login take
    # minutes or gigabytes.
    wrong_numbers
    for bad in "${numbers[@]}"; do
        with_hash "$bad"
        fresh_store
        tool 1 import "$BATS_TEST_TMPDIR/changed"
        said 'changed:2: "password_hash"'
    done
    fresh_store
    tool 0 import "$dump"
    # The last one is what only libxcrypt refuses, when it hashes: two blocks are too few for scrypt.
    for bad in "${numbers[@]}" "\$7\$/6..../....abcdefgh\$${tail86:0:43}" '$1$abcdefgh$AAAAAAAAAAAAAAAAAAAAAA' '!' '' '$5$abcdefgh' '$6$rounds=x$a$b'; do
        query "UPDATE users SET password_hash = '$bad'; DELETE FROM throttle"
        login ada
        [ "$code" = 401 ] || fail "$bad"
        login ada "$bad"
        [ "$code" != 200 ] && [ "$code" != 500 ] || fail "$bad"
    done
}

@test "import: of a bcrypt hash a password of more than 72 bytes is refused, not cut" {
    account_dump
    long=Aa1-$(printf 'x%.0s' $(seq 68))
    [ "${#long}" = 72 ]
    with_hash "$(crypt "$long" '$2y$05$abcdefghijklmnopqrstuu')"
    fresh_store
    tool 0 import "$BATS_TEST_TMPDIR/changed"
    login ada "${long}y"
    [ "$code" = 401 ] || fail cut
    login ada "$long"
    [ "$code" = 200 ] || fail whole
}

@test "export --user: the very document that the user would get, and it goes back" {
    fill
    new_user zoe
    store 'a/b' '{"n":1.0}'
    cgi keys POST '' '{"name":"live","scope":"write","prefix":"a/"}'
    cgi keys POST '' '{"name":"old","scope":"read","ttl":100}'
    same "$code" 201
    query "UPDATE tokens SET expires_at = 5 WHERE name = 'old'"
    for name in $(query 'SELECT username FROM users WHERE disabled = 0'); do
        login "$name"
        [ "$code" = 200 ] || continue
        cgi me GET /export
        same "$code" 200
        "$TOOL" export --user "$name" >"$dump"
        same "$(sed 's/"exported_at":"[^"]*"//' "$dump")" "$(sed 's/"exported_at":"[^"]*"//' <<<"$body")"
        compared=yes
    done
    same "$compared" yes
    tool 0 export --user "$name" "$dump.2" --json
    same "$stderr" ''
    same "$(of '[.file, .username, .items, .device_tokens] | tojson')" \
        "$(jq -c --arg file "$dump.2" '[$file, .data.user.username, (.data.items | length), (.data.device_tokens | length)]' "$dump")"
    same "$(stat -c %a "$dump.2")" 600
    case $(cat "$dump.2") in *'$y$'* | *password* | *hash*) fail 'shows a secret' ;; esac
    new_user other
    cgi me POST /import "$(cat "$dump.2")"
    same "$code" 200
    same "$(jq .data.imported <<<"$body")" "$(jq '.data.items | length' "$dump")"
    tool 4 export --user nobody "$dump.3"
    said 'there is no user nobody'
    tool 4 export --user nobody
    same "$output" ''
    [ ! -e "$dump.3" ] || fail 'a file for nobody'
    tool 3 export --user "$name" "$dump.2"
    tool 2 export --user
    tool 2 export --user "$name" --json
    run -1 bash -c '"$TOOL" export --user "$1" >/dev/full' sh "$name"
    same "$(find "$home" -name '*.export-*')" ''
}
