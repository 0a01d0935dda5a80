# What a board adds to the contract: another word size and byte order than those of the machine that
# made the database and the tokens. BOARD is the processor, HOST_PROGRAMS and HOST_TOOL are those of
# this machine.

load ../http/lib.bash
load ../system/filters.bash
load ../system/protection.bash
load machine
may_take 1500

setup() {
    note_test_alone
    conf=$BATS_TEST_TMPDIR/cubby.conf
    printf '%s\n' "database = $DATA/cubby.db" "keys = $DATA/keys.json" >"$conf"
}

has_text() { case $1 in *"$2"*) ;; *) fail "\"$2\" is not in: $1" ;; esac }

# host PROGRAM METHOD PATH TOKEN [BODY]: asks a program of this machine, over the same data.
host() {
    printf '%s' "${5-}" | env -i CUBBY_CONF="$conf" REQUEST_METHOD="$2" PATH_INFO="$3" \
        HTTP_AUTHORIZATION="${4:+Bearer $4}" CONTENT_LENGTH="${#5}" SERVER_SOFTWARE=test \
        QUERY_STRING= "$HOST_PROGRAMS/$1" | sed '1,/^\r$/d'
}

@test "board: a token and values made on this machine are good on the board, and the other way round" {
    new_user
    host data POST '' "$token" '{"key": "big", "value": [9007199254740993, 1.0, 1e400, 18446744073709551616]}' >/dev/null
    as_user GET /data/big
    succeeded 200
    has_text "$body" '"value":[9007199254740993, 1.0, 1e400, 18446744073709551616]'
    store back '[12345678901234567890, -0.0]'
    has_text "$(host data GET /back "$token")" '"value":[12345678901234567890, -0.0]'
    refreshed=$(host token POST /refresh "$token" | sed 's/.*"token":"\([^"]*\)".*/\1/')
    [ "$refreshed" != "$token" ]
    token=$refreshed
    as_user GET /data/back
    succeeded 200
}

@test "board: dates beyond 2038 are kept, and what expires then is there" {
    new_user
    send POST /me/import '{"items": [{"key": "far", "value": 1, "created_at": "2001-02-03T04:05:06.789Z",
        "expires_at": "2099-12-31T23:59:59.999Z"}, {"key": "late", "value": 2, "expires_at": "2038-01-19T03:14:08Z"}]}'
    succeeded 200
    as_user GET /data/far
    succeeded 200
    same "$(field .data.expires_at)" 2099-12-31T23:59:59.999Z
    same "$(field .data.created_at)" 2001-02-03T04:05:06.789Z
    as_user GET /data/late
    same "$(field .data.expires_at)" 2038-01-19T03:14:08.000Z
    has_text "$(host data GET /far "$token")" '"expires_at":"2099-12-31T23:59:59.999Z"'
}

@test "board: a token that was changed by one character is refused, one that was ended too" {
    new_user
    good=$token
    token=${good%?}$([ "${good: -1}" = A ] && echo B || echo A)
    as_user GET /me
    refused 401 INVALID_TOKEN
    token=${good/eyJ/eyI}
    as_user GET /me
    refused 401 INVALID_TOKEN
    token=$good
    as_user DELETE /token
    succeeded 200
    as_user GET /me
    refused 401 INVALID_TOKEN
}

# increment: adds one to `sum`. After 503, where the others were too slow for who waited, nothing was done, and it is
# asked again; any other answer than 200 makes this fail, and is noted in the file `faults`.
increment() {
    local answer
    for _ in $(seq 30); do
        answer=$(curl -sS -o /dev/null -w '%{http_code}' --max-time "$PATIENCE" -H "Authorization: Bearer $token" "$BASE/batch" \
            -d '{"operations": [{"op": "increment", "key": "sum"}]}') || answer="$answer, and curl failed with $?"
        [ "$answer" = 503 ] || break
        sleep 1
    done
    [ "$answer" = 200 ] || {
        echo "$answer" >>"$BATS_TEST_TMPDIR/faults"
        return 1
    }
}

@test "board: four who write at once lose nothing" {
    new_user
    store sum 0
    for _ in 1 2 3 4; do
        (for _ in 1 2 3 4 5; do increment; done) &
        began
    done
    wait_all
    [ ! -e "$BATS_TEST_TMPDIR/faults" ] || fail "$(cat "$BATS_TEST_TMPDIR/faults")"
    as_user GET /data/sum
    same "$(field .data.value)" 20
}

@test "board: the tool checks the database, and exports it as the tool of this machine does" {
    "$TOOL" -c "$conf" check
    "$TOOL" -c "$conf" export >"$BATS_TEST_TMPDIR/board"
    "$HOST_TOOL" -c "$conf" export >"$BATS_TEST_TMPDIR/host"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/host")" -gt 5 ]
    diff <(grep -v '"type":"cubby"' "$BATS_TEST_TMPDIR/board") <(grep -v '"type":"cubby"' "$BATS_TEST_TMPDIR/host")
}

