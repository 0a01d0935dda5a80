# POST /api/register

load lib.bash

@test "register: a new user is answered with the account, without the password" {
    name=$(fresh_name)
    register "$(user_json "$name")"
    succeeded 201 'User successfully registered!'
    same "$(field .data.username)" "$name"
    same "$(field .data.email)" "$name@example.org"
    same "$(field .data.full_name)" 'Test User'
    same "$(field .data.age)" 30
    same "$(field .data.gender)" female
    same "$(field '.data.user_id | type')" number
    same "$(field '.data | keys | length')" 6
    same "$(header Cache-Control)" no-store
}

@test "register: each required field missing is INVALID_REQUEST and named" {
    for name in username email full_name password; do
        register "$(user_json "$(fresh_name)" "del(.$name)")"
        refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
        same "$(field ".details | keys[0]")" "$name"
    done
}

@test "register: wrong kinds and empty texts are INVALID_REQUEST and named" {
    for name in username email full_name password; do
        for value in null '""' 5 true '[]' '{}'; do
            register "$(user_json "$(fresh_name)" ".$name = $value")"
            refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
            same "$(field ".details | keys[0]")" "$name"
        done
    done
}

@test "register: usernames have 1 to 64 characters, counted as characters" {
    unique=1$(date +%s%N)
    same "${#unique}" 20
    register "$(user_json x ".username = \"$unique\" + (\"ü\" * 44) | .email = \"$unique@a.example\"")"
    succeeded 201
    register "$(user_json x ".username = \"$unique\" + (\"ü\" * 45) | .email = \"$unique@b.example\"")"
    refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
    same "$(field '.details | has("username")')" true
}

@test "register: usernames have no @, no control character, no space at the ends" {
    for bad in 'a@b' ' lead' 'trail ' 'new\nline' 'tab\tbed' '\u007f' '\u0085'; do
        register "$(user_json "$(fresh_name)" ".username = \"$bad\"")"
        refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
        same "$(field '.details | has("username")')" true
    done
    name=$(fresh_name)
    register "$(user_json "$name" '.username = "in " + .username')"
    succeeded 201
}

@test "register: usernames are of one writing, without what can't be seen or told apart" {
    for bad in 'a\u200bb' 'a\u00a0b' 'a\u202eb' 'p\u0430ypal' 'e\u0301' '\uff41da' '\ufeffada' '\ud83d\ude00' '1\u0639'; do
        register "$(user_json "$(fresh_name)" ".username = \"$bad\"")"
        refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
        same "$(field '.details | keys[0]')" username
    done
    for good in 'Łukasz' 'Гагарин' '田中さん' 'محمد علي'; do
        name="$good $(tr -dc '0-9' <<<"$RANDOM")"
        register "$(user_json "$(fresh_name)" ".username = \"$name\"")"
        succeeded 201
        login "$name"
        succeeded 200
    done
}

@test "register: a name that was taken before that rule logs in and keeps its account" {
    name=$(fresh_name) odd=$(fresh_name odd)
    register "$(user_json "$name")"
    succeeded 201
    store_sql "UPDATE users SET username = '$odd😀 а', username_key = '$odd😀 а' WHERE username = '$name'"
    login "$odd😀 а"
    succeeded 200
    as_user PATCH /me --data-binary '{"age":31}' -X POST -H 'X-HTTP-Method-Override: PATCH'
    succeeded 200
    same "$(field .data.username)" "$odd😀 а"
}

@test "register: e-mail addresses have one @, two sides, a dotted host, 254 bytes at most" {
    for bad in plain @example.org a@ a@b@c.example a@localhost a@.org a@example. a@ex..org 'a b@example.org'; do
        register "$(user_json "$(fresh_name)" ".email = \"$bad\"")"
        refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
        same "$(field '.details | has("email")')" true
    done
    name=$(fresh_name)
    register "$(user_json "$name" ".email = (.username + \"@\" + (\"d\" * (250 - (.username | length))) + \".org\")")"
    refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
    register "$(user_json "$name" ".email = (.username + \"@\" + (\"d\" * (249 - (.username | length))) + \".org\")")"
    succeeded 201
    same "$(field '.data.email | length')" 254
}

@test "register: full names have 1 to 120 characters" {
    register "$(user_json "$(fresh_name)" '.full_name = "名" * 120')"
    succeeded 201
    register "$(user_json "$(fresh_name)" '.full_name = "名" * 121')"
    refused 400 INVALID_REQUEST "$MESSAGE_REGISTER"
    same "$(field '.details | has("full_name")')" true
}

