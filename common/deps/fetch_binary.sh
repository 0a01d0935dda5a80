#!/bin/sh
# fetch_binary.sh - fetches Debian packages of another processor and unpacks them, without installing
# anything.
#
#   fetch_binary.sh ARCH DIR PACKAGE…
#
# Leaves what the packages hold in DIR/tree, and DIR/VERSIONS, which names them. They are of the release
# that this machine runs: the compilers of an older one can't link what a newer one was compiled to.
# Exit status 3: it has no such packages for that processor. apt does the verifying (apt.sh).
set -eu

arch=$1
dir=$2
shift 2

die() {
    printf 'fetch: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=common/deps/apt.sh
. "$(dirname "$0")/apt.sh"

rm -rf "$dir"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
apt=$dir/apt
make_apt "$arch"

suite=$(own_suites | cut -d' ' -f1)
if ! use_suite deb "$suite" || ! APT_CONFIG=$apt/apt.conf apt-cache show --no-all-versions "$1" >/dev/null 2>&1; then
    rm -rf "$dir"
    exit 3
fi
# apt-get names them by their versions; a colon can't be in a name.
listed=$(APT_CONFIG=$apt/apt.conf apt-cache show --no-all-versions "$@" | awk '
    /^Package: / { name = $2 }
    /^Version: / { version = $2; gsub(":", "%3a", version) }
    /^Architecture: / { of = $2 }
    /^SHA256: / { sum = $2 }
    function tell() { if (sum != "") print sum "  " name "_" version "_" of ".deb"; sum = "" }
    /^$/ { tell() }
    END { tell() }')
fetch_listed "$dir/debs" "$listed" download "$@" || {
    tail -n 5 "$apt/log" >&2
    die "could not fetch $* for $arch from $suite"
}
for deb in "$dir"/debs/*.deb; do
    dpkg-deb -x "$deb" "$dir/tree" || die "${deb##*/} can't be unpacked"
    echo "${deb##*/} $suite sha256:$(sha256sum <"$deb" | cut -d' ' -f1)"
done >"$dir/VERSIONS.new"
rm -rf "$apt" "$dir/debs"
mv "$dir/VERSIONS.new" "$dir/VERSIONS"
printf '  FETCH %s (%s), verified\n' "$* for $arch" "$suite"
