#!/bin/sh
# Fetches the sources of the libraries cubby is built on, from Debian's source packages.
#
#   fetch.sh DIR
#
# Leaves DIR/<library>/ unpacked for each library and DIR/VERSIONS, which names what was fetched and
# how it was verified; the archives themselves stay in DIR/archives. In an unpacked release the
# archives lie beside this script: then nothing is fetched, and each must have the checksum that
# VERSIONS there names.
#
# apt does the verifying (apt.sh), with lists, cache and sources of its own under DIR.
set -eu

dir=$1

# library, source package, least version that will do
libraries='
libjwt    libjwt3    3.3.3
mbedtls   mbedtls    3.6.0
cjson     cjson      1.7.18
jansson   jansson    2.14
sqlite    sqlite3    3.46
libxcrypt libxcrypt  4.4.33
fcgi      libfcgi    2.4.2
'
# Where to look, in this order: the newest first, and what a mirror has dropped there in the next.
suites='unstable testing stable'

say() { printf '  FETCH %s\n' "$*" >&2; }
die() { printf 'fetch: %s\n' "$*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common/deps/apt.sh
. "$here/apt.sh"

# The archives of a release: VERSIONS, what it names, and what autoreconf adds to libxcrypt.
carried=$here/archives
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# unpack ARCHIVE LIBRARY: into DIR/.new-LIBRARY/tree. The files belong to who builds: in a container root
# may not give them to the users that an archive names.
unpack() {
    mkdir -p "$dir/.new-$2/tree"
    tar -xof "$1" -C "$dir/.new-$2/tree" --strip-components=1 || die "${1##*/} can't be unpacked"
}

verify_carried() {
    grep -v '^#' "$carried/VERSIONS" | while read -r _ _ _ name sum; do
        [ -f "$carried/$name" ] || die "$name of the release is missing"
        is=$(sha256sum "$carried/$name")
        [ "sha256:${is%% *}" = "$sum" ] || die "$name: checksum differs from the one the release names"
    done
}

unpack_carried() {
    grep -v '^#' "$carried/VERSIONS" | while read -r library _ _ name _; do
        case $library in
        *-generated) # files for the tree of the library above it
            tar -xof "$carried/$name" -C "$dir/${library%-generated}" || die "$name can't be unpacked"
            ;;
        *)
            rm -rf "$dir/.new-$library" "${dir:?}/$library"
            unpack "$carried/$name" "$library"
            mv "$dir/.new-$library/tree" "$dir/$library"
            rm -rf "$dir/.new-$library"
            ;;
        esac
    done
    cp "$carried/VERSIONS" "$dir/VERSIONS"
}

if [ -f "$carried/VERSIONS" ]; then
    verify_carried
    unpack_carried
    exit 0
fi

command -v apt-get >/dev/null ||
    die 'apt-get is not here; on systems other than Debian build with "make DEPS=system"'
apt=$dir/apt
mkdir -p "$dir/archives"
make_apt

# fetch_one LIBRARY PACKAGE LEAST SUITE: false when this suite can't give it.
fetch_one() {
    for version in $(versions_of "$2"); do
        dpkg --compare-versions "$version" ge "$3" || return 1
        work=$dir/.new-$1
        rm -rf "$work"
        if fetch_archive "$2" "$version" "$work/archive"; then
            unpack_one "$1" "$version" "$4"
            return 0
        fi
    done
    return 1
}

# unpack_one LIBRARY VERSION SUITE: what fetch_archive fetched.
unpack_one() {
    work=$dir/.new-$1
    # Each step by itself: `set -e` is off where a caller looks at the result.
    unpack "$work/archive/$archive" "$1"
    rm -rf "${dir:?}/$1"
    mv "$work/tree" "$dir/$1" || die "$dir/$1 can't be made"
    mv "$work/archive/$archive" "$dir/archives/$archive" || die "$archive can't be kept"
    rm -rf "$work"
    printf '%s %s %s %s sha256:%s\n' "$1" "$2" "$3" "$archive" "$sum" >>"$dir/VERSIONS.new"
    say "$1 $2 ($3), verified"
}

say 'source packages; the first time takes some seconds'
{
    echo '# library  version of the Debian source package  suite  archive  checksum'
    echo '# Each archive has the checksum that the index of the suite names, and the signature of that'
    echo '# index was verified with the Debian archive keyring.'
} >"$dir/VERSIONS.new"
missing=$libraries
for suite in $suites; do
    use_suite deb-src "$suite" || { say "suite $suite can't be read"; continue; }
    rest=''
    while read -r library package least; do
        [ -n "$library" ] || continue
        fetch_one "$library" "$package" "$least" "$suite" ||
            rest="$rest$library $package $least
"
    done <<LIST
$missing
LIST
    missing=$rest
    [ -n "$missing" ] || break
done
if [ -n "$missing" ]; then
    tail -n 5 "$apt/log" >&2
    die "could not be fetched:
$missing"
fi
mv "$dir/VERSIONS.new" "$dir/VERSIONS"
rm -rf "$apt"
