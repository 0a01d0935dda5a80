# machine.bash - a small board of another processor: an empty root with nothing but the busybox of that
# processor in it, which boots under emulation. For the suite `board` and its tests.
#
# The kernel of this machine runs none of these programs by itself, so each is a script whose
# interpreter is the emulator. It boots in process and mount spaces of its own: its init is process 1,
# nothing of this machine is mounted or changed, and when that process is killed, all of it is gone.
# BOARD is the processor, BOARD_ROOT the folder of its root. Who loads this has loaded waiting.bash.

# The emulator for the processor that the compiler of the programs makes code for.
emulator() {
    local target
    target=$(sed -n 's/^TARGET=//p' "build/board/$BOARD/compiler")
    case $target in
    arm*) command -v qemu-arm-static ;;
    i?86-*) command -v qemu-i386-static ;;
    powerpc64le-*) command -v qemu-ppc64le-static ;;
    *) command -v "qemu-${target%%-*}-static" ;;
    esac
}

# emulated FILE…: moves programs aside and puts scripts in their places
emulated() {
    local file real
    for file; do
        [ "$(head -c 4 "$file")" = $'\x7fELF' ] || continue
        real=$BOARD_ROOT/real/${file##*/}
        rm -f "$real"
        mv "$file" "$real"
        # An interpreter is told the name of the script too, which programs of CGI and busybox want or
        # let be; the tool would take it for a command.
        case ${file##*/} in
        cubby | httpd) printf '#!/bin/sh\nexec /emulator /real/%s "$@"\n' "${file##*/}" ;;
        *) printf '#!/emulator /real/%s\n' "${file##*/}" ;;
        esac >"$file"
        chmod 755 "$file"
    done
}

# machine_make: an empty root, but for busybox under the names of its applets
machine_make() {
    local emulator applet
    emulator=$(emulator)
    mkdir -p "$BOARD_ROOT"/{bin,sbin,etc,proc,dev,tmp,root,real,var,run}
    cp "$emulator" "$BOARD_ROOT/emulator"
    cp "build/board/$BOARD/busybox" "$BOARD_ROOT/bin/busybox"
    emulated "$BOARD_ROOT/bin/busybox"
    # "busybox /bin/NAME" is the applet NAME.
    for applet in $("$emulator" "$BOARD_ROOT/real/busybox" --list); do
        cp "$BOARD_ROOT/bin/busybox" "$BOARD_ROOT/bin/$applet"
    done
    cp "$BOARD_ROOT/bin/busybox" "$BOARD_ROOT/sbin/init"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$BOARD_ROOT/etc/passwd"
    echo 'root:x:0:' >"$BOARD_ROOT/etc/group"
    echo '::sysinit:/bin/true' >"$BOARD_ROOT/etc/inittab"
    : >"$BOARD_ROOT/dev/null" # where who is not root binds this machine's
}

# machine_boot: starts the board's init; fails where that does not come up
machine_boot() {
    local spaces=(--mount --pid --fork --kill-child=KILL) children='' status=1
    [ "$(id -u)" = 0 ] || spaces+=(--map-root-user)
    # shellcheck disable=SC2016 # for the inner shell
    env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin unshare "${spaces[@]}" /bin/sh -c '
        mount -t proc proc "$1/proc" && mount --bind /dev/null "$1/dev/null" && exec chroot "$1" /sbin/init' \
        sh "$BOARD_ROOT" >>"$BOARD_ROOT.log" 2>&1 </dev/null 3>&- 4>&- 9>&- &
    echo $! >"$BOARD_ROOT.spaces"
    for _ in $(seq 900); do
        children=$(<"/proc/$!/task/$!/children") && [ -n "$children" ] && # one number and a blank, no line
            [ "/proc/${children% }/root" -ef "$BOARD_ROOT" ] && status=0 && break
        kill -0 "$!" || break
        sleep 0.1
    done 2>/dev/null
    echo "${children% }" >"$BOARD_ROOT.init"
    return "$status"
}

# within COMMAND…: on the running board
within() {
    local user=()
    [ "$(id -u)" = 0 ] || user=(--user --preserve-credentials)
    env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin nsenter --target "$(cat "$BOARD_ROOT.init")" "${user[@]}" \
        --mount --pid --root --wd "$@" 3>&- 4>&-
}

# machine_loses_power: every process of the board is gone at once
machine_loses_power() {
    local spaces init
    spaces=$(cat "$BOARD_ROOT.spaces" 2>/dev/null) || return 0
    init=$(cat "$BOARD_ROOT.init" 2>/dev/null) || true
    kill -KILL "${init:-$spaces}" 2>/dev/null || true # it may have ended
    until_true 90 process_gone "$spaces" || kill -KILL "$spaces"
    rm -f "$BOARD_ROOT.spaces"
}

# machine_tool: a script that runs the board's tool on this machine's paths
machine_tool() {
    printf '#!/bin/sh\nexec %q %q "$@"\n' "$BOARD_ROOT/emulator" "$BOARD_ROOT/real/cubby"
}

# Where nobody serves, that is seen at once; under emulation an answer may take long.
answers() { curl -sf -o /dev/null --max-time 60 "$1/health"; }

# machine_answers BASE: within ten minutes
machine_answers() {
    local end=$((SECONDS + 600))
    until answers "$1"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# machine_install: what the page tells to type on a board, and prints what was said
machine_install() { # ADDRESS [OPTION…]
    local address=$1 archive user=()
    archive=$(echo build/board/cubby-*-"$BOARD".tar.gz)
    cp "$archive" "$BOARD_ROOT/tmp/cubby.tar.gz"
    within /bin/tar -xzf /tmp/cubby.tar.gz -C / || return 1
    emulated "$BOARD_ROOT"/usr/sbin/cubby "$BOARD_ROOT"/usr/lib/cubby/httpd "$BOARD_ROOT"/usr/lib/cubby/cgi-bin/*
    shift
    # Who is not root here has one user to give.
    [ "$(id -u)" = 0 ] || user=(--user root)
    within /bin/sh /usr/sbin/cubby-setup --address "$address" "$@" "${user[@]}"
}
