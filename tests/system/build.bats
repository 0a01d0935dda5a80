#!/usr/bin/env bats
# make: what it builds, and what it does not do again.

load system
load protection.bash
may_take 1500

setup_file() {
    export checkout=$BATS_FILE_TMPDIR/checkout
    export called=$BATS_FILE_TMPDIR/called
    copy_checkout "$checkout"
    # Whatever could reach out says that it was called, and fails.
    mkdir "$BATS_FILE_TMPDIR/stubs"
    for name in apt-get curl wget git npm; do
        printf '#!/bin/sh\necho "%s $*" >>"%s"\nexit 9\n' "$name" "$called" >"$BATS_FILE_TMPDIR/stubs/$name"
        chmod 755 "$BATS_FILE_TMPDIR/stubs/$name"
    done
    export PATH=$BATS_FILE_TMPDIR/stubs:$PATH
    local alone=''
    ! unshare -n true 2>/dev/null || alone='unshare -n'
    $alone env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory -C "$checkout" -j2 all \
        >"$BATS_FILE_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_FILE_TMPDIR/log")"
}

programs() { basename -a -s .c "$root"/cgi-bin/*.c; }

times() { find "$checkout/build" -path "$checkout/build/deps" -prune -o -type f ! -name .flags -printf '%p %T@\n' | sort; }

@test "make: builds all programs and the tool without network, once the libraries are there" {
    [ ! -e "$called" ] || fail "it called: $(cat "$called")"
    for program in $(programs); do
        [ -x "$checkout/build/cgi-bin/$program" ] || fail "no $program"
        # One line says what is made, as long as nobody asks for more.
        grep -q "^  LINK  build/cgi-bin/$program$" "$BATS_FILE_TMPDIR/log"
    done
    same "$("$checkout/build/bin/cubby" --version)" "cubby $(sed -n 's/^VERSION := //p' "$root/Makefile")"
    ! grep -vE '^  (CC|AR|LINK|DEP|PERL|PAGES) ' "$BATS_FILE_TMPDIR/log" || fail 'it says more than needed'
}

@test "make: programs are static, without an interpreter, and below 1.2 MB" {
    for program in $(programs); do
        file=$checkout/build/cgi-bin/$program
        ! readelf -lW "$file" | grep -E 'INTERP|DYNAMIC' || fail "$program is not static"
        readelf -lW "$file" | grep GNU_STACK | grep -q 'RW ' || fail "$program may run its stack"
        [ "$(stat -c %s "$file")" -lt 1200000 ] || fail "$program: $(stat -c %s "$file") bytes"
        run env -i "$file" </dev/null
        [[ $output == Status:* ]] || fail "$program: $output"
    done
}

@test "make: FastCGI makes no program larger by more than 30 KB" {
    # The same link with another transport in the place of that of FastCGI, one that is never wanted: then neither
    # it nor libfcgi, nor what only these need of the C library, is linked.
    copy_built_checkout "$BATS_TEST_TMPDIR/without"
    printf '%s\n' '#include <stddef.h>' '#include "common/http/fcgi.h"' 'bool fcgi_is_wanted(void) { return false; }' \
        'struct transport *fcgi_open(void) { return NULL; }' 'void fcgi_close(struct transport *fcgi) { (void)fcgi; }' >"$BATS_TEST_TMPDIR/none.c"
    musl-gcc -O2 -I"$root" -c "$BATS_TEST_TMPDIR/none.c" -o "$BATS_TEST_TMPDIR/none.o"
    make_in "$BATS_TEST_TMPDIR/without" LDFLAGS="$BATS_TEST_TMPDIR/none.o" DOCS= all >"$BATS_TEST_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    for program in $(programs); do
        grep -q FCGI_ROLE "$checkout/build/cgi-bin/$program"
        ! grep -q FCGI_ROLE "$BATS_TEST_TMPDIR/without/build/cgi-bin/$program" || fail "$program has libfcgi all the same"
        larger=$(($(stat -c %s "$checkout/build/cgi-bin/$program") - $(stat -c %s "$BATS_TEST_TMPDIR/without/build/cgi-bin/$program")))
        [ "$larger" -gt 0 ] && [ "$larger" -le 30720 ] || fail "$program: $larger bytes"
    done
}

@test "make: a second time does nothing; a changed header makes anew what includes it" {
    before=$(times)
    output=$(make_in "$checkout" all 2>&1)
    same "$output" ''
    same "$(times)" "$before"
    touch "$checkout/common/base/digest.h"
    output=$(make_in "$checkout" all 2>&1)
    has "$output" 'CC    common/base/digest.c'
    case $output in *'CC    common/base/arena.c'*) fail 'makes what did not change' ;; esac
    [ "$(grep -c LINK <<<"$output")" = $(($(programs | wc -l) + 1)) ]
    output=$(make_in "$checkout" all 2>&1)
    same "$output" ''
}

@test "make: V=1 shows the commands, and CC, CFLAGS, LDFLAGS are honoured" {
    touch "$checkout/cgi-bin/health.c"
    output=$(make_in "$checkout" V=1 all 2>&1)
    has "$output" '-c cgi-bin/health.c -o build/obj-'
    has "$output" '-Wconversion'
    output=$(make_in "$checkout" -n V=1 CC=other-cc CFLAGS='-Os -pipe' LDFLAGS=-Wl,-O1 all 2>&1)
    has "$output" 'other-cc -Os -pipe -std=c11'
    has "$output" 'other-cc -Os -pipe -static'
    has "$output" '-Wl,-O1'
    # Other flags are another build: nothing of the first is taken for it, and back again.
    output=$(make_in "$checkout" -n V=1 CFLAGS=-Os all 2>&1)
    has "$output" '-c common/base/arena.c'
    output=$(make_in "$checkout" all 2>&1)
    same "$output" ''
}

@test "make: a source with a warning does not build, and the failed file does not stay" {
    cp "$checkout/cgi-bin/health.c" "$BATS_TEST_TMPDIR/health.c"
    echo 'static int unused_thing;' >>"$checkout/cgi-bin/health.c"
    before=$(stat -c %Y "$checkout/build/cgi-bin/health")
    status=0
    output=$(make_in "$checkout" all 2>&1) || status=$?
    cp "$BATS_TEST_TMPDIR/health.c" "$checkout/cgi-bin/health.c"
    [ "$status" != 0 ] || fail 'it builds'
    has "$output" unused_thing
    same "$(stat -c %Y "$checkout/build/cgi-bin/health")" "$before"
    make_in "$checkout" all >/dev/null 2>&1
}

@test "make -n: a fresh clone tells all it would do, and does nothing" {
    copy_checkout "$BATS_TEST_TMPDIR/fresh"
    rm -r "$BATS_TEST_TMPDIR/fresh/build"
    output=$(make_in "$BATS_TEST_TMPDIR/fresh" -n all 2>&1) || fail "$output"
    has "$output" 'sh common/deps/fetch.sh build/deps/src'
    has "$output" '-o build/cgi-bin/data'
    [ ! -e "$BATS_TEST_TMPDIR/fresh/build" ]
}

@test "make PROFILE=: each compiler has a profile of its own, and another word is refused" {
    for compiler in musl-gcc gcc; do
        make_in "$checkout" -n CC=$compiler PROFILE=use -W common/deps/count.sh all >"$BATS_TEST_TMPDIR/told" 2>&1 ||
            fail "$(cat "$BATS_TEST_TMPDIR/told")"
        grep -oE 'PROFILE=.build/deps/[^ ]+/counts' "$BATS_TEST_TMPDIR/told" | sort -u >"$BATS_TEST_TMPDIR/$compiler"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/$compiler")" = 1 ] || fail "$(cat "$BATS_TEST_TMPDIR/$compiler")"
    done
    ! cmp -s "$BATS_TEST_TMPDIR/musl-gcc" "$BATS_TEST_TMPDIR/gcc" || fail 'one takes the profile of the other'
    status=0
    output=$(make_in "$checkout" PROFILE=yes all 2>&1) || status=$?
    [ "$status" != 0 ]
    has "$output" 'PROFILE must be "use" or empty, not "yes"'
}

@test "build.sh: builds a library, with a profile too, in a folder with a blank and a quote in its name" {
    folder="$BATS_TEST_TMPDIR/it's a box"
    mkdir -p "$folder/common"
    cp -r "$root/common/deps" "$folder/common/"
    cp -r "$checkout/build/deps/src/cjson" "$folder/"
    cd "$folder"
    for stage in generate use; do
        PROFILE_STAGE=$stage PROFILE=counts sh common/deps/build.sh cjson . out
        [ -e out/.cjson ]
        printf '%s\n' '#include <cjson/cJSON.h>' 'int main(void) { return !cJSON_Parse("[1]"); }' >main.c
        musl-gcc -static -Iout/include main.c -Lout/lib -lcjson -lgcov -o main
        ./main
        [ "$(find counts -name '*cJSON.c.gcda' | wc -l)" = 1 ]
    done
    # What ran is told from what did not.
    readelf -SW out/lib/libcjson.a | grep -q '\.text\.unlikely'
}

@test "make help: names every target and every setting" {
    output=$(make_in "$checkout" help)
    for word in 'make ' 'make run' 'make test' 'make lint' 'make install' 'make uninstall' 'make clean' 'make distclean' \
        SERVER= PORT= DATA= DESTDIR= PREFIX= CC= CFLAGS= DEPS=system V=1; do
        has "$output" "$word"
    done
    while read -r target; do
        [ "$target" = FORCE ] || grep -qE "(^| )$target( |\$)" <<<"$output" || fail "no word of make $target"
    done < <(sed -n 's/^\.PHONY: //p' "$root/Makefile" | tr ' ' '\n')
    while read -r setting; do
        has "$output" "$setting="
    done < <(sed -nE 's/^([A-Z_]+) \?=.*/\1/p' "$root/Makefile")
}

