#!/usr/bin/env bats
# shellcheck disable=SC2016 # the single-quoted backquotes are of Markdown
# README and pages are true. Of those in the list `run` the blocks of `sh` run as they stand, in their
# order, against a fresh service, and answer what the block after them says: `json`, the very text but
# for line breaks, tokens, times and versions; `http` or, directly after a block of sh, `text`, lines
# among the answer's. Every other block is in the list `elsewhere`, with the test that reads it.

load system.bash
load pages.bash

run_here=(README.md www/docs/api.md www/docs/recipes.md)

# page | heading | kind | file of tests | what its tests read the block for
elsewhere='
README.md|A minute to run|console|run.bats|makes a checkout serve
README.md|Deploy in short|console|deploy.bats|deploys on a Debian as it comes
README.md|Test|console|pages.bats|are targets of make
www/docs/deploying.md|Deploying|console|deploy.bats|installs what is deployed
www/docs/deploying.md|Apache on Debian|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|lighttpd|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|nginx, by fcgiwrap|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|nginx, by FastCGI|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|lighttpd, by FastCGI|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|Apache, by mod_proxy_fcgi|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|Apache, by mod_fcgid|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|Caddy|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|Kept by systemd|sh|install.bats|names units that are there
www/docs/deploying.md|Kept by systemd|ini|install.bats|is taken by the units
www/docs/deploying.md|civetweb|console|deploy.bats|deploys on a Debian as it comes
www/docs/deploying.md|busybox httpd|console|deploy.bats|deploys on a Debian as it comes
www/docs/boards.md|Setting a board up|console|pages.bats|are the commands that the suite board gives
www/docs/boards.md|Buildroot|console|packages.bats|finds what it names in a release
www/docs/operating.md|Backup|text|tool_backup.bats|runs as a line of cron does
www/docs/postgresql.md|Backups|sql|postgresql_tool.bats|runs in a server
www/docs/contributing.md|Build one program, run one test|sh|docs.bats|runs in a checkout
www/docs/contributing.md|Sanitizers|sh|docs.bats|runs in a checkout
www/docs/contributing.md|Fuzzing|console|pages.bats|are targets of make
www/docs/clients.md|Python|python|pages.bats|runs
www/docs/clients.md|Python|text|pages.bats|compares what it prints
www/docs/clients.md|TypeScript|ts|pages.bats|runs, its types checked
www/docs/clients.md|TypeScript|text|pages.bats|compares what it prints
www/docs/extending.md|In 20 lines|c|extending.bats|builds it
www/docs/extending.md|In 20 lines|console|extending.bats|asks it
www/docs/extending.md|In 20 lines|json|extending.bats|compares the answer
www/docs/extending.md|The description|diff|extending.bats|makes the endpoint
www/docs/extending.md|The SQL|diff|extending.bats|makes the endpoint
www/docs/extending.md|The program|c|extending.bats|makes the endpoint
www/docs/extending.md|The test|sh|extending.bats|makes the endpoint
www/docs/extending.md|The description|json|extending.bats|makes the endpoint
'

# serve SERVER [MODE]: a fresh service; leaves $base, and $data for the tool.
serve() {
    server=$1
    data=$BATS_TEST_TMPDIR/data
    mkdir -m 700 "$data"
    run_start env SERVER="$1" MODE="${2:-cgi}" PORT=0 DATA="$data" PROGRAMS="$PROGRAMS" TOOL="$TOOL" WWW="$root/www" \
        sh "$root/cgi-bin/server/run.sh"
    run_wait
}

teardown() {
    [ -n "${BATS_TEST_COMPLETED:-}" ] || [ -z "${block:-}" ] || cat "$block" "${block%.sh}.out"
    stop_all
}

# section PAGE TITLE: the lines of that chapter.
section() {
    awk -v title="## $2" '/^## / { on = $0 == title } on' "$root/$1"
}

