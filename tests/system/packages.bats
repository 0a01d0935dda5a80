#!/usr/bin/env bats
# The recipes that make dist fills in, and the Debian package: what can be checked without the systems
# they are for. `make test-packages` installs the Debian packages.

load system
load pages
may_take 1500

setup_file() {
    export version out=$BATS_FILE_TMPDIR/dist
    version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
    (cd "$root" && MAINTAINER='Ann <ann@example.org>' sh common/packages/dist.sh "$version" build/deps/src "$out") \
        >"$BATS_FILE_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_FILE_TMPDIR/log")"
    export sum
    sum=$(sha256sum "$out/cubby-$version.tar.gz" | cut -d' ' -f1)
}

# openwrt NAME…: how OpenWrt's make understands these names of the package
openwrt() {
    local top=$BATS_TEST_TMPDIR/top
    mkdir -p "$top/include"
    : >"$top/rules.mk"
    {
        echo 'define BuildPackage'
        for name; do echo "\$(info $name=\$($name))"; done
        echo '$(eval $(Package/$(1)))'
        echo '$(info USERID=$(USERID))'
        echo 'endef'
        echo 'all:'
    } >"$top/include/package.mk"
    make --no-print-directory -s -C "$out/openwrt/cubby" TOPDIR="$top" INCLUDE_DIR="$top/include" 2>&1
}

@test "make dist: no mark is left, and the archive lies beside each recipe" {
    ! grep -rnIE '@[A-Z0-9_]+@' "$out/openwrt" "$out/buildroot" "$out/yocto" || fail 'a mark is left'
    for folder in openwrt/cubby buildroot/package/cubby yocto/meta-cubby/recipes-cubby/cubby/files; do
        cmp "$out/cubby-$version.tar.gz" "$out/$folder/cubby-$version.tar.gz"
    done
}

@test "openwrt: the fields name this release, a user of its own, and settings that stay" {
    said=$(openwrt PKG_NAME PKG_VERSION PKG_RELEASE PKG_SOURCE PKG_HASH PKG_LICENSE PKG_LICENSE_FILES \
        PKG_MAINTAINER Package/cubby/conffiles MAKE_FLAGS)
    for line in PKG_NAME=cubby "PKG_VERSION=$version" PKG_RELEASE=1 "PKG_SOURCE=cubby-$version.tar.gz" \
        "PKG_HASH=$sum" PKG_LICENSE=MIT PKG_LICENSE_FILES=LICENSE 'PKG_MAINTAINER=Ann <ann@example.org>' \
        USERID=cubby:cubby /etc/cubby/cubby-httpd.conf; do
        grep -qxF "$line" <<<"$said" || fail "no $line in $said"
    done
    has "$said" 'STATEDIR=/srv/cubby'
    # Started by procd, which is told what init and httpd need.
    init=$out/openwrt/cubby/files/cubby.init
    grep -qx 'USE_PROCD=1' "$init"
    # shellcheck disable=SC1090
    said=$(procd_set_param() { echo "$*"; } && procd_open_instance() { :; } && procd_close_instance() { :; } &&
        . <(sed -E 's#/usr/sbin/cubby-httpd prepare#echo prepare#' "$init") && start_service)
    same "$(head -n 2 <<<"$said")" 'prepare
command /usr/sbin/cubby-httpd run'
}

@test "buildroot: hashes, form, and a user of its own" {
    package=$out/buildroot/package/cubby
    # A hash is: kind, two blanks, sum, two blanks, file.
    grep -v '^#' "$package/cubby.hash" | grep . | while read -r line; do
        [[ $line =~ ^sha256\ \ ([0-9a-f]{64})\ \ ([^ ]+)$ ]] || fail "$line"
        file=${BASH_REMATCH[2]}
        [ "$file" != "cubby-$version.tar.gz" ] || same "${BASH_REMATCH[1]}" "$sum"
        [ "$file" != LICENSE ] || same "${BASH_REMATCH[1]}" "$(sha256sum <"$root/LICENSE" | cut -d' ' -f1)"
    done
    grep -qxF "CUBBY_VERSION = $version" "$package/cubby.mk"
    same "$(sed -n 1p "$package/cubby.mk")" "$(printf '#%.0s' {1..80})"
    same "$(sed -n 6p "$package/cubby.mk")" ''
    ! grep -nP '^(?!\t| *$|#|define |endef|ifeq|else|endif|\$\(eval|CUBBY_[A-Z_]+ \+?= ?)' "$package/cubby.mk" || fail 'an odd line'
    ! grep -nP '^ |[ \t]$| \t' "$package"/{cubby.mk,Config.in,S80cubby} || fail 'indented otherwise than by a tab'
    # The text of the help: a tab, two blanks, and 72 columns with the tab as eight.
    sed -n '/^\thelp$/,$p' "$package/Config.in" | tail -n +2 | grep . | while IFS= read -r line; do
        [[ $line == $'\t  '[!\ ]* ]] && [ "${#line}" -le 65 ] || fail "$line"
    done
    # Variables in brackets, one blank before a backslash, no empty lines in a row or at the end.
    ! grep -nP '[^$]\$\{\w|(  |\t ?)\\\\$|^\s*(else\s+)?ifn?def\b' "$package/cubby.mk" || fail 'an odd word'
    for file in "$package"/{cubby.mk,cubby.hash,Config.in,S80cubby}; do
        cmp <(cat -s "$file") "$file"
        [ -n "$(sed '$!d' "$file")" ]
        same "$(tail -c 1 "$file" | wc -l)" 1
        [ ! -x "$file" ] || fail "$file"
    done
    # The script of init is named after what it starts.
    same "$(sed -n 's/^DAEMON="\(.*\)"$/\1/p' "$package/S80cubby")" cubby
    grep -qP '^\tcubby -1 cubby -1 \* - - - ' "$package/cubby.mk"
    # Its commands, as make expands them.
    said=$(printf '%s\n' 'INSTALL = install' 'TARGET_CC = board-gcc' 'generic-package = all:; @:' \
        "CUBBY_PKGDIR = $package" "include $package/cubby.mk" \
        '$(info $(CUBBY_BUILD_CMDS)$(CUBBY_INSTALL_TARGET_CMDS)$(CUBBY_INSTALL_INIT_SYSV))' | make -s -f - 2>&1)
    has "$said" 'CC="board-gcc"'
    has "$said" 'STATEDIR=/srv/cubby'
    has "$said" "$package/S80cubby"
}