@test "build/deps/VERSIONS: names each library, its version, and the checksum that was verified" {
    versions=$checkout/build/deps/VERSIONS
    for library in $(sed -n 's/^LIBRARIES := //p' "$root/Makefile"); do
        grep -qE "^$library [0-9][^ ]* [a-z]+ [^ ]+\.tar\.[a-z0-9]+ sha256:[0-9a-f]{64}$" "$versions" || fail "$library: $(cat "$versions")"
    done
    # The C library is the machine's.
    libc=$(dpkg-query -L musl-dev | grep '/libc\.a$')
    same "$(grep '^# musl ' "$versions")" \
        "# musl $(dpkg-query -W -f '${Version}' musl-dev) of the package musl-dev on this machine, libc.a sha256:$(sha256sum "$libc" | cut -d' ' -f1)"
}

@test "build/deps/VERSIONS: another C library is linked with each program and named, however old its file is" {
    copy_built_checkout "$BATS_TEST_TMPDIR/other"
    cd "$BATS_TEST_TMPDIR/other"
    # with a list of libraries of its own
    rm build/deps
    mkdir build/deps
    ln -s "$root"/build/deps/* build/deps/
    rm build/deps/VERSIONS
    # a musl-gcc beside a copy of its library, as a package that is replaced
    local specs folder=$BATS_TEST_TMPDIR/musl bin=$BATS_TEST_TMPDIR/bin
    specs=$(sed -n 's/.*-specs "\(.*\)".*/\1/p' "$(command -v musl-gcc)")
    cp -a "${specs%/*}/." "$folder"
    sed -i "s|${specs%/*}|$folder|g" "$folder/musl-gcc.specs"
    mkdir "$bin"
    sed "s|$specs|$folder/musl-gcc.specs|" "$(command -v musl-gcc)" >"$bin/musl-gcc"
    chmod 755 "$bin/musl-gcc"
    PATH=$bin:$PATH
    make_in . DOCS= all >"$BATS_TEST_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    make_in . DOCS= all >"$BATS_TEST_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    ! grep LINK "$BATS_TEST_TMPDIR/log" || fail 'it links what is linked'
    printf 'int cubby_other;\n' | gcc -c -x c - -o other.o
    ar q "$folder/libc.a" other.o
    touch -d '2 years ago' "$folder/libc.a"
    make_in . DOCS= all >"$BATS_TEST_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    for program in $(programs); do
        grep -q "LINK  build/cgi-bin/$program$" "$BATS_TEST_TMPDIR/log" || fail "$program: $(cat "$BATS_TEST_TMPDIR/log")"
    done
    grep -q 'LINK  build/bin/cubby$' "$BATS_TEST_TMPDIR/log"
    grep -q "libc.a sha256:$(sha256sum "$folder/libc.a" | cut -d' ' -f1)$" build/deps/VERSIONS || fail "$(cat build/deps/VERSIONS)"
}