# NNN.sh, NNN.json, NNN.http: the fenced blocks of the page, numbered by the sh block before. A block
# of text counts as http when it follows a block of sh.
extract() {
    mkdir "$blocks"
    awk -v to="$blocks" '
        /^```/ && file { close(file); file = ""; next }
        /^```(sh|json|http)$/ || (/^```text$/ && kind == "sh") {
            kind = substr($0, 4)
            if (kind == "text") kind = "http"
            if (kind == "sh") number++
            file = sprintf("%s/%03d.%s", to, number, kind)
            if (kind == "sh") printf "" >file
            next
        }
        file { print >file }' "$root/$1"
}

# What differs from run to run.
plain() {
    sed -E -e 's/cubby_([0-9]+)_[0-9]+_(…|[A-Za-z0-9_-]{43})/cubby_\1_NUMBER_…/g' -e 's/"id":[0-9]+/"id":NUMBER/g' \
        -e 's/eyJ[A-Za-z0-9_.-]+/eyJ…/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' \
        -e 's/"version":"[0-9][^"]*"/"version":"V"/g' -e 's/sqlite [0-9.]+/sqlite V/g' \
        -e 's/"sandbox":\[[^]]*\]/"sandbox":[WHAT THE KERNEL HAS]/' -e 's/"mode":"fastcgi",//' \
        -e 's/"(store_id|id)":"[0-9a-f]+"/"\1":"ID"/g'
}

joined() { sed 's/^ *//' | tr -d '\n'; }

check_answer() {
    local name=$1 want got
    if [ -f "$name.json" ]; then
        want=$(joined <"$name.json" | plain)
        got=$(joined <"$name.out" | plain)
        [ "$want" = "$got" ] || {
            printf 'the page says: %s\nit answers:    %s\n' "$want" "$got"
            return 1
        }
    fi
    [ -f "$name.http" ] || return 0
    while IFS= read -r line; do
        tr -d '\r' <"$name.out" | plain | grep -qxF -e "$(printf '%s' "$line" | plain)" || {
            printf 'not in the answer: %s\n' "$line"
            cat "$name.out"
            return 1
        }
    done <"$name.http"
}

# As the pages tell for busybox httpd: it hands a program a whole body only for POST.
curl() {
    local words=() word method=''
    if [ -n "${override:-}" ]; then
        case " $* " in
        *' -d '* | *' -T '* | *' --data-binary '*)
            case " $* " in *' -T '*) method=PUT ;; esac
            while [ $# -gt 0 ]; do
                [ "$1" = -X ] && method=$2 && shift 2 && continue
                words+=("$1")
                shift
            done
            set -- ${method:+-X POST -H "X-HTTP-Method-Override: $method"} "${words[@]}"
            ;;
        esac
    fi
    command curl -sS --max-time 120 "$@"
}

cubby() { "$TOOL" -c "$data/cubby.conf" "$@"; }

# follow PAGE SERVER [MODE]: types the page there, each command of which must succeed.
follow() {
    local count=0
    blocks=$BATS_TEST_TMPDIR/blocks
    serve "$2" "${3:-}"
    extract "$1"
    mkdir "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here" || return
    for block in "$blocks"/*.sh; do
        sed -i "s|http://127.0.0.1:5000/api|$base|g" "$block"
        # Where busybox httpd serves nothing, as the page says.
        if [ "$server" = busybox ] && [ "$(cat "$block")" = 'curl $API' ]; then
            [ "$(command curl -s -o /dev/null -w '%{http_code}' "$base")" != 200 ]
            continue
        fi
        # shellcheck disable=SC1090 # made above
        . "$block" >"${block%.sh}.out"
        # Where no error is shown, none may come.
        if [ ! -f "${block%.sh}.json" ] && [ ! -f "${block%.sh}.http" ]; then
            ! grep '"status":"error"' "${block%.sh}.out" || fail 'an error that the page does not show'
        fi
        check_answer "${block%.sh}"
        count=$((count + 1))
    done
    [ "$count" -ge "$(($(grep -c '^```sh$' "$root/$1") - 1))" ]
}

@test "pages: README runs as written under Apache, and answers what stands there" {
    follow README.md apache
}

@test "pages: README runs as written under lighttpd, and answers what stands there" {
    follow README.md lighttpd
}

@test "pages: README runs as written under nginx, and answers what stands there" {
    follow README.md nginx fastcgi
}

@test "pages: README runs as written under busybox httpd, and answers what stands there" {
    override=yes
    follow README.md busybox
}

@test "pages: api runs as written under Apache, and answers what stands there" {
    follow www/docs/api.md apache
}

@test "pages: api runs as written under lighttpd, and answers what stands there" {
    follow www/docs/api.md lighttpd
}

@test "pages: api runs as written under nginx, and answers what stands there" {
    follow www/docs/api.md nginx fastcgi
}

@test "pages: api runs as written under busybox httpd, and answers what stands there" {
    override=yes
    follow www/docs/api.md busybox
}

@test "pages: recipes runs as written under Apache, and answers what stands there" {
    follow www/docs/recipes.md apache
}

@test "pages: recipes runs as written under lighttpd, and answers what stands there" {
    follow www/docs/recipes.md lighttpd
}

@test "pages: recipes runs as written under nginx, and answers what stands there" {
    follow www/docs/recipes.md nginx fastcgi
}

@test "pages: recipes runs as written under busybox httpd, and answers what stands there" {
    follow www/docs/recipes.md busybox
}

# A program of a page with the address of this service, as it stands but for that.
program() { sed "s|http://127.0.0.1:5000/api|$base|" >"$BATS_TEST_TMPDIR/$1"; }

python_client() {
    serve "$@"
    typed www/docs/clients.md 'Python' python | program client.py
    same "$(python3 -I "$BATS_TEST_TMPDIR/client.py")" "$(typed www/docs/clients.md 'Python' text)"
    # Done again, the name is taken: that is a failure.
    run python3 -I "$BATS_TEST_TMPDIR/client.py"
    [ "$status" != 0 ]
    has "$output" 'HTTP Error 400'
}

typescript_client() {
    serve "$@"
    typed www/docs/clients.md 'TypeScript' ts | program client.mts
    "$root/build/npm/node_modules/.bin/tsc" --strict --noUnusedLocals --target es2022 --module nodenext --lib es2022,dom \
        --outDir "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/client.mts"
    same "$(node "$BATS_TEST_TMPDIR/client.mjs")" "$(typed www/docs/clients.md 'TypeScript' text)"
    run node "$BATS_TEST_TMPDIR/client.mjs"
    [ "$status" != 0 ]
    has "$output" USERNAME_EXISTS
}

@test "pages: the client in Python runs as written under Apache" { python_client apache; }

@test "pages: the client in Python runs as written under busybox httpd" { python_client busybox; }

@test "pages: the client in TypeScript has no fault of types, and runs as written under Apache" { typescript_client apache; }

@test "pages: the client in TypeScript runs as written under busybox httpd" { typescript_client busybox; }

@test "pages: a client is ten lines" {
    for language in 'Python python' 'TypeScript ts'; do
        # The first block, without blank lines.
        awk -v kind="${language#* }" '$0 == "```" kind { on = 1; next } /^```/ && on { exit } on && NF' "$root/www/docs/clients.md" >"$BATS_TEST_TMPDIR/lines"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" -le 10 ]
        [ -s "$BATS_TEST_TMPDIR/lines" ]
    done
}

@test "pages: every block is run, or read by the test that the list names" {
    local page heading kind line
    ls "$root"/README.md "$root"/www/docs/*.md | sed "s|^$root/||" | while read -r page; do
        blocks "$page" | sed "s#^#$page|#"
    done >"$BATS_TEST_TMPDIR/all"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/all")" -ge 80 ]
    # Of a page that is typed here: what the runner takes.
    for page in "${run_here[@]}"; do
        blocks=$BATS_TEST_TMPDIR/${page##*/}
        extract "$page"
        ls "$blocks" | wc -l
        grep -F "$page|" "$BATS_TEST_TMPDIR/all" | awk -F'|' '$3 ~ /^(sh|json|http)$/ || ($3 == "text" && before == "sh") { n++ } { before = $3 } END { print n }'
    done >"$BATS_TEST_TMPDIR/counted"
    same "$(sed -n 'n;p' "$BATS_TEST_TMPDIR/counted")" "$(sed -n 'p;n' "$BATS_TEST_TMPDIR/counted")"
    awk -F'|' -v here="${run_here[*]}" '
        index(" " here " ", " " $1 " ") && ($3 ~ /^(sh|json|http)$/ || ($3 == "text" && before == "sh")) { before = $3; next }
        { before = $3; print $1 "|" $2 "|" $3 }' "$BATS_TEST_TMPDIR/all" | sort -u >"$BATS_TEST_TMPDIR/others"
    grep . <<<"$elsewhere" | cut -d'|' -f1-3 | sort >"$BATS_TEST_TMPDIR/listed"
    diff "$BATS_TEST_TMPDIR/listed" "$BATS_TEST_TMPDIR/others"
    # The test reads the very block: by page, heading and kind.
    while IFS='|' read -r page heading kind file _; do
        reading="(typed|commands|follow|targets_of_make) $page '$heading'"
        [ "$kind" = console ] || reading="$reading $kind"
        grep -qE -e "$reading" "$root/tests/system/$file" || fail "$file does not read $page '$heading' $kind"
    done < <(grep . <<<"$elsewhere")
}

