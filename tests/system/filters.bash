# filters.bash - what the filters of system calls decide, for any processor: libpcap runs them, and the numbers
# come from libseccomp's tables, so that nothing of filters.pl itself is believed.

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

# What no program may call, whatever the list says.
never='execve execveat fork vfork clone clone3 ptrace process_vm_readv process_vm_writev kill tkill tgkill
    rt_sigqueueinfo pidfd_open pidfd_send_signal socket socketpair connect bind listen mprotect pkey_mprotect
    prctl seccomp setrlimit ulimit personality mkdir mkdirat rmdir mknod mknodat rename renameat renameat2 link linkat
    symlink symlinkat chmod fchmodat chown lchown chown32 lchown32 fchownat chroot pivot_root mount umount umount2
    unshare setns fchmod setuid setuid32 setgid setgid32 setresuid setresgid setgroups capset bpf perf_event_open
    userfaultfd io_uring_setup io_uring_enter keyctl add_key request_key init_module finit_module delete_module
    kexec_load reboot swapon ioperm iopl modify_ldt open_by_handle_at name_to_handle_at ioctl shmget shmat msgget
    semget ipc send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg getsockopt getpeername getsockname
    dup dup2 dup3 splice tee vmsplice sendfile pidfd_getfd openat2 creat remap_file_pages inotify_init fanotify_init setsid setpgid sethostname settimeofday clock_settime adjtimex truncate
    truncate64 utimensat setxattr removexattr nice setpriority sched_setscheduler mq_open timer_create'

# What is refused to a program that connects to a server, and nothing else but a clone(2) that makes no thread.
never_connecting='execve execveat fork vfork clone3 setsid setpgid personality
    ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd pidfd_open pidfd_send_signal
    kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo listen
    setns unshare mount umount umount2 move_mount open_tree fsopen fsmount chroot pivot_root
    open_by_handle_at bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
    chmod fchmod fchmodat chown chown32 fchown fchown32 lchown lchown32 fchownat
    utime utimes futimesat utimensat utimensat_time64
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr'

# Where libseccomp tells of calls for sockets only that they may go by socketcall(2): the names in the order of
# their numbers, from the first number on (arch/*/kernel/syscalls/syscall*.tbl of Linux).
by_socketcall() {
    case $architecture in
    x86 | s390x) echo 359 socket socketpair bind connect listen accept4 getsockopt setsockopt getsockname \
        getpeername sendto sendmsg recvfrom recvmsg shutdown ;;
    ppc64le) echo 326 socket bind connect listen accept getsockname getpeername socketpair send sendto recv \
        recvfrom shutdown setsockopt getsockopt sendmsg recvmsg recvmmsg accept4 ;;
    mips*) echo 4168 accept bind connect getpeername getsockname getsockopt listen recv recvfrom recvmsg send \
        sendmsg sendto setsockopt shutdown socket socketpair ;;
    esac
}

# number NAME: of the system call; nothing when the processor $architecture has none of that name.
number() {
    local found each
    found=$(scmp_sys_resolver -a "$architecture" "$1")
    [ "$found" -lt 0 ] || { echo "$found" && return; }
    case $architecture-$1 in mips*-accept4) echo 4334 && return ;; esac # it came later
    # shellcheck disable=SC2046 # words
    set -- "$1" $(by_socketcall)
    [ $# -gt 1 ] || return 0
    found=$2
    for each in "${@:3}"; do
        [ "$each" != "$1" ] || echo "$found"
        found=$((found + 1))
    done
}

# Whether of names for the same all are in, or only the first that there is.
has_several() {
    [ "$libc" = glibc ] || case $architecture in x86 | arm | mips | mipsel) ;; *) return 1 ;; esac
}