# With a pkg-config that knows these modules: "NAME VERSION" a line.
fake_pkg_config() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/modules"
    cat >"$BATS_TEST_TMPDIR/bin/pkg-config" <<'SH'
#!/bin/bash
modules=$(dirname "$0")/../modules
version() { awk -v name="$1" '$1 == name { print $2 }' "$modules"; }
wanted=()
for word; do
    case $word in
    --atleast-version=*) least=${word#*=} ;;
    --modversion) show=yes ;;
    --cflags) echo "$FAKE_CFLAGS"; exit ;;
    --libs) echo "$FAKE_LIBS"; exit ;;
    --print-errors) errors=yes ;;
    --*) ;;
    *) wanted+=("$word") ;;
    esac
done
for name in "${wanted[@]}"; do
    have=$(version "$name")
    [ -n "$have" ] || { [ -z "$errors" ] || echo "Package '$name' not found" >&2; exit 1; }
    [ -z "$show" ] || echo "$have"
    [ -z "$least" ] || [ "$(printf '%s\n' "$least" "$have" | sort -V | head -n 1)" = "$least" ] || exit 1
done
SH
    chmod 755 "$BATS_TEST_TMPDIR/bin/pkg-config"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "make DEPS=system: an old libjwt, and a library that is missing, are told clearly" {
    fake_pkg_config 'libjwt 1.10.2' 'libcjson 1.7.15' 'sqlite3 3.40.1' 'libxcrypt 4.4.33' 'libcrypto 3.0.15' 'fcgi 2.4.2'
    status=0
    output=$(make_in "$checkout" DEPS=system all 2>&1) || status=$?
    [ "$status" != 0 ]
    has "$output" 'DEPS=system needs libjwt 3 or newer, here is 1.10.2.'
    has "$output" 'Plain "make" fetches and builds one.'
    fake_pkg_config 'libjwt 3.3.3' 'sqlite3 3.40.1' 'libxcrypt 4.4.33' 'libcrypto 3.0.15' 'fcgi 2.4.2'
    status=0
    output=$(make_in "$checkout" DEPS=system all 2>&1) || status=$?
    [ "$status" != 0 ]
    has "$output" "Package 'libcjson' not found"
    has "$output" 'DEPS=system needs the development files of:'
    status=0
    output=$(make_in "$checkout" DEPS=other all 2>&1) || status=$?
    [ "$status" != 0 ]
    has "$output" 'DEPS must be "fetched" or "system"'
}

