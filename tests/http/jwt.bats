# Tokens that must not be let in, and those that must.

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    store secret '"mine"'
    payload=$(token_part 2)
    export user user_id token payload
    export keys=$DATA/keys.json
}

HEADER='{"alg":"HS256","typ":"JWT","kid":"@KID@"}'

# changed JQ: the claims of the good token, changed
changed() { jq -c "$1" <<<"$payload"; }

refused_token() {
    token=$1
    as_user GET /data/secret
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    send POST /data '{"key":"written","value":1}'
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
}

@test "jwt: the forge makes tokens that are let in, so its refusals mean something" {
    token=$(forge "$keys" "$HEADER" "$payload")
    as_user GET /data/secret
    succeeded 200
    same "$(field .data.value)" mine
}

@test "jwt: a token may come bare or as Bearer in any case" {
    for value in "$token" "Bearer $token" "bearer $token" "BEARER $token" "Bearer  $token"; do
        call GET /data/secret -H "Authorization: $value"
        succeeded 200
    done
}

@test "jwt: neither a token nor a password counts in an address" {
    device=$(curl -s "$BASE/keys" -H "Authorization: $token" -d '{"name":"address","scope":"read"}' | jq -r .data.token)
    for value in "$token" "$device"; do
        for name in access_token token authorization Authorization bearer; do
            call GET "/data/secret?$name=$value"
            refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
            same "$(field .details.token)" missing
        done
    done
    call POST "/token?username=$user&password=$PASSWORD" --data-binary '{}'
    same "$code" 400
    same "$(field '.details | has("password")')" true
    same "$(field '[.token, .data] | all(. == null)')" true
}

@test "jwt: none at all is told as missing" {
    for options in 'X-Nothing: 1' 'Authorization;' 'Authorization: Bearer'; do
        call GET /data/secret -H "$options"
        refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
        same "$(field .details.token)" missing
    done
    call GET /data/secret
    same "$(field .details.token)" missing
}

# busybox httpd passes on the last line alone; nginx refuses two lines itself.
@test "jwt: a token beside another, in a line of its own, is none" {
    for lines in "$token|$token" "x|$token" "$token|x" "Bearer $token|Bearer $token" "Basic eDp4|Bearer $token"; do
        [ "$SERVER" != busybox ] || [ "${lines#*|}" = x ] || continue
        call GET /data/secret -H "Authorization: ${lines%|*}" -H "Authorization: ${lines#*|}"
        case $code in
        400) [[ $SERVER = nginx* ]] || fail "$SERVER refuses it itself" ;;
        *) refused 401 INVALID_TOKEN "$MESSAGE_TOKEN" ;;
        esac
    done
}

@test "jwt: expired" {
    for end in 1 0 -1 -9223372036854775808; do
        bad=$(forge "$keys" "$HEADER" "$(changed 'del(.exp)' | sed "s/}\$/,\"exp\":$end}/")")
        refused_token "$bad"
        same "$(field .details.token)" expired
    done
    bad=$(forge "$keys" "$HEADER" "$(changed 'del(.exp)' | sed 's/}$/,"exp":@NOW@}/')")
    refused_token "$bad"
    same "$(field .details.token)" expired
}

@test "jwt: not yet valid" {
    refused_token "$(forge "$keys" "$HEADER" "$(changed . | sed 's/}$/,"nbf":@NOW+600@}/')")"
}

@test "jwt: without exp, or exp of a wrong type" {
    refused_token "$(forge "$keys" "$HEADER" "$(changed 'del(.exp)')")"
    for value in '"9999999999"' true null '[]' '{}' 1e300 9.5e99; do
        refused_token "$(forge "$keys" "$HEADER" "$(changed 'del(.exp)' | sed "s/}\$/,\"exp\":$value}/")")"
    done
}

@test "jwt: wrong types in the other claims" {
    for change in '.sub = 5' '.sub = "999999"' '.sub = ""' '.sub = null' 'del(.sub)' \
        '.user_id = "1"' '.user_id = -1' '.user_id = 1.5' '.epoch = "0"' 'del(.epoch)' '.epoch = null' '.epoch += 1' \
        '.aud = "cubby"' '.aud = ["a"]' '.aud = []' '.aud = null' \
        '.iat = "x"' '.nbf = "x"' '.auth_time = "x"' '.auth_time = 0' '.auth_time = -1' '.auth_time = null'; do
        refused_token "$(forge "$keys" "$HEADER" "$(changed "$change")")"
    done
}

