#!/usr/bin/env bats
# make dist: the release, which builds anywhere without a network

load system
may_take 1500

setup_file() {
    export version
    version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
    export out=$BATS_FILE_TMPDIR/out
    release "$out" || fail "$(cat "$out.log")"
    export tree=$BATS_FILE_TMPDIR/somewhere/cubby-$version
    mkdir "$BATS_FILE_TMPDIR/somewhere"
    tar -C "$BATS_FILE_TMPDIR/somewhere" -xzf "$out/cubby-$version.tar.gz"
}

# release FOLDER: makes it there
release() {
    (cd "$root" && sh common/packages/dist.sh "$version" build/deps/src "$1") >"$1.log" 2>&1
}

# alone COMMAND…: without a network, and without what a machine that only builds may lack
alone() {
    local stubs=$BATS_TEST_TMPDIR/stubs name
    mkdir -p "$stubs"
    for name in apt-get curl wget git autoreconf autoconf automake aclocal autoheader libtoolize m4 tclsh cmark-gfm; do
        printf '#!/bin/sh\nexit 9\n' >"$stubs/$name"
        chmod 755 "$stubs/$name"
    done
    PATH=$stubs:$PATH unshare --net --map-root-user "$@"
}

@test "make dist: two runs give the same bytes, whenever they are made" {
    umask 077
    TZ=Asia/Tokyo release "$BATS_TEST_TMPDIR/again"
    cmp "$out/cubby-$version.tar.gz" "$BATS_TEST_TMPDIR/again/cubby-$version.tar.gz"
    (cd "$out" && sha256sum -c "cubby-$version.tar.gz.sha256")
    # One time and one owner for all.
    same "$(tar --numeric-owner --full-time -tvzf "$out/cubby-$version.tar.gz" | awk '{ print $2, $4, $5 }' | sort -u | wc -l)" 1
    tar --numeric-owner -tvzf "$out/cubby-$version.tar.gz" | grep -q ' 0/0 '
}

@test "make dist: has what git knows, the libraries as they were verified, and nothing else" {
    archives=common/deps/archives
    same "$(cd "$tree" && find . -type f ! -path "./$archives/*" ! -path './www/docs/html/*' | sort)" \
        "$(cd "$root" && git ls-files | while read -r file; do [ ! -f "$file" ] || echo "./$file"; done | LC_ALL=C sort)"
    while read -r library _ _ name sum; do
        grep -q "^$library .* $name $sum$" "$tree/$archives/VERSIONS" || fail "$library"
        same "sha256:$(sha256sum "$tree/$archives/$name" | cut -d' ' -f1)" "$sum"
    done < <(grep -v '^#' "$root/build/deps/VERSIONS")
    diff -r --exclude=.made "$root/build/docs" "$tree/www/docs/html"
    same "$(ls "$tree/$archives" | wc -l)" "$(($(grep -vc '^#' "$tree/$archives/VERSIONS") + 1))"
}

@test "a release builds in an empty folder, without network and autotools" {
    run alone make -C "$tree" --no-print-directory -j2 PROFILE= DEP_CFLAGS=-O0 build/cgi-bin/health
    same "$status" 0
    run env -i REQUEST_METHOD=GET GATEWAY_INTERFACE=CGI/1.1 "$tree/build/cgi-bin/health" </dev/null
    has "$output" "\"version\":\"$version\""
    run alone make -C "$tree" --no-print-directory build/docs/.made
    same "$status" 0
    cmp "$tree/www/docs/html/api.html" "$tree/build/docs/api.html"
    ! readelf -lW "$tree/build/cgi-bin/health" | grep INTERP || fail 'it is not static'
}

@test "a release with another library than it names, or without one, does not build" {
    local other=$BATS_TEST_TMPDIR/other
    mkdir "$other"
    for archive in $(awk '!/^#/ { print $4 }' "$tree/common/deps/archives/VERSIONS"); do
        rm -rf "$other/cubby-$version"
        tar -C "$other" -xzf "$out/cubby-$version.tar.gz"
        printf 'x' >>"$other/cubby-$version/common/deps/archives/$archive"
        run alone make -C "$other/cubby-$version" --no-print-directory PROFILE= build/cgi-bin/health
        [ "$status" != 0 ]
        has "$output" "fetch: $archive: checksum differs from the one the release names"
        case $output in *'  DEP'* | *'  CC'*) fail 'it built something' ;; esac
    done
    rm "$other/cubby-$version/common/deps/archives/$archive"
    run alone make -C "$other/cubby-$version" --no-print-directory PROFILE= build/cgi-bin/health
    [ "$status" != 0 ]
    has "$output" "fetch: $archive of the release is missing"
}

@test "make dist: outside of a checkout of git it says so" {
    run alone sh "$tree/common/packages/dist.sh" "$version" "$root/build/deps/src" "$BATS_TEST_TMPDIR/none"
    [ "$status" != 0 ]
    has "$output" 'dist: a release is made from a checkout of git'
}
