# filters.pl - makes the filters of system calls (seccomp(2)) for the processor that a compiler
# compiles for: arrays of instructions of classic BPF, as a C header on standard output.
#
#   CC=... perl filters.pl common/sandbox/calls
#
# The numbers come from the compiler's own <sys/syscall.h>. For a processor that is not in the table
# below there are no filters, and programs go on without.
#
# Why not libseccomp, which writes such filters too: what a filter costs is to bring it into the
# kernel, once for each process. Its lists of comparisons took 95 microseconds here and its trees 33,
# of an execution that takes 160; these take 12, of which 8 are those of a filter that allows all. A
# call's number is looked up in a set of bits, a word of 32 calls each. And nothing is needed to build
# but the compiler.
use strict;
use warnings;

my ($list) = @ARGV;
my (%groups, %checked, @kill, @filters, $group);
open my $in, '<', $list or die "$list: $!\n";
while (my $line = <$in>) {
    chomp $line;
    $line =~ s/\s*(#.*)?$//;
    next if $line eq '';
    my @words = split ' ', $line;
    if ($words[0] eq 'group') { $group = $words[1] }
    elsif ($words[0] eq 'checked') { push @{$checked{$words[1]}}, @words[2 .. $#words] }
    elsif ($words[0] eq 'kill') { @kill = @words[1 .. $#words] }
    elsif ($words[0] eq 'filter') { push @filters, [$words[1], @words[3 .. $#words]] }
    else { push @{$groups{$group}}, @words }
}

# ---- what the compiler knows ---------------------------------------------------------------------

# The kernel's name of a processor (AUDIT_ARCH_*), and whether its `mmap` has the arguments of six
# registers. MIPS: only the ABI that boards have.
my $question = "#include <sys/syscall.h>\n" . <<'QUESTION';
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
#if defined __s390__ || defined __i386__
@oldmmap 1
#endif
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
@big 1
#endif
QUESTION
my @names = do { my %seen; grep { !$seen{$_}++ } map({ @$_ } values %groups, values %checked), @kill };
$question .= "\@call $_ SYS_$_\n" for @names;

my $source = "$ENV{TMPDIR}/calls.c";
open my $out, '>', $source or die "$source: $!\n";
print $out $question;
close $out or die "$source: $!\n";
my ($arch, $old_mmap, $big, %number) = (undef, 0, 0);
# The name of a compiler may have flags behind it.
open my $said, '-|', "$ENV{CC} -E -P $source" or die "$ENV{CC}: $!\n";
while (<$said>) {
    if (/^\@arch (\S+)/) { $arch = $1 }
    elsif (/^\@oldmmap/) { $old_mmap = 1 }
    elsif (/^\@big/) { $big = 1 }
    elsif (/^\@call (\w+) ([0-9x+() ]+)$/) { $number{$1} = eval $2 }
}
close $said or die "filters: $ENV{CC} can't tell the numbers of system calls\n";
defined $number{read} && defined $number{exit_group} or die "filters: $ENV{CC} knows no system calls\n";

# ---- a filter -----------------------------------------------------------------------------------------

# linux/bpf_common.h, linux/seccomp.h
my %code = (ld => 0x20, imm => 0x00, tax => 0x07, and => 0x54, rshk => 0x74, rshx => 0x7c,
    ja => 0x05, jeq => 0x15, jgt => 0x25, jge => 0x35, jset => 0x45, ret => 0x06);
use constant {NUMBER => 0, ARCH => 4, ALLOW => '0x7fff0000u', REFUSE => '0x00050000u | ENOSYS',
    KILL => '0x80000000u', EXECUTE => 4};

# Where the low half of an argument lies in struct seccomp_data.
sub argument { 16 + 8 * $_[0] + ($big ? 4 : 0) }

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
        ($k, @to) = ($to[0], 0, 0) if $op eq 'ja';
        die "filters: a jump too far\n" if grep { $_ < 0 || $_ > 255 } @to;
        push @lines, sprintf('{0x%02x, %d, %d, %s}', $code{$op}, $to[0] // 0, $to[1] // 0, $k);
    }
    return @lines;
}

sub filter {
    my (@allowed) = @_;
    my (%bits, @checks, @bodies);
    for my $name (map { @{$groups{$_}} } @allowed) {
        $bits{$number{$name} >> 5} |= 1 << ($number{$name} & 31) if defined $number{$name};
    }
    my %looked_at = map { $_ => 1 } map { @{$checked{$_} // []} } @allowed;
    delete $looked_at{mmap} if defined $number{mmap2};
    if ($looked_at{mmap} && $old_mmap) { # its arguments lie in memory, where a filter can't look
        delete $looked_at{mmap};
        $bits{$number{mmap} >> 5} |= 1 << ($number{mmap} & 31);
    }
    for my $name (grep { $looked_at{$_} && defined $number{$_} } sort keys %looked_at) {
        push @checks, ['jeq', $number{$name}, $name, ''];
        push @bodies, $name;
        push @bodies, ['ld', argument(2)], ['jset', EXECUTE, 'refuse', 'allow'] if $name =~ /^mmap/;
        push @bodies, ['ld', argument(0)], ['jeq', 0, 'allow', 'refuse'] if $name eq 'prlimit64';
        # linux/net.h: accept is 5; send and what follows, 9 to 18
        push @bodies, ['ld', argument(0)], ['jeq', 5, 'allow', ''], ['jge', 9, '', 'kill'],
            ['jgt', 18, 'refuse', 'allow'] if $name eq 'socketcall';
    }
    my @words = map { (['jeq', $_, '', "not$_"], ['imm', sprintf '0x%08xu', $bits{$_}], ['ja', 0, 'bit'], "not$_") }
        sort { $a <=> $b } keys %bits;
    # libseccomp's and the kernel's advice: the processor first, because numbers mean nothing without.
    return assemble(['ld', ARCH], ['jeq', $arch, '', 'kill'],
        ['ld', NUMBER], ['and', 31], ['tax', 0], ['ld', NUMBER], ['rshk', 5], @words,
        ['imm', 0], 'bit', ['rshx', 0], ['jset', 1, 'allow', ''],
        ['ld', NUMBER], @checks, map({ ['jeq', $number{$_}, 'kill', ''] } grep { defined $number{$_} } @kill),
        ['ret', REFUSE], @bodies, 'refuse', ['ret', REFUSE], 'allow', ['ret', ALLOW], 'kill', ['ret', KILL]);
}

print "/* Made by common/sandbox/filters.pl. */\n";
if (!defined $arch) {
    print "#define SANDBOX_NO_FILTERS\n";
    exit;
}
for (@filters) {
    my ($name, @allowed) = @$_;
    print "static const struct instruction filter_$name\[] = {\n", map({ "    $_,\n" } filter(@allowed)), "};\n";
}
