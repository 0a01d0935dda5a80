#!/usr/bin/env bats
# An endpoint of one's own, made from the page that tells how: www/docs/extending.md.

load system.bash
load pages.bash
may_take 1500

page=$root/www/docs/extending.md

the_program() { typed www/docs/extending.md 'The program' c; }

# amend FILE FILTER NUMBER: FILE of the copy, changed by jq with that block of the description as $block.
amend() {
    jq --argjson block "$(typed www/docs/extending.md 'The description' json | jq -s ".[$3 - 1]")" "$2" "$root/www/$1" >"$copy/www/$1"
}

teardown() { stop_all; }

setup_file() {
    export copy=$BATS_FILE_TMPDIR/checkout
    copy_built_checkout "$copy"
    typed www/docs/extending.md 'The SQL' diff | patch -d "$copy" -p1 -s >&2
    typed www/docs/extending.md 'The description' diff | patch -d "$copy" -p1 -s >&2
    the_program >"$copy/cgi-bin/tally.c"
    typed www/docs/extending.md 'The test' sh >"$copy/tests/http/tally.bats"
    amend openapi.json '.paths += $block' 1
    amend docs/flow.json '.folders[3].calls += [$block]' 2
    make_in "$copy" api >&2
    make_in "$copy" -j2 all >"$BATS_FILE_TMPDIR/make.log" 2>&1 || { cat "$BATS_FILE_TMPDIR/make.log"; return 1; }
}

# tried SERVER: its test, under that web server.
tried() {
    local folder=$BATS_TEST_TMPDIR/$1 tested=0
    mkdir -p "$folder/data"
    printf 'password_cost = 1\n' >"$folder/data/cubby.conf"
    run_start env SERVER="$1" PORT=0 DATA="$folder/data" READY="$folder/ready" PROGRAMS="$copy/build/cgi-bin" \
        TOOL="$copy/build/bin/cubby" WWW="$copy/www" sh "$copy/cgi-bin/server/run.sh"
    eventually [ -f "$folder/ready" ] || fail "$(cat "$run_output")"
    SERVER=$1 BASE=$(cat "$folder/ready") DATA=$folder/data TOOL=$copy/build/bin/cubby \
        bats --tap "$copy/tests/http/tally.bats" || tested=$?
    run_stop TERM
    return "$tested"
}

@test "extending: the page names every file that was touched" {
    (cd "$copy" && find . -path ./build -prune -o -type f -newer "$BATS_FILE_TMPDIR/make.log" -print) >"$BATS_TEST_TMPDIR/late"
    [ ! -s "$BATS_TEST_TMPDIR/late" ]
    touched=$(diff -rq --exclude=build --exclude=.git --exclude=data --exclude='*.orig' "$root" "$copy" |
        sed -E "s|^Files $root/([^ ]*) and .*|\\1|; s|^Only in $copy/([^:]*): (.*)|\\1/\\2|" | sort)
    named=$(grep -E '^\| `' "$page" | cut -d'|' -f2 | grep -oE '`[^`]+`' | tr -d '`' | sort)
    [ "$touched" = "$named" ] || fail "touched: $touched
named: $named"
}

@test "extending: its own test passes under busybox httpd" {
    tried busybox
}

@test "extending: its own test passes under Apache" {
    tried apache
}

@test "extending: its own test passes under lighttpd" {
    tried lighttpd
}

@test "extending: a program is 20 lines, and about 60 with data" {
    [ "$(typed www/docs/extending.md 'In 20 lines' c | wc -l)" -le 20 ]
    [ "$(the_program | wc -l)" -le 65 ]
}

@test "extending: the 20 lines are built and answer what the page says" {
    small=$BATS_TEST_TMPDIR/small
    copy_built_checkout "$small"
    typed www/docs/extending.md 'In 20 lines' c >"$small/cgi-bin/clock.c"
    make_in "$small" -j2 all >"$BATS_TEST_TMPDIR/make.log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/make.log")"
    run_start make --no-print-directory -C "$small" run PORT=0 DATA="$BATS_TEST_TMPDIR/data"
    run_wait
    line=$(commands www/docs/extending.md 'In 20 lines')
    answer=$(eval "${line/http:\/\/127.0.0.1:5000\/api/-sS $base}")
    plain() { sed -E 's/"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"/TIME/'; }
    same "$(plain <<<"$answer")" "$(typed www/docs/extending.md 'In 20 lines' json | plain)"
    call POST "$base/clock" -d ''
    same "$code" 405
    call GET "$base/clock?x=1"
    same "$code" 400
    run_stop TERM
}

@test "extending: the checks of OpenAPI and Postman know it" {
    run bats --tap -f 'description has the routes|collection starts' "$copy/tests/system/www.bats"
    echo "$output"
    [ "$status" = 0 ]
    cp "$root/www/openapi.json" "$copy/www/openapi.json"
    run bats --tap -f 'description has the routes' "$copy/tests/system/www.bats"
    amend openapi.json '.paths += $block' 1
    [ "$status" = 1 ]
    # What is listed, and the reference.
    has "$(REQUEST_METHOD=GET PATH_INFO='' "$copy/build/cgi-bin/health")" '"GET /tally/{key}"'
    grep -qx '### GET /tally/{key}' "$copy/www/docs/reference.md"
}

@test "extending: it is installed, and the snippets that list programs name it" {
    make_in "$copy" DESTDIR="$BATS_TEST_TMPDIR/installed" install >/dev/null
    [ -x "$BATS_TEST_TMPDIR/installed/usr/local/lib/cubby/cgi-bin/tally" ]
    for snippet in cubby.htaccess cubby.nginx.conf cubby.apache-fastcgi.conf cubby.lighttpd-fastcgi.conf; do
        grep -q 'tally' "$BATS_TEST_TMPDIR/installed/usr/local/share/cubby/$snippet"
    done
}
