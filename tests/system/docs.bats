#!/usr/bin/env bats
# The pages in www/docs: what they tell people to type works as it stands.

load system.bash
load pages.bash
may_take 1500

@test "contributing: every command of the page does what it says" {
    checkout=$BATS_TEST_TMPDIR/checkout
    copy_built_checkout "$checkout"
    cp -a "$root"/build/san "$root"/build/test-tools "$root"/build/postgresql "$checkout/build/"
    ln -s "$root/build/npm" "$root/build/debian" "$checkout/build/"
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

@test "docs: the pages in HTML have a policy, no script, ids that are once there, and links that lead somewhere" {
    # shellcheck disable=SC2016 # a program of JavaScript
    run node -e '
        const fs = require("fs");
        const folder = process.argv[1] + "/build/docs/";
        const names = fs.readdirSync(folder).filter((name) => name.endsWith(".html"));
        const sources = fs.readdirSync(process.argv[1] + "/www/docs").filter((name) => name.endsWith(".md"));
        if (names.length !== sources.length + 1) throw new Error(`${names} of ${sources}`);
        const text = Object.fromEntries(names.map((name) => [name, fs.readFileSync(folder + name, "utf8")]));
        const ids = Object.fromEntries(names.map((name) => [name, [...text[name].matchAll(/ id="([^"]*)"/g)].map((found) => found[1])]));
        const policy = "default-src \x27none\x27; style-src \x27self\x27; img-src data:; base-uri \x27none\x27; form-action \x27none\x27";
        let links = 0;
        for (const name of names) {
            const html = text[name];
            if (html.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)[1] !== policy) throw new Error(`${name}: the policy`);
            if (/<script|<style|<iframe|<img|\son[a-z]+="|\sstyle="|javascript:/.test(html.replace(/<pre>[^]*?<\/pre>/g, ""))) throw new Error(`${name}: inline`);
            if (new Set(ids[name]).size !== ids[name].length) throw new Error(`${name}: an id twice`);
            if (html.match(/<h1 /g).length !== 1) throw new Error(`${name}: titles`);
            for (const [, target] of html.matchAll(/\shref="([^"]*)"/g)) {
                if (/^(https?:|data:,$)/.test(target)) continue;
                const [file, anchor] = target.split("#");
                if (file.startsWith("../")) {
                    if (!fs.existsSync(process.argv[1] + "/www/" + file.slice(3))) throw new Error(`${name}: ${target}`);
                } else if (!fs.existsSync(folder + (file || name))) throw new Error(`${name}: ${target}`);
                if (anchor !== undefined && !ids[file || name].includes(anchor)) throw new Error(`${name}: ${target}`);
                links++;
            }
        }
        if (links < 200) throw new Error(`found too few: ${links}`);
        ' "$root"
    echo "$output"
    [ "$status" = 0 ]
}

@test "docs: the style has the colours of the console, and nothing for single elements, since headings may have their ids" {
    grep -q '^  --paper: #' "$root/build/docs/docs.css"
    run grep -nE '^[^{]*#[a-z-]+[^;{]*\{' "$root/build/docs/docs.css"
    same "$output" ''
}

@test "docs: a heading has the id that a code host gives it" {
    for page in api operating deploying; do
        anchors "$root/www/docs/$page.md" >"$BATS_TEST_TMPDIR/$page"
        grep -oE '<h[1-6] id="[^"]*"' "$root/build/docs/$page.html" | cut -d'"' -f2 | diff "$BATS_TEST_TMPDIR/$page" -
    done
}

@test "docs: what can't be rendered stops it, with the page and the reason" {
    mkdir "$BATS_TEST_TMPDIR/here"
    cp -r "$root/README.md" "$root/NEWS" "$root/LICENSE" "$root/www" "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here"
    perl www/docs/render.pl out
    cp www/docs/speed.md kept
    echo '[gone](gone.md)' >>www/docs/speed.md
    run perl www/docs/render.pl out
    [ "$status" != 0 ]
    has "$output" 'www/docs/speed.md links to gone.md'
    mv kept www/docs/speed.md
    echo '# New' >www/docs/new.md
    run perl www/docs/render.pl out
    [ "$status" != 0 ]
    has "$output" 'lacks www/docs/new.md'
    rm www/docs/new.md
    # Markup in a page is left out, not passed on.
    echo '<script>alert(1)</script>' >>www/docs/speed.md
    perl www/docs/render.pl out
    ! grep 'alert' out/speed.html || fail 'markup is passed on'
}