@test "make DEPS=system: every source compiles as it does there" {
    fake_pkg_config 'libjwt 3.3.3' 'libcjson 1.7.15' 'sqlite3 3.40.1' 'libxcrypt 4.4.33' 'libcrypto 3.0.15' 'fcgi 2.4.2'
    sed -n 's/^PACKAGES := //p' "$root/Makefile" | tr ' ' '\n' | sed 's/$/ 9/' >"$BATS_TEST_TMPDIR/modules"
    # The headers of the libraries that were fetched; of OpenSSL, what is used of it.
    mkdir -p "$BATS_TEST_TMPDIR/include/openssl"
    cat >"$BATS_TEST_TMPDIR/include/openssl/evp.h" <<'H'
#include <stddef.h>
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha384(void);
int EVP_Digest(const void *, size_t, unsigned char *, unsigned int *, const EVP_MD *, void *);
H
    include=$(find "$checkout/build/deps/" -maxdepth 2 -path '*/static-*/include' | head -n 1)
    export FAKE_CFLAGS="-I$BATS_TEST_TMPDIR/include -I$include"
    # musl-gcc, since these headers are for it; not linked.
    output=$(make_in "$checkout" -j2 DEPS=system CC=musl-gcc CFLAGS=-O0 all 2>&1) || true
    has "$output" '  AR    build/obj-system-'
    ! grep -E '[ch]:[0-9:]+ (error|warning): ' <<<"$output" || fail 'does not compile'
    make_in "$checkout" all
}