@test "register: age is a whole number from 1 to 150" {
    for bad in 0 151 -1 1.5 1e400 99999999999999999999 '"30"' null true '[30]' '{}'; do
        register "$(user_json "$(fresh_name)" del\(.age\) | sed "s/}\$/,\"age\":$bad}/")"
        refused 400 INVALID_AGE "$MESSAGE_AGE"
        same "$(field '.details | has("age")')" true
    done
    register "$(user_json "$(fresh_name)" 'del(.age)')"
    refused 400 INVALID_AGE "$MESSAGE_AGE"
    for good in 1 150; do
        register "$(user_json "$(fresh_name)" ".age = $good")"
        succeeded 201
        same "$(field .data.age)" "$good"
    done
}

@test "register: gender has 1 to 32 characters" {
    for bad in null '""' 5 '("x" * 33)' '[]'; do
        register "$(user_json "$(fresh_name)" ".gender = $bad")"
        refused 400 GENDER_REQUIRED "$MESSAGE_GENDER"
        same "$(field '.details | has("gender")')" true
    done
    register "$(user_json "$(fresh_name)" 'del(.gender)')"
    refused 400 GENDER_REQUIRED "$MESSAGE_GENDER"
    register "$(user_json "$(fresh_name)" '.gender = "ä" * 32')"
    succeeded 201
}

@test "register: passwords need 8 bytes, upper, lower, digit and special" {
    for bad in 'Abcde1!' 'abcdefg1!' 'ABCDEFG1!' 'Abcdefgh!' 'Abcdefgh1'; do
        register "$(user_json "$(fresh_name)" ".password = \"$bad\"")"
        refused 400 INVALID_PASSWORD "$MESSAGE_PASSWORD"
        same "$(field '.details | has("password")')" true
    done
}

@test "register: upper and lower case of any script count for a password" {
    for bad in abcdefgü1 ÜÄÖ-ABC1 abc日本語-1 ÀÉÎÕÜÀÉ-1 'ａｂｃｄ-12' ǅabcdefg-1 ßßßßß-1 ªºªºªº-1A ⅠⅡⅢⅣ-1a; do
        register "$(user_json "$(fresh_name)" ".password = \"$bad\"")"
        refused 400 INVALID_PASSWORD "$MESSAGE_PASSWORD"
    done
    for good in Übergroß1 жЖжж-1 ΣΑΩσω1! ÀÉÎÕÜÀÉ-1a 'ＡＢｃｄ1' Ⴀⴀⴀ-12 𝐀𝐚𐐀1 ǆabcdǄ-1; do
        name=$(fresh_name)
        register "$(user_json "$name" ".password = \"$good\"")"
        succeeded 201
        login "$name" "$good"
        succeeded 200
    done
}

@test "register: passwords of 512 bytes work to the last byte, 513 are refused" {
    name=$(fresh_name)
    register "$(user_json "$name" '.password = "Aa1!" + ("x" * 509)')"
    refused 400 INVALID_PASSWORD "$MESSAGE_PASSWORD"
    register "$(user_json "$name" '.password = "Aa1!" + ("x" * 508)')"
    succeeded 201
    long="Aa1!$(printf 'x%.0s' $(seq 508))"
    login "$name" "$long"
    succeeded 200
    login "$name" "${long%x}y"
    refused 401 INVALID_CREDENTIALS "$MESSAGE_CREDENTIALS"
}

@test "register: mistakes are told in the contract's order" {
    taken=$(fresh_name)
    register "$(user_json "$taken")"
    succeeded 201
    all=$(user_json "$taken" 'del(.full_name) | .age = 0 | del(.gender) | .password = "weak"')
    register "$all"
    refused 400 INVALID_REQUEST
    register "$(jq -c '.full_name = "N"' <<<"$all")"
    refused 400 INVALID_AGE
    register "$(jq -c '.full_name = "N" | .age = 5' <<<"$all")"
    refused 400 GENDER_REQUIRED
    register "$(jq -c '.full_name = "N" | .age = 5 | .gender = "g"' <<<"$all")"
    refused 400 INVALID_PASSWORD
    register "$(jq -c '.full_name = "N" | .age = 5 | .gender = "g" | .password = "Abcdef1!"' <<<"$all")"
    refused 400 USERNAME_EXISTS "$MESSAGE_USERNAME"
    register "$(jq -c '.username += "x" | .full_name = "N" | .age = 5 | .gender = "g" | .password = "Abcdef1!"' <<<"$all")"
    refused 400 EMAIL_EXISTS "$MESSAGE_EMAIL"
}

