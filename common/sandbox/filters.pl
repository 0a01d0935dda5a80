# filters.pl - makes the filters of system calls (seccomp(2)) for the processor that a compiler
# compiles for: arrays of instructions of classic BPF, as a C header on standard output.
#
#   CC=... TMPDIR=... perl filters.pl common/sandbox/calls
#
# The numbers come from the compiler's own <sys/syscall.h>. For a processor that is not in the table
# below there are no filters, and programs go on without.
#
# Why not libseccomp, which writes such filters too: what a filter costs is to bring it into the
# kernel, which checks and translates it, once for each process. Its lists of comparisons took 95
# microseconds, its trees 33, these 15, and one instruction that allows all 8, in a process that does
# nothing else. Most numbers are looked up in sets of bits, a word for 32 calls; those that are nearly
# alone in theirs are compared. And nothing is needed to build but the compiler.
use strict;
use warnings;

my ($list) = @ARGV;
my (%groups, %checked, @filters, $group);
open my $in, '<', $list or die "$list: $!\n";
while (my $line = <$in>) {
    chomp $line;
    $line =~ s/\s*(#.*)?$//;
    next if $line eq '';
    my @words = split ' ', $line;
    if ($words[0] eq 'group') { $group = $words[1] }
    elsif ($words[0] eq 'checked') { push @{$checked{$words[1]}}, @words[2 .. $#words] }
    elsif ($words[0] eq 'filter') { push @filters, [$words[1], @words[3 .. $#words]] }
    else { push @{$groups{$group}}, @words }
}

# ---- what the compiler knows -------------------------------------------------------------------------

# The kernel's name of a processor (AUDIT_ARCH_*). MIPS: only the ABI that boards have. Where `mmap`
# finds its arguments in memory, a filter can't look at them: it is left out if there is another call
# for that, and else allowed as it is (`unseen`). `socketcall` has them there too, and is left out where
# calls of their own have always been there. Left out is refused: so it is in the filters that list what is
# allowed, and not in those that list what is not.
my $question = "#undef _GNU_SOURCE\n#define _GNU_SOURCE\n#undef _FILE_OFFSET_BITS\n#define _FILE_OFFSET_BITS 64\n#include <stdlib.h>\n#include <fcntl.h>\n"
    . "#include <sys/mman.h>\n#include <sys/syscall.h>\n" . <<'QUESTION';
#if defined __x86_64__ && !defined __ILP32__
@arch 0xc000003e
#elif defined __i386__
@arch 0x40000003
#elif defined __aarch64__ && defined __AARCH64EL__
@arch 0xc00000b7
#elif defined __arm__ && defined __ARMEL__
@arch 0x40000028
#elif defined __mips__ && defined _ABIO32 && _MIPS_SIM == _ABIO32 && defined __MIPSEL__
@arch 0x40000008
#elif defined __mips__ && defined _ABIO32 && _MIPS_SIM == _ABIO32
@arch 0x00000008
#elif defined __riscv && __riscv_xlen == 64
@arch 0xc00000f3
#elif defined __riscv && __riscv_xlen == 32
@arch 0x400000f3
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
@arch 0xc0000015
#elif defined __powerpc64__
@arch 0x80000015
#elif defined __s390x__
@arch 0x80000016
#elif defined __loongarch64
@arch 0xc0000102
#endif
#ifdef __s390x__
@unseen mmap
@swapped arguments of clone
#elif defined __i386__
@without mmap
#elif defined __mips__ || defined __powerpc__
@without socketcall
#endif
#if __SIZEOF_LONG__ == 8 /* F_GETLK, F_SETLK, F_SETLKW as the kernel has them: a C library may translate */
@locks 5|6|7
#elif defined __mips__
@locks 33|34|35
#elif defined __riscv
@locks 5|6|7|12|13|14
#else
@locks 12|13|14
#endif
#ifdef __mips__
@level 0xffff
@timeouts 0x1005|0x1006|66|67
@owners 0x8004667cu|0x80047308u
#elif defined __powerpc__
@level 1
@timeouts 18|19|66|67
#else
@level 1
@timeouts 20|21|66|67
#endif
#ifndef __mips__ /* FIOSETOWN, SIOCSPGRP, which headers may have as expressions */
@owners 0x8901|0x8902
#endif
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
@big endian
#endif
#if defined __GLIBC__ || __SIZEOF_LONG__ == 4
@several yes
#endif
QUESTION
my @constants = qw(PROT_EXEC MAP_SHARED MAP_ANONYMOUS O_WRONLY O_RDWR O_CREAT O_TRUNC O_APPEND
    F_GETFD F_SETFD F_GETFL F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW
    F_SETOWN F_SETSIG F_SETOWN_EX);
$question .= "\@constant of_$_ ($_)\n" for @constants;
my %seen;
my @names = grep { !$seen{$_}++ } map { split /\|/ } map { @$_ } values %groups, values %checked;
$question .= "\@call $_ SYS_$_\n" for @names;

my $source = "$ENV{TMPDIR}/question.c";
open my $out, '>', $source or die "$source: $!\n";
print $out $question;
close $out or die "$source: $!\n";
my (%says, %number, %is);
open my $said, '-|', "$ENV{CC} -E -P '$source'" or die "$ENV{CC}: $!\n"; # flags may follow the name
while (<$said>) {
    if (/^\@call (\w+) ([0-9x+() ]+)$/) { $number{$1} = eval $2 }
    elsif (/^\@constant of_(\w+) ([0-9a-fx()| ]+)$/i) { $is{$1} = eval $2 }
    elsif (/^\@(\w+) (\S+)/) { $says{$1} = $2 }
}
close $said or die "filters: $ENV{CC} can't tell the numbers of system calls\n";
unlink $source;
for (@constants) { defined $is{$_} or die "filters: $ENV{CC} does not know $_\n" }
defined $number{read} && defined $number{exit_group} or die "filters: $ENV{CC} knows no system calls\n";

# The names among these that there are; of alternatives the first, or all: of those for offsets and times
# of 32 and 64 bits a C library may try one after the other.
sub there {
    my %here;
    for my $word (@_) {
        my @known = grep { defined $number{$_} } split /\|/, $word;
        $here{$_} = 1 for $says{several} ? @known : @known[0 .. (@known ? 0 : -1)];
    }
    return sort { $number{$a} <=> $number{$b} } keys %here;
}

# ---- a filter ----------------------------------------------------------------------------------------

# linux/bpf_common.h, linux/seccomp.h
my %code = (ld => 0x20, imm => 0x00, tax => 0x07, and => 0x54, rshk => 0x74, rshx => 0x7c, ja => 0x05,
    jeq => 0x15, jge => 0x35, jset => 0x45, ret => 0x06);
use constant {NUMBER => 0, ARCH => 4, ALLOW => '0x7fff0000u', REFUSE => '0x00050000u | ENOSYS',
    LATER => 451, THREAD => 0x10000, TEMPORARY => 020000000}; # in O_TMPFILE, which not every C library tells of

# Where the low half of an argument lies in struct seccomp_data.
sub argument { 16 + 8 * $_[0] + ($says{big} ? 4 : 0) }

# ARGUMENT is one of these values.
sub one_of {
    my ($argument, @values) = @_;
    my $last = pop @values;
    return (['ld', argument($argument)], map({ ['jeq', $_, 'allow', ''] } @values), ['jeq', $last, 'allow', 'refuse']);
}

# ARGUMENT has the flags of open(2) for reading, or of a log; with WRITES any. The mode of a file that is
# made is behind them.
sub opens {
    my ($argument, $writes) = @_;
    return (['ld', argument($argument)],
        $writes ? ['jset', $is{O_CREAT} | TEMPORARY, '', 'allow']
                : (['and', $is{O_WRONLY} | $is{O_RDWR} | $is{O_CREAT} | $is{O_TRUNC} | $is{O_APPEND}],
                    ['jeq', 0, 'allow', ''], ['jeq', $is{O_WRONLY} | $is{O_CREAT} | $is{O_APPEND}, '', 'refuse']),
        is_plain($argument + 1));
}

# ARGUMENT is a descriptor, but of standard input, output and error, which no other file ever is
# (common/base/streams.h).
sub is_own { (['ld', argument($_[0])], ['jge', 3, 'allow', 'refuse']) }

# ARGUMENT is a mode without a right to execute, and without those of the file's owner for who does.
sub is_plain { (['ld', argument($_[0])], ['jset', 07111, 'refuse', 'allow']) }

# What is checked of a call's arguments, from where its number was found on; nothing: it is allowed.
sub check {
    my ($name, $writes) = @_;
    return opens($name eq 'open' ? 1 : 2, $writes) if $name =~ /^open/;
    return is_own(0) if $name =~ /seek$|^pwrite64$|^ftruncate|^fchown/;
    return (['ld', argument(2)], ['jset', $is{PROT_EXEC}, 'refuse', ''], ['ld', argument(3)],
        $writes ? (['jset', $is{MAP_SHARED}, '', 'allow'], ['jset', $is{MAP_ANONYMOUS}, 'refuse', ''], is_own(4))
                : ['jset', $is{MAP_SHARED}, 'refuse', 'allow']) if $name =~ /^mmap/;
    return one_of(1, @is{qw(F_GETFD F_SETFD F_GETFL)}, split(/\|/, $says{locks}),
        @is{qw(F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW)}) if $name =~ /^fcntl/;
    return one_of(0, 0) if $name eq 'prlimit64';
    return (['ld', argument(0)], ['jeq', 0, 'refuse', 'allow']) if $name eq 'shutdown';
    return (['ld', argument(1)], ['jeq', $says{level}, '', 'refuse'], one_of(2, split /\|/, $says{timeouts}))
        if $name eq 'setsockopt';
    return one_of(0, 5, 13, 14, 18) if $name eq 'socketcall'; # linux/net.h: accept, shutdown, setsockopt, accept4
    return;
}

# Instructions with names of places for jumps, turned into distances at the end.
sub assemble {
    my (@code, %at);
    for (@_) {
        if (ref) { push @code, $_ }
        else { $at{$_} = @code }
    }
    my @lines;
    for my $i (0 .. $#code) {
        my ($op, $k, @to) = @{$code[$i]};
        @to = map { $_ eq '' ? 0 : $at{$_} - $i - 1 } @to;
        ($k, @to) = ($to[0]) if $op eq 'ja';
        die "filters: a jump too far\n" if grep { $_ < 0 || $_ > 255 } @to;
        push @lines, sprintf '{0x%02x, %d, %d, %s}', $code{$op}, $to[0] // 0, $to[1] // 0, $k;
    }
    return @lines;
}

# All calls but those of the group WORST, and but what came after Linux 5.17: a compiler's headers need
# not know it (fchmodat2). Those have the same numbers everywhere, on MIPS from 4000 on. A number from
# 2^30 on, that of another ABI of x86-64, is among them.
sub filter_but {
    my ($worst) = @_;
    my @checked = there(map { split /\|/ } @{$checked{$worst}}); # all of the alternatives
    return assemble(['ld', ARCH], ['jeq', $says{arch}, '', 'refuse'], ['ld', NUMBER],
        ['jge', ($number{read} < 4000 ? 0 : 4000) + LATER, 'refuse', ''],
        map({ ['jeq', $number{$_}, 'refuse', ''] } there(@{$groups{$worst}})),
        map({ ['jeq', $number{$_}, $_, ''] } @checked), ['ja', 0, 'allow'],
        map({ ($_, check_but($_)) } @checked), 'refuse', ['ret', REFUSE], 'allow', ['ret', ALLOW]);
}

# What is checked of a call there.
sub check_but {
    my ($name) = @_;
    return (['ld', argument($says{swapped} ? 1 : 0)], ['jset', THREAD, 'allow', 'refuse']) if $name eq 'clone';
    return (['ld', argument(1)], map({ ['jeq', $_, 'refuse', ''] } @is{qw(F_SETOWN F_SETSIG)}),
        ['jeq', $is{F_SETOWN_EX}, 'refuse', 'allow']) if $name =~ /^fcntl/;
    return (['ld', argument(0)], ['jeq', 4, 'refuse', 'allow']) if $name eq 'socketcall'; # listen
    return (['ld', argument(1)], map({ ['jeq', $_, 'refuse', ''] } split /\|/, $says{owners}), ['ja', 0, 'allow'])
        if $name eq 'ioctl';
    return check($name);
}

sub filter {
    my (@allowed) = @_;
    return filter_but($allowed[1]) if $allowed[0] eq 'except';
    my (%words, @sets, @single, @bodies);
    my $writes = grep { $_ eq 'writes' } @allowed;
    my @checked = grep { $_ ne ($says{without} // '') } there(map { @{$checked{$_} // []} } @allowed);
    my %check = map { $_ => [check($_, $writes)] } grep { $_ ne ($says{unseen} // '') } @checked;
    my @free = (there(map { @{$groups{$_}} } @allowed), grep { !@{$check{$_} // []} } @checked);
    push @{$words{$number{$_} >> 5}}, $number{$_} for @free;
    for my $word (sort { $a <=> $b } keys %words) {
        my @numbers = @{$words{$word}};
        if (@numbers < 3) {
            push @single, map { ['jeq', $_, 'allow', ''] } @numbers;
            next;
        }
        my $bits = 0;
        $bits |= 1 << ($_ & 31) for @numbers;
        push @sets, ['jeq', $word, '', "not$word"], ['imm', sprintf '0x%08xu', $bits], ['ja', 0, 'bit'], "not$word";
    }
    for my $name (grep { @{$check{$_} // []} } @checked) {
        push @single, ['jeq', $number{$name}, $name, ''];
        push @bodies, $name, @{$check{$name}};
    }
    return assemble(['ld', ARCH], ['jeq', $says{arch}, '', 'refuse'],
        ['ld', NUMBER], ['and', 31], ['tax', 0], ['ld', NUMBER], ['rshk', 5], @sets, ['imm', 0],
        'bit', ['rshx', 0], ['jset', 1, 'allow', ''], ['ld', NUMBER], @single, ['ja', 0, 'refuse'],
        @bodies, 'refuse', ['ret', REFUSE], 'allow', ['ret', ALLOW]);
}

print "/* Made by common/sandbox/filters.pl. */\n";
if (!defined $says{arch}) {
    print "#define SANDBOX_NO_FILTERS\n";
    exit;
}
for (@filters) {
    my ($name, @allowed) = @$_;
    print "static const struct instruction filter_$name\[] = {\n", map({ "    $_,\n" } filter(@allowed)), "};\n";
}
