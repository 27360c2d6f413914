"""What a person sees of an HTML page, and pages that are broken or hostile."""

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.html import plain_html, read_html

LIGATURE = re.compile("[\ufb00-\ufb06]")  # reading writes them out


@pytest.mark.parametrize(
    ("markup", "text", "title"),
    [
        ("<p>One <b>bold</b> word</p>", "One bold word", ""),
        ("a<br>b<hr/>c", "a\nb\n\nc", ""),
        ("<ul><li>x</li><li>y</ul>", "x\n\ny", ""),
        ("&lt;b&gt; &amp;&#65;&nbsp;z", "<b> &A z", ""),
        ("&#xD800;x", "\ufffdx", ""),
        ("<style>p{}</style>a<noscript>b</noscript><template>c</template>", "a", ""),
        ("<SCRIPT>x</p></SCRIPT >a<script>never closed", "a", ""),
        ("<svg><title>Logo</title><text>s</text></svg>a<title>Page</title>", "a", "Page"),
        ("<script-note>kept</script-note>", "kept", ""),
        ("a<!-- <p>no</p> -->b<!-- never closed", "ab", ""),
        ("<!DOCTYPE html><?php x ?>a<![CDATA[b]]>c<![foo[d]]>e<![%>f", "acef", ""),
        ('<a href="javascript:alert(1)" title="a > b">go</a>', "go", ""),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2", ""),
        ("</p></script>end <", "end <", ""),
        ("", "", ""),
    ],
    ids=[
        "inline",
        "breaks",
        "list",
        "entities",
        "surrogate",
        "silent",
        "script",
        "svg title",
        "custom tag",
        "comments",
        "declarations",
        "link",
        "comparison",
        "stray ends",
        "empty",
    ],
)
def test_a_page_is_what_can_be_seen_of_it(markup: str, text: str, title: str) -> None:
    assert plain_html(markup) == (text, title)


@given(st.lists(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12), max_size=8))
def test_paragraphs_come_back_as_lines_whatever_signs_they_hold(paragraphs: list[str]) -> None:
    markup = "".join(f"<p class='x'>{html.escape(p)}</p><script>{i} < {i}</script>" for i, p in enumerate(paragraphs))
    written = [LIGATURE.sub(lambda m: unicodedata.normalize("NFKC", m[0]), p) for p in paragraphs]
    assert plain_html(f"<html><body>{markup}</body></html>")[0].split("\n\n") == (written or [""])


def test_ligatures_of_a_page_are_written_out() -> None:
    assert plain_html("<p>The e\ufb00ect of a \ufb01re \ufb02oor</p>")[0] == "The effect of a fire floor"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<!--",
        "<!-- -",
        "<a ",
        "<a b='",
        "</",
        "</a ",
        "<![CDATA[",
        "<!",
        "<?",
        "<script>",
        "<script></script ",
        "&",
        "&#",
        "<svg>",
        "<title>",
    ],
)
@pytest.mark.parametrize("end", ["", ">"], ids=["open", "closed"])
def test_a_page_of_broken_markup_is_read_in_linear_time(unit: str, end: str) -> None:
    text, _ = plain_html("seen" + unit * 50_000 + end)
    assert text.startswith("seen")


TABLE = "<tr><th>Part</th><th>Stock</th><th>Price</th></tr>"
SHOWN: dict[str, tuple[str, list[str]]] = {
    "cells": (
        f"<table><caption>May</caption>{TABLE}<tr><td>Chain</td><td>4</td><td>23</td></tr></table>",
        ["May\nPart\tStock\tPrice\nChain\t4\t23"],
    ),
    "cells without ends": ("<table><tr><td>Left<td>Right<tr><td>3<td>4", ["Left\tRight\n3\t4"]),
    "a cell of several rows": (
        "<table><tr><td rowspan=2>North<td>7:10<td>8:40<tr><td>9:10<td>none</table>",
        ["North\t7:10\t8:40\nNorth\t9:10\tnone"],
    ),
    "a table for layout": (
        "<table><tr><td><table><tr><td>Alma<td>7</table></td><td><p>First.</p><p>Second.</p></td></tr></table>",
        ["Alma\t7", "First.", "Second."],
    ),
    "code in a table": ("<table><tr><td><pre>1\n2</pre><td><pre>a\n  b</pre></table>", ["1\n2", "a\n  b"]),
    "text outside of cells": (
        "<table>before<tr>between<td>x</td></tr>after</table>",
        ["before\nbetween\tx\nafter"],
    ),
    "choices": (
        "<label>Colour</label><select><option>Red<option>Blue</select><button>Buy</button>",
        ["Colour", "Red", "Blue", "Buy"],
    ),
    "definitions": (
        "<dl><dt>Monday<dd><p>closed</p><dt>Tuesday</dt><dd>9 to 17</dd></dl>",
        ["Monday\nclosed", "Tuesday\n9 to 17"],
    ),
    "links side by side": ("<a>One</a><a>Two</a> and <a>th</a>ree", ["One Two and three"]),
    "code": ("<pre><span>if x:</span>\n    y = 1\n</pre>", ["if x:\n    y = 1"]),
    "powers": (
        "3\u00b710<sup>8</sup> m<sup>2</sup>, H<sub>2</sub>O, e<sup>kx</sup>, the 5<sup>th</sup>",
        ["3\u00b710\u2078 m\u00b2, H\u2082O, e^kx, the 5th"],
    ),
    "a reference to a note that is not raised": (
        '<p>Prices<a epub:type="noteref" href="#a">1</a> of 2019<a role="doc-noteref">[2]</a> and <a '
        'epub:type="noteref"><sup>3</sup></a>x<a epub:type="biblioref noteref">see A</a>, all <a href="#b">4</a>',
        ["Prices of 2019 and \u00b3x^see A, all 4"],
    ),
    "a mark of a footnote": ("<p>Prices<sup><a>1</a></sup> rise.<sup>[2]</sup> Slowly.", ["Prices rise. Slowly."]),
    "a heading that is never closed": ("<h1>Torn page<p>First words<p>Second", ["Torn page", "First words", "Second"]),
    "ligatures": ("<p>of\ufb01ce", ["office"]),
    "right to left": ("<table dir=rtl><tr><td>\u0646\u0648\u0631\u0633<td>4</table>", ["\u0646\u0648\u0631\u0633\t4"]),
    "a page that is all navigation": ("<nav><a>Home</a> <a>News</a></nav>", ["Home News"]),
    "navigation that holds sentences": (
        "<nav>The north gate is closed to all visitors.</nav>",
        ["The north gate is closed to all visitors."],
    ),
    "navigation that is never closed": (
        "<nav><a>Home</a><h1>Main part</h1><p>Its text.",
        ["Home", "Main part", "Its text."],
    ),
    "a hidden part that is never closed": ("<div hidden><p>Its text.", ["Its text."]),
    "shown when it is found": ("<div hidden=until-found>Its text.</div>", ["Its text."]),
}


