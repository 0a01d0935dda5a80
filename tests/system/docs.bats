#!/usr/bin/env bats
# The pages in www/docs: what they tell people to type works as it stands.

load system.bash

docs=$root/www/docs

# commands PAGE: the lines of its sh blocks.
commands() {
    awk '/^```/ && on { on = 0; next } $0 == "```sh" { on = 1; next } on' "$docs/$1"
}

@test "contributing: every command of the page does what it says" {
    checkout=$BATS_TEST_TMPDIR/checkout
    copy_built_checkout "$checkout"
    cp -a "$root"/build/san "$root"/build/test-tools "$checkout/build/"
    ln -s "$root/build/npm" "$checkout/build/npm"
    commands contributing.md >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 6 ]
    # Nothing of this run reaches the one inside, its filter least of all.
    mapfile -t unset < <(compgen -e | grep -E '^(BATS_|MAKE|MFLAGS|ONLY$|FILTER$|SERVER$|BOARDS$)' | sed 's/^/--unset=/')
    outside=$(tr : '\n' <<<"$PATH" | grep -v '/bats-core$' | paste -sd :)
    while IFS= read -r command; do
        echo "\$ $command"
        (cd "$checkout" && env "${unset[@]}" PATH="$outside" bash -c "$command") </dev/null 3>&- >"$BATS_TEST_TMPDIR/out" 2>&1 || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
        case $command in
        *'make test') grep -qE '^[1-9][0-9]* passed, 0 failed$' "$BATS_TEST_TMPDIR/out" || { cat "$BATS_TEST_TMPDIR/out"; return 1; } ;;
        *cgi-bin/health) grep -q '^Status: 200 ' "$BATS_TEST_TMPDIR/out" || { cat "$BATS_TEST_TMPDIR/out"; return 1; } ;;
        esac
    done <"$BATS_TEST_TMPDIR/commands"
}

@test "docs: every link to a file of the project leads somewhere" {
    cd "$root"
    broken=''
    for page in README.md www/docs/*.md; do
        for target in $(grep -oE '\]\([^)#]+' "$page" | cut -c3- | grep -v '^https:'); do
            [ -e "$(dirname "$page")/$target" ] || broken="$broken $page:$target"
        done
    done
    [ -z "$broken" ] || fail "$broken"
}
