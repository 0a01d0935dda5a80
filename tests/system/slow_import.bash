# slow_import.bash - imports whose bodies come slowly.

# drip BYTES TIMES: spaces, so many every 0.4 s, or until nobody takes them; the rest at once when told to hurry
drip() {
    local i
    for ((i = 0; i < $2; i++)); do
        [ ! -e "$BATS_TEST_TMPDIR/enough" ] || break
        printf '%*s' "$1" '' 2>/dev/null || break
        [ -e "$BATS_TEST_TMPDIR/hurry" ] || sleep 0.4
    done
}

# slowly NAME BYTES TIMES [DOCUMENT]: in the background, an import that comes so, and then whole; its answer goes to the
# file NAME
slowly() {
    local document=${4:-'{"items":[]}'}
    local length=$(($2 * $3 + ${#document}))
    (
        drip "$2" "$3"
        printf %s "$document" 2>/dev/null || true
    ) | env -i CUBBY_CONF="$conf" REQUEST_METHOD=POST PATH_INFO=/import REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH="$length" \
        HTTP_AUTHORIZATION="$token" timeout 250 "$PROGRAMS/me" >"$BATS_TEST_TMPDIR/$1" 2>&1 3>&- &
    began
}

# drip_end: nobody sends more
drip_end() { touch "$BATS_TEST_TMPDIR/enough"; }

# taken COUNT: so many of the places for imports are
taken() { [ "$(places "${database:-$home/keys.json}-transfers")" = "$1" ]; }

# said_to NAME STATUS TEXT
said_to() {
    grep -q "^Status: $2 " "$BATS_TEST_TMPDIR/$1" || fail "$(cat "$BATS_TEST_TMPDIR/$1")"
    grep -qF "$3" "$BATS_TEST_TMPDIR/$1" || fail "$(cat "$BATS_TEST_TMPDIR/$1")"
}

over='"code":"INVALID_TOKEN","message":"Invalid access token provided.","details":{"token":"expired"}'
revoked='"code":"INVALID_TOKEN","message":"Invalid access token provided.","details":{"token":"revoked"}'