@test "make DEPS=system: programs are as hard to take over as those with fetched libraries" {
    fake_pkg_config 'libjwt 3.3.3' 'libcjson 1.7.15' 'sqlite3 3.40.1' 'libxcrypt 4.4.33' 'libcrypto 3.0.15' 'fcgi 2.4.2'
    # Libraries for glibc, as those of a system are.
    libraries=$(ls -dt "$root"/build/postgresql/deps/static-* | head -n 1)
    export FAKE_CFLAGS="-I$libraries/include" FAKE_LIBS="-L$libraries/lib -ljwt -ljansson -lmbedcrypto -lcjson -lsqlite3 -lcrypt -lfcgi -lcrypto"
    make_in "$checkout" -j2 DEPS=system CC=gcc BUILD=build/system build/system/cgi-bin/health build/system/cgi-bin/token
    for file in "$checkout"/build/system/cgi-bin/{health,token}; do
        stack_is_data "$file"
        linked_early "$file" shared
        sizes_are_checked "$file" snprintf vsnprintf
    done
    has_canaries "$(ls "$checkout"/build/system/obj-system-*/libcubby.a)" 60
    rm -r "$checkout/build/system"
}

@test "make: a fetch that fails is told, leaves nothing half, and is tried again" {
    mkdir "$BATS_TEST_TMPDIR/fresh"
    copy_checkout "$BATS_TEST_TMPDIR/fresh"
    rm "$BATS_TEST_TMPDIR/fresh/build/deps"
    # A machine whose apt knows no mirror.
    printf '#!/bin/sh\n[ "$1" = indextargets ] || exit 9\n' >"$BATS_TEST_TMPDIR/apt-get"
    chmod 755 "$BATS_TEST_TMPDIR/apt-get"
    for time in 1 2; do
        status=0
        output=$(PATH=$BATS_TEST_TMPDIR:$PATH make_in "$BATS_TEST_TMPDIR/fresh" all 2>&1) || status=$?
        [ "$status" != 0 ]
        has "$output" 'fetch: no Debian mirror in the configuration of apt'
        [ ! -e "$BATS_TEST_TMPDIR/fresh/build/deps/src/VERSIONS" ]
    done
}

