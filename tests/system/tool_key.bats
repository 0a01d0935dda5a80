#!/usr/bin/env bats
# cubby key …: keys come and go, tokens live and end with theirs.

load tool

setup() {
    note_test_alone
    installation;
}

key_ids() { "$TOOL" key list --json | jq -r '.[].kid'; }

@test "key list: shows the key that signs, in a table and as JSON, and no secret" {
    tool 0 key list
    secret=$(jq -r '.keys[0].k' "$keys")
    case $output in *"$secret"*) fail 'shows the secret' ;; esac
    case $output in *"$(key_ids)"*'signs new ones'*) ;; *) fail 'not listed' ;; esac
    tool 0 key list --json
    case $output in *"$secret"*) fail 'shows the secret' ;; esac
    same "$(of '.[0] | [.signs, .bits, .tokens_end_at] | @csv')" 'true,256,'
    same "$(of '.[0].kid')" "$(jq -r '.keys[0].kid' "$keys")"
}

@test "key rotate: killed before the new file has its name, it changes nothing, and check tells of the keys left" {
    cp "$keys" "$BATS_TEST_TMPDIR/before"
    run strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace='?rename,?renameat,?renameat2' \
        -e 'inject=?rename,?renameat,?renameat2:signal=KILL' "$TOOL" key rotate
    [ "$status" -gt 128 ] || fail 'was not killed'
    cmp "$keys" "$BATS_TEST_TMPDIR/before"
    tool 1 check
    said 'killed left this copy of the keys'
    rm "$keys".new-*
    tool 0 check
}

@test "key rotate: keys in a folder of their own, made as the page on security says" {
    line=$(sed -n 's/^.*`\(install -d .* \)\/etc\/cubby\/keys`.*/\1/p' "$root/www/docs/security.md")
    [ -n "$line" ] || fail 'the page says something else'
    own=$BATS_TEST_TMPDIR/etc
    mkdir -m 755 "$own"
    id=$(id -u)
    [ "$id" != 0 ] || id=$(id -u www-data)
    ${line/www-data/"$id"} "$own/keys"
    rm -f "$keys" "$database"
    sed -i "s|^keys = .*|keys = $own/keys/keys.json|" "$conf"
    [ "$(id -u)" != 0 ] || chown www-data "$home"
    tool 0 init
    tool 0 key rotate
    tool 0 key rotate --retire-others --yes
    same "$(key_ids | wc -l)" 1
    same "$(stat -c '%u %a' "$own/keys/keys.json")" "$id 600"
    tool 0 check
}

@test "key rotate: the new key signs, tokens of the old one live on" {
    new_user ann
    old=$token
    tool 0 key rotate
    same "$(key_ids | wc -l)" 2
    store k 1
    same "$code" 201
    login ann
    [ "$(cut -d. -f1 <<<"$token")" != "$(cut -d. -f1 <<<"$old")" ] || fail 'the same key signs'
    read_value k
    same "$code" 200
    tool 0 key list --json
    same "$(of '.[1] | [.signs, (.tokens_end_at | type)] | @csv')" 'false,"string"'
    tool 0 check
}

@test "key rotate: no more keys than the programs read" {
    new_user ann
    for _ in $(seq 60); do
        cp "$keys" "$BATS_TEST_TMPDIR/before"
        run --separate-stderr "$TOOL" key rotate
        [ "$status" = 0 ] || break
    done
    same "$status" 1
    said 'retire --expired'
    cmp "$keys" "$BATS_TEST_TMPDIR/before"
    store k 1
    same "$code" 201
    tool 0 check
    tool 0 key rotate --retire-others --yes
    same "$(key_ids | wc -l)" 1
}

@test "key retire: ends the tokens of that key, and of no other" {
    new_user ann
    old=$token
    tool 0 key rotate --json
    fresh=$(of .kid)
    login ann
    store k 1
    same "$code" 201
    retired=$(key_ids | sed -n 2p)
    tool 3 key retire "$retired"
    said '--yes'
    same "$(key_ids | wc -l)" 2
    tool 0 key retire "$retired" --yes
    same "$(key_ids)" "$fresh"
    read_value k
    same "$code" 200
    token=$old
    read_value k
    same "$code" 401
}

@test "key retire: not the key that signs, not one that is not there, not without saying which" {
    tool 1 key retire "$(key_ids)" --yes
    said 'rotate'
    tool 4 key retire nothing --yes
    tool 2 key retire
    tool 2 key retire --expired some
    same "$(key_ids | wc -l)" 1
}

