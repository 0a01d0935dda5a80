#!/usr/bin/env bats
# The tool's help, its man page and its completion tell of the same commands and options.

load tool

setup() {
    note_test_alone
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    page=$root/db/tool/cubby.8.in
}

commands() { "$TOOL" --help | sed -nE 's/^  ([a-z-]+( [a-z-]+)?)  .*/\1/p'; }

# options COMMAND: of its help, sorted
options() {
    # shellcheck disable=SC2086 # words
    "$TOOL" $1 --help | sed -nE 's/^  (--[a-z-]+).*/\1/p' | sort
}

# complete WORD…: what bash offers for the last of them
complete_words() {
    bash -c '
        . "$0"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _cubby
        printf "%s\n" "${COMPREPLY[@]}"' "$root/db/tool/cubby.bash" "$@" | sort
}

@test "help: some twenty commands, and every one says how it is used" {
    [ "$(commands | wc -l)" -ge 20 ]
    while read -r name; do
        # shellcheck disable=SC2086 # words
        "$TOOL" $name --help | head -n 1 | grep -q "^usage: cubby \[-c CONF\] $name"
        # shellcheck disable=SC2086
        [ "$("$TOOL" $name -h | wc -l)" -ge 3 ] || fail "$name says too little"
    done < <(commands)
    tool 0 user --help
    same "$(grep -c '^  cubby user' <<<"$output")" "$(commands | grep -c '^user ')"
    tool 2 user
    said '"user" wants one word more'
    said 'cubby user list'
}

@test "help: of one command, of a group and of all, as --help prints it, without any settings" {
    export CUBBY_CONF=$BATS_TEST_TMPDIR/none.conf
    tool 1 config
    same "$("$TOOL" help)" "$("$TOOL" --help)"
    while read -r name; do
        # shellcheck disable=SC2086 # words
        same "$("$TOOL" help $name)" "$("$TOOL" $name --help)"
    done < <(commands)
    for group in user key; do
        same "$("$TOOL" help "$group")" "$("$TOOL" "$group" --help)"
    done
    tool 0 help --json
    same "$(of '.commands[].name')" "$(commands)"
    same "$(of '.commands[] | select(.name == "gc").options[].name' | sort)" "$(options gc)"
    tool 0 help user show --json
    same "$(of '[.commands[] | [.name, .words]] | tojson')" '[["user show","NAME"]]'
    tool 0 help key --json
    same "$(of '.commands | length')" "$(commands | grep -c '^key ')"
    tool 2 help nonsense
    said 'there is no command "nonsense"; see cubby --help'
    tool 2 help user shwo
    said 'there is no command "user shwo"; the nearest is "user show"'
    tool 2 help backup file
    said 'unexpected "file"'
    tool 2 help user show ann
    tool 2 help --yes
    same "$output" ''
}

@test "help: a word that is wrong is named, with the nearest that is right, and nothing is run" {
    while IFS='|' read -r words message; do
        # shellcheck disable=SC2086 # words
        tool 2 $words
        said "cubby: $message"
        same "$output" ''
    done <<'CASES'
stat|there is no command "stat"; the nearest is "stats"; see cubby --help
usr list|there is no command "usr"; the nearest is "user"; see cubby --help
bakcup x|there is no command "bakcup"; the nearest is "backup"
user lst|there is no command "user lst"; the nearest is "user list"; see cubby user --help
user dissable ann|there is no command "user dissable"; the nearest is "user disable"
key retier --expired|there is no command "key retier"; the nearest is "key retire"
user nonsense|there is no command "user nonsense"; see cubby user --help
user backup x|there is no command "user backup"; see cubby user --help
listen|there is no command "listen"; see cubby --help
--json stats|--json: before the command stands -c CONF alone, and once; see cubby --help
-c|-c: before the command stands -c CONF alone, and once
stats --jason|unknown option --jason; the nearest is --json; see cubby stats --help
backup --progres x|unknown option --progres; the nearest is --progress
user show --yse ann|unknown option --yse; see
doctor --hots=x y|unknown option --hots=x; the nearest is --host
CASES
    tool 2 "user $(printf 'x%.0s' $(seq 500))"
    tool 2 ''
    said 'there is no command ""'
    tool 2 user show ''
    said 'cubby: NAME is empty; see cubby user show --help'
    tool 2 backup ''
    said 'cubby: FILE is empty; see cubby backup --help'
    tool 2 user $'l\e[31mst'
    case $stderr in *$'\e'*) fail 'the terminal obeys' ;; esac
}