@test "make clean keeps the libraries, distclean keeps nothing that was made" {
    cp -a "$checkout" "$BATS_TEST_TMPDIR/copy"
    (
        cd "$BATS_TEST_TMPDIR/copy/build"
        mkdir -p bench/cgi-bin test-tools dist board/mips/{deps,cgi-bin,root} deb/arm64/{deps,obj-1}
        touch bench/once test-tools/load dist/a.tar.gz board/a.tar.gz board/mips/{.flags,files} deb/a.deb deb/arm64/.flags
    )
    make_in "$BATS_TEST_TMPDIR/copy" clean
    [ -e "$BATS_TEST_TMPDIR/copy/build/deps/VERSIONS" ]
    same "$(cd "$BATS_TEST_TMPDIR/copy/build" && find . -mindepth 1 -maxdepth 3 ! -path './deps/*' | sort | tr '\n' ' ')" \
        './board ./board/mips ./board/mips/deps ./deb ./deb/arm64 ./deb/arm64/deps ./deps '
    make_in "$BATS_TEST_TMPDIR/copy" distclean
    [ ! -e "$BATS_TEST_TMPDIR/copy/build" ]
    same "$(cd "$BATS_TEST_TMPDIR/copy" && find . | sort)" "$(cd "$checkout" && find . -path ./build -prune -o -print | sort)"
}

@test "make: with a package missing says which and how to install it, in one line, before anything is made" {
    bare=$BATS_TEST_TMPDIR/bare
    mkdir -p "$bare" "$BATS_TEST_TMPDIR/bin"
    tar -C "$root" --exclude=./build --exclude=./.git --exclude=./data -cf - . | tar -C "$bare" -xf -
    cat >"$BATS_TEST_TMPDIR/bin/dpkg-query" <<'SH'
#!/bin/sh
for last; do :; done
case $last in xz-utils | libtool) exit 1 ;; *) echo installed ;; esac
SH
    chmod 755 "$BATS_TEST_TMPDIR/bin/dpkg-query"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run make_in "$bare"
    [ "$status" != 0 ] || fail 'goes on'
    has "$output" 'missing: xz-utils libtool; install with: sudo apt-get install --no-install-recommends xz-utils libtool'
    case $output in *FETCH* | *' CC '*) fail "$output" ;; esac
    [ "$(grep -vc '^make' <<<"$output")" = 1 ] || fail "$output"
    # With the sources there already too.
    mkdir "$BATS_TEST_TMPDIR/src"
    cp "$root/build/deps/src/VERSIONS" "$BATS_TEST_TMPDIR/src/"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run make_in "$bare" DEP_SOURCES="$BATS_TEST_TMPDIR/src"
    [ "$status" != 0 ] || fail 'goes on'
    has "$output" 'missing: xz-utils libtool; install with:'
    case $output in *' DEP '* | *' CC '*) fail "$output" ;; esac
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run make_in "$bare" CC=some-other-gcc
    case $output in *musl-tools*) fail "$output" ;; esac
}