@test "register: names and addresses are unique without regard to ASCII case" {
    name=$(fresh_name mixed)
    register "$(user_json "$name")"
    succeeded 201
    register "$(user_json "$name" '.username |= ascii_upcase | .email = "other" + .email')"
    refused 400 USERNAME_EXISTS "$MESSAGE_USERNAME"
    same "$(field '.details | has("username")')" true
    register "$(user_json "$name" '.username += "2" | .email |= ascii_upcase')"
    refused 400 EMAIL_EXISTS "$MESSAGE_EMAIL"
    same "$(field '.details | has("email")')" true
}

@test "register: a refused registration leaves nothing behind" {
    name=$(fresh_name)
    register "$(user_json "$name" '.password = "weak"')"
    refused 400 INVALID_PASSWORD
    login "$name" weak
    refused 401 INVALID_CREDENTIALS
    register "$(user_json "$name")"
    succeeded 201
}

@test "register: unknown fields are ignored" {
    register "$(user_json "$(fresh_name)" '.admin = true | .user_id = 1 | .data = {a: [1]}')"
    succeeded 201
    same "$(field '.data | has("admin")')" false
}

@test "register: SQL in a field is only text" {
    name="$(fresh_name)'; DROP TABLE users; --"
    register "$(user_json "$name" '.email = "q" + (now | tostring) + "@example.org"')"
    succeeded 201
    same "$(field .data.username)" "$name"
    login "$name"
    succeeded 200
}

@test "register: only POST is taken" {
    for method in GET PUT DELETE PATCH; do
        call "$method" /register
        refused 405 METHOD_NOT_ALLOWED
        same "$(header Allow)" 'POST, OPTIONS'
    done
}

@test "register: 50 at once for one name make one account" {
    name=$(fresh_name race)
    json=$(user_json "$name")
    for i in $(seq 50); do
        curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/race.$i" --data-binary "$json" "$BASE/register" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/race.* | jq -r .status | grep -c success)" 1
    same "$(cat "$BATS_TEST_TMPDIR"/race.* | jq -r '.code // empty' | sort | uniq -c | tr -s ' ')" ' 49 USERNAME_EXISTS'
    login "$name"
    succeeded 200
}

@test "register: an e-mail with invisible characters, or that looks like another, is refused; other scripts are not" {
    name=$(fresh_name)
    # Zero width space, direction override, joiner, soft hyphen, full width, a letter of another
    # script, a decomposed one; before the @ and behind it.
    for bad in '\u200b@example.org' '\u202e@example.org' 'x\u200dx@example.org' 'x@exam\u00adple.org' 'x\uff41@example.org' \
        'x@ex\u0430mple.org' '\u0430dmin@example.org' 'e\u0301@example.org' 'x@example.\u200borg' 'x@example.org\u200b'; do
        register "$(user_json "$name" ".email = \"$bad\"")"
        refused 400 INVALID_REQUEST
        same "$(field '.details | has("email")')" true
    done
    new_user
    send PATCH /me '{"email":"x\u200bx@example.org"}'
    refused 400 INVALID_REQUEST
    digits=$(date +%s%N)
    register "$(user_json "$name" ".email = \"\u0438\u0432\u0430\u043d$digits@b\u00fccher.\u0440\u0444\"")"
    succeeded 201
}

# What the reference says that is not compared.
@test "register: names of other scripts, of another case of letters beyond ASCII, and those that look alike are names of their own" {
    end=$(date +%s%N | tail -c 9)
    while read -r one another; do
        register "$(user_json "$one $end" '.email = "one'"$RANDOM$end"'@example.org"')"
        succeeded 201
        register "$(user_json "$another $end" '.email = "two'"$RANDOM$end"'@example.org"')"
        succeeded 201
    done <<'NAMES'
coco сосо
Éva éva
Il II
NAMES
    # but not within one name, nor by the case of ASCII
    register "$(user_json "cоco $end" '.email = "three'"$RANDOM$end"'@example.org"')" # the first o is Cyrillic
    refused 400 INVALID_REQUEST
    register "$(user_json "COCO $end" '.email = "four'"$RANDOM$end"'@example.org"')"
    refused 400 USERNAME_EXISTS
}
