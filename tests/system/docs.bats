#!/usr/bin/env bats
# The pages in www/docs: what they tell people to type works as it stands.

load system.bash
load pages.bash

@test "contributing: every command of the page does what it says" {
    checkout=$BATS_TEST_TMPDIR/checkout
    copy_built_checkout "$checkout"
    cp -a "$root"/build/san "$root"/build/test-tools "$checkout/build/"
    ln -s "$root/build/npm" "$checkout/build/npm"
    typed www/docs/contributing.md 'Build one program, run one test' sh >"$BATS_TEST_TMPDIR/commands"
    typed www/docs/contributing.md 'Sanitizers' sh >>"$BATS_TEST_TMPDIR/commands"
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

# anchors PAGE: what a code host makes of its headings.
anchors() {
    awk '/^```/ { inside = !inside } !inside && /^#+ /' "$1" |
        sed -E -e 's/^#+ //' -e 's/[^[:alnum:]_ -]//g' -e 's/ /-/g' | tr '[:upper:]' '[:lower:]'
}

@test "docs: every link to a file of the project leads somewhere, to a heading too" {
    cd "$root"
    broken=''
    for page in README.md www/docs/*.md; do
        for target in $(tr '\n' ' ' <"$page" | grep -oE '\]\([^) ]+' | cut -c3- | grep -v '^https:'); do
            file=$page
            [ -z "${target%%#*}" ] || file=$(dirname "$page")/${target%%#*}
            [ -e "$file" ] || broken="$broken $page:$target"
            case $target in *#*) anchors "$file" | grep -qxF -e "${target#*#}" || broken="$broken $page:$target" ;; esac
        done
    done
    [ -z "$broken" ] || fail "$broken"
}
