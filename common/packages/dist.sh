#!/bin/sh
# dist.sh - makes the release: one archive that builds without a network, and the recipes for it.
#
#   dist.sh VERSION SOURCES OUT
#
# SOURCES is the directory that fetch.sh filled. OUT gets cubby-VERSION.tar.gz, its checksum, and a
# folder for each kind of package with the recipes filled in. Two runs over the same files give the
# same bytes: names are sorted, owner and time are fixed (the time is that of the last commit, or
# SOURCE_DATE_EPOCH).
#
#   SITE         where the archive will be published; the recipes fetch it from there. Without it
#                they look for the archive beside themselves.
#   MAINTAINER   whom the recipes name
set -eu
umask 022
export LC_ALL=C TZ=UTC

version=$1
sources=$(cd "$2" && pwd)
mkdir -p "$3"
out=$(cd "$3" && pwd)
cd "$(dirname "$0")/../.."
name=cubby-$version
work=$out/.work
generated=libxcrypt-generated

die() {
    printf 'dist: %s\n' "$*" >&2
    exit 1
}

top=$(git rev-parse --show-toplevel 2>/dev/null) && [ "$top" = "$(pwd -P)" ] ||
    die 'a release is made from a checkout of git, which knows what belongs to it'
git diff --quiet HEAD -- || echo 'dist: with changes that are not committed' >&2
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# pack FOLDER NAME…: the names as one tar on standard output, the same bytes each time.
pack() {
    folder=$1
    shift
    tar -C "$folder" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
        --mode=u+rwX,go+rX,go-w --mtime="@$SOURCE_DATE_EPOCH" -cf - "$@"
}

sum_of() { sha256sum "$1" | cut -d' ' -f1; }

# What autoreconf adds to libxcrypt's sources, so that who builds needs no autotools.
generate() {
    cp -rp "$sources/libxcrypt" "$work/tree"
    (cd "$work/tree" && autoreconf -fi) >"$work/log" 2>&1 || { cat "$work/log" >&2; die 'autoreconf failed'; }
    rm -rf "$work/tree/autom4te.cache"
    (cd "$work/tree" && find . -type f | sort) | while read -r file; do
        cmp -s "$work/tree/$file" "$sources/libxcrypt/$file" || echo "$file"
    done >"$work/added"
    pack "$work/tree" --files-from="$work/added" | xz -T1 -9 >"$archives/$generated.tar.xz"
    awk -v name="$generated" -v sum="$(sum_of "$archives/$generated.tar.xz")" \
        '$1 == "libxcrypt" { print name, $2, "release", name ".tar.xz", "sha256:" sum }' "$sources/VERSIONS"
}

rm -rf "$work"
archives=$work/$name/common/deps/archives
mkdir -p "$archives"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

git ls-files | while read -r file; do [ ! -f "$file" ] || echo "$file"; done >"$work/files"
tar -cf - --files-from="$work/files" | tar -C "$work/$name" -xf -
# The pages of documentation in HTML, so that who builds needs no converter.
perl www/docs/render.pl "$work/$name/www/docs/html" || die 'the pages could not be rendered'
for archive in $(awk '!/^#/ { print $4 }' "$sources/VERSIONS"); do
    cp "$sources/archives/$archive" "$archives/"
done
{
    cat "$sources/VERSIONS"
    generate
} >"$work/VERSIONS"
mv "$work/VERSIONS" "$archives/"
pack "$work" "$name" | gzip -n9 >"$work/$name.tar.gz"
sum=$(sum_of "$work/$name.tar.gz")
mv "$work/$name.tar.gz" "$out/"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
sh common/packages/recipes.sh "$version" "$sum" "$out"
printf '%s  %s\n' "$sum" "${out#"$(pwd)"/}/$name.tar.gz"