@test "jwt: a payload that is no object, empty, or no JSON" {
    for bad in '[]' '5' 'null' '"x"' '' '{' 'x'; do
        refused_token "$(forge "$keys" "$HEADER" "$bad")"
    done
}

@test "jwt: algorithm none, with and without a signature, in any spelling" {
    for alg in none None NONE nOnE; do
        refused_token "$(forge "$keys" "{\"alg\":\"$alg\"}" "$payload" none)"
        refused_token "$(forge "$keys" "{\"alg\":\"$alg\",\"kid\":\"@KID@\"}" "$payload")"
    done
}

@test "jwt: a header that names extensions or another encoding of the payload, signed well" {
    for more in '"crit":["exp"]' '"crit":["b64"],"b64":false' '"crit":[]' '"crit":"x"' '"crit":null' '"b64":false' '"b64":true'; do
        refused_token "$(forge "$keys" "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@KID@\",$more}" "$payload")"
    done
}

@test "jwt: another algorithm, signed well with the same key" {
    for alg in HS512 HS384; do
        refused_token "$(forge "$keys" "{\"alg\":\"$alg\",\"typ\":\"JWT\",\"kid\":\"@KID@\"}" "$payload")"
    done
    refused_token "$(forge "$keys" '{"alg":"RS256","typ":"JWT","kid":"@KID@"}' "$payload" public)"
    for alg in RS256 ES256 PS256 EdDSA HS255 hs256 '' ; do
        refused_token "$(forge "$keys" "{\"alg\":\"$alg\",\"typ\":\"JWT\",\"kid\":\"@KID@\"}" "$payload")"
    done
    refused_token "$(forge "$keys" '{"typ":"JWT","kid":"@KID@"}' "$payload")"
}

@test "jwt: parts with padding, or in characters of base64 that are none of base64url, signed well" {
    for part in "$(changed '.more = "x"')" "$(changed '.more = "xy"')" "$(changed '.more = "xyz"')"; do
        bad=$(forge "$keys" "$HEADER" "$part" padded)
        [[ $bad == *=* ]] || continue
        padded=1
        refused_token "$bad"
    done
    same "${padded-}" 1
    refused_token "$token="
    refused_token "$token=="
}

@test "jwt: signature stripped, cut, or of something else" {
    refused_token "${token%.*}."
    refused_token "${token%.*}"
    refused_token "${token%?????}"
    refused_token "${token%.*}.AAAA"
    refused_token "${token}A"
    refused_token "$token.$token"
}

@test "jwt: payload changed under a good signature" {
    other=$(changed '.user_id += 1 | .sub = (.user_id | tostring)' | base64 -w0 | tr '/+' '_-' | tr -d =)
    refused_token "$(cut -d. -f1 <<<"$token").$other.$(cut -d. -f3 <<<"$token")"
}

@test "jwt: signed with another key, an empty one, or the key's base64 text" {
    refused_token "$(forge "$keys" "$HEADER" "$payload" 0123456789abcdef0123456789abcdef)"
    refused_token "$(forge "$keys" "$HEADER" "$payload" secret)"
    refused_token "$(forge "$keys" "$HEADER" "$payload" "$(jq -r '.keys[0].k' "$keys")")"
}

@test "jwt: an unknown kid, or one of a wrong type" {
    refused_token "$(forge "$keys" '{"alg":"HS256","kid":"nobody"}' "$payload")"
    refused_token "$(forge "$keys" '{"alg":"HS256","kid":"../../etc/passwd"}' "$payload")"
    refused_token "$(forge "$keys" '{"alg":"HS256","kid":5}' "$payload")"
    refused_token "$(forge "$keys" '{"alg":"HS256","kid":""}' "$payload")"
}

@test "jwt: texts that are no token" {
    for bad in x . .. ... a.b.c 'a b c' '%00' null "$(printf 'x%.0s' $(seq 3000))"; do
        refused_token "$bad"
    done
}