@test "board: what was acknowledged outlives a loss of power, and it serves again after the boot" {
    new_user
    store sum 0
    for writer in 1 2 3 4; do
        (while increment; do
            echo one >>"$BATS_TEST_TMPDIR/acknowledged.$writer"
        done) &
        began
    done
    until [ "$(cat "$BATS_TEST_TMPDIR"/acknowledged.* 2>/dev/null | wc -l)" -ge 20 ]; do
        kill -0 "${started[@]}" 2>/dev/null || fail "nobody writes any more: $(cat "$BATS_TEST_TMPDIR/faults")"
        sleep 0.1
    done
    machine_loses_power
    wait_all
    acknowledged=$(cat "$BATS_TEST_TMPDIR"/acknowledged.* | wc -l)
    [ "$acknowledged" -ge 20 ]
    machine_boot
    machine_answers "$BASE"
    as_user GET /data/sum
    succeeded 200
    sum=$(field .data.value)
    # Four were under way.
    [ "$sum" -ge "$acknowledged" ] && [ "$sum" -le $((acknowledged + 4)) ] || fail "$sum of $acknowledged"
    "$TOOL" -c "$conf" check
}

@test "board: the archive holds files alone, relative and root's, and no entry for a directory" {
    archive=$(ls "${BATS_TEST_DIRNAME}"/../../build/board/cubby-*-"$BOARD".tar.gz)
    tar -tvzf "$archive" >"$BATS_TEST_TMPDIR/entries"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/entries")" -gt 15 ]
    run grep -vE '^[-h]rw(-r--r--|xr-xr-x) 0/0 .* (usr|etc)/' "$BATS_TEST_TMPDIR/entries"
    [ "$status" = 1 ] || fail "$output"
    # A board's own settings are never among them.
    run grep -E ' (etc/cubby/cubby(-httpd)?\.conf|etc/(inittab|init\.d/.*|passwd))$' "$BATS_TEST_TMPDIR/entries"
    [ "$status" = 1 ] || fail "$output"
}

@test "board: an installation takes no more than 2.5 MB on armhf, 3.2 MB on others, 4.5 MB with glibc" {
    limit=3200
    case $BOARD in
    armhf) limit=2500 ;;
    tuned | clang) limit=4500 ;;
    esac
    size=$(du -sk "${BATS_TEST_DIRNAME}/../../build/board/$BOARD/root" | cut -f1)
    [ "$size" -le "$limit" ] || fail "$size KB"
}

@test "board: without 64-bit times, file sizes and claims nothing is built" {
    cd "$BATS_TEST_DIRNAME/../.."
    # With glibc, and where a long has 32 bits, these settings are to be taken out.
    compiler=$(sed -n 's/^TARGET=//p' "build/board/$BOARD/compiler" | sed 's/-unknown//')-gcc
    # Of libraries built with several settings those that were built last.
    headers=$(find build/board/"$BOARD"/deps -path '*/include/jwt.h' -printf '%T@ %h\n' | sort -n | sed -n '$s/^[^ ]* //p')
    [ -n "$headers" ]
    syntax() {
        run "$compiler" -std=c11 -D_GNU_SOURCE -I. \
            -isystem "$headers" "${@:2}" -fsyntax-only "$1"
    }
    refuses() {
        syntax "$@"
        if "$compiler" -dM -E - </dev/null | grep -q '__SIZEOF_LONG__ 8'; then
            [ "$status" = 0 ] || fail "$output"
        else
            [ "$status" != 0 ]
            has_text "$output" 'build with -D'
        fi
    }
    refuses common/base/clock.c
    refuses common/base/clock.c -D_FILE_OFFSET_BITS=64
    refuses common/identity/token.c -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
    syntax common/base/clock.c -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
    [ "$status" = 0 ] || fail "$output"
    syntax common/identity/token.c -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DJWT_USES_LONG_LONG=1
    [ "$status" = 0 ] || fail "$output"
}

# The emulator has no seccomp, so what a kernel would make of the filters is found out by itself.
@test "board: the filter decides about each system call of this processor as the list says" {
    libc=musl
    # shellcheck source=/dev/null # made by the build
    . "$repository/build/board/$BOARD/compiler"
    case $CC in *musl*) ;; *) libc=glibc ;; esac
    case $TARGET in
    arm*) of=arm ;;
    i?86-*) of=x86 ;;
    powerpc64le-*) of=ppc64le ;;
    *) of=${TARGET%%-*} ;;
    esac
    filters_decide_as_listed "$repository/build/board/$BOARD/generated/common/sandbox/filters.h" "$of" "$libc"
}

@test "board: programs are as hard to take over as those of this machine" {
    local built=$repository/build/board/$BOARD file
    for file in "$built"/cgi-bin/* "$built/bin/cubby"; do
        stack_is_data "$file"
        linked_early "$file" static
    done
    built_from "$built"
}