# first_of NAME|NAME…: numbers, of all of them or of the first that there is.
first_of() {
    local each found
    for each in ${1//|/ }; do
        found=$(number "$each")
        [ -n "$found" ] || continue
        echo "$found"
        has_several || return 0
    done
}

# listed KIND GROUP: the words of a group, or of what is checked in it.
listed() {
    awk -v kind="$1" -v name="$2" '{ sub(/#.*/, "") }
        $1 == "group" { group = $2; next }
        $1 == "filter" { next }
        $1 == "checked" { if (kind == "checked" && $2 == name) for (i = 3; i <= NF; i++) print $i; next }
        kind == "group" && group == name { for (i = 1; i <= NF; i++) print $i }' "$repository/common/sandbox/calls"
}

# decided: asks for each line "FILTER PROCESSOR NUMBER [ARGUMENT…]", and leaves lines with the answer behind.
decided() { "$BATS_TEST_TMPDIR/decide"; }

# says ANSWER FILTER NAME [ARGUMENT…]: of a call that the processor has
says() {
    local answer=$1 filter=$2 call=$3 of
    of=$(number "$call")
    [ -n "$of" ] || return 0
    shift 3
    same "$filter $call $* $(decided <<<"$filter $architecture $of $*" | sed 's/.* //')" "$filter $call $* $answer"
}

# filters_decide_as_listed FILTERS_H PROCESSOR musl|glibc
filters_decide_as_listed() {
    local header=$1 architecture=$2 libc=$3 filter groups group word base=0 other name
    local standard='0 1 2 4294967296 4294967297 8589934594' # descriptors
    constants
    gcc -std=c11 -D_GNU_SOURCE -DFILTERS="\"$header\"" "$repository/tests/system/filters.c" -lpcap -o "$BATS_TEST_TMPDIR/decide"
    case $architecture in mips*) base=4000 ;; esac
    for word in $never; do number "$word"; done >"$BATS_TEST_TMPDIR/never"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/never")" -gt 70 ]
    for filter in read write stay; do
        case $filter in
        read) groups='reads' ;;
        write) groups='reads writes' ;;
        stay) groups='reads writes stays' ;;
        esac
        for group in $groups; do
            for word in $(listed group "$group") $(listed checked "$group"); do
                case "$architecture $group $word" in
                *'fcntl|fcntl64' | *socketcall | *shutdown | *setsockopt | *seek | *pwrite64 | *truncate64 | *fchown)
                    continue # refused with no arguments
                    ;;
                'x86 '*'mmap2|mmap') word=mmap2 ;;                       # the other one has them in memory
                esac
                first_of "$word"
            done
        done | sort -nu >"$BATS_TEST_TMPDIR/wanted"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/wanted")" -gt 25 ]
        # each number that there can be, and those of the other ABI of x86-64, 0x40000000 higher
        seq "$base" $((base + 1100)) | sed "s/^/$filter $architecture /" | decided | awk '$NF == "allow" {print $3}' |
            sort -nu >"$BATS_TEST_TMPDIR/allowed"
        diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/allowed" >&2 || fail "$filter of $architecture: < listed, > allowed"
        same "$(seq 1073741824 1073742900 | sed "s/^/$filter $architecture /" | decided | grep -c allow)" 0
        # those of other processors
        for other in x86_64 x86 arm aarch64 mips mipsel ppc64le s390x riscv64; do
            [ "$other" = "$architecture" ] ||
                same "$other $(seq 0 4400 | sed "s/^/$filter $other /" | decided | grep -c allow)" "$other 0"
        done
        same "$(sed "s/^/$filter $architecture /" "$BATS_TEST_TMPDIR/never" | decided | grep -c allow)" 0
        # memory that can be executed, or is shared without a file: where the arguments lie in registers
        [ "$architecture" = s390x ] || for name in $(named mmap2 mmap); do
            case $architecture-$name in x86-mmap)
                says refuse "$filter" mmap
                continue
                ;;
            esac
            says allow "$filter" "$name" 0 4096 3 "$MAP_PRIVATE"
            says allow "$filter" "$name" 0 4096 3 $((MAP_PRIVATE | MAP_ANONYMOUS))
            for word in 4 5 6 7; do says refuse "$filter" "$name" 0 4096 "$word" "$MAP_PRIVATE"; done
            says refuse "$filter" "$name" 0 4096 3 $((MAP_SHARED | MAP_ANONYMOUS))
            says refuse "$filter" "$name" 0 4096 3 $((3 | MAP_ANONYMOUS)) # MAP_SHARED_VALIDATE
            word=allow
            [ "$filter" != read ] || word=refuse
            says "$word" "$filter" "$name" 0 4096 3 "$MAP_SHARED" 3
            for other in $standard; do says refuse "$filter" "$name" 0 4096 3 "$MAP_SHARED" "$other"; done
        done
        # what standard error leads to, which may be a log, is only written as any file is: by descriptors of 32 bits
        for name in $(named lseek _llseek) $(named pwrite64) $(named ftruncate ftruncate64) $(named fchown32 fchown); do
            word=allow
            case $filter-$name in *seek) ;; read-*) word=refuse ;; esac
            for other in 3 4 1023 4294967295; do says "$word" "$filter" "$name" "$other"; done
            for other in $standard; do says refuse "$filter" "$name" "$other"; done
        done
        # commands for descriptors: flags and locks, of the kernel's numbers
        for name in $(named fcntl fcntl64); do
            same "$filter $name $(seq 0 1100 | sed "s/^/$filter $architecture $(number "$name") 0 /" | decided |
                awk '$NF == "allow" {printf "%s ", $5}')" "$filter $name $commands "
        done
    done
    # no file that can be executed, or with the rights of its owner, is made
    for filter in write stay; do
        for name in $(named open openat); do
            set -- 0
            [ "$name" = open ] || set -- 0 0
            says allow "$filter" "$name" "$@" $((2 | O_CREAT)) $((0644))
            says allow "$filter" "$name" "$@" 2 $((0755)) # what lies there without meaning
            for word in 0100 0010 0001 01000 02000 04000 04755 0777; do
                says refuse "$filter" "$name" "$@" $((2 | O_CREAT)) $((word))
                says refuse "$filter" "$name" "$@" $((2 | 020200000)) $((word)) # O_TMPFILE
            done
        done
        for word in 0 0600 0644 0666 0700 04755; do says refuse "$filter" fchmod 3 $((word)); done
    done
    # what only reads opens for reading, or as a log
    for name in $(named open openat); do
        set -- 0
        [ "$name" = open ] || set -- 0 0
        says refuse read "$name" "$@" $((1 | O_CREAT | O_APPEND)) $((0700))
        for word in 0 "$O_CLOEXEC" $((1 | O_CREAT | O_APPEND)) $((1 | O_CREAT | O_APPEND | O_CLOEXEC)); do
            says allow read "$name" "$@" "$word"
        done
        for word in 1 2 3 $((1 | O_CREAT)) $((1 | O_APPEND)) $((2 | O_CREAT | O_APPEND)) $((2 | O_CREAT)) "$O_CREAT" "$O_TRUNC" \
            $((1 | O_CREAT | O_APPEND | O_TRUNC)) $((1 | O_TRUNC)) $((O_CLOEXEC | 2)); do
            says refuse read "$name" "$@" "$word"
            says allow write "$name" "$@" "$word"
            says allow stay "$name" "$@" "$word"
        done
    done
    # of sockets: the listener, which is 0, stays, and nothing but timeouts is set
    says refuse stay shutdown 0
    says allow stay shutdown 3
    says refuse write shutdown 3
    for word in $timeouts; do says allow stay setsockopt 3 "$SOL_SOCKET" "$word"; done
    for word in 1 2 9 15 26 50 51 4294967295; do says refuse stay setsockopt 3 "$SOL_SOCKET" "$word"; done
    for word in 0 6 41 $((65536 - SOL_SOCKET)); do # IPPROTO_TCP, of IP, of others
        for other in $timeouts; do says refuse stay setsockopt 3 "$word" "$other"; done
    done
    # what connects to a server: all but these, whatever their arguments
    for word in $never_connecting clone; do number "$word"; done | sort -nu >"$BATS_TEST_TMPDIR/wanted"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/wanted")" -gt 50 ]
    seq "$base" $((base + 450)) | sed "s/^/connect $architecture /" | decided | awk '$NF == "refuse" {print $3}' |
        sort -nu >"$BATS_TEST_TMPDIR/refused"
    diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/refused" >&2 || fail "connect of $architecture: < to be refused, > refused"
    for name in $never_connecting; do says refuse connect "$name" 1 1 1; done
    # and what no kernel had when the list was made, whose names headers may lack
    same "$(seq $((base + 451)) $((base + 1100)) | sed "s/^/connect $architecture /" | decided | grep -c allow)" 0
    for name in read socket connect sendto recvfrom mmap mmap2 mprotect futex openat accept4 bind futex_waitv; do says allow connect "$name"; done
    word=0
    [ "$architecture" != s390x ] || word='0 '
    # shellcheck disable=SC2086 # words: flags come second on s390x
    for other in 17 16384 0 1073741824; do # SIGCHLD, of vfork, another name space
        says refuse connect clone ${word%0}$other
        says allow connect clone ${word%0}$((other | 0x10000))
    done
    for name in fcntl fcntl64; do
        says allow connect "$name" 0 2 1
        says allow connect "$name" 0 4 2048
        case $architecture in mips*) word=24 ;; *) word=8 ;; esac
        for other in "$word" 10 15; do says refuse connect "$name" 0 "$other"; done
    done
    # FIOSETOWN and SIOCSPGRP have what happens to a connection told by a signal to another; FIONREAD, FIONBIO
    case $architecture in mips*) set -- 0x8004667c 0x80047308 0x467f 0x667e ;; *) set -- 0x8901 0x8902 0x541b 0x5421 ;; esac
    for word in "$1" "$2" $((0xffffffff00000000 | $1)); do says refuse connect ioctl 3 $((word)); done
    for word in "$3" "$4" 0x8903; do says allow connect ioctl 3 $((word)); done
    # where sockets go by one call, all of it but listen
    says refuse connect socketcall 4
    for word in 1 3 5 9 10 18; do says allow connect socketcall "$word"; done
    says allow connect prlimit64 0
    says refuse connect prlimit64 1
    same "$(seq 1073741824 1073742900 | sed "s/^/connect $architecture /" | decided | grep -c allow)" 0
    for other in x86_64 x86 arm aarch64 mips mipsel ppc64le s390x riscv64; do
        [ "$other" = "$architecture" ] ||
            same "$other $(seq 0 4400 | sed "s/^/connect $other /" | decided | grep -c allow)" "$other 0"
    done
    # what musl calls where words have 32 bits
    case $architecture in x86 | arm | mips | mipsel)
        says allow read _llseek 3
        for name in stat64 lstat64 fstat64 fstatat64 statx; do says allow read "$name"; done
        says allow read fcntl64 0 3
        says allow write ftruncate64 3
        says allow stay clock_gettime64
        ;;
    esac
    says refuse read prlimit64 0
    says refuse write prlimit64 0
    says allow stay prlimit64 0
    says refuse stay prlimit64 1
    says refuse stay prlimit64 4294967295
    says refuse write socketcall 5
    for word in 5 13 14 18; do # accept, shutdown, setsockopt, accept4
        case $architecture in
        x86 | s390x) says allow stay socketcall "$word" ;;
        *) says refuse stay socketcall "$word" ;;
        esac
    done
    for word in 0 1 2 3 4 6 7 8 9 10 11 12 15 16 17 19 20 4294967295; do # socket, bind, connect, send, sendto…
        says refuse stay socketcall "$word"
    done
}