@test "jwt: 100 KB are refused, by cubby or by the web server" {
    long=$(head -c 100000 /dev/zero | tr '\0' x)
    printf 'header = "Authorization: Bearer %s"\n' "$long" >"$BATS_TEST_TMPDIR/config"
    call GET /data/secret -K "$BATS_TEST_TMPDIR/config"
    case $code in
    400 | 401 | 413 | 431) ;;
    *) fail 'not refused' ;;
    esac
    as_user GET /data/secret
    succeeded 200
}

@test "jwt: the user is gone since" {
    new_user
    store mine 1
    succeeded 201
    store_sql "DELETE FROM items WHERE user_id = $user_id; DELETE FROM users WHERE id = $user_id"
    refused_token "$token"
    same "$(field .details.token)" revoked
    # A later account does not inherit the tokens.
    old=$token
    new_user
    refused_token "$old"
}

@test "jwt: a second key verifies, the first signs" {
    cp "$keys" "$BATS_TEST_TMPDIR/keys"
    second='{"kty":"oct","kid":"second","alg":"HS256","k":"'$(head -c 32 /dev/urandom | base64 -w0 | tr '/+' '_-' | tr -d =)'"}'
    # Written in place: the file keeps its owner.
    jq -c ".keys += [$second]" "$BATS_TEST_TMPDIR/keys" >"$BATS_TEST_TMPDIR/both"
    cat "$BATS_TEST_TMPDIR/both" >"$keys"
    token=$(forge "$keys" "$HEADER" "$payload" second)
    as_user GET /data/secret
    second_code=$code
    login "$user"
    kid=$(token_part 1 | jq -r .kid)
    cat "$BATS_TEST_TMPDIR/keys" >"$keys"
    same "$second_code" 200
    same "$kid" "$(jq -r '.keys[0].kid' "$keys")"
    # The key is gone again, and with it its tokens.
    refused_token "$(forge "$BATS_TEST_TMPDIR/both" "$HEADER" "$payload" second)"
}

@test "jwt: every key of a file verifies, those too that share a kid or have none" {
    cp "$keys" "$BATS_TEST_TMPDIR/keys"
    other() {
        echo '{"kty":"oct",'"$1"'"k":"'"$(head -c 32 /dev/urandom | base64 -w0 | tr '/+' '_-' | tr -d =)"'"}'
    }
    named=$(jq -c '.keys[0].kid' "$keys")
    jq -c ".keys += [$(other "\"kid\":$named,"), $(other "\"kid\":$named,")]" "$keys" >"$BATS_TEST_TMPDIR/same"
    jq -c ".keys = [$(other ''), $(other '')]" "$keys" >"$BATS_TEST_TMPDIR/none"
    answers=
    for file in same none; do
        cat "$BATS_TEST_TMPDIR/$file" >"$keys"
        header=$HEADER
        [ "$file" = same ] || header='{"alg":"HS256","typ":"JWT"}'
        for key in first second "$(head -c 32 /dev/urandom | base64 -w0)"; do
            token=$(forge "$keys" "$header" "$payload" "$key")
            as_user GET /data/secret
            answers+="$file $code "
        done
    done
    cat "$BATS_TEST_TMPDIR/keys" >"$keys"
    same "$answers" "same 200 same 200 same 401 none 200 none 200 none 401 "
}

@test "jwt: to end a token ends that one, whatever letters its jti has" {
    for id in plain 'back\slash' 'end\' Ab a_b 'a%b' % _ "'" '"' é '*' '[a]'; do
        token=$(forge "$keys" "$HEADER" "$(jq -c --arg id "$id" '.jti = $id' <<<"$payload")")
        as_user GET /data/secret
        succeeded 200
        as_user DELETE /token
        succeeded 200
        as_user GET /data/secret
        refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
        same "$(field .details.token)" revoked
    done
    for id in plai plain1 Plain backslash 'back\\slash' end aB ab a1b a11b %% __ 'É' a '**' '?'; do
        token=$(forge "$keys" "$HEADER" "$(jq -c --arg id "$id" '.jti = $id' <<<"$payload")")
        as_user GET /data/secret
        succeeded 200
    done
}

@test "jwt: nothing was written by any refused token" {
    as_user GET /data/written
    refused 404 KEY_NOT_FOUND
}
