# rows.bash - every wrong row that a database may hold and an export bring along, for both engines. Who loads this
# has the functions
#   change SQL            does it in the database, unhindered
#   rows_of TABLE WHERE   these rows as a JSON array of objects
#   as_before             brings the content of the database back
# and $lf, the SQL of a line feed.

# One row of each kind: an account, an item, what is left of a deleted one, a device token, the code for a lost
# password, a security event, a count of attempts.
rows_fill() {
    new_user ann
    store k '{"a":1}'
    store gone 1
    cgi data DELETE /gone
    cgi keys POST '' '{"name":"d","scope":"read","prefix":"a"}'
    same "$code" 201
    change 'UPDATE tokens SET id = 1048577' # its number was drawn
    ann=$token
    login ann Wrong-pass-1
    tool 0 user reset-code ann
    token=$ann
    tool 0 check
}

# where KIND: its table, the condition that finds it whatever has become of it, and its type in an export
where() {
    case $1 in
    user) echo 'users|1 = 1|user' ;;
    item) echo "items|key <> 'gone'|item" ;;
    gone) echo "items|key = 'gone'|item" ;;
    token) echo 'tokens|id % 1048576 = 1|token' ;;
    code) echo 'tokens|id % 1048576 = 0|token' ;;
    event) echo "meta|name <> 'store_id'|event" ;;
    store) echo "meta|name = 'store_id'|" ;;
    throttle) echo 'throttle|id = (SELECT MIN(id) FROM throttle)|' ;;
    esac
}

# of_size COUNT: as many letters
of_size() { printf "%0$1d" 0 | tr 0 x; }