@test "man page: names every command with every option, and no other" {
    while read -r name; do
        line=$(grep -E "^\.It Ic $name( |$)" "$page") || fail "no entry of $name"
        same "$(grep -oE 'Fl -[a-z-]+' <<<"$line" | sed 's/Fl -/--/' | sort)" "$(options "$name")"
    done < <(commands)
    same "$(grep -c '^\.It Ic ' "$page")" "$(commands | wc -l)"
}

@test "man page: is well-formed, and the statuses are those of the help" {
    sed 's/@[A-Z]*@/\/somewhere/' "$page" >"$BATS_TEST_TMPDIR/cubby.8"
    run mandoc -T lint -W warning "$BATS_TEST_TMPDIR/cubby.8"
    same "$output" ''
    mandoc -T html "$BATS_TEST_TMPDIR/cubby.8" | grep -q 'retire-others'
    same "$(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It \([0-9]\)$/\1/p' "$page" | paste -sd' ')" '0 1 2 3 4 5'
    for status in 0 1 2 3 4 5; do
        "$TOOL" --help | grep -qE "(^|[ ,])$status [a-z]" || fail "no word of status $status"
    done
}

@test "completion: every command, and every option of each" {
    bash -n "$root/db/tool/cubby.bash"
    same "$(complete_words cubby '' | grep -v '^-')" "$(commands | sed 's/ .*//' | sort -u)"
    same "$(complete_words cubby -c /x.conf '' | grep -v '^-')" "$(commands | sed 's/ .*//' | sort -u)"
    for group in user key; do
        same "$(complete_words cubby "$group" '')" "$(commands | sed -n "s/^$group //p" | sort)"
    done
    while read -r name; do
        # shellcheck disable=SC2086 # words
        same "$(complete_words cubby $name -- | grep -vx -- --help)" "$(options "$name")"
    done < <(commands)
    same "$(complete_words cubby ba)" backup
    same "$(complete_words cubby help ba)" backup
    same "$(complete_words cubby help key ro)" rotate
    same "$(complete_words cubby help backup x)" ''
}

@test "completion: offers files and the names that there are" {
    installation
    new_user ann
    touch "$BATS_TEST_TMPDIR/some-backup"
    same "$(complete_words cubby restore "$BATS_TEST_TMPDIR/some-")" "$BATS_TEST_TMPDIR/some-backup"
    same "$(complete_words "$TOOL" user show a)" ann
    same "$(complete_words "$TOOL" user quota a)" ann
    same "$(complete_words "$TOOL" user quota ann --keys d)" default
    same "$(complete_words "$TOOL" export --user a)" ann
    same "$(complete_words "$TOOL" export "$BATS_TEST_TMPDIR/some-")" "$BATS_TEST_TMPDIR/some-backup"
    same "$(complete_words "$TOOL" key retire '')" "$("$TOOL" key list --json | jq -r '.[0].kid')"
}

