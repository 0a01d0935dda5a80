#!/bin/sh
# deb.sh - packs what `make install` put into a folder as a Debian package.
#
#   deb.sh VERSION ARCH SOURCES ROOT OUT
#
# SOURCES is the directory that fetch.sh filled, ROOT holds the installed files, OUT gets
# cubby_VERSION-1_ARCH.deb. MAINTAINER names whom to write to. SOURCE_DATE_EPOCH, or the last commit,
# is the time of every file, so that two runs give the same bytes.
set -eu
umask 022
export LC_ALL=C TZ=UTC

version=$1
arch=$2
sources=$3
root=$4
out=$5
here=$(cd "$(dirname "$0")" && pwd)/debian
doc=$root/usr/share/doc/cubby
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

# The names of Debian's source packages are those of their archives.
libraries() {
    awk '!/^#/ && $3 != "release" { sub(/_.*/, "", $4); printf "%s%s (= %s)", comma, $4, $2; comma = ", " }' \
        "$sources/VERSIONS"
}

# licence LIBRARY NAME FILE: a paragraph of the copyright file, with the words of the library itself.
licence() {
    printf 'Files: %s\nCopyright: the authors of %s\nLicense: %s\n' "$1" "$1" "$2"
    sed -e 's/[[:space:]]*$//' -e 's/^$/./' -e 's/^/ /' "$3"
    echo
}

copyright() {
    cat "$here/copyright"
    printf 'Files: *\n%s\nLicense: MIT\n' "$(sed -n 's/^Copyright (c)/Copyright:/p' "$here/../../../LICENSE")"
    sed -e '1,/^Copyright/d' "$here/../../../LICENSE" | sed -e 's/^$/./' -e 's/^/ /'
    echo
    licence libjwt MPL-2.0 "$sources/libjwt/LICENSE"
    licence mbedtls Apache-2.0 "$here/licence-mbedtls"
    licence cjson MIT-cjson "$sources/cjson/LICENSE"
    licence jansson MIT-jansson "$sources/jansson/LICENSE"
    licence fcgi OML "$sources/fcgi/LICENSE"
    licence sqlite public-domain "$sources/sqlite/LICENSE.md"
    licence libxcrypt 'LGPL-2.1+ and others' "$sources/libxcrypt/LICENSING"
}

changelog() {
    printf 'cubby (%s-1) unstable; urgency=medium\n\n  * See NEWS.gz.\n\n -- %s  %s\n' \
        "$version" "$MAINTAINER" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

mkdir -p "$doc" "$root/usr/share/lintian/overrides" "$root/etc/apache2/conf-available" \
    "$root/etc/lighttpd/conf-available" "$root/DEBIAN"
# What an administrator changes lies in /etc; the settings are all comments until then.
mv "$root/etc/cubby/cubby.conf.sample" "$root/etc/cubby/cubby.conf"
mv "$root/usr/share/cubby/cubby.apache.conf" "$root/etc/apache2/conf-available/cubby.conf"
mv "$root/usr/share/cubby/cubby.lighttpd.conf" "$root/etc/lighttpd/conf-available/90-cubby.conf"
copyright >"$doc/copyright"
changelog | gzip -n9 >"$doc/changelog.Debian.gz"
gzip -n9 <"$here/../../../NEWS" >"$doc/NEWS.gz"
find "$root/usr/share/man" -type f ! -name '*.gz' -exec gzip -n9 {} +
cp "$here/README.Debian" "$doc/"
cp "$here/lintian-overrides" "$root/usr/share/lintian/overrides/cubby"
(cd "$root" && find etc -type f | sort | sed 's|^|/|') >"$root/DEBIAN/conffiles"
(cd "$root" && find lib usr -type f | sort | xargs md5sum) >"$root/DEBIAN/md5sums"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@MAINTAINER@/$MAINTAINER/" \
    -e "s/@LIBRARIES@/$(libraries)/" -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$root" | cut -f1)/" \
    "$here/control.in" >"$root/DEBIAN/control"
chmod -R u+rwX,go+rX,go-w "$root"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out" >/dev/null
printf '  DEB   %s\n' "$out/cubby_$version-1_$arch.deb"