# KIND|what is set|the column and what is said of it|where only: sqlite (the other engine refuses it), check (an export
# has no such column)
rows_wrong() {
    local past=253402300800000 version=9007199254740992 kind
    cat <<WRONG
user|username = ''|"username" is missing or not valid: is empty
user|username = '$(of_size 65)'|"username" is missing or not valid: is too long
user|username = 'a@b'|"username" is missing or not valid: must not have an @
user|username = ' a'|"username" is missing or not valid: must not start or end with a space
user|username = 'a' \|\| $lf|"username" is missing or not valid: must not have control characters
user|username_key = 'Ann'|"username_key" is missing or not valid: must be the column before it in lower case|check
user|email = 'nowhere'|"email" is missing or not valid: must have one @ with something before it
user|email = 'a b@x.org'|"email" is missing or not valid: must not have spaces or control characters
user|email = '$(of_size 250)@x.org'|"email" is missing or not valid: must have at most 254 bytes
user|email_key = 'other@example.org'|"email_key" is missing or not valid: must be the column before it in lower case|check
user|full_name = ''|"full_name" is missing or not valid: is empty
user|full_name = '$(of_size 121)'|"full_name" is missing or not valid: is too long
user|age = 0|"age" is missing or not valid: must be from 1 to 150
user|age = 151|"age" is missing or not valid: must be from 1 to 150
user|gender = ''|"gender" is missing or not valid: is empty
user|gender = '$(of_size 33)'|"gender" is missing or not valid: is too long
user|password_hash = 'x'|"password_hash" is missing or not valid
user|epoch = -1|"epoch" is missing or not valid: must be from 0
user|version = $version|"version" is missing or not valid: must be from 0 to 9007199254740991
user|created_at = -1|"created_at" is missing or not valid: must be from 0
user|created_at = $past|"created_at" is missing or not valid: must be from 0
user|updated_at = -1|"updated_at" is missing or not valid: must be from 0
user|updated_at = $past|"updated_at" is missing or not valid: must be from 0
user|disabled = 2|"disabled" is missing or not valid: must be from 0 to 1
user|revoked = 'x'|"revoked" is missing or not valid: is no list of ended tokens
user|revoked = ';'|"revoked" is missing or not valid: is no list of ended tokens
user|revoked = ';a'|"revoked" is missing or not valid: is no list of ended tokens
user|revoked = ';a='|"revoked" is missing or not valid: is no list of ended tokens
user|revoked = ';=5'|"revoked" is missing or not valid: is no list of ended tokens
user|revoked = ';a=5x'|"revoked" is missing or not valid: is no list of ended tokens
user|revoked = ';a=5;'|"revoked" is missing or not valid: is no list of ended tokens
user|revoked = ';$(of_size 97)=5'|"revoked" is missing or not valid: is no list of ended tokens
user|keys = -1|"keys" is missing or not valid: must be from 0
user|bytes = -1|"bytes" is missing or not valid: must be from 0
user|tombstones = -1|"tombstones" is missing or not valid: must be from 0
user|horizon = -1|"horizon" is missing or not valid: must be from 0
user|horizon = $version|"horizon" is missing or not valid: must be from 0
user|next_expiry = -1|"next_expiry" is missing or not valid: must be from 0
user|next_expiry = $past|"next_expiry" is missing or not valid: must be from 0
user|max_keys = -2|"max_keys" is missing or not valid: must be from -1
user|max_bytes = -2|"max_bytes" is missing or not valid: must be from -1
$(for kind in keys bytes tombstones horizon next_expiry; do echo "user|$kind = NULL|\"$kind\" is missing or not valid|sqlite"; done)
item|key = ''|"key" is missing or not valid: must not be empty
item|key = 'a//b'|"key" is missing or not valid: must not have an empty segment
item|key = 'a/..'|"key" is missing or not valid: must not have . or .. as a segment
item|key = 'a' \|\| $lf|"key" is missing or not valid: must be UTF-8 without control characters
item|key = '$(of_size 513)'|"key" is missing or not valid: must have at most 512 bytes
item|version = -1|"version" is missing or not valid: must be from 1
item|version = 0|"version" is missing or not valid: must be from 1
item|version = $version|"version" is missing or not valid: must be from 1
item|size = -1|"size" is missing or not valid: must be from 0
item|created_at = -1|"created_at" is missing or not valid: must be from 0
item|created_at = $past|"created_at" is missing or not valid: must be from 0
item|updated_at = -1|"updated_at" is missing or not valid: must be from 0
item|updated_at = $past|"updated_at" is missing or not valid: must be from 0
item|expires_at = 0|"expires_at" is neither a moment nor that of a deleted item
item|expires_at = -77|"expires_at" is neither a moment nor that of a deleted item
item|expires_at = $past|"expires_at" is missing or not valid: must be from
item|expires_at = -version|"value" is missing or not valid: of a deleted item must be empty
item|value = ''|"value" is missing or not valid: the text ends where a value must stand
item|value = 'null'|"value" is missing or not valid: must not be null
item|value = ' null '|"value" is missing or not valid: has white space around it
item|value = ' {"a":1}'|"value" is missing or not valid: has white space around it
item|value = '5 '|"value" is missing or not valid: has white space around it
item|value = '"x"' \|\| $lf|"value" is missing or not valid: has white space around it
item|value = $lf \|\| '5'|"value" is missing or not valid: has white space around it
item|value = $(printf "'\t5'")|"value" is missing or not valid: has white space around it
item|value = $(printf "'\357\273\2775'")|"value" is missing or not valid: not a JSON value
item|value = '1 2'|"value" is missing or not valid: something follows after the end of the value
item|value = 'tru'|"value" is missing or not valid: not a JSON value
item|value = '{"a":1'|"value" is missing or not valid: the text ends inside an object or array
item|value = '[1,]'|"value" is missing or not valid: not a JSON value
item|value = '01'|"value" is missing or not valid: a number starts with 0
item|value = '"' \|\| $lf \|\| '"'|"value" is missing or not valid: control character in a string
item|value = '"\\ud800"'|"value" is missing or not valid: lone surrogate in a string
item|value = '$(of_size 97 | tr x '[')$(of_size 97 | tr x ']')'|"value" is missing or not valid: must not be nested deeper than 96 levels
item|value = '$(of_size 101 | tr x '[')'|"value" is missing or not valid: nested deeper than 100 levels
gone|value = '1'|"value" is missing or not valid: of a deleted item must be empty
gone|expires_at = NULL|"value" is missing or not valid: the text ends where a value must stand
gone|expires_at = expires_at - 1|"expires_at" is neither a moment nor that of a deleted item
token|hash = 'x'|"hash" is missing or not valid: is no digest
token|hash = '$(of_size 63)!'|"hash" is missing or not valid: is no digest
token|name = ''|"name" is missing or not valid: is empty
token|name = '$(of_size 65)'|"name" is missing or not valid: is too long
token|name = 'a' \|\| $lf|"name" is missing or not valid: must not have control characters
token|writes = 2|"writes" is missing or not valid: must be from 0 to 1
token|prefix = '$(of_size 513)'|"prefix" is missing or not valid: must have at most 512 bytes
token|prefix = 'a' \|\| $lf|"prefix" is missing or not valid: must be UTF-8 without control characters
token|created_at = -1|"created_at" is missing or not valid: must be from 0
token|expires_at = 0|"expires_at" is missing or not valid: must be from 1
token|used_at = -1|"used_at" is missing or not valid: must be from 0
$(for kind in hash name writes prefix created_at; do echo "token|$kind = NULL|\"$kind\" is missing or not valid"; done)
code|name = 'x'|"name" is missing or not valid: of a code for a lost password must be empty
code|writes = 1|"writes" is missing or not valid: of a code for a lost password must be 0
code|prefix = 'a'|"prefix" is missing or not valid: of a code for a lost password must be empty
code|expires_at = NULL|"expires_at" is missing or not valid: of a code for a lost password must be a moment
event|name = 'audit/5'|"name" is missing or not valid: is no event
event|name = 'audit/900000000000000000'|"name" is missing or not valid: is no event
event|name = 'other'|"name" is missing or not valid: is no event
event|value = 'x'|"value" is missing or not valid: is no JSON object
event|value = '[1]'|"value" is missing or not valid: is no JSON object
event|value = '{"a":1} '|"value" is missing or not valid: is no JSON object
store|value = 'x'|"value" is missing or not valid: is no name of a store|check
throttle|count = -1|"count" is missing or not valid: must be from 0|check
throttle|count = NULL|"count" is missing or not valid|check
throttle|until = NULL|"until" is missing or not valid|check
throttle|until = $past|"until" is missing or not valid: must be from 0|check
WRONG
}

# rows_each ENGINE: plants each of them by itself, which check must name; $BATS_TEST_TMPDIR/wrong.N is then the good
# export with that very row in it, and wrong.N.says what import must say.
rows_each() {
    local kind set says only table which type line number=0 good=$BATS_TEST_TMPDIR/good.lines
    tool 0 export "$good"
    while IFS='|' read -r kind set says only; do
        [ "$only" != sqlite ] || [ "$1" = sqlite ] || continue
        set=${set//!!/||}
        IFS='|' read -r table which type <<<"$(where "$kind")"
        number=$((number + 1))
        change "UPDATE $table SET $set WHERE $which"
        tool 1 check --json
        # Rows that do not fit together any more are told besides.
        same "$(jq -r '[.problems[].problem | select(test("^(user|item|token|meta|throttle) [^:]*: "))] | length' <<<"$output")" 1
        jq -e --arg says ": $says" '[.problems[].problem | select(contains($says))] | length == 1' <<<"$output" >/dev/null ||
            fail "$kind, $set: check does not say $says"
        if [ "$only" != check ]; then
            line=$(grep -n "$(row_mark "$kind")" "$good" | cut -d: -f1)
            [ -n "$line" ] || fail "no $kind in $(cat "$good")"
            {
                sed "$((line - 1))q" "$good"
                rows_of "$table" "$which" | jq -c --arg type "$type" '.[0] + {type: $type} |
                    if .type == "item" then .value_text = .value | del(.value) else . end'
                sed "1,${line}d" "$good"
            } >"$BATS_TEST_TMPDIR/wrong.$number"
            same "$(wc -l <"$BATS_TEST_TMPDIR/wrong.$number")" "$(wc -l <"$good")"
            echo "wrong.$number:$line: $says" >"$BATS_TEST_TMPDIR/says.$number"
        fi
        as_before
    done < <(rows_wrong | sed 's/\\|\\|/!!/g')
    [ "$number" -gt 95 ] || fail "only $number rows"
    tool 0 check
}

# row_mark KIND: what the line of an export has that no other line has
row_mark() {
    case $1 in
    user) echo '^{"type":"user"' ;;
    item) echo '"key":"k"' ;;
    gone) echo '"key":"gone"' ;;
    token) echo '"id":1048577,' ;;
    code) echo '"id":1048576,' ;;
    event) echo '"type":"event"' ;;
    esac
}

# rows_refused: import into the empty store of the settings refuses each of these files, naming the line.
rows_refused() {
    local file tried=0
    for file in "$BATS_TEST_TMPDIR"/wrong.*; do
        tool 1 import "$file"
        said "$(cat "$BATS_TEST_TMPDIR/says.${file##*.}")"
        said 'nothing was imported'
        tried=$((tried + 1))
    done
    [ "$tried" -gt 90 ] || fail "only $tried files"
}
