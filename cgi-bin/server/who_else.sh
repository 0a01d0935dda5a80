# shellcheck shell=sh
# who_else.sh - who but root could change what root's scripts obey, or where they write. It is put into cubby-httpd
# and cubby-loop, which say by `die` why they end; run.sh reads it.

# is_listed PATH MODE: whether PATH has an access control list, so that the bits of the group in MODE, as ls shows it,
# are what those whom the list names may do at most. The ls of busybox shows no list; a system that has neither another
# nor getfacl has, as a rule, nothing that makes lists. That of GNU shows those for files to come, too.
is_listed() {
    if entries=$(getfacl -cnp "$1" 2>/dev/null); then
        printf '%s\n' "$entries" | grep -q '^mask:'
    else
        case $2 in *+) ;; *) false ;; esac
    fi
}

# others_of PATH: prints who may change that alone: the number of its owner, "a group" (other than root's and $roots),
# "an access control list" (whom it names is not looked at), "everybody"; and behind a tab by which command root takes
# that away, or "move" where that would take a folder from its owner. Others choose names: what is not plain is in no
# command. What has the number of nobody where this is not the whole system (a container) is that of root outside.
others_of() {
    case $1 in *[!A-Za-z0-9_./-]*) plain='' ;; *) plain=$1 ;; esac
    # shellcheck disable=SC2012 # a small board has no stat
    ls -ldn "$1" 2>/dev/null | {
        read -r mode count owner group rest || exit 0
        : "$count$rest"
        take="chown -h root $plain"
        equals=' 0 '
        case $mode in d*) take=move equals=" 0 $roots " ;; esac
        case $mode in
        l* | d????????[tT]*) ;; # in a folder such as /tmp each has his own
        *)
            case $mode in
            ?????w*)
                case $equals in
                *" $group "*)
                    ! is_listed "$1" "$mode" || printf 'an access control list\t%s\n' "${plain:+chmod g-w $plain}"
                    ;;
                *) printf 'a group\t%s\n' "${plain:+chmod g-w $plain}" ;;
                esac
                ;;
            esac
            case $mode in ????????w*) printf 'everybody\t%s\n' "${plain:+chmod o-w $plain}" ;; esac
            ;;
        esac
        [ "$owner" = 0 ] || [ "$owner" = "$outside" ] || printf '%s\t%s\n' "$owner" "${plain:+$take}"
    }
}

# roots_groups: the numbers of groups that may write to a folder of root's on the way to the tool, as Debian's staff to
# /usr/local: who is in one can have root run anything. So has it way_is_roots_group of db/tool/way.h.
roots_groups() {
    at=$(readlink -f "$TOOL") || return 0
    set --
    while [ -n "$at" ]; do
        at=${at%/*}
        set -- "$@" "$at/."
    done
    # shellcheck disable=SC2012
    ls -ldn "$@" 2>/dev/null | awk '$1 ~ /^d....w...[^tT]/ && $3 == 0 { printf " %s ", $4 }'
}

# root_outside: the number that root outside of a container has in it; nothing outside of one
root_outside() {
    [ ! -r /proc/self/uid_map ] || awk 'NR == 1 && $3 < 4294967295 { print 65534 }' /proc/self/uid_map
}

# others_on_way PATH: the same, of PATH and of each folder and link that leads there; what is not there is passed over.
others_on_way() {
    outside=$(root_outside)
    roots=$(roots_groups)
    others_of /
    here=''
    rest=$1/
    case $1 in /*) ;; *) rest=$(pwd -P)/$1/ ;; esac
    links=0
    while [ -n "$rest" ]; do
        name=${rest%%/*}
        rest=${rest#*/}
        case $name in
        '' | .) continue ;;
        ..)
            here=${here%/*}
            continue
            ;;
        esac
        others_of "$here/$name"
        if [ ! -L "$here/$name" ]; then
            here=$here/$name
            continue
        fi
        links=$((links + 1))
        if [ "$links" -gt 40 ]; then
            printf 'everybody\t\n'
            return
        fi
        to=$(readlink "$here/$name")
        case $to in /*) here='' ;; esac
        rest=$to/$rest
    done
}

# who_else PATH: each of them once, in one line; nothing where root alone can.
who_else() { others_on_way "$1" | in_one_line; }
in_one_line() { awk -F '\t' '!seen[$1]++ { printf "%s%s", between, $1; between = ", " }'; }

# remedy PATH: how root alone can, to be put behind a message; nothing where no command is known for a part of it
remedy() {
    others_on_way "$1" | awk -F '\t' '
        $2 == "" { unknown = 1 }
        $2 == "move" { move = 1 }
        $2 != "" && !seen[$2]++ { commands = commands (commands == "" ? "" : " && ") $2 }
        END { if (commands != "" && !unknown) printf "; to leave it to root: %s", move ? "move it to a folder of root'\''s" : commands }'
}

# shown PATH: without what could act on a terminal
shown() { printf '%s' "$1" | tr '\001-\037\177' '?'; }

# only_root PATH…: ends the script where others can change what is, or will be, there.
only_root() {
    [ "$(id -u)" = 0 ] || return 0
    for path; do
        others=$(who_else "$path")
        [ -z "$others" ] || die "$(shown "$path"), or what leads there, can be changed by others than root (owner, or who may write: $others)$(remedy "$path")"
    done
}

# obeys_settings USER FILE: ends the script where settings are another's, who could so choose what USER does.
obeys_settings() {
    others=$(who_else "$2")
    [ -z "$others" ] || [ "$others" = "$1" ] ||
        die "$(shown "$2"), or what leads there, can be changed by others than root and the user of the programs, $1 (owner, or who may write: $others)$(remedy "$2")"
}

# owns_database USER FILE: ends the script where the owner of FILE is not the one whose folder it lies in, who could
# so choose whose programs run.
owns_database() {
    others=$(others_on_way "$2" | grep -v -e '^a group' -e '^an access control list' | in_one_line)
    [ -z "$others" ] || [ "$others" = "$1" ] ||
        die "$(shown "$2"), or what leads there, can be changed by others than root and its owner, $1 (owner, or who may write: $others)"
}

# owned_file DATABASE KEYS: prints the one by whose owner it is known as whom programs run: the database, or the keys
# where that is a server; ends the script where it is missing.
owned_file() {
    [ -n "$1" ] || die "\"$TOOL config\" names no database"
    case $1 in
    /*) set -- "$1" ;;
    *) set -- "$2" ;;
    esac
    [ -f "$1" ] || die "$1 is missing; make it: cubby init --owner USER"
    echo "$1"
}
