"""What of an HTML page is not its text: navigation, banners that ask for consent, what is not shown.

A region is left out only where its end is found: the rest of a page is not lost to a tag that is never closed. What
is in `nav` is left out where most of it is links or short; the text that somebody has put there stays.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SILENT = {"script", "style", "template", "noscript", "svg", "iframe", "object", "rp"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
MENUS = {"navigation", "menubar"}
MENU_NAMES = {"nav", "navbar", "navigation", "breadcrumb", "breadcrumbs", "skip-link", "skiplink"}
CONSENT = re.compile(
    r"(?:^|[\s_-])(?:cookie|consent|gdpr|ccpa)s?[-_]?(?:law|consent|info)?[-_]?"
    r"(?:banner|bar|notice|consent|popup|modal|dialog|overlay|message|alert|wall|prompt|container|root)(?:$|[\s_-])"
    r"|cookie-?(?:banner|consent|notice)|onetrust|usercentrics|cookiebot|(?:^|\s)cc-(?:window|banner)(?:$|\s)",
    re.IGNORECASE,
)
UNSEEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)
MOST_OF_BANNER = 4_000  # characters; more is a page about cookies
LONGEST_ENTRY = 30  # characters without blanks of an entry of a menu; more is a sentence
CLOSED_BY = {  # elements that may be left unclosed, and the starts that end them
    "p": {"p", "div", "ul", "ol", "dl", "table", "section", "article", "main", "h1", "h2", "h3", "h4", "h5", "h6"},
    "li": {"li"}, "dt": {"dt", "dd"}, "dd": {"dt", "dd"}, "tr": {"tr"}, "td": {"td", "th", "tr"},
    "th": {"td", "th", "tr"}, "option": {"option", "optgroup"},
}  # fmt: skip
HOLDERS = {"li": {"ul", "ol"}, "dt": {"dl"}, "dd": {"dl"}, "tr": {"table"}, "td": {"table"}, "th": {"table"},
           "option": {"select"}, "p": {"div", "section", "article", "main", "body"}}  # fmt: skip


@dataclass(slots=True)
class HtmlRegion:
    """A part of a page that is perhaps left out.

    Attributes:
        kind: What its characters are counted as: navigation, banners, unseen.
        tag: Of the element that it is.
        depth: Elements of this tag that are open in it.
        held: Lists, tables or choices that are open in it, where its tag may be left unclosed.
        left_out: Whether it is left out, known when it ends.
        characters: Letters and signs in it, blanks not counted.
        linked: How many of them are in links and buttons.
        longest: The most that stand together outside of links.
    """

    kind: str
    tag: str
    depth: int = 1
    held: int = 0
    left_out: bool = False
    characters: int = 0
    linked: int = 0
    longest: int = 0

    def takes(self, text: str, linked: bool) -> None:
        """Count a text that is in it."""
        count = len("".join(text.split()))
        self.characters += count
        if linked:
            self.linked += count
        else:
            self.longest = max(self.longest, count)

    def opens(self, tag: str) -> bool:
        """Take in that an element begins in it; return whether that ends it."""
        if not self.held and tag in CLOSED_BY.get(self.tag, ()):
            return True
        self.held += tag in HOLDERS.get(self.tag, ())
        self.depth += tag == self.tag
        return False

    def closes(self, tag: str) -> bool:
        """Take in that an element ends in it; return whether that ends it."""
        if tag in HOLDERS.get(self.tag, ()):
            self.held -= 1
            return self.held < 0
        self.depth -= tag == self.tag
        return self.depth == 0

    def end(self) -> None:
        """Decide whether it is left out."""
        if self.kind == "navigation":
            self.left_out = 2 * self.linked >= self.characters or self.longest <= LONGEST_ENTRY
        else:
            self.left_out = self.kind == "unseen" or self.characters <= MOST_OF_BANNER


def kind_of(tag: str, attributes: Mapping[str, str | None]) -> str:
    """Return what an element is that is perhaps left out; empty for one that is shown."""
    if tag in SILENT:
        return "unseen"
    if tag == "nav":
        return "navigation" if not _is_hidden(tag, attributes) else "unseen"
    if not attributes and tag != "dialog":
        return ""
    if _is_hidden(tag, attributes):
        return "unseen"
    if (attributes.get("role") or "").lower() in MENUS:
        return "navigation"
    named = f"{attributes.get('id') or ''} {attributes.get('class') or ''}"
    if named == " " or tag in ("body", "html", "main", "article"):
        return ""
    if CONSENT.search(named):
        return "banners"
    return "navigation" if not MENU_NAMES.isdisjoint(named.lower().split()) else ""


def _is_hidden(tag: str, attributes: Mapping[str, str | None]) -> bool:
    if "hidden" in attributes and (attributes["hidden"] or "").lower() != "until-found":
        return True
    if tag == "dialog" and "open" not in attributes:
        return True
    return bool((style := attributes.get("style")) and UNSEEN.search(style))
