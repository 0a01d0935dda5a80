#!/bin/sh
# packages.sh - installs the Debian packages that a group of tasks needs and the machine lacks.
#
# usage: packages.sh [--missing] [GROUP…]     build, postgresql, release, docs, api, run-SERVER, run-SERVER-fastcgi, test,
#                                            test-cluster, bench, bench-peers, bench-postgresql, dist, deb, test-packages, board-ARCH:TRIPLET
# Without a group there is nothing to do. With --missing nothing is installed: one line says what is
# missing and how to install it. CC names the compiler, musl-gcc unless given. On other systems than
# Debian's it names what to install.
#
# No service runs because of this, now or at the next boot, and PostgreSQL gets no data folder: what is
# installed here is started by whoever wants it. Services that were there before stay as they are.
set -eu

packages_of() {
    case $1 in
    # A release carries what a checkout fetches and generates.
    release)
        [ "${CC:-musl-gcc}" != musl-gcc ] || echo musl-tools
        echo gcc make linux-libc-dev libc6-dev perl xz-utils bzip2
        ;;
    docs) echo cmark-gfm perl ;;
    build)
        packages_of release
        packages_of docs
        echo pkg-config autoconf automake libtool libltdl-dev ca-certificates debian-archive-keyring
        ;;
    # What programs for the second engine are built with.
    postgresql) echo libpq-dev pkg-config ;;
    # The server itself.
    run-postgresql) echo postgresql ;;
    # apache2-bin brings server and modules, and no service
    run-apache) echo apache2-bin curl util-linux ;;
    run-busybox) echo busybox curl util-linux ;;
    run-lighttpd | run-lighttpd-fastcgi) echo lighttpd curl util-linux ;;
    run-apache-fastcgi) packages_of run-apache && echo spawn-fcgi ;;
    run-caddy | run-caddy-fastcgi) echo caddy spawn-fcgi curl util-linux ;;
    run-nginx | run-nginx-fastcgi) echo nginx-light spawn-fcgi curl util-linux ;;
    test)
        packages_of run-apache-fastcgi
        packages_of run-nginx
        packages_of run-caddy
        packages_of postgresql
        packages_of run-postgresql
        echo openssl gpg gpg-agent pgbouncer libfcgi-bin wrk seccomp libpcap0.8-dev systemd
        echo acl apache2-bin lighttpd busybox curl util-linux bats gojq jq sqlite3 libcmocka-dev \
            python3 clang libclang-rt-dev llvm clang-format clang-tidy cppcheck shellcheck \
            git procps valgrind mandoc bsdutils strace patch qemu-user-static lintian chromium-headless-shell fonts-dejavu-core
        packages_of bench-peers
        ;;
    # two PostgreSQL servers, one of which takes over when the other dies, and what decides that
    test-cluster) echo patroni etcd-server ;;
    # board-ARCH:TRIPLET, the compiler for the processor of a board
    board-amd64:*) echo gcc libc6-dev ;;
    board-*:*)
        board=${1#board-}
        echo "gcc-${board#*:}" "libc6-dev-${board%:*}-cross" | tr _ -
        ;;
    # A Node.js from elsewhere serves as well as Debian's.
    api) command -v node >/dev/null || echo nodejs ;;
    dist) packages_of build && echo git ;;
    deb) echo dpkg-dev git ;;
    test-packages) echo mmdebstrap qemu-user-static util-linux curl ;;
    bench)
        echo apache2-bin lighttpd busybox curl util-linux wrk jq sqlite3 valgrind strace
        ;;
    # what cubby is compared with; npm brings node-gyp and the headers of Debian's Node.js
    bench-peers)
        packages_of run-lighttpd
        packages_of run-nginx
        packages_of api
        echo wrk jq sqlite3 python3-flask gunicorn python3-jwt python3 g++ make
        command -v npm >/dev/null || echo npm
        ;;
    bench-postgresql)
        packages_of bench-peers
        packages_of postgresql
        packages_of run-postgresql
        echo python3-psycopg2
        ;;
    *)
        echo "packages.sh: unknown group $1" >&2
        exit 2
        ;;
    esac
}

installed() {
    dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

only_tell=''
[ "${1:-}" != --missing ] || { only_tell=yes && shift; }
[ $# -gt 0 ] || exit 0
wanted=$(for group; do packages_of "$group" || exit 2; done)

if ! command -v apt-get >/dev/null; then
    [ -z "$only_tell" ] || exit 0
    echo "This is no Debian: make sure that you have what these packages bring: $(echo $wanted)"
    exit 0
fi

missing=''
for package in $wanted; do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ -n "$only_tell" ]; then
    echo "missing:$missing; install with: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

echo "installing:$missing"
as_root=''
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "Not root, and there is no sudo. As root: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi

# Services of the packages above that are not here yet. Those that come now are not to start at the next boot.
there() { [ -e "${DPKG_ROOT:-}/lib/systemd/system/$1.service" ] || [ -e "${DPKG_ROOT:-}/etc/init.d/$1" ]; }
services=''
for name in caddy etcd lighttpd nginx patroni pgbouncer postgresql; do
    there "$name" || services="$services $name"
done
disable_services() {
    disabled=''
    for name in $services; do
        there "$name" || continue
        if command -v systemctl >/dev/null; then
            $as_root systemctl --quiet disable "$name.service"
        else # systemd may come later
            $as_root rm -f "${DPKG_ROOT:-}/etc/systemd/system/multi-user.target.wants/$name.service"
        fi
        [ ! -e "${DPKG_ROOT:-}/etc/init.d/$name" ] || $as_root update-rc.d "$name" disable
        disabled="$disabled $name"
    done >/dev/null
    [ -z "$disabled" ] || echo "  does not start by itself:$disabled (systemctl enable --now NAME)"
}

# Packages may bring services (lighttpd does): policy-rc.d, the way Debian offers, keeps them from
# starting. An administrator's own policy stays. PostgreSQL's package makes a folder of data and a server for it,
# unless a file says otherwise; like the policy it is there for as long as this runs.
policy=${DPKG_ROOT:-}/usr/sbin/policy-rc.d
no_cluster=${DPKG_ROOT:-}/etc/postgresql-common/createcluster.d/cubby.conf
made=''
finish() {
    for file in $made; do
        $as_root rm -f "$file"
    done
    [ "${made%"$no_cluster"}" = "$made" ] || $as_root rmdir "${no_cluster%/*}" 2>/dev/null || true
    disable_services
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
    made=$policy
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi
case " $missing " in
*' postgresql '*)
    made="$made $no_cluster"
    $as_root mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | $as_root tee "$no_cluster" >/dev/null
    ;;
esac

install_them() {
    # shellcheck disable=SC2086 # words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 $missing >"$log" 2>&1
}

log=$(mktemp)
for try in 1 2 3; do
    if install_them; then
        rm -f "$log"
        exit 0
    fi
    echo "  try $try failed; refreshing the package lists"
    $as_root apt-get update -q -o DPkg::Lock::Timeout=120 >"$log.update" 2>&1 || cat "$log.update" >&2
    rm -f "$log.update"
done
cat "$log" >&2
rm -f "$log"
echo "could not install:$missing" >&2
exit 1