@pytest.mark.parametrize(("markup", "blocks"), SHOWN.values(), ids=SHOWN.keys())
def test_blocks_rows_and_cells_are_apart_and_nothing_that_is_shown_is_lost(markup: str, blocks: list[str]) -> None:
    assert plain_html(markup)[0].split("\n\n") == blocks


LEFT_OUT: dict[str, tuple[str, str]] = {
    "navigation": ("navigation", "<nav><ul><li><a>Home</a><li><a>News</a></ul></nav>"),
    "navigation by its role": ("navigation", "<div role=navigation>HomeNews</div>"),
    "navigation by its class": ("navigation", "<ul class='top navbar'><li>Home<li>News</ul>"),
    "a consent banner": ("banners", "<div id=cookie-banner><p>HomeNews</p></div>"),
    "a consent banner of a service": ("banners", "<div class=onetrust-pc><div>Home</div><div>News</div></div>"),
    "a hidden part": ("unseen", "<p hidden>HomeNews"),
    "a part that is not displayed": ("unseen", "<div style='color: red; display: none'>Home<div>News</div></div>"),
    "a closed dialog": ("unseen", "<dialog>HomeNews</dialog>"),
    "a hidden row": ("unseen", "<table><tr><td>HomeNews</table>".replace("<tr>", "<tr hidden>")),
    "what is shown without scripts": ("unseen", "<noscript>HomeNews</noscript>"),
}


@pytest.mark.parametrize(("kind", "markup"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_what_is_not_the_text_of_a_page_is_left_out_and_counted(kind: str, markup: str) -> None:
    page = read_html(f"<p>Before.</p>{markup}<p>After.</p><script>x</script>")
    assert page.text == "Before.\n\nAfter."
    assert page.counts == {kind: len("HomeNews"), "scripts": 1}


def test_rows_of_a_long_table_say_what_their_cells_are() -> None:
    rows = "".join(f"<tr><td>Part {n}</td><td>{n}</td><td>{n * 3}</td></tr>" for n in range(20))
    lines = plain_html(f"<table><thead>{TABLE}</thead><tbody>{rows}</tbody></table>")[0].split("\n\n")
    assert lines[0] == "Part\tStock\tPrice"
    assert lines[18] == "Part: Part 17\tStock: 17\tPrice: 51"


def test_headings_of_a_page_are_found_with_their_places() -> None:
    page = read_html("<h1>Harbour</h1><p>Tide.</p><h2><button>Which <i>pier</i>?</button></h2><p>The third.</p>")
    assert [(h.level, h.title, page.text[h.start : h.end]) for h in page.headings] == [
        (1, "Harbour", "Harbour"),
        (2, "Which pier?", "Which pier?"),
    ]
    assert page.title == "Harbour"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 100_000,
        "".join(f"<b id={n}><p>" for n in range(10_000)),
        "<table><tr><td>x" * 10_000,
        "<table><tr>" + "<td rowspan=999 colspan=999>x" * 10_000 + "<tr><td>y" * 500,
        "<nav><p hidden>" * 20_000,
        "<p>" + "word " * 400_000,
        f"<p class='{'cookie-' * 100_000}'>",
        f"<p style='{'; ' * 100_000}'>",
        "<h1><sup>1" * 20_000,
    ],
    ids=["deep", "formatting", "tables", "spans", "regions", "one line", "classes", "styles", "raised"],
)
def test_a_hostile_page_loses_no_word_and_takes_linear_time(markup: str) -> None:
    assert plain_html(f"first words {markup}last words")[0].endswith("last words")
