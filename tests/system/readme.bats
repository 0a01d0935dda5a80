#!/usr/bin/env bats
# shellcheck disable=SC2016 # the single-quoted backquotes are of Markdown
# The README is true: its blocks of `sh` run as they stand, in their order, against a fresh service,
# and answer what the block after them says: `json`, the very text but for line breaks, tokens,
# times and versions; `http` or, directly after it, `text`, lines among the answer's.

setup_file() {
    export BATS_NO_PARALLELIZE_WITHIN_FILE=true
    mkdir -m 700 "$BATS_FILE_TMPDIR/data"
    SERVER=apache PORT=0 DATA=$BATS_FILE_TMPDIR/data READY=$BATS_FILE_TMPDIR/ready \
        sh "$RUN_SH" >"$BATS_FILE_TMPDIR/log" 2>&1 3>&- 4>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    for _ in $(seq 300); do
        [ ! -f "$BATS_FILE_TMPDIR/ready" ] || return 0
        sleep 0.1
    done
    cat "$BATS_FILE_TMPDIR/log"
    return 1
}

teardown_file() {
    kill "$(cat "$BATS_FILE_TMPDIR/pid")"
    # Gone when its signal handler has removed what it made; bounded.
    for _ in $(seq 100); do
        [ -f "$BATS_FILE_TMPDIR/ready" ] || return 0
        sleep 0.1
    done
}

root() { printf '%s' "$BATS_TEST_DIRNAME/../.."; }

# section TITLE: the lines of that chapter of the README.
section() {
    awk -v title="## $1" '/^## / { on = $0 == title } on' "$(root)/README.md"
}

# NNN.sh, NNN.json, NNN.http: the fenced blocks of the README, numbered by the sh block before. A block
# of text counts as http when it follows a block of sh.
extract() {
    awk -v to="$BATS_TEST_TMPDIR" '
        /^```/ && file { close(file); file = ""; next }
        /^```(sh|json|http)$/ || (/^```text$/ && kind == "sh") {
            kind = substr($0, 4)
            if (kind == "text") kind = "http"
            if (kind == "sh") number++
            file = sprintf("%s/%03d.%s", to, number, kind)
            if (kind == "sh") printf "" >file
            next
        }
        file { print >file }' "$(root)/README.md"
}

# What differs from run to run.
plain() {
    sed -E -e 's/cubby_([0-9]+)_([0-9]+)_[A-Za-z0-9_-]{43}/cubby_\1_\2_…/g' \
        -e 's/eyJ[A-Za-z0-9_.-]+/eyJ…/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' \
        -e 's/"version":"[0-9][^"]*"/"version":"V"/g' -e 's/sqlite [0-9.]+/sqlite V/g' \
        -e 's/"(store_id|id)":"[0-9a-f]+"/"\1":"ID"/g'
}

joined() { sed 's/^ *//' | tr -d '\n'; }

check_answer() {
    local name=$1 want got
    if [ -f "$name.json" ]; then
        want=$(joined <"$name.json" | plain)
        got=$(joined <"$name.out" | plain)
        [ "$want" = "$got" ] || {
            printf 'README says: %s\nit answers:  %s\n' "$want" "$got"
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

@test "README: every shell line runs as written and answers what stands below it" {
    extract
    local address block count=0
    address=$(sed 's|/api$||' "$BATS_FILE_TMPDIR/ready")
    cd "$BATS_TEST_TMPDIR"
    curl() { command curl -sS --max-time 40 "$@"; }
    for block in "$BATS_TEST_TMPDIR"/*.sh; do
        sed -i "s|http://127.0.0.1:5000|$address|g" "$block"
        # shellcheck disable=SC1090 # made above
        . "$block" >"${block%.sh}.out" || {
            cat "$block" "${block%.sh}.out"
            return 1
        }
        # Where no error is shown, none may come.
        if [ ! -f "${block%.sh}.json" ] && [ ! -f "${block%.sh}.http" ] &&
            grep '"status":"error"' "$block" "${block%.sh}.out"; then
            cat "$block"
            return 1
        fi
        check_answer "${block%.sh}" || {
            cat "$block"
            return 1
        }
        count=$((count + 1))
    done
    [ "$count" -ge 10 ]
}

@test "README: the table of settings is that of the sample, defaults included" {
    # In the sample the state directory is a mark that the installation fills.
    sed -n 's/^#\([a-z_]*\) =/\1/p' "$(root)/common/settings/cubby.conf.sample" |
        sed -e 's|@STATEDIR@|/var/lib/cubby|' -e 's/ *$//' | sort >"$BATS_TEST_TMPDIR/sample"
    section Configuration |
        sed -n 's/^| `\([a-z_]*\)` | \([^|]*\) |.*/\1 \2/p' |
        sed -e 's/`//g' -e 's/(empty)//' -e 's/ *$//' | sort >"$BATS_TEST_TMPDIR/readme"
    [ -s "$BATS_TEST_TMPDIR/sample" ]
    diff "$BATS_TEST_TMPDIR/sample" "$BATS_TEST_TMPDIR/readme"
}

@test "README: the table of errors has every code the programs answer, with its status, and no other" {
    sed -nE 's/.*\{ *([0-9]{3}), "([A-Z_]+)".*/\1 \2/p' "$(root)/common/http/error_table.c" |
        sort -u >"$BATS_TEST_TMPDIR/code"
    section Errors | sed -nE 's/^\| ([0-9]+) \| ([^|]*) \|.*/\1 \2/p' | tr -d '`,' |
        while read -r status codes; do for code in $codes; do echo "$status $code"; done; done | sort >"$BATS_TEST_TMPDIR/readme" # each once
    [ -s "$BATS_TEST_TMPDIR/code" ]
    diff "$BATS_TEST_TMPDIR/code" "$BATS_TEST_TMPDIR/readme"
}

@test "README: every file and folder of the code it names is there" {
    local name
    while IFS= read -r name; do
        [ -e "$(root)/$name" ] || {
            echo "README names $name"
            return 1
        }
    done < <(grep -oE '`(cgi-bin|common|db|tests|www)/[A-Za-z0-9_./-]*`' "$(root)/README.md" | tr -d '`' | sort -u)
}

@test "README: every function it names in the map of the code is there" {
    local name count=0
    while IFS= read -r name; do
        grep -rqE "\b$name\b *\(|\bstruct $name\b" "$(root)/cgi-bin" "$(root)/common" "$(root)/db" --include='*.[ch]' || {
            echo "README names $name"
            return 1
        }
        count=$((count + 1))
    done < <(section 'Map of the code' | grep -oE '`[a-z]+_[a-z_]+`' | tr -d '`' | sort -u)
    [ "$count" -ge 5 ]
}

@test "README: the table of the tool's commands has every command, and no other" {
    # One command a line of the help: a word or two, then at least two blanks.
    "$TOOL" --help | sed -nE 's/^  ([a-z-]+( [a-z-]+)?)  .*/\1/p' | sort >"$BATS_TEST_TMPDIR/tool"
    section 'The tool' | sed -nE 's/^\| `cubby ([a-z -]+[a-z]).*`.* \|.*/\1/p' | sort >"$BATS_TEST_TMPDIR/readme"
    [ -s "$BATS_TEST_TMPDIR/tool" ]
    diff "$BATS_TEST_TMPDIR/tool" "$BATS_TEST_TMPDIR/readme"
}
