#!/bin/bash
# run.sh - the checks of the sources alone, in TAP: walls between the rooms, banned calls, form, and
# what gcc, clang, cppcheck, clang-tidy, shellcheck and node say.
#
#   FIX=1   clang-format rewrites the files it would complain of
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
number=0
failures=0

# check TITLE COMMAND…: one line of TAP; what the command prints explains a failure.
check() {
    local title=$1 said
    shift
    number=$((number + 1))
    if said=$("$@" 2>&1); then
        echo "ok $number lint: $title"
    else
        failures=$((failures + 1))
        echo "not ok $number lint: $title"
        head -n 60 <<<"$said" | cut -c1-240 | sed 's/^/# /'
    fi
}

# Files git knows or would take, by pattern.
files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done; }

mapfile -t sources < <(files '*.c' | grep -v '^common/deps/')
mapfile -t headers < <(files '*.h' | grep -v '^common/deps/')
mapfile -t product < <(files 'cgi-bin/*.c' 'cgi-bin/*.h' 'common/*.c' 'common/*.h' 'db/*.c' 'db/*.h' | grep -v '^common/deps/')
mapfile -t compiled < <(printf '%s\n' "${product[@]}" | grep '\.c$')
mapfile -t scripts < <(files '*.sh' '*.bash' '.ci/run' 'cgi-bin/server/cubby-httpd.in' 'cgi-bin/server/cubby-loop.in' 'common/packages/cubby-setup.in' 'common/packages/*.init' \
    'common/packages/debian/p*st*')
mapfile -t suites < <(files '*.bats')
mapfile -t javascript < <(files '*.js')
mapfile -t json < <(files '*.json')

# none PATTERN FILE…: fails, showing the places, when PATTERN stands in the code of a file. Comments
# are taken out first, line numbers stay. With WITHOUT_TEXTS set, string literals are emptied too.
none() {
    local pattern=$1
    shift
    # shellcheck disable=SC2016 # a program of perl
    PATTERN=$pattern perl -0777 -ne '
        s{/\*.*?\*/}{my $c = $&; $c =~ s/[^\n]//g; $c}gse;
        s{"(?:[^"\\\n]|\\.)*"}{""}g if $ENV{WITHOUT_TEXTS};
        my $number = 0;
        for my $line (split /\n/) {
            $number++;
            $line =~ /$ENV{PATTERN}/o or next;
            print "$ARGV:$number:$line\n";
            $bad = 1;
        }
        END { $? = 1 if $bad }' "$@" </dev/null
}

env_without_texts() { WITHOUT_TEXTS=1 "$@"; }

# only PATTERN ALLOWED-REGEX FILE…: as none, in all files but those whose name fits.
only() {
    local pattern=$1 allowed=$2
    shift 2
    mapfile -t others < <(printf '%s\n' "$@" | grep -vE "$allowed")
    none "$pattern" "${others[@]}"
}

in_room() { printf '%s\n' "${product[@]}" | grep "^$1/"; }

# ---- walls -----------------------------------------------------------------------------------------

mapfile -t cgi < <(in_room cgi-bin)
mapfile -t database < <(in_room db)

# The rooms from the lowest to the highest, as the README's map has them. A file includes what lies in
# its own room or in a lower one, by its whole path, and nothing else.
rooms=(common/base common/json common/identity common/http common/settings common/sandbox common/serve
    db/engine db/model db/tool db/tool/commands cgi-bin/shared cgi-bin cgi-bin/multicall)
