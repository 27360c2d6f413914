"""Open a package of Office or a book: a zip file of XML, within limits and without entities.

Source: ECMA-376 part 2; what lies in old Office files is MS-CFB, of which the first bytes and the names are looked at.
"""

import io
import re
import zipfile

from tasks.ingest.office.contents import FileRefused
from tasks.ingest.sheets import most_unpacked

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LOCKED = "EncryptedPackage".encode("utf-16-le")
NEWER = {"doc": "docx", "ppt": "pptx", "xls": "xlsx"}
MAIN = {
    "docx": re.compile(rb"wordprocessingml\.(?:document|template)\.main|ms-word\.(?:document|template)\.macro"),
    "pptx": re.compile(rb"presentationml\.(?:presentation|slideshow|template)\.main|ms-powerpoint\.\w+\.macro"),
    "xlsx": re.compile(rb"spreadsheetml\.(?:sheet|template)\.main|ms-excel\.(?:sheet|template)\.macro"),
}
XML = (".xml", ".rels", ".opf", ".ncx")
ENTITIES = re.compile(b"|".join(re.escape("<!ENTITY".encode(e)) for e in ("ascii", "utf-16-le", "utf-16-be")))
MAX_MEMBERS = 20_000


def open_package(content: bytes, kind: str) -> zipfile.ZipFile:
    """Return a package of a kind: docx, pptx, xlsx or epub.

    Raises:
        FileRefused: It is old, locked, of another kind, not whole, or made to harm who reads it.
    """
    _check_start(content, kind)
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise FileRefused("damaged", "is cut short or damaged; copy or download it again") from error
    members = package.infolist()
    if any(member.flag_bits & 1 for member in members):
        raise FileRefused("encrypted", "needs a password; save it without one")
    size = sum(member.file_size for member in members)  # zipfile unpacks no more of a part than it states
    if size > most_unpacked(len(content)) or len(members) > MAX_MEMBERS:
        raise FileRefused("too-large", f"unpacks to {size:,} bytes in {len(members):,} parts, more than is read")
    _check_kind(package, kind)
    for member in members:
        if member.filename.lower().endswith(XML) and ENTITIES.search(package.read(member)):
            raise FileRefused("unreadable", f"declares XML entities in {member.filename[:100]}; save it again")
    return package


def _check_start(content: bytes, kind: str) -> None:
    wanted = NEWER.get(kind, kind)
    if content.startswith(OLE):
        if LOCKED in content:
            raise FileRefused("encrypted", "needs a password; save it without one")
        raise FileRefused("unsupported", f"is of an old format; open it in Office or LibreOffice, save it as {wanted}")
    if not content.startswith(b"PK"):
        raise FileRefused("unreadable", f"is no {kind} file, whatever its name says; save it as {wanted}")


def _check_kind(package: zipfile.ZipFile, kind: str) -> None:
    names = set(package.namelist())
    types = package.read("[Content_Types].xml") if "[Content_Types].xml" in names else b""
    found = next((name for name, main in MAIN.items() if main.search(types)), "")
    if not found and "META-INF/container.xml" in names:
        found = "epub"
    if not found:
        raise FileRefused("unreadable", f"is a zip file but no {kind}; save it as {NEWER.get(kind, kind)}")
    if found != kind:
        raise FileRefused("unreadable", f"is a file of kind {found} under another name; name it .{found}")


def count_parts(package: zipfile.ZipFile, pattern: str) -> int:
    """Return how many parts of a package have such a name."""
    return sum(re.fullmatch(pattern, name) is not None for name in package.namelist())