@test "buildroot: the commands of the page find what they name in a release" {
    mapfile -t lines < <(commands www/docs/boards.md 'Buildroot')
    same "${lines[0]}" 'make dist'
    same "${lines[1]}" 'cd ../buildroot'
    [[ ${lines[2]} =~ ^make\ BR2_EXTERNAL=\.\./cubby/build/dist/([a-z]+)\ menuconfig$ ]] || fail "${lines[2]}"
    grep -qx 'name: CUBBY' "$out/${BASH_REMATCH[1]}/external.desc"
    grep -q 'package/cubby/Config.in' "$out/${BASH_REMATCH[1]}/Config.in"
}

@test "yocto: the recipe names this release, its licence, a user of its own" {
    recipe=$out/yocto/meta-cubby/recipes-cubby/cubby/cubby_$version.bb
    grep -qxF "SRC_URI[sha256sum] = \"$sum\"" "$recipe"
    grep -qF "file://LICENSE;md5=$(md5sum <"$root/LICENSE" | cut -d' ' -f1)" "$recipe"
    for file in $(sed -n 's|.*file://\(cubby\.[a-z]*\).*|\1|p' "$recipe"); do
        [ -f "${recipe%/*}/files/$file" ] || fail "no $file"
    done
    # Both releases that have UNPACKDIR and those that have not.
    ! grep -nF '${UNPACKDIR}' "$recipe" || fail 'scarthgap has no UNPACKDIR'
    grep -q '^inherit .*update-rc\.d .*systemd.* useradd' "$recipe"
    grep -q '^USERADD_PARAM:${PN} = .* cubby"$' "$recipe"
}

@test "make dist SITE=: the recipes fetch the release from there, and no archive lies beside them" {
    SITE=https://example.org/get/ sh "$root/common/packages/recipes.sh" "$version" "$sum" "$BATS_TEST_TMPDIR"
    grep -qx 'PKG_SOURCE_URL:=https://example.org/get' "$BATS_TEST_TMPDIR/openwrt/cubby/Makefile"
    grep -qx 'CUBBY_SITE = https://example.org/get' "$BATS_TEST_TMPDIR/buildroot/package/cubby/cubby.mk"
    grep -rqF 'https://example.org/get/cubby-${PV}.tar.gz' "$BATS_TEST_TMPDIR/yocto"
    same "$(find "$BATS_TEST_TMPDIR" -name '*.tar.gz')" ''
}

@test "deb: lintian finds no error" {
    copy_built_checkout "$BATS_TEST_TMPDIR/checkout"
    checkout=$BATS_TEST_TMPDIR/checkout
    # The programs as they were built: what is in the package beside them is what is looked at.
    make_in "$checkout" install DESTDIR="$BATS_TEST_TMPDIR/root" PREFIX=/usr SYSCONFDIR=/etc/cubby >/dev/null
    (cd "$checkout" && SOURCE_DATE_EPOCH=1790000000 MAINTAINER='Ann <ann@example.org>' \
        sh common/packages/deb.sh "$version" amd64 build/deps/src "$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR")
    package=$BATS_TEST_TMPDIR/cubby_$version-1_amd64.deb
    run lintian --allow-root --fail-on error "$package"
    same "$status" 0
    same "$(dpkg-deb -f "$package" Version)" "$version-1"
    has "$(dpkg-deb -f "$package" Static-Built-Using)" "$(awk '$1 == "sqlite" { print "sqlite3 (= " $2 ")" }' "$root/build/deps/VERSIONS")"
    same "$(dpkg-deb -I "$package" conffiles | tr '\n' ' ')" \
        '/etc/apache2/conf-available/cubby.conf /etc/cubby/cubby.conf /etc/lighttpd/conf-available/90-cubby.conf '
    ! dpkg-deb -c "$package" | grep -v ' root/root ' || fail 'files of others'
}