arrows() {
    printf '%s\n' "${product[@]}" | xargs perl -e '
        my ($count, $bad, %rank) = (shift, 0);
        $rank{shift @ARGV} = $_ for 1 .. $count;
        for my $file (@ARGV) {
            my ($room) = $file =~ m{(.*)/} or next;
            $rank{$room} or (print("$file: $room is no room of the map\n"), $bad = 1, next);
            open my $in, "<", $file or die;
            while (<$in>) {
                my ($name) = m{^\s*#\s*include\s*"([^"]*)"} or next;
                my ($target) = $name =~ m{(.*)/};
                next if $target and $rank{$target} and $rank{$target} <= $rank{$room};
                print "$file:$.: $_"; $bad = 1;
            }
        }
        exit $bad;' "${#rooms[@]}" "${rooms[@]}"
}
map_of_rooms() {
    diff <(printf '%s\n' "${rooms[@]}") \
        <(sed -nE 's/^\| [0-9]+ \| `([a-z/-]+)\/` \|.*/\1/p' README.md)
}
check 'a room includes only itself and lower ones' arrows
check 'the map in the README has the rooms in that order' map_of_rooms
check 'the database needs nothing of HTTP' none '#\s*include\s*"common/(http|serve)/|struct (call|request|response|transport)\b' \
    "${database[@]}"
check 'only the loop includes loop.h' only 'common/serve/loop\.h' '^common/serve/' "${product[@]}"
check 'only the driver knows SQLite' only 'sqlite3\.h|sqlite3_|db/engine/sqlite_connection\.h' \
    '^db/engine/sqlite(_[a-z]+)?\.[ch]$' "${product[@]}"
check 'only the driver knows libpq' only '<libpq-fe\.h>|PQ[a-z]+\(|db/engine/postgresql_connection\.h' \
    '^db/engine/postgresql(_[a-z]+)?\.[ch]$' "${product[@]}"
check 'only token.c includes jwt.h' only '<jwt\.h>|jwks_|jwt_builder|jwt_checker' '^common/identity/token\.c$' "${product[@]}"
check 'only password.c includes crypt.h' only '<crypt\.h>' '^common/identity/password\.c$' "${product[@]}"
check 'only fcgi.c includes fcgiapp.h' only '<fcgiapp\.h>|FCGX_' '^common/http/fcgi\.c$' "${product[@]}"
# libpq reads it in any case: what it has from there must be told from what it has from a file.
check 'only the transports, the tool and what connects to a server read the environment' only '\b(getenv|secure_getenv|environ)\b' \
    '^(common/http/process\.c|db/engine/postgresql_connect\.c|db/tool[a-z_/]*\.c)$' "${product[@]}"
check 'only the transports, the tool and what keeps their numbers know standard input and output' \
    only '\b(stdin|stdout|STDIN_FILENO|STDOUT_FILENO)\b|(^|[^(_a-z])(printf|puts|putchar|scanf|getchar)\(' \
    '^(common/http/f?cgi\.c|common/base/streams\.c|db/tool[a-z_/]*\.[ch])$' "${product[@]}"
check 'SQL stands in the tables of statements, the migrations and the driver' \
    only '"[^"]*\b(SELECT .* FROM|INSERT INTO|UPDATE [a-z_]+ SET|DELETE FROM)\b' \
    '^db/(tool|engine)/(statements[a-z_]*|schema[a-z_]*|(sqlite|postgresql)[a-z_]*)\.c$' "${product[@]}"
check 'URLs stand in cgi-bin and in the tool that asks the web server' \
    only '"/?(api|cgi-bin)/' '^(cgi-bin/.*|db/tool[a-z_/]*\.c)$' "${product[@]}"

# ---- calls and words that are not for us ------------------------------------------------------------

check 'no banned call' env_without_texts none \
    '(^|[^_a-z>.])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|alloca|system|popen|rand|srand|random|mktemp|tmpnam|signal\(SIGCHLD|gmtime|localtime|ctime|asctime|getpwent|setjmp|longjmp|setlocale|isw[a-z]+|tow(lower|upper))\s*\(' \
    "${product[@]}"
# Before version 1.7.19 its parser takes the first 63 characters of a number for all of it.
check 'programs have no number read or kept by cJSON, whose are doubles' \
    only 'cJSON_(Parse|IsNumber|GetNumber|SetNumber|CreateNumber|CreateInt|CreateDouble|CreateFloat|AddNumber)|->value(double|int)\b' \
    '^db/tool/commands/' "${product[@]}"
check 'handlers exit nowhere' only '\b(exit|_exit|abort|assert)\s*\(' \
    '^(common/http/cgi\.c|common/base/heap\.c|db/tool[a-z_/]*\.c)$' "${product[@]}"
check 'handlers keep nothing between calls' none '^ *static (?!const\b)[^(]*(=|;|\[)' "${cgi[@]}"
check 'no typedef but of functions' none '^\s*typedef [^(]*;' "${product[@]}"

no_leftovers() {
    ! git grep -nIE '\b(TODO|FIXME|XXX|HACK)\b|^ *skip( |$)|\b(todo|fixme):' -- cgi-bin common db tests www ':!tests/lint' ':!tests/fuzz/seeds'
}
check 'no leftovers' no_leftovers

no_placeholders() {
    ! files README.md NEWS 'www/*.md' 'www/*.html' 'www/*.json' | xargs grep -nE '@@[A-Z_]+@@'
}
check 'no page has a place that is still to be filled in' no_placeholders

top_level() {
    local allowed='^(cgi-bin|common|db|tests|www|Makefile|README\.md|NEWS(\.md)?|LICENSE|\..*)$'
    ! files | cut -d/ -f1 | sort -u | grep -vE "$allowed"
}
check 'the top level is the agreed one' top_level

no_hosts() {
    ! git grep -nIE '(deb|security|ftp\.[a-z.]*)\.debian\.org|registry\.npmjs|/root/[a-z.]|/home/[a-z]+/(src|work|cubby/build)' -- ':!tests/lint'
}
check 'no host of a package registry, no path of a machine' no_hosts

no_binaries() {
    local file
    ! files | grep -v '^tests/fuzz/seeds/' | while read -r file; do
        [ ! -s "$file" ] || grep -qI . "$file" || echo "$file"
    done | grep .
}
check 'no binary file' no_binaries

no_untidy_text() {
    local bad=0
    files '*.c' '*.h' '*.sh' '*.bash' '*.bats' '*.js' '*.md' '*.html' '*.in' '*.sample' 'Makefile' | while read -r file; do
        grep -nE '[ 	]+$' "$file" | head -n 3 | sed "s|^|$file: blank at the end of line |" && true
        [ ! -s "$file" ] || [ "$(tail -c 1 "$file" | wc -l)" = 1 ] || echo "$file: no newline at the end"
    done | grep . && bad=1
    return "$bad"
}
check 'no blanks at the end of lines, a newline at the end of files' no_untidy_text

long_files() {
    local bad=0
    for file in "${sources[@]}" "${headers[@]}"; do
        [ "$(wc -l <"$file")" -le 650 ] || { wc -l "$file"; bad=1; }
    done
    return "$bad"
}
check 'no C file above 650 lines' long_files

contracts() {
    # In a header of common and db a comment stands before each function (or group of functions).
    # shellcheck disable=SC2016
    perl -e '
        my $bad = 0;
        for my $file (@ARGV) {
            open my $in, "<", $file or die; local $/ = undef; my $text = <$in>;
            my @blocks = split /\n\s*\n/, $text;
            for my $block (@blocks) {
                next unless $block =~ /^[a-z_][^{}=]*\([^{}]*\);\s*$/ms and $block !~ m{/\*};
                next if $block =~ /^typedef/m or ($block =~ /^(#|struct|enum)/ and $block !~ /\)\s*;/);
                my ($line) = $block =~ /^(.*\(.*)$/m;
                print "$file: without a comment: $line\n"; $bad = 1;
            }
        }
        exit $bad;' "${headers[@]}"
}
check 'public functions say what they promise' contracts

# ---- tools -------------------------------------------------------------------------------------------

format() {
    [ -z "${FIX:-}" ] || clang-format -i "${sources[@]}" "${headers[@]}"
    clang-format --dry-run -Werror "${sources[@]}" "${headers[@]}"
}
check 'clang-format' format

include=$(find build/deps -maxdepth 2 -type d -path '*/static-*/include' | head -n 1)
defines=('-DCUBBY_PROGRAMS=PROGRAM(health)' -D_GNU_SOURCE '-DCUBBY_VERSION="0"' '-DCUBBY_SYSCONFDIR="/etc"' '-DCUBBY_STATEDIR="/var"'
    -DCUBBY_OWN_HEAP -DCUBBY_POSTGRESQL '-DMBEDTLS_CONFIG_FILE="cubby_mbedtls_config.h"')
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wformat=2 -Wvla -Wcast-qual -Wwrite-strings -Wundef -Wpointer-arith -Wnull-dereference)

# Of libpq's headers the folder is not the compiler's own.
for folder in $(pkg-config --cflags-only-I libpq); do
    defines+=(-isystem "${folder#-I}")
done

[ -n "$include" ] || { echo "not ok $((number + 1)) lint: the libraries are built first (make)"; exit 1; }

compile_all() {
    local compiler=$1
    shift
    printf '%s\0' "${compiled[@]}" |
        xargs -0 -P "$(nproc)" -I @SOURCE@ "$compiler" -std=c11 -O2 -I. -Ibuild/generated -isystem "$include" "${defines[@]}" "${warnings[@]}" "$@" \
            -Werror -c @SOURCE@ -o /dev/null
}
# With glibc's checks of sizes, which programs linked with it have, results that none may ignore are more.
check 'gcc compiles without a warning' compile_all gcc -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
check 'clang compiles without a warning' compile_all clang -Wno-unknown-warning-option

check 'cppcheck' cppcheck --std=c11 --quiet --enable=warning,style,performance,portability --error-exitcode=1 \
    --inline-suppr --suppress=shadowFunction --suppress=unusedStructMember --suppress=missingIncludeSystem \
    -j "$(nproc)" -I. -Ibuild/generated -D_GNU_SOURCE '-DCUBBY_PROGRAMS=PROGRAM(health)' '-DCUBBY_VERSION="0"' '-DCUBBY_SYSCONFDIR="/etc"' '-DCUBBY_STATEDIR="/var"' \
    "${compiled[@]}"

tidy() {
    printf '%s\n' "${compiled[@]}" |
        xargs -P "$(nproc)" -I @SOURCE@ clang-tidy --quiet @SOURCE@ -- -std=c11 -I. -Ibuild/generated -isystem "$include" "${defines[@]}" \
            2> >(grep -v 'warnings generated\.$' >&2)
}
check 'clang-tidy' tidy

check 'shellcheck: scripts' shellcheck -x -S warning -e SC2034,SC2154,SC2120 "${scripts[@]}"
# bats sets variables of its own, and runs each test in a subshell; its files have no shebang.
check 'shellcheck: tests' shellcheck -S warning -s bash -e SC2154,SC2030,SC2031,SC1091,SC2034,SC2096,SC1113 "${suites[@]}"

javascript() {
    local file
    for file in "${javascript[@]}"; do
        node --check "$file" || return 1
    done
}
check 'node reads each script' javascript

json() {
    local file
    for file in "${json[@]}"; do
        jq -e . "$file" >/dev/null || { echo "$file"; return 1; }
    done
}
check 'each JSON file is JSON' json

made_of_openapi() {
    node www/docs/reference.js | diff - www/docs/reference.md && node www/docs/collection.js | diff - www/cubby.postman_collection.json
}
check 'reference and Postman collection are what "make api" makes of the OpenAPI description' made_of_openapi

check 'the page about ASVS cites tests that are there, and leaves no requirement out' bash tests/lint/asvs.sh

echo "1..$number"
[ "$failures" = 0 ]
