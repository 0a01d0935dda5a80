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
# finds its arguments in memory, a filter can't look at them.
my $question = "#include <stdlib.h>\n#include <sys/syscall.h>\n" . <<'QUESTION';
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
#endif
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
@big endian
#endif
#ifdef __GLIBC__
@glibc yes
#endif
QUESTION
my %seen;
my @names = grep { !$seen{$_}++ } map { split /\|/ } map { @$_ } values %groups, values %checked;
$question .= "\@call $_ SYS_$_\n" for @names;

my $source = "$ENV{TMPDIR}/question.c";
open my $out, '>', $source or die "$source: $!\n";
print $out $question;
close $out or die "$source: $!\n";
my (%says, %number);
open my $said, '-|', "$ENV{CC} -E -P '$source'" or die "$ENV{CC}: $!\n"; # flags may follow the name
while (<$said>) {
    if (/^\@call (\w+) ([0-9x+() ]+)$/) { $number{$1} = eval $2 }
    elsif (/^\@(\w+) (\S+)/) { $says{$1} = $2 }
}
close $said or die "filters: $ENV{CC} can't tell the numbers of system calls\n";
unlink $source;
defined $number{read} && defined $number{exit_group} or die "filters: $ENV{CC} knows no system calls\n";

# The names among these that there are; of alternatives the first, or all.
sub there {
    my %here;
    for my $word (@_) {
        my @known = grep { defined $number{$_} } split /\|/, $word;
        $here{$_} = 1 for $says{glibc} ? @known : @known[0 .. (@known ? 0 : -1)];
    }
    return sort { $number{$a} <=> $number{$b} } keys %here;
}

# ---- a filter ----------------------------------------------------------------------------------------

# linux/bpf_common.h, linux/seccomp.h
my %code = (ld => 0x20, imm => 0x00, tax => 0x07, and => 0x54, rshk => 0x74, rshx => 0x7c, ja => 0x05,
    jeq => 0x15, jgt => 0x25, jge => 0x35, jset => 0x45, ret => 0x06);
use constant {NUMBER => 0, ARCH => 4, ALLOW => '0x7fff0000u', REFUSE => '0x00050000u | ENOSYS', EXECUTE => 4};

# Where the low half of an argument lies in struct seccomp_data.
sub argument { 16 + 8 * $_[0] + ($says{big} ? 4 : 0) }

# What is checked of a call's arguments, from where its number was found on.
my %checks = (
    mmap => [['ld', argument(2)], ['jset', EXECUTE, 'refuse', 'allow']],
    prlimit64 => [['ld', argument(0)], ['jeq', 0, 'allow', 'refuse']],
    # linux/net.h: 5 is accept; 9, send, to 18, accept4, make and connect none
    socketcall => [['ld', argument(0)], ['jeq', 5, 'allow', ''], ['jge', 9, '', 'refuse'], ['jgt', 18, 'refuse', 'allow']]);
$checks{mmap2} = $checks{mmap};

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

sub filter {
    my (@allowed) = @_;
    my (%words, @sets, @single, @bodies);
    my @checked = there(map { @{$checked{$_} // []} } @allowed);
    my @free = (there(map { @{$groups{$_}} } @allowed), grep { $_ eq ($says{unseen} // '') } @checked);
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
    for my $name (grep { $_ ne ($says{unseen} // '') } @checked) {
        push @single, ['jeq', $number{$name}, $name, ''];
        push @bodies, $name, @{$checks{$name}};
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