# careless FILE: of commands of a shell those of curl whose answer goes on to something else, though a
# refusal would too: captured, piped or written into a file, without -f or --fail-with-body. And those
# that POST without a body, which lighttpd answers with 411.
careless() {
    perl -0777 -ne '
        s/\\\n\s*/ /g;
        # What stands in quotes is data, but for a capture in double quotes.
        s/\x27[^\x27]*\x27/Q/g;
        1 while s/("[^"\$]*)\$(?!\()([^"]*")/$1$2/;
        s/"(?:[^"\$])*"/Q/g;
        while (/(\$\(\s*)?\bcurl ([^\n|;)&]*)([^\n]?)[ \n]*(\|?)/g) {
            my ($captured, $words, $next, $far) = ($1, $2, $3, $4);
            my $whole = "curl $words"; my $fails = $words =~ /(^| )-[a-zA-Z]*f[a-zA-Z]*( |$)|(^| )--fail/;
            my $used = defined $captured || $next eq "|" || $words =~ m{(^| )-o (?!/dev/null)} || $words =~ m{(^|[^0-9])>\s*(?!/dev/null)\S};
            print "its answer is used: $whole\n" if $used and !$fails;
            print "POST without a body: $whole\n" if $words =~ /(^| )-X POST/ and $words !~ /(^| )(-d|-T|--data[a-z-]*) ?/;
        }' "$1"
}

