#!/usr/bin/perl
# render.pl - makes static HTML of the README and of the pages beside this file, by cmark-gfm.
#
#   render.pl FOLDER      from the root of the checkout
#
# README.md becomes index.html and gives the order of the pages. cmark-gfm turns each Markdown into HTML,
# without any that stands in the text; added here are the frame, a contents list, ids of headings as
# code hosts make them, links to .html, and the colours of the console. A relative link to what is no page stops it.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

my ($out) = @ARGV or die "usage: render.pl FOLDER\n";
my $here = 'www/docs';

sub text_of {
    my ($name) = @_;
    open my $in, '<', $name or die "render: $name: $!\n";
    local $/;
    return scalar <$in>;
}

sub write_to {
    my ($name, $text) = @_;
    open my $file, '>', "$out/$name" or die "render: $out/$name: $!\n";
    print $file $text and close $file or die "render: $out/$name: $!\n";
}

# The converter's output for a file, or for a text.
sub html_of {
    my ($markdown) = @_;
    my $name = "$out/.markdown";
    open my $file, '>', $name or die "render: $name: $!\n";
    print $file $markdown and close $file or die "render: $name: $!\n";
    open my $html, '-|', 'cmark-gfm', '--extension', 'table', '--extension', 'autolink', $name
        or die "render: cmark-gfm: $! (make DOCS= does without the pages)\n";
    local $/;
    my $text = <$html>;
    close $html or die "render: cmark-gfm failed\n";
    unlink $name;
    return $text;
}

# The pages, in the order of the README's table, each with its title there.
my @pages = (['index', 'README.md', 'Start']);
for (text_of('README.md') =~ /^\| \[[^\]]+\]\($here\/[a-z]+\.md\) \|/gm) {
    my ($title, $name) = /^\| \[([^\]]+)\]\($here\/([a-z]+)\.md\)/;
    push @pages, [$name, "$here/$name.md", $title];
}
my %made = map { $_->[1] => "$_->[0].html" } @pages;
-e "$_" && !$made{$_} && die "render: the README's table of pages lacks $_\n" for glob "$here/*.md";
# What is no Markdown and yet is linked.
$made{NEWS} = 'changes.html';
$made{LICENSE} = 'license.txt';

sub link_from {
    my ($page, $target) = @_;
    return $target if $target =~ /^(https?:|#)/;
    my ($file, $anchor) = $target =~ /^([^#]*)(#.*)?$/;
    my $folder = $page =~ m{^(.*)/} ? "$1/" : '';
    my $path = $folder . $file;
    1 while $path =~ s{[^/]+/\.\./}{};
    # Served beside the pages: the console, the description, the collection.
    return "../$1" . ($anchor // '') if $path =~ m{^www/([a-z_.]+)$} && -e $path;
    die "render: $page links to $target, which is no page\n" unless $made{$path};
    return $made{$path} . ($anchor // '');
}

sub plain { my ($html) = @_; $html =~ s/<[^>]*>//g; return $html }

# As a code host makes it of a heading: letters, digits, hyphens.
sub slug {
    my ($heading, $seen) = @_;
    my $id = lc plain($heading);
    $id =~ s/&(lt|gt|amp|quot);//g;
    $id =~ s/[^\w -]//g;
    $id =~ tr/ /-/;
    my $number = $seen->{$id}++;
    return $number ? "$id-$number" : $id;
}

sub contents {
    my @headings = grep { $_->[0] < 4 } @_;
    return '' if @headings < 3;
    my ($list, $level) = ("<ul>\n", 2);
    for (@headings) {
        my ($depth, $id, $text) = @$_;
        $list .= "<ul>\n" x ($depth - $level) if $depth > $level;
        $list .= "</ul>\n" x ($level - $depth) if $depth < $level;
        $level = $depth;
        $list .= "<li><a href=\"#$id\">$text</a></li>\n";
    }
    $list .= "</ul>\n" x ($level - 1);
    # A list inside of a list belongs to the entry before it.
    $list =~ s{</li>\n(<ul>)}{\n$1}g;
    $list =~ s{(?<=</ul>\n)(?=<li>|</ul>)}{</li>\n}g;
    return "<nav class=\"contents\" aria-label=\"Contents\">\n$list</nav>\n";
}

sub page {
    my ($name, $source) = @_;
    my $markdown = text_of($source);
    if ($name eq 'changes') {
        my $news = text_of('NEWS');
        $news =~ s/\A[^\n]*\n+//;
        $news =~ s/^(\d[^\n]*)$/## $1/gm;
        $markdown .= "\n$news";
    }
    my $html = html_of($markdown);
    my ($title) = $html =~ m{<h1>(.*?)</h1>} or die "render: $source has no title\n";
    my (%seen, @headings);
    $html =~ s{<h([1-6])>(.*?)</h\1>}{
        my ($depth, $text) = ($1, $2);
        my $id = slug($text, \%seen);
        push @headings, [$depth, $id, plain($text)] if $depth > 1;
        "<h$depth id=\"$id\">$text</h$depth>"
    }ges;
    $html =~ s{href="([^"]*)"}{'href="' . link_from($source, $1) . '"'}ge;
    # A wide table scrolls by itself, by keyboard too. An empty cell is no heading.
    my $tables = 0;
    $html =~ s{<table>}{'<div class="wide" role="region" tabindex="0" aria-label="Table ' . ++$tables . '"><table>'}ge;
    $html =~ s{</table>}{</table></div>}g;
    $html =~ s{<th></th>}{<td></td>}g;
    my $contents = contents(@headings);
    $html =~ s{(?<=</h1>\n)}{$contents} if $contents ne '';
    my $links = join '', map {
        my $current = $_->[0] eq $name ? ' aria-current="page"' : '';
        "    <a href=\"$_->[0].html\"$current>$_->[2]</a>\n"
    } @pages;
    my $heading = plain($title);
    $heading = $name eq 'index' ? 'cubby' : "$heading – cubby";
    write_to("$name.html", <<PAGE);
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>$heading</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs.css">
</head>
<body class="docs">
<header>
  <p><a href="../index.html">cubby</a></p>
  <nav aria-label="Pages">
$links  </nav>
</header>
<main>
$html</main>
</body>
</html>
PAGE
}

mkdir $out;
page($_->[0], $_->[1]) for @pages;
write_to('license.txt', text_of('LICENSE'));
# The console's look: its sheet without what it says of single elements, whose ids headings have here.
my $style = join '', grep { !/^(?!\s*--)[^{]*#[a-z]/ } text_of('www/console.css') =~ /^.*\n/gm;
write_to('docs.css', $style . text_of("$here/docs.css"));