@test "make: without the converter the pages are not made, and it says what is missing and how to do without" {
    bare=$BATS_TEST_TMPDIR/bare
    mkdir -p "$bare" "$BATS_TEST_TMPDIR/bin"
    tar -C "$root" --exclude=./build --exclude=./.git --exclude=./data -cf - . | tar -C "$bare" -xf -
    printf '#!/bin/sh\nfor last; do :; done\n[ "$last" != cmark-gfm ] && echo installed\n' >"$BATS_TEST_TMPDIR/bin/dpkg-query"
    chmod 755 "$BATS_TEST_TMPDIR/bin/dpkg-query"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run make_in "$bare" build/docs/.made
    [ "$status" != 0 ]
    has "$output" 'missing: cmark-gfm; install with: sudo apt-get install --no-install-recommends cmark-gfm'
    # On another system than Debian.
    rm "$BATS_TEST_TMPDIR/bin/dpkg-query"
    ln -s /usr/bin/* "$BATS_TEST_TMPDIR/bin/"
    rm "$BATS_TEST_TMPDIR/bin/apt-get" "$BATS_TEST_TMPDIR/bin/cmark-gfm"
    PATH=$BATS_TEST_TMPDIR/bin run make_in "$bare" build/docs/.made
    [ "$status" != 0 ]
    has "$output" 'make DOCS= does without'
    [ ! -e "$bare/build/docs/.made" ]
    output=$(make_in "$bare" -n DOCS= all)
    case $output in *render.pl*) fail "$output" ;; esac
}

@test "make: an archive of a library that can't be unpacked stops the build and is not called verified" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    # An archive that has the checksum of the index, and a tar that can't read it.
    cat >"$BATS_TEST_TMPDIR/bin/apt-get" <<'SH'
#!/bin/sh
case "$*" in
*indextargets*) echo http://mirror.invalid/debian/ ;;
*source*) printf x >libjwt3_9.orig.tar.gz ;;
esac
SH
    cat >"$BATS_TEST_TMPDIR/bin/apt-cache" <<SH
#!/bin/sh
printf 'Version: 9-1\nChecksums-Sha256:\n $(printf x | sha256sum | cut -d' ' -f1) 1 libjwt3_9.orig.tar.gz\n'
SH
    printf '#!/bin/sh\nexit 2\n' >"$BATS_TEST_TMPDIR/bin/tar"
    chmod 755 "$BATS_TEST_TMPDIR/bin/"*
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run sh "$root/common/deps/fetch.sh" "$BATS_TEST_TMPDIR/src"
    [ "$status" != 0 ] || fail 'goes on'
    has "$output" "can't be unpacked"
    case $output in *verified*) fail "$output" ;; esac
    [ ! -e "$BATS_TEST_TMPDIR/src/VERSIONS" ]
}

@test "make board: lists the processors, refuses what it does not know and what does not run" {
    output=$(make_in "$root" board)
    has "$output" 'armhf armel arm64 mipsel mips riscv64 i386 amd64 ppc64el s390x'
    VERSION=0 run sh "$root/common/deps/board.sh" vax
    [ "$status" = 2 ]
    has "$output" 'no processor named "vax"'
    VERSION=0 HOST=x CC=no-such-cc AR=ar run sh "$root/common/deps/board.sh"
    [ "$status" = 1 ]
    has "$output" 'no-such-cc does not run'
    for name in ../x .. . -x 'a b' 'a;b'; do
        VERSION=0 HOST=$name CC=gcc AR=ar run sh "$root/common/deps/board.sh"
        [ "$status" = 2 ]
        has "$output" "\"$name\" can't be part of a file's name"
    done
    VERSION=0 run sh "$root/common/deps/board.sh" armhf mips
    [ "$status" = 2 ]
    has "$output" 'one processor at a time'
}

@test "libxcrypt: is configured for the target that the compiler names, flags in CC or not" {
    configured() {
        mkdir -p "$BATS_TEST_TMPDIR/$1/src" "$BATS_TEST_TMPDIR/$1/amalgamation/libxcrypt"
        printf '#!/bin/sh\necho "$@" >"%s/arguments"; exit 1\n' "$BATS_TEST_TMPDIR/$1" >"$BATS_TEST_TMPDIR/$1/amalgamation/libxcrypt/configure"
        chmod 755 "$BATS_TEST_TMPDIR/$1/amalgamation/libxcrypt/configure"
        CC=$2 sh "$root/common/deps/build.sh" libxcrypt "$BATS_TEST_TMPDIR/$1/src" "$BATS_TEST_TMPDIR/$1/out" 2>/dev/null || true
        cat "$BATS_TEST_TMPDIR/$1/arguments"
    }
    case $(configured native musl-gcc) in *--host*) fail 'a host for this machine' ;; esac
    has "$(configured plain arm-linux-gnueabihf-gcc)" --host=arm-linux-gnueabihf
    has "$(configured flags 'arm-linux-gnueabihf-gcc -mtune=cortex-a7')" --host=arm-linux-gnueabihf
    has "$(configured clang 'clang --target=mips-linux-gnu')" --host=mips
}
