#!/bin/bash
# asvs.sh - the page about ASVS cites tests that are there, and leaves no requirement out.
#
#   asvs.sh [PAGE]
#
# A row of the page begins with the number (or several, with commas) and the level. Tests stand in it as
# `file` “title”: of a bats file or one of JavaScript the title of a test, of the lint the title of a
# check, of a C file the function. Prints what is wrong.
set -euo pipefail

cd "$(dirname "$0")/../.."
page=${1:-www/docs/asvs.md}
[ -f "$page" ] || { echo "$page is missing"; exit 1; }

# The requirements of levels 1 and 2 of edition 5.0.0: chapter.section, and the last numbers.
requirements='1.1:1-2 1.2:1-9 1.3:1-11 1.4:1-3 1.5:1-2 2.1:1-3 2.2:1-3 2.3:1-4 2.4:1 3.2:1-2 3.3:1-4 3.4:1-6 3.5:1-5 3.7:1-2
4.1:1-3 4.2:1 4.3:1-2 4.4:1-4 5.1:1 5.2:1-3 5.3:1-2 5.4:1-3 6.1:1-3 6.2:1-12 6.3:1-4 6.4:1-4 6.5:1-5 6.6:1-3 6.8:1-4
7.1:1-3 7.2:1-4 7.3:1-2 7.4:1-5 7.5:1-2 7.6:1-2 8.1:1-2 8.2:1-3 8.3:1 8.4:1 9.1:1-3 9.2:1-4
11.1:1-2 11.2:1-3 11.3:1-3 11.4:1-4 11.5:1 11.6:1 12.1:1-3 12.2:1-2 12.3:1-4 13.1:1 13.2:1-5 13.3:1-2 13.4:1-5
14.1:1-2 14.2:1-4 14.3:1-3 15.1:1-3 15.2:1-3 15.3:1-7 16.1:1 16.2:1-5 16.3:1-4 16.4:1-3 16.5:1-3'

# numbers: each requirement on a line
numbers() {
    local part from to
    for part in $requirements; do
        from=${part#*:}
        to=${from#*-}
        seq -f "${part%:*}.%.0f" "${from%-*}" "$to"
    done
}

rows() { grep -E '^\| [0-9]+\.[0-9]+\.[0-9]+' "$page"; }

# The rows of the chapters have seven bars; those of the list of what is not met have five.
bad=0
difference=$(diff <(numbers | sort) <(rows | awk -F' *[|] *' 'NF == 8 { print $2 }' | tr -s ', ' '\n' | sort)) || {
    printf '%s: requirements (< missing, > twice or none):\n%s\n' "$page" "$difference"
    bad=1
}

# What is called not met is explained, and nothing else is.
difference=$(diff <(rows | awk -F' *[|] *' 'NF == 8 && $5 == "**no**" { print $2 }' | sort) \
    <(rows | awk -F' *[|] *' 'NF == 8 && $5 == "set" { set[$2] }
        NF == 6 { split($2, each, ", "); for (i in each) if (!(each[i] in set)) print each[i] }' | sort)) || {
    printf '%s: what is not met, and the list of it:\n%s\n' "$page" "$difference"
    bad=1
}

# is_there FILE TITLE: whether that file has a test of that name
is_there() {
    [ -f "$1" ] || return 1
    case $1 in
    *.bats) grep -qF -e "@test \"$2\" {" -e "@test '$2' {" "$1" ;;
    *.js) grep -qF "test('$2'," "$1" ;;
    *.c) grep -qF "cmocka_unit_test($2)" "$1" || grep -qE "^static void $2\(void \*\*" "$1" ;;
    tests/lint/run.sh) grep -qF "check '$2' " "$1" ;;
    *) return 1 ;;
    esac
}

count=0
while IFS='|' read -r file title; do
    count=$((count + 1))
    is_there "$file" "$title" || { printf "%s: no such test: %s: %s\n" "$page" "$file" "$title"; bad=1; }
done < <(rows | grep -oP '`tests/[^`]+` “[^”]+”' | sed -E 's/^`([^`]+)` “(.*)”$/\1|\2/' | sort -u)
[ "$count" -ge 100 ] || { echo "$page: only $count tests are cited"; bad=1; }

# A title in quotes that belongs to no file would go unchecked.
while IFS= read -r row; do
    [ "$(grep -o '`tests/[^`]*` “' <<<"$row" | wc -l)" = "$(grep -o '`tests/[^`]*`' <<<"$row" | wc -l)" ] ||
        { echo "$page: a file without a title: $(cut -c1-60 <<<"$row")"; bad=1; }
done < <(rows)
exit "$bad"