@test "completion: names with blanks, and those of the installation that -c names" {
    installation
    for name in carl 'carl smith'; do
        printf '%s\n' "$PASSWORD" | "$TOOL" user add "$name" --email "${name// /.}@example.org" --full-name C --age 1 --gender other --password-stdin >/dev/null
    done
    same "$(complete_words "$TOOL" user delete ca)" $'carl\ncarl\\ smith'
    # with as much of one as is on the command line already, quoted as bash does or by who types
    for typed in 'carl\ ' 'carl\ smi' 'ca\rl\ s'; do
        same "$(complete_words "$TOOL" user delete "$typed")" 'carl\ smith'
    done
    for typed in '"carl ' "'carl s" '"carl smith'; do
        same "$(complete_words "$TOOL" user delete "$typed")" 'carl smith'
    done
    same "$(complete_words "$TOOL" user delete 'car"l s')" 'l smith' # bash keeps what is in front of the quote
    for typed in 'carl\\ s' '"carl\ s' "'carl\\ s" 'carl\ x' '"carl" ' 'smith' "carl' 's"; do
        same "$(complete_words "$TOOL" user delete "$typed")" ''
    done
    same "$(env -u CUBBY_CONF bash -c '. "$1"; COMP_WORDS=("$2" -c "$3" user show ca); COMP_CWORD=5; _cubby; printf "%s\n" "${COMPREPLY[@]}"' - \
        "$root/db/tool/cubby.bash" "$TOOL" "$conf" | sort)" $'carl\ncarl\\ smith'
    same "$(env -u CUBBY_CONF "$TOOL" -c "$conf" key list --names)" "$(jq -r '.keys[0].kid' "$keys")"
}

@test "completion: names of users and files that look like commands are words, quoted, and nothing is executed" {
    installation
    hostile='$(touch${IFS}pwned);`touch${IFS}pwned`'
    printf '%s\n' "$PASSWORD" | "$TOOL" user add "$hostile" --email h@example.org --full-name H --age 1 --gender other --password-stdin >/dev/null
    cd "$BATS_TEST_TMPDIR"
    touch '$(touch pwned)x'
    for words in 'user show' 'user quota' 'user delete' 'export --user' 'help' 'key retire' 'key use' 'copy --to' 'copy --from' 'restore' '-c'; do
        # shellcheck disable=SC2086 # words
        answers=$(complete_words "$TOOL" $words '')
        [ ! -e pwned ] || fail "$words: executed"
        case $words in
        user* | *--user)
            same "$answers" "$(printf %q "$hostile")"
            eval "set -- $answers"
            same "$#$1" "1$hostile"
            # begun in quotes: what bash puts behind them, or nothing
            for typed in \" \"'\$' \"'\$(touch' \' \''$(touch' '\$' '\$\(touch'; do
                # shellcheck disable=SC2086 # words
                answers=$(complete_words "$TOOL" $words "$typed")
                case $typed in
                \" | \"* | \' | \'*) answers=${typed:0:1}$answers${typed:0:1} ;;
                esac
                eval "set -- $answers"
                same "$#$1" "1$hostile"
            done
            # what is typed is not expanded either
            for typed in '"$(touch pwned)' '$(touch${IFS}pwned)' '`touch pwned`' "\$'\`touch pwned\`" '"a[$(touch pwned)]'; do
                # shellcheck disable=SC2086 # words
                complete_words "$TOOL" $words "$typed" >/dev/null
            done
            ;;
        esac
    done
    [ ! -e pwned ] || fail 'executed'
}

@test "options: before or behind the words, with = or a blank, -- ends them" {
    installation
    new_user ann
    tool 0 user show --json ann
    tool 0 user show ann --json
    tool 0 user show --json -- ann
    tool 4 user show -- --json
    tool 2 user show ann --json=yes
    tool 2 user list --names --json
    tool 2 key list --names --json
    tool 2 user show ann bob
    tool 2 user show
    tool 2 gc --tombstones
    tool 2 gc --tombstones 1 --tombstones 2
    tool 0 gc --tombstones=1
    tool 0 gc --tombstones 1
    tool 2 user show ann --yes
}

@test "progress: on standard error, where it is asked for" {
    installation
    new_user ann
    query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO items (user_id, key, version, size, created_at, updated_at, value) SELECT 1, 'k' || i, i, 3, 1, 1, '1.0' FROM n"
    tool 0 export --progress
    said '%'
    same "$(tail -n 1 <<<"$output" | jq .items)" 2000
    tool 0 export
    same "$stderr" ''
    tool 0 backup "$BATS_TEST_TMPDIR/copy" --progress
    said copying
}
