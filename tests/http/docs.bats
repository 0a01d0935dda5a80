# The pages of documentation beside the page, as each web server gives them out.

load lib.bash

site() { # where the page lies: beside the API, and the same at the top
    call GET /health
    printf '%s%s' "${BASE%/*}" "$(field .data.links.page)"
}

@test "docs: each page is there as HTML, with its style, and the console links to the first" {
    site=$(site)
    curl -sS "$site" | grep -qF 'href="docs/index.html"'
    for file in "$here"/../../build/docs/*.html; do
        name=${file##*/}
        same "$(curl -sS -o "$BATS_TEST_TMPDIR/page" -w '%{http_code} %{content_type}' "${site}docs/$name" | tr 'A-Z' 'a-z' | cut -d';' -f1)" '200 text/html'
        cmp "$file" "$BATS_TEST_TMPDIR/page"
    done
    for style in docs/docs.css console.css; do
        same "$(curl -sS -o /dev/null -w '%{http_code} %{content_type}' "$site$style" | cut -d';' -f1)" '200 text/css'
    done
    same "$(curl -sS -L -o "$BATS_TEST_TMPDIR/page" -w '%{http_code}' "${site}docs/")" 200
    grep -q '<title>cubby</title>' "$BATS_TEST_TMPDIR/page"
}

@test "docs: nothing else lies there" {
    site=$(site)
    for name in api.md render.pl .made html/ ../docs/.made nothing.html; do
        [ "$(curl -sS --path-as-is -o /dev/null -w '%{http_code}' "${site}docs/$name")" != 200 ] || fail "$name"
    done
}
