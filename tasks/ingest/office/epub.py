"""Read the chapters of an epub file in the order of reading.

Source: EPUB 3.3 and 2.0.1 of the W3C and IDPF: a zip package of XHTML, which the reader of web pages reads. The one
library, `ebooklib`, is under the AGPL.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

from tasks.ingest.files import decode
from tasks.ingest.html import read_html
from tasks.ingest.office.contents import FileRefused, OfficeContents
from tasks.ingest.sections import Section, is_long, split_text

FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # these scramble fonts alone
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def read(package: zipfile.ZipFile) -> OfficeContents:
    """Return the chapters of a book; a long one is parted at its headings.

    Raises:
        FileRefused: It is not whole, or its text is under digital rights management.
    """
    _refuse_locked(package)
    root_file = _tree(package, "META-INF/container.xml").find(".//{*}rootfile")
    book = root_file.get("full-path", "") if root_file is not None else ""
    root = _tree(package, book)
    found = OfficeContents(" ".join((root.findtext("{*}metadata/{*}title") or "").split()))
    listed = {item.get("id", ""): item for item in root.iterfind("{*}manifest/{*}item")}
    titles = dict(_titles(package, book, root, listed))
    number = 0
    for entry in root.iterfind("{*}spine/{*}itemref"):
        item = listed.get(entry.get("idref", ""))
        if item is None or item.get("media-type") not in PAGES or "nav" in item.get("properties", "").split():
            continue
        name = _beside(book, item.get("href", ""))
        page = read_html(_markup(package, name))
        if not page.text.strip():
            continue
        number += 1
        first = page.headings[0].title if page.headings else page.title
        heading = titles.get(name) or (first if first != found.title else "")
        above = (heading,) if heading else ()
        parts = split_text(page.text, page.headings, lines=False) if is_long(page.text, page.headings) else []
        for part in parts or [Section((), page.text)]:
            below = part.headings[part.headings[:1] == above :]
            found.add(Section((*above, *below), part.text, 0, f"chapter {number}"))
    return found


def _tree(package: zipfile.ZipFile, name: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(package.read(name))  # noqa: S314 - in a process apart; entities are refused
    except (KeyError, ElementTree.ParseError) as error:
        raise FileRefused("damaged", f"has no whole {name[:100] or 'list of its files'}; get another copy") from error


def _beside(name: str, link: str) -> str:
    """Return the part that a link of another part leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(link.partition("#")[0])))


def _markup(package: zipfile.ZipFile, name: str) -> str:
    if name not in package.namelist():
        raise FileRefused("damaged", f"lacks its chapter {name[:100]}; get another copy")
    text = decode(package.read(name), "utf-8")
    if text is None:
        raise FileRefused("not-decodable", f"is not UTF-8, as books are, in {name[:100]}")
    return text


def _refuse_locked(package: zipfile.ZipFile) -> None:
    if "META-INF/encryption.xml" in package.namelist():
        used = {
            m.get("Algorithm", "")
            for m in _tree(package, "META-INF/encryption.xml").iterfind(".//{*}EncryptionMethod")
        }
        if used - set(FONTS):
            raise FileRefused("encrypted", "is under digital rights management; read a copy without it")


def _titles(
    package: zipfile.ZipFile, book: str, root: ElementTree.Element, listed: dict[str, ElementTree.Element]
) -> Iterator[tuple[str, str]]:
    """Yield the file and the title of each entry of the contents, the last of a file first."""
    spine = root.find("{*}spine")
    named = listed.get(spine.get("toc", "") if spine is not None else "")
    nav = next((item for item in listed.values() if "nav" in item.get("properties", "").split()), None)
    found = []
    for item in (named, nav):
        name = _beside(book, item.get("href", "")) if item is not None else ""
        try:
            tree = _tree(package, name)
        except FileRefused:
            continue  # contents that are not whole cost titles, which headings then give
        for point in tree.iterfind(".//{*}navPoint"):
            source = point.find("{*}content")
            target = _beside(name, source.get("src", "")) if source is not None else ""
            found.append((target, point.findtext("{*}navLabel/{*}text") or ""))
        found += [(_beside(name, a.get("href", "")), "".join(a.itertext())) for a in tree.iterfind(".//{*}a")]
    for name, title in reversed(found):
        yield name, " ".join(title.split())
