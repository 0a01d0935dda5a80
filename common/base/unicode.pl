# unicode.pl - writes the tables of unicode.c, from the Unicode Character Database as perl has it.
#
#   perl unicode.pl >unicode_tables.h
#
# The tables do not depend on the C library or on a locale: glibc's iswupper knows no letter beyond
# ASCII in a program that sets none.
use strict;
use warnings;
use Unicode::Normalize qw(NFC NFD NFKC getCombinClass);
use Unicode::UCD qw(prop_invmap);

my $last = 0x10ffff;

# The value of PROPERTY for each code point.
sub values_of {
    my ($property) = @_;
    my ($starts, $values, $format) = prop_invmap($property);
    defined $starts or die "perl does not know $property";
    my @all = ('') x ($last + 1);
    for my $i (0 .. $#$starts) {
        my $end = $i < $#$starts ? $starts->[$i + 1] - 1 : $last;
        @all[$starts->[$i] .. $end] = ($values->[$i]) x ($end - $starts->[$i] + 1);
    }
    return \@all;
}

my $category = values_of('General_Category');
my $script = values_of('Script');
my $ignorable = values_of('Default_Ignorable_Code_Point');
my $hangul = values_of('Hangul_Syllable_Type');

# Scripts have numbers from 1 on, first those that unicode.h names, in its order.
my %scripts = (Common => 0, Inherited => 0);
my @numbered;
sub number_of {
    my ($name) = @_;
    push(@numbered, $name), $scripts{$name} = @numbered unless exists $scripts{$name};
    return $scripts{$name};
}
number_of($_) for qw(Latin Greek Hebrew Han Hiragana Katakana Hangul Bopomofo);

# RFC 8264 section 9.6: what is always valid, what depends on its neighbours, what never is.
my %valid = map { $_ => 1 } 0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007,
    0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb, 0x660 .. 0x669, 0x6f0 .. 0x6f9;
my %invalid = map { $_ => 1 } 0x640, 0x7fa, 0x302e, 0x302f, 0x3031 .. 0x3035, 0x303b;

# The IdentifierClass of RFC 8264 section 8, but for what joins (ZWJ, ZWNJ), which is invisible.
sub is_identifier {
    my ($code) = @_;
    return 1 if $valid{$code};
    return 0 if $invalid{$code} or $category->[$code] =~ /^C/ or $ignorable->[$code] eq 'Y';
    return 1 if $code >= 0x21 and $code <= 0x7e;
    return 0 if $hangul->[$code] =~ /^[LVT]$/;
    return 0 if NFKC(chr $code) ne chr $code;
    return $category->[$code] =~ /^(Ll|Lu|Lo|Nd|Lm|Mn|Mc)$/;
}

# Writes the ranges of code points with the same VALUE->(code), but undef, with a step of 1 or 2.
sub table {
    my ($name, $comment, $value) = @_;
    my @ranges; # first, count, step, value
    for my $code (0 .. 0x323af, 0xe0100 .. 0xe01ef) {
        my $is = $value->($code);
        next unless defined $is;
        my $open = $ranges[-1];
        if (defined $open and $open->[3] == $is and $open->[1] < 65535) {
            my $gap = $code - $open->[0] - ($open->[1] - 1) * $open->[2];
            if ($open->[1] == 1 and $gap <= 2) {
                @$open[1, 2] = (2, $gap);
                next;
            }
            if ($open->[1] > 1 and $gap == $open->[2]) {
                $open->[1]++;
                next;
            }
        }
        push @ranges, [$code, 1, 1, $is];
    }
    printf "\n/* %s */\nstatic const struct unicode_range %s[] = {\n", $comment, $name;
    printf "    {0x%x, %d, %d, %d},\n", @$_ for @ranges;
    print "};\n";
}

printf "/* Made by unicode.pl from Unicode %s. */\n", Unicode::UCD::UnicodeVersion();
table('upper_case', 'upper-case letters (General_Category Lu)',
    sub { $category->[$_[0]] eq 'Lu' ? 0 : undef });
table('lower_case', 'lower-case letters (General_Category Ll)',
    sub { $category->[$_[0]] eq 'Ll' ? 0 : undef });
table('identifiers', 'what may be in a name, with the number of its script, 0 for one of several',
    sub { is_identifier($_[0]) ? number_of($script->[$_[0]]) : undef });
@numbered < 256 or die 'too many scripts';
table('combining_classes', 'Canonical_Combining_Class, where it is not 0',
    sub { getCombinClass($_[0]) || undef });

# Every pair that Unicode composes; Hangul syllables are none of them, as their parts may not stand
# alone in a name.
print "\n/* Two code points that are one when composed, sorted */\n",
    "static const struct unicode_pair compositions[] = {\n";
my @pairs;
for my $code (0xc0 .. 0x1ffff) {
    my $apart = NFD(chr $code);
    next if length $apart < 2 or $hangul->[$code] ne 'NA';
    my ($first, $second) = (NFC(substr $apart, 0, -1), ord substr $apart, -1);
    next unless length $first == 1;
    push @pairs, [ord $first, $second] if NFC($first . chr $second) eq chr $code;
}
printf "    {0x%x, 0x%x},\n", @$_ for sort { $a->[0] <=> $b->[0] or $a->[1] <=> $b->[1] } @pairs;
print "};\n";
