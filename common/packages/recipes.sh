#!/bin/sh
# recipes.sh - writes the recipes of OpenWrt, Buildroot and Yocto for a release that was just made.
#
#   recipes.sh VERSION SHA256 OUT      OUT holds cubby-VERSION.tar.gz
#
# SITE and MAINTAINER come from the environment, as the Makefile says. Without SITE each recipe gets
# the archive beside it.
set -eu
umask 022

version=$1
sum=$2
out=$3
here=$(cd "$(dirname "$0")" && pwd)
license=$here/../../LICENSE
archive=cubby-$version.tar.gz
site=${SITE:-}
site=${site%/}

sum_by() { "$1" "$license" | cut -d' ' -f1; }

# fill SITE FILE…: takes the marks out of what was copied.
fill() {
    from=$1
    shift
    for file; do
        sed -e "s|@VERSION@|$version|g" -e "s|@SHA256@|$sum|g" -e "s|@SITE@|$from|g" \
            -e "s|@MAINTAINER@|${MAINTAINER:-}|g" -e "s|@LICENSE_SHA256@|$(sum_by sha256sum)|g" \
            -e "s|@LICENSE_MD5@|$(sum_by md5sum)|g" "$file" >"${file%.in}"
        rm "$file"
    done
}

# beside FOLDER: the archive, without taking its room twice, where the recipe has no other place for it.
beside() {
    [ -z "$site" ] || return 0
    mkdir -p "$1"
    ln -f "$out/$archive" "$1/$archive" 2>/dev/null || cp "$out/$archive" "$1/$archive"
}

rm -rf "$out/openwrt" "$out/buildroot" "$out/yocto"
mkdir -p "$out/openwrt" "$out/yocto"

cp -r "$here/openwrt" "$out/openwrt/cubby"
# shellcheck disable=SC2016 # for make
fill "${site:-file://\$(CURDIR)}" "$out/openwrt/cubby/Makefile.in"
beside "$out/openwrt/cubby"

package=$out/buildroot/package/cubby
cp -r "$here/buildroot" "$out/buildroot"
cp "$here/cubby.init" "$package/S80cubby"
cp "$here/cubby.service" "$package/"
# shellcheck disable=SC2016
fill "${site:-file://\$(BR2_EXTERNAL_CUBBY_PATH)/package/cubby}" "$package/cubby.mk.in" "$package/cubby.hash.in"
beside "$package"

recipe=$out/yocto/meta-cubby/recipes-cubby/cubby
cp -r "$here/yocto" "$out/yocto/meta-cubby"
mkdir "$recipe/files"
cp "$here/cubby.init" "$here/cubby.service" "$recipe/files/"
fill "${site:-file:/}/cubby-\${PV}.tar.gz" "$recipe/cubby.bb.in"
mv "$recipe/cubby.bb" "$recipe/cubby_$version.bb"
beside "$recipe/files"
