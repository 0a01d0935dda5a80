#!/usr/bin/env bats
# The list of passwords that nobody may choose: refused_passwords.

load tool

setup() {
    note_test_alone
    list=$BATS_TEST_TMPDIR/refused.txt
    # As such lists come: comments, lines of other systems, words of any case, numbers, no newline at the end.
    printf '%s\n' '#!comment: words of a list' '' 'password' $'letmein\r' 'Tr0ub4dor&3xyz' '123456' 'ab' 'Bücherei' >"$list"
    printf 'cubbyhole' >>"$list"
    installation "refused_passwords = $list"
}

# choose PASSWORD: registers somebody new with it
choose() {
    number=$((${number:-0} + 1))
    cgi register POST '' "$(jq -cn --arg name "u$number" --arg password "$1" '{username: $name, email: ($name + "@example.org"),
        full_name: "Test User", age: 30, gender: "x", password: $password}')"
}

# may_not PASSWORD: refused as registering refuses a weak one
may_not() {
    choose "$1"
    same "$code $(jq -r '.code + " " + .details.password' <<<"$body")" '400 INVALID_PASSWORD is among the passwords that are refused'
}

may() {
    choose "$1"
    same "$code" 201
}

@test "passwords: one of the list is refused, in whatever dress" {
    for password in 'Tr0ub4dor&3xyz' 'tR0UB4DOR&3XYZ' 'Password1!' 'P@ssw0rd!' 'Pa$$w0rd2026' '!1Password' 'LetMeIn#99' 'Bücherei-1' \
        'Cubbyhole.7' 'P@55w0rd-123'; do
        may_not "$password"
    done
    same "$(query 'SELECT COUNT(*) FROM users')" 0
}

@test "passwords: one that only holds a word of the list is good, and numbers and short words stand for nothing" {
    for password in 'My-Password-Box-1' 'Passwords-1' 'Ab-123456' 'Ab!99999' 'Xyz123456!' 'Troub4dor-xyz' '#!comment: words of a lisT1'; do
        may "$password"
    done
}

@test "passwords: changing, resetting and the tool refuse them too, and the old one stays" {
    new_user ann
    cgi me PUT /password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Password1!\"}"
    same "$code $(jq -r '.code + " " + .details.new_password' <<<"$body")" '400 INVALID_PASSWORD is among the passwords that are refused'
    reset=$("$TOOL" user reset-code ann --json | jq -r .code)
    cgi reset POST '' "{\"username\":\"ann\",\"code\":\"$reset\",\"new_password\":\"Password1!\"}"
    same "$code $(jq -r .code <<<"$body")" '400 INVALID_PASSWORD'
    run --separate-stderr "$TOOL" user passwd ann --password-stdin <<<'Password1!'
    same "$status" 1
    said 'is among the passwords that are refused'
    run --separate-stderr "$TOOL" user add bob --email bob@example.org --full-name B --age 30 --gender x --password-stdin <<<'Password1!'
    same "$status" 1
    login ann
    same "$code" 200
    cgi reset POST '' "{\"username\":\"ann\",\"code\":\"$reset\",\"new_password\":\"Difference-2\"}"
    same "$code" 200
}

@test "passwords: a user whose password came onto the list later logs in as ever" {
    new_user ann
    printf '\n%s\n' "$PASSWORD" >>"$list"
    login ann
    same "$code" 200
}

@test "passwords: without the setting every password by the rules is good" {
    sed -i '/^refused_passwords/d' "$conf"
    may 'Password1!'
}

@test "passwords: a list that can't be read lets nothing through, and check and the log name it" {
    tool 0 check
    mv "$list" "$list.away"
    choose 'Analytical-1'
    same "$code $(jq -r .code <<<"$body")" '500 INTERNAL_ERROR'
    grep -qF "$list" "$BATS_TEST_TMPDIR/log"
    case $body in *refused*) fail 'the answer tells the cause' ;; esac
    tool 1 check
    said "$list"
    mkfifo "$list"
    choose 'Analytical-1'
    same "$code" 500
    rm "$list"
    mkdir "$list"
    choose 'Analytical-1'
    same "$code" 500
    rmdir "$list"
    : >"$list"
    may 'Password1!'
}

@test "passwords: of a list of a million lines the last counts, and lines without end are no trouble" {
    { seq -f 'word%.0f' 1000000; head -c 300000 /dev/zero | tr '\0' 'x'; printf '\nlastword\n'; } >"$list"
    may_not 'LastWord-1'
    may 'Analytical-1'
}
