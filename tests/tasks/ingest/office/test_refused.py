"""Hostile, locked and damaged files cost their own file alone, with a reason that says what to do."""

import pytest

from tasks.ingest import sandbox
from tasks.ingest.office import process
from tasks.ingest.office.process import answer
from tests.tasks.ingest.office.office_files import OLE, book, changed, deck, novel, packed, saved, word

BOMB = (
    '<!DOCTYPE d [<!ENTITY a "ha">' + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdef", "bcdefg",
    strict=True)) + "]><d>&g;</d>"
)  # fmt: skip
OUTSIDE = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document><w:body>&x;</w:body></w:document>'
LOCKED = '<e><EncryptionMethod Algorithm="x"/></e>'


def plain() -> bytes:
    made = word()
    made.add_paragraph("words")
    return saved(made)


def refused(name: str, content: bytes) -> tuple[str, str]:
    found = answer(content, name.rpartition(".")[2])
    return found["reason"], found["detail"]


@pytest.mark.parametrize("declared", [BOMB.encode(), OUTSIDE.encode(), BOMB.encode("utf-16")], ids=["8", "x", "16"])
def test_entities_are_refused_before_any_is_expanded(declared: bytes) -> None:
    for kind, made, part in (
        ("docx", plain(), "word/document.xml"),
        ("xlsx", saved(book(("S", [["a"]]))), "xl/worksheets/sheet1.xml"),
    ):
        reason, detail = refused(f"a.{kind}", changed(made, part, lambda _: declared))
        assert (reason, detail) == ("unreadable", f"declares XML entities in {part}; save it again")


def test_a_file_that_unpacks_to_far_more_than_it_is_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    big = changed(plain(), "word/document.xml", lambda _: f"<d>{' ' * (20 << 20)}</d>")
    reason, detail = refused("a.docx", big)
    assert (reason, "unpacks to 2" in detail) == ("too-large", True)
    monkeypatch.setattr("tasks.ingest.office.package.MAX_MEMBERS", 20)
    assert refused("a.docx", packed({f"p{n}": "" for n in range(21)}))[0] == "too-large"


@pytest.mark.parametrize(
    ("name", "content", "reason", "said"),
    [
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted", "needs a password"),
        ("a.doc", OLE + "WordDocument".encode("utf-16-le"), "unsupported", "save it as docx"),
        ("a.xls", OLE + "Workbook".encode("utf-16-le"), "unsupported", "save it as xlsx"),
        ("a.ppt", OLE + "PowerPoint Document".encode("utf-16-le"), "unsupported", "save it as pptx"),
        ("a.docx", b"", "empty", "has no bytes"),
        ("a.docx", b"\x00junk", "unreadable", "is no docx file"),
        ("a.docx", packed({"readme": "x"}), "unreadable", "is a zip file but no docx"),
        ("a.docx", saved(book(("S", [["a"]]))), "unreadable", "is a file of kind xlsx under another name"),
        ("a.doc", plain(), "unreadable", "name it .docx"),
        ("a.docx", saved(word()), "empty", "has no text"),
        ("a.eml", b"just words, no header", "unreadable", "is not a mail"),
        ("a.eml", b"Subject: x\nContent-Type: multipart/encrypted; boundary=b\n\n--b--\n", "encrypted", "decrypted"),
        ("a.epub", novel({}, {}, **{"META-INF/encryption.xml": LOCKED}), "encrypted", "digital rights"),
        ("a.csv", b"a;\xff\n", "not-decodable", "set source.encoding"),
        ("a.csv", b'a,b\n"x,y\n', "unreadable", "is not whole csv"),
    ],
    ids=["password", "doc", "xls", "ppt", "none", "junk", "zip", "lies", "newer", "blank", "words", "mail", "book",
         "csv", "quote"],
)  # fmt: skip
def test_what_cannot_be_read_says_why(name: str, content: bytes, reason: str, said: str) -> None:
    found = refused(name, content)
    assert (found[0], said in found[1]) == (reason, True), found


@pytest.mark.parametrize("kind", ["docx", "xlsx", "pptx", "epub"])
def test_a_file_cut_anywhere_is_damaged_and_never_read_in_part(kind: str) -> None:
    made = {"docx": plain, "xlsx": lambda: saved(book(("S", [["a"]]))), "pptx": lambda: saved(deck(("A", "b"))),
            "epub": lambda: novel({"a": "<p>x</p>"}, {})}[kind]()  # fmt: skip
    for share in (0.2, 0.6, 0.99):
        assert refused(f"a.{kind}", made[: int(len(made) * share)])[0] == "damaged"


def test_a_file_whose_time_or_memory_is_up_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    program = sandbox.forking(process)
    asked = b'{"kind": "csv", "encoding": "utf-8"}\n'
    busy = program.replace(
        "\nserve(", "\nimport tasks.ingest.office.grid as g\ng.add_rows = lambda *_: [0 for _ in iter(int, 1)]\nserve("
    )
    with sandbox.parsers(busy, 1) as parse:
        assert [parse(asked + b"a,b\n1,2\n", 1)["reason"] for _ in range(2)] == ["timeout"] * 2
    monkeypatch.setattr(sandbox, "MEMORY", 300 << 20)
    full = program.replace(
        "\nserve(", "\nimport tasks.ingest.office.grid as g\ng.add_rows = lambda *_: bytes(1 << 30)\nserve("
    )
    with sandbox.parsers(full, 1) as parse:
        assert parse(asked + b"a,b\n1,2\n", 60)["reason"] == "too-large"