# twice: the key file has these keys, each as NAME=SECRET, the first of which signs; SECRET is a letter, 32 times.
twice() {
    local each
    for each; do
        printf '%s %s\n' "${each%=*}" "$(printf "${each#*=}%.0s" $(seq 32) | base64 | tr -d '=\n')"
    done | jq -R 'split(" ") | {kty: "oct", alg: "HS256", k: .[1]} + (if .[0] == "-" then {} else {kid: .[0]} end)' |
        jq -cs '{keys: .}' >"$BATS_TEST_TMPDIR/new"
    cat "$BATS_TEST_TMPDIR/new" >"$keys"
}

# token_by NAME=SECRET: $token, signed by that key
token_by() {
    local saved
    saved=$(cat "$keys")
    twice "$1"
    login ann
    printf '%s' "$saved" >"$keys"
    store "k$RANDOM$RANDOM" 1
}

@test "key retire: every key of the name goes, and what each signed ends" {
    new_user ann
    twice new=a old=b other=c old=d
    same "$(key_ids | paste -sd' ')" 'new old other old'
    token_by old=b
    same "$code" 201
    first=$token
    token_by old=d
    same "$code" 201
    second=$token
    token_by other=c
    same "$code" 201
    third=$token
    tool 3 key retire old
    said 'the 2 keys named old'
    tool 0 key retire old --yes --json
    same "$(of '[.retired, .keys] | tojson')" '[["old","old"],2]'
    same "$(key_ids | paste -sd' ')" 'new other'
    for token in "$first" "$second"; do
        read_value k
        same "$code" 401
    done
    token=$third
    read_value k
    same "$code" 404
    # Nor are those without a name fewer than all.
    twice new=a -=b other=c -=d
    tool 0 key retire - --yes
    same "$(key_ids | paste -sd' ')" 'new other'
    # One that signs keeps its name's others from going, too: they would be what its tokens name.
    twice new=a other=b new=c
    cp "$keys" "$BATS_TEST_TMPDIR/before"
    tool 1 key retire new --yes
    said 'signs new tokens'
    cmp "$keys" "$BATS_TEST_TMPDIR/before"
    tool 0 key rotate
    tool 0 key retire new --yes
    same "$(key_ids | tail -n +2)" other
    # The secret that goes is told where it stays under another name.
    twice new=a old=b other=b
    tool 0 key retire old --yes
    said 'warning: the secret of key old is that of key other too'
    same "$(key_ids | paste -sd' ')" 'new other'
}

@test "key: of members that are there twice the tool takes the one that the programs take" {
    new_user ann
    token_by old=b
    twice new=a old=b
    sed -i 's/"kid":"old"/"kid":"other","kid":"old"/; s/^{/{"keys":[{"kty":"oct","kid":"none"}],/' "$keys"
    read_value k
    same "$code" 404
    same "$(key_ids | paste -sd' ')" 'new old'
    tool 0 key retire old --yes
    read_value k
    same "$code" 401
}

@test "check, doctor: keys that share a name or a secret are told, and are no problem" {
    twice new=a old=b other=c old=d -=e -=f other=a new=a
    tool 0 check --json
    same "$(of '[.warnings[] | .problem | select(startswith("keys "))] | join(", ")')" \
        'keys 1 and 7 have the same secret, keys 1 and 8 have the same name and secret, keys 2 and 4 have the same name (kid), keys 3 and 7 have the same name (kid), keys 5 and 6 have the same name (kid), keys 7 and 8 have the same secret'
    tool 0 check
    said 'keys 2 and 4 have the same name (kid); "cubby key retire" drops all keys of a name'
    tool 1 doctor http://127.0.0.1:1/api --json
    same "$(of '[.checks[] | select(.check == "keys") | .state] | unique | join(",")')" note
    same "$(of '[.checks[] | select(.check == "keys")] | length')" 6
    twice new=a old=b
    tool 0 check --json
    same "$(of '[.warnings[] | select(.problem | startswith("keys "))] | length')" 0
    tool 1 doctor http://127.0.0.1:1/api --json
    same "$(of '[.checks[] | select(.check == "keys")] | length')" 0
}

# edited FILTER: the key file, changed by jq
edited() {
    jq "$1" "$keys" >"$BATS_TEST_TMPDIR/edited"
    cat "$BATS_TEST_TMPDIR/edited" >"$keys"
}

@test "key retire --expired: drops the keys whose last token has ended, without asking" {
    tool 0 key rotate
    tool 0 key retire --expired
    same "$(key_ids | wc -l)" 2
    # as if that had been twenty hours ago: another web server may have followed just now
    edited '.keys[].iat -= 172800 | .keys[1].exp -= 72000'
    tool 0 key retire --expired
    same "$(key_ids | wc -l)" 2
    # as if it had been thirty
    edited '.keys[1].exp -= 36000'
    first=$(key_ids | head -n 1)
    tool 0 key retire --expired
    same "$(key_ids)" "$first"
    tool 0 key retire --expired
}

@test "key retire --expired: of a file that an older cubby wrote, by when the next key was made" {
    edited '.keys[0].iat -= 86400'
    tool 0 key rotate
    edited 'del(.keys[].exp, .keys[].token_lifetime)'
    tool 0 key retire --expired
    same "$(key_ids | wc -l)" 2
    edited '.keys[0].iat -= 7200'
    tool 0 key retire --expired # another web server may have got the file later
    same "$(key_ids | wc -l)" 2
    edited '.keys[1].iat -= 172800 | .keys[0].iat -= 86400'
    cp "$keys" "$BATS_TEST_TMPDIR/older"
    tool 0 key retire --expired
    same "$(key_ids | wc -l)" 1
    # A clock that was not set when the next key was made, or behind when it was, says nothing.
    for wrong in '.keys[0].iat = 7200' '.keys[].iat = 7200' '.keys[0].iat -= 864000'; do
        cat "$BATS_TEST_TMPDIR/older" >"$keys"
        edited "$wrong"
        tool 0 key retire --expired
        same "$(key_ids | wc -l)" 2
        tool 3 key retire "$(key_ids | tail -n 1)"
        same "$("$TOOL" key list --json | jq -c '.[1].tokens_end_at')" null
    done
}

@test "key retire --expired: no living token ends because token_lifetime has been lowered since, or the clock was not set" {
    new_user ann
    echo 'token_lifetime = 1' >>"$conf"
    tool 0 key rotate
    sleep 2
    tool 0 key retire --expired
    same "$output" 'no key to retire'
    read_value k
    same "$code" 404
    # That of the next key is short from the start.
    login ann
    tool 0 key rotate
    same "$(key_ids | wc -l)" 3
    same "$(jq -c '[.keys[] | has("exp")]' "$keys")" '[false,true,true]'
    [ "$(jq '.keys[1].exp - now - 86400 | . > 30 and . <= 62' "$keys")" = true ] || fail "$(jq -c '.keys[1].exp - now' "$keys")"
    [ "$(jq '.keys[2].exp - now - 86400 | . > 3500' "$keys")" = true ] || fail "$(jq -c '.keys[2].exp - now' "$keys")"
}

# unknown: nothing tells when the last token of the second key ends, and it is dropped by its name alone
unknown() {
    same "$("$TOOL" key list --json | jq -c '.[1] | [.prepared, .tokens_end_at]')" '[false,null]'
    tool 0 key list
    same "$(grep -c 'the last ends by -$' <<<"$output")" 1
    tool 0 key retire --expired
    same "$output" 'no key to retire'
    tool 3 key retire "$(key_ids | tail -n 1)"
    tool 0 check
}

@test "key retire --expired: no living token ends because of a rotation while the clock was not set, or behind" {
    tool 0 key rotate
    cp "$keys" "$BATS_TEST_TMPDIR/rotated"
    # as a tool that took any clock left it in the file
    for wrong in '.keys[1].exp = 90061' '.keys[1] |= (.exp = .iat - 60)' '.keys[1] |= del(.iat) | .keys[1].exp = 90061'; do
        cat "$BATS_TEST_TMPDIR/rotated" >"$keys"
        edited "$wrong"
        unknown
    done
    # With the clock behind when the key that signs was made, or the one that is to:
    edited '.keys |= .[0:1] | .keys[0].iat += 864000'
    tool 0 key rotate
    unknown
    tool 0 key rotate --retire-others --yes
    first=$(key_ids)
    edited '.keys[0].iat -= 864000 | .keys[0].key_ops = ["verify"]'
    tool 0 key rotate --prepare --json
    fresh=$(of .kid)
    edited '.keys[1].iat += 864000'
    tool 0 key use "$fresh"
    same "$(key_ids | paste -sd' ')" "$fresh $first"
    # also once the clock is right, and long after
    edited '.keys[0].iat -= 1000000'
    unknown
    # It signs again, and the clock is right when it ceases to.
    tool 0 key use "$first"
    tool 0 key use "$fresh"
    same "$("$TOOL" key list --json | jq -c '.[1].tokens_end_at | type')" '"string"'
}

@test "key rotate --prepare, key use: of two web servers with a copy of the file each none refuses the other's tokens" {
    new_user ann
    first=$(key_ids)
    old=$token
    tool 0 key rotate --prepare --json
    fresh=$(of .kid)
    same "$(key_ids | paste -sd' ')" "$first $fresh"
    same "$("$TOOL" key list --json | jq -c '[.[] | [.signs, .prepared, .tokens_end_at]]')" '[[true,false,null],[false,true,null]]'
    tool 0 key list
    same "$(grep -c 'is to sign new ones$' <<<"$output")" 1
    tool 0 key retire --expired
    same "$output" 'no key to retire'
    tool 3 key retire "$fresh"
    login ann
    store k 1
    same "$code" 201
    cp "$keys" "$BATS_TEST_TMPDIR/other" # as the other server has it from now on
    tool 4 key use nothing
    tool 2 key use
    tool 2 key rotate --prepare --retire-others --yes
    tool 0 key use "$fresh" --json
    same "$(of '[.kid, .keys] | @csv')" "\"$fresh\",2"
    same "$(key_ids | paste -sd' ')" "$fresh $first"
    same "$("$TOOL" key list --json | jq -c '[.[] | [.signs, .prepared, (.tokens_end_at | type)]]')" '[[true,false,"null"],[false,false,"string"]]'
    tool 0 key use "$fresh"
    same "${output%% from*}" "key $fresh signs"
    read_value k
    same "$code" 200
    login ann
    cat "$BATS_TEST_TMPDIR/other" >"$keys"
    for token in "$token" "$old"; do
        read_value k
        same "$code" 200
    done
    tool 0 check
    # Back to the first, as where the new one should not be used after all.
    tool 0 key use "$fresh"
    tool 0 key use "$first"
    same "$(jq -c '[.keys[] | [has("exp"), has("key_ops")]]' "$keys")" '[[false,false],[true,false]]'
    tool 0 key rotate --prepare
    twice new=a old=b old=c
    tool 1 key use old
    said '2 keys'
}

@test "key rotate --retire-others: every token ends at once, and it asks" {
    new_user ann
    tool 3 key rotate --retire-others
    store k 1
    same "$code" 201
    tool 0 key rotate --retire-others --yes
    same "$(key_ids | wc -l)" 1
    read_value k
    same "$code" 401
    login ann
    read_value k
    same "$code" 200
}

@test "key: owner and mode of the file stay, members that are not cubby's too, nothing lies beside" {
    jq '.keys[0].note = "mine" | .extra = [1]' "$keys" >"$keys.edited"
    cat "$keys.edited" >"$keys"
    rm "$keys.edited"
    chmod 640 "$keys"
    tool 0 key rotate
    same "$(stat -c %a "$keys")" 640
    same "$(jq -c '[.extra, .keys[1].note]' "$keys")" '[[1],"mine"]'
    same "$(ls "$home")" 'cubby.db
keys.json'
}

@test "key: a broken key file is refused and left as it is" {
    echo '{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}' >"$keys"
    cp "$keys" "$BATS_TEST_TMPDIR/before"
    tool 1 key rotate
    said 'less than 32 bytes'
    tool 1 key list
    cmp "$keys" "$BATS_TEST_TMPDIR/before"
}

@test "key: an id that makes tokens too long to be accepted is refused, the longest works" {
    new_user ann
    for count in 256 257; do
        jq --arg id "$(head -c "$count" /dev/zero | tr '\0' x)" '.keys[0].kid = $id' "$keys" >"$BATS_TEST_TMPDIR/new"
        cp "$BATS_TEST_TMPDIR/new" "$keys"
        if [ "$count" = 256 ]; then
            tool 0 key list
            new_user ben
            store k 1
        else
            tool 1 key list
            said 'more than 256 bytes'
        fi
    done
}

@test "key rotate: readers never see half a file, and of ten at once none is lost" {
    new_user ann
    store k 1
    (
        for _ in $(seq 60); do
            read_value k
            [ "$code" = 200 ] || echo "$code $body" >>"$BATS_TEST_TMPDIR/bad"
        done
    ) &
    began
    for _ in $(seq 10); do
        "$TOOL" key rotate >/dev/null &
        began
    done
    wait_all
    [ ! -e "$BATS_TEST_TMPDIR/bad" ] || fail "$(cat "$BATS_TEST_TMPDIR/bad")"
    same "$(key_ids | sort -u | wc -l)" 11
}
