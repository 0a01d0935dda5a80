# cubby.bash - completion of the operator's tool for bash.

_cubby_commands='init migrate check config user key backup restore export import copy gc stats doctor help'
_cubby_user='list show add edit quota keys disable enable delete passwd reset-code'
_cubby_key='list rotate use retire'

# The options of a command, by its full name.
_cubby_options() {
    case $1 in
    init) echo '--owner --json' ;;
    check | migrate) echo '--json --progress' ;;
    config | 'user show' | 'user enable' | 'key use')
        echo '--json'
        ;;
    'user list' | 'key list') echo '--names --json' ;;
    'user add') echo '--email --full-name --age --gender --password-stdin --json' ;;
    'user edit') echo '--username --email --full-name --age --gender --json' ;;
    'user quota') echo '--keys --bytes --json' ;;
    'user keys') echo '--prefix --values --json' ;;
    'user disable') echo '--json --yes' ;;
    'user delete') echo '--json --yes --progress' ;;
    'user passwd') echo '--password-stdin --json' ;;
    'user reset-code') echo '--valid --json' ;;
    'key rotate') echo '--prepare --retire-others --json --yes' ;;
    'key retire') echo '--expired --json --yes' ;;
    backup) echo '--json --yes --progress' ;;
    restore) echo '--keep-sessions --json --yes --progress' ;;
    export) echo '--user --json --yes --progress' ;;
    stats) echo '--prometheus --json' ;;
    import) echo '--json --progress' ;;
    copy) echo '--to --from --json --progress' ;;
    gc) echo '--tombstones --recount --compact --json --progress' ;;
    doctor) echo '--host --json' ;;
    help) echo '--json' ;;
    esac
}

# _cubby_ask WORD…: what the installation that is meant says in its own words, where the caller may read it.
_cubby_ask() {
    local of=()
    [ "${COMP_WORDS[1]}" != -c ] || of=(-c "${COMP_WORDS[2]/#\~\//$HOME/}")
    "${COMP_WORDS[0]}" "${of[@]}" "$@" 2>/dev/null
}

# Names from the installation itself.
_cubby_names() {
    case $1 in
    user\ show | user\ edit | user\ quota | user\ keys | user\ disable | user\ enable | user\ delete | user\ passwd | user\ reset-code)
        _cubby_ask user list --names
        ;;
    help) _cubby_lines "$_cubby_commands" ;;
    help\ user) _cubby_lines "$_cubby_user" ;;
    help\ key) _cubby_lines "$_cubby_key" ;;
    'key use' | 'key retire') _cubby_ask key list --names ;;
    esac
}

# _cubby_plain WORD: $plain is what WORD, as it is typed so far, means without its quoting; nothing in it is
# expanded. $within is the quote that it ends in, which begins behind the first $outside characters of $plain; $mixed,
# not empty, a quote that has ended.
_cubby_plain() {
    local rest=$1 char
    plain='' within='' outside=0 mixed=''
    while [ -n "$rest" ]; do
        char=${rest:0:1}
        rest=${rest:1}
        case $within$char in
        \' | \")
            within=$char
            outside=${#plain}
            ;;
        \'\' | \"\")
            within=''
            mixed=yes
            ;;
        \\ | \"\\)
            case $within${rest:0:1} in
            '"' | \"[!\$\`\"\\]) plain+=$char ;;
            *)
                plain+=${rest:0:1}
                rest=${rest:1}
                ;;
            esac
            ;;
        *) plain+=$char ;;
        esac
    done
}

# _cubby_quote TEXT: $quoted is TEXT as it stands on the command line, where $within is the quote that is open;
# fails where it can't stand there.
_cubby_quote() {
    local rest=$1 char
    quoted=''
    case $within in
    '') printf -v quoted %q "$1" ;;
    \') case $1 in *\'*) return 1 ;; *) quoted=$1 ;; esac ;;
    *)
        while [ -n "$rest" ]; do
            char=${rest:0:1}
            rest=${rest:1}
            case $char in
            !) return 1 ;; # of the history
            [\$\`\"\\]) quoted+=\\$char ;;
            *) quoted+=$char ;;
            esac
        done
        ;;
    esac
}

# _cubby_offer WORD: of the lines of standard input those that begin with WORD become answers. Quoted, since bash
# puts them on the command line as they are, in the place of the word, or of what is behind its open quote; and
# without `compgen -W`, which expands what it is given: the name of a user may look like a command.
_cubby_offer() {
    local line quoted plain within outside mixed
    _cubby_plain "$1"
    [ -z "$mixed" ] || return 0 # bash would replace a part of the word
    while IFS= read -r line; do
        [ "${line:0:${#plain}}" = "$plain" ] || continue
        _cubby_quote "${line:outside}" || continue
        COMPREPLY+=("$quoted")
    done
}

# The words of TEXT…, a line each.
_cubby_lines() { printf '%s\n' "$*" | tr ' ' '\n'; }

_cubby_files() {
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
    compopt -o filenames 2>/dev/null # bash quotes them
}

_cubby() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local at=1 command='' names
    COMPREPLY=()
    if [ "${COMP_WORDS[1]}" = -c ]; then
        [ "$COMP_CWORD" != 2 ] || {
            _cubby_files "$word"
            return
        }
        at=3
    fi
    if [ "$COMP_CWORD" = "$at" ]; then
        names=$(_cubby_lines "$_cubby_commands -c --help --version")
    else
        command=${COMP_WORDS[at]}
        case $command in
        help)
            case ${COMP_WORDS[at + 1]} in
            user | key) [ "$COMP_CWORD" = $((at + 1)) ] || command="help ${COMP_WORDS[at + 1]}" ;;
            esac
            names=''
            ;;
        user | key)
            names=_cubby_$command
            names=$(_cubby_lines "${!names}")
            if [ "$COMP_CWORD" != $((at + 1)) ]; then
                command="$command ${COMP_WORDS[at + 1]}"
                names=''
            fi
            ;;
        esac
    fi
    if [ -z "$names" ]; then
        case $word in
        -*) names=$(_cubby_lines "$(_cubby_options "$command") --help") ;;
        *) names=$(_cubby_names "$command") ;;
        esac
        case $before in
        --owner) names=$(compgen -u) ;;
        --to | --from)
            _cubby_files "$word"
            return
            ;;
        --user) names=$(_cubby_names 'user show') ;;
        --keys | --bytes) names=$(_cubby_lines none default) ;;
        --username | --prefix | --email | --full-name | --age | --gender | --valid | --host | --tombstones) names='' ;;
        esac
    fi
    case $command in
    backup | restore | export | import)
        case $word in
        -*) ;;
        *)
            if [ "$before" != --user ]; then
                _cubby_files "$word"
                return
            fi
            ;;
        esac
        ;;
    esac
    [ -z "$names" ] || _cubby_offer "$word" <<<"$names"
}

complete -F _cubby cubby