@test "pages: a curl whose answer is used fails when it is refused, and a POST has a body" {
    local page kind count=0
    while IFS= read -r page; do
        for kind in sh console; do
            awk -v kind="$kind" '$0 == "```" kind { on = 1; next } /^```/ { on = 0 } on { sub(/^[$#] /, ""); print }' "$root/$page" >"$BATS_TEST_TMPDIR/typed"
            careless "$BATS_TEST_TMPDIR/typed" >"$BATS_TEST_TMPDIR/found"
            [ ! -s "$BATS_TEST_TMPDIR/found" ] || fail "$page: $(cat "$BATS_TEST_TMPDIR/found")"
            count=$((count + $(grep -c 'curl' "$BATS_TEST_TMPDIR/typed" || true)))
        done
    done < <(cd "$root" && ls README.md www/docs/*.md)
    [ "$count" -ge 70 ]
    # It finds them.
    for line in 'X=$(curl -s $API/me)' 'curl $API/me | sed s/a/b/' 'curl -s "$API/me" -o file' 'curl -sS $API/me >file' \
        'X=$(curl "$API/token?raw=true" -d "$BODY")' 'curl -X POST $API/token/refresh' \
        'echo "$(curl -s $API/me)"' "curl -H 'A: b' \\
            \$API/me | cat"; do
        printf '%s\n' "$line" >"$BATS_TEST_TMPDIR/typed"
        [ -n "$(careless "$BATS_TEST_TMPDIR/typed")" ] || fail "not found: $line"
    done
    for line in 'X=$(curl -fsS $API/me)' 'curl -sf $API/me | cat' 'curl $API/me' 'curl -sS --fail-with-body $API/me -o file' \
        'curl -X POST $API/token/refresh -d ""' 'curl -s -o /dev/null $API/me' "curl \$API/x -d 'a | b > c'"; do
        printf '%s\n' "$line" >"$BATS_TEST_TMPDIR/typed"
        same "$(careless "$BATS_TEST_TMPDIR/typed")" ''
    done
}

# Lines of make alone: what they begin would take minutes or for ever, and has suites of its own.
targets_of_make() {
    commands "$1" "$2" >"$BATS_TEST_TMPDIR/make"
    [ -s "$BATS_TEST_TMPDIR/make" ]
    while IFS= read -r line; do
        [[ $line =~ ^make\ [a-z-]+(\ [A-Z]+=[a-z0-9_]+)*$ ]] || fail "$line"
        for word in $line; do
            case $word in
            make) ;;
            *=*) grep -qE "^    @echo '.*\\b${word%%=*}=|^	@echo '.*\\b${word%%=*}=" "$root/Makefile" || fail "make help knows no ${word%%=*}" ;;
            *) grep -qE "^\.PHONY:.* $word( |$)" "$root/Makefile" || fail "no target $word" ;;
            esac
        done
    done <"$BATS_TEST_TMPDIR/make"
}

@test "pages: commands of make name targets that there are" {
    targets_of_make README.md 'Test'
    targets_of_make www/docs/contributing.md 'Fuzzing'
}

@test "pages: the commands for a board are those that the suite board gives" {
    # shellcheck disable=SC2317 # called by eval
    ssh() { [ "$1" = root@board ] && shift && echo "$*" >>"$BATS_TEST_TMPDIR/given" && wc -c >>"$BATS_TEST_TMPDIR/sent"; }
    make() { [[ $* == 'board ARCH='* ]] && name=${2#ARCH=}; }
    version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
    commands www/docs/boards.md 'Setting a board up' >"$BATS_TEST_TMPDIR/commands"
    cd "$BATS_TEST_TMPDIR"
    mkdir -p build/board
    while IFS= read -r line <&9; do
        case $line in
        'curl http://board:8080/cgi-bin/health') grep -q '^ADDRESS=.*8080\|address.*8080' "$root"/common/packages/cubby-setup.in "$root"/common/packages/board.conf ;;
        *) eval "$line" </dev/null ;;
        esac
        [ -z "${name:-}" ] || : >>"build/board/cubby-$version-$name.tar.gz"
    done 9<"$BATS_TEST_TMPDIR/commands"
    sh "$root/common/deps/board.sh" --list | grep -qw "$name"
    same "$(cat given)" 'tar -C / -xz
cubby-setup'
    grep -qE '/bin/tar -xzf [^ ]+ -C /' "$root/tests/board/machine.bash"
    grep -qE 'within .*/cubby-setup' "$root/tests/board/machine.bash"
}

@test "pages: the table of settings is that of the sample, defaults included" {
    # In the sample the state directory is a mark that the installation fills.
    sed -n 's/^#\([a-z_]*\) =/\1/p' "$root/common/settings/cubby.conf.sample" |
        sed -e 's|@STATEDIR@|/var/lib/cubby|' -e 's/ *$//' | sort >"$BATS_TEST_TMPDIR/sample"
    section www/docs/operating.md Configuration |
        sed -n 's/^| `\([a-z_]*\)` | \([^|]*\) |.*/\1 \2/p' |
        sed -e 's/`//g' -e 's/(empty)//' -e 's/ *$//' | sort >"$BATS_TEST_TMPDIR/readme"
    [ -s "$BATS_TEST_TMPDIR/sample" ]
    diff "$BATS_TEST_TMPDIR/sample" "$BATS_TEST_TMPDIR/readme"
}

@test "pages: the table of errors has every code the programs answer, with its status, and no other" {
    sed -nE 's/.*\{ *([0-9]{3}), "([A-Z_]+)".*/\1 \2/p' "$root/common/http/error_table.c" |
        sort -u >"$BATS_TEST_TMPDIR/code"
    section www/docs/api.md Errors | sed -nE 's/^\| ([0-9]+) \| ([^|]*) \|.*/\1 \2/p' | tr -d '`,' |
        while read -r status codes; do for code in $codes; do echo "$status $code"; done; done | sort >"$BATS_TEST_TMPDIR/readme" # each once
    [ -s "$BATS_TEST_TMPDIR/code" ]
    diff "$BATS_TEST_TMPDIR/code" "$BATS_TEST_TMPDIR/readme"
}

@test "pages: every file and folder of the code they name is there" {
    local name count=0
    while IFS= read -r name; do
        # What the example adds.
        case $name in cgi-bin/tally.c | cgi-bin/clock.c | tests/http/tally.bats | *NAME*) continue ;; esac
        [ -e "$root/$name" ] || fail "no $name"
        count=$((count + 1))
    done < <(cd "$root" && grep -hoE '`(cgi-bin|common|db|tests|www)/[A-Za-z0-9_./-]*`' README.md www/docs/*.md | tr -d '`' | sort -u)
    [ "$count" -ge 40 ]
}

@test "contributing: every function that the way of one request names is there" {
    local name count=0
    while IFS= read -r name; do
        grep -rqE "\b$name\b *\(|\bstruct $name\b" "$root/cgi-bin" "$root/common" "$root/db" --include='*.[ch]' || fail "no $name"
        count=$((count + 1))
    done < <(section www/docs/contributing.md 'The way of one request' | grep -oE '`[a-z]+_[a-z_]+`' | tr -d '`' | sort -u)
    [ "$count" -ge 5 ]
}

@test "pages: the table of the tool's commands has every command, and no other" {
    # One command a line of the help: a word or two, then at least two blanks.
    "$TOOL" --help | sed -nE 's/^  ([a-z-]+( [a-z-]+)?)  .*/\1/p' | sort >"$BATS_TEST_TMPDIR/tool"
    section www/docs/operating.md 'The tool' | sed -nE 's/^\| `cubby ([a-z -]+[a-z]).*`.* \|.*/\1/p' | sort >"$BATS_TEST_TMPDIR/readme"
    [ -s "$BATS_TEST_TMPDIR/tool" ]
    diff "$BATS_TEST_TMPDIR/tool" "$BATS_TEST_TMPDIR/readme"
}