# named NAME…: those that the filter of this processor and libc may have: all that there are, or the first
named() {
    local each
    for each; do
        [ -n "$(number "$each")" ] || continue
        echo "$each"
        has_several || return 0
    done
}

# Numbers of the kernel for $architecture: include/uapi/asm-generic and arch/*/include/uapi/asm of Linux.
constants() {
    MAP_SHARED=1 MAP_PRIVATE=2 MAP_ANONYMOUS=$((0x20))
    O_CREAT=$((0100)) O_TRUNC=$((01000)) O_APPEND=$((02000)) O_CLOEXEC=$((02000000))
    SOL_SOCKET=1 timeouts='20 21 66 67'
    # F_GETFD to F_GETFL, locks, locks of open files
    case $architecture in
    x86 | arm) commands='1 2 3 12 13 14 36 37 38' ;;
    mips | mipsel)
        commands='1 2 3 33 34 35 36 37 38'
        MAP_ANONYMOUS=$((0x800)) O_CREAT=$((0x100)) O_TRUNC=$((0x200)) O_APPEND=8
        SOL_SOCKET=65535 timeouts='4101 4102 66 67'
        ;;
    *) commands='1 2 3 5 6 7 36 37 38' ;;
    esac
    case $architecture in ppc64le) timeouts='18 19 66 67' ;; esac
}
