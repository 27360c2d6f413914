"""Read texts in which places are marked: files of columns (CoNLL), rows with offsets, roles of documentation.

Source: columns as in CoNLL-2003, Tjong Kim Sang & De Meulder, doi:10.3115/1119176.1119195.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from configs.finetune_tagger import Conll, MarkedRows
from tasks.data.documents import Item, Rejected
from tasks.data.tagging import MarkedSentence
from tasks.errors import DataError
from tasks.ingest import files, tables
from tasks.text.sentences import unfit
from tasks.text.spans import labels_of, words_of

COMMENT = "-DOCSTART-"
MOST = 100  # characters of a type
UNLABELLED = ("O", "")
ROLE = re.compile(r":(class|func|meth|exc|attr|mod|obj|ref):`([^`<>]*?)(?: <([^<>`]*)>)?`")
KEPT = ("class", "func", "meth")  # roles that are types; the marks of others are taken out and mark nothing
MARKUP = re.compile(r"``?|\*\*?")
SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`:*])")
SHORTEST, LONGEST = 5, 60  # words of a sentence
MarkedFile = Conll | MarkedRows


def list_file(source: MarkedFile) -> Item:
    """Return the file of a source, with its digest.

    Raises:
        DataError: It is not there.
    """
    path = Path(os.path.expanduser(source.path))
    if not path.is_file():
        raise DataError(f"source.path {source.path!r} is no file; give one")
    return files.describe_file(path.resolve(), path.name, 1 << 50)


def read_marked(source: MarkedFile, item: Item) -> Iterator[MarkedSentence | Rejected]:
    """Yield the sentences of a file, or why one cannot be used.

    Raises:
        DataError: The file has changed since it was listed, or does not decode.
    """
    path = Path(os.path.expanduser(source.path)).resolve()
    if files.describe_file(path, item.name, item.size) != item:
        raise DataError(f"{item.name} changed since it was listed; run again")
    if isinstance(source, Conll):
        text = files.decode(path.read_bytes(), source.encoding)
        if text is None:
            raise DataError(f"{item.name} is not {source.encoding}; set source.encoding=NAME")
        yield from conll(text, source, item.name)
        return
    for number, row in tables.rows_in(path, source.encoding, [source.text, source.entities]):
        name = f"{item.name}#{number}"
        yield marked_row(row, source, name) if isinstance(row, Mapping) else Rejected(name, "bad-row", str(row))


def conll(text: str, source: Conll, name: str) -> Iterator[MarkedSentence | Rejected]:
    """Yield the sentences of a file of columns; words are joined by one blank, offsets count from there."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip() and not line.startswith(COMMENT):
            lines.append((number, line.rstrip("\r")))
        elif lines:
            yield _sentence(lines, source, name)
            lines = []


def _sentence(lines: list[tuple[int, str]], source: Conll, name: str) -> MarkedSentence | Rejected:
    words, labels, named = [], [], f"{name}#{lines[0][0]}"
    for number, line in lines:
        cells = line.split("\t") if "\t" in line else line.split()
        try:
            word, label = cells[source.word_column].strip(), cells[source.label_column].strip()
        except IndexError:
            return Rejected(named, "bad-row", f"line {number} has {len(cells)} columns, more are asked for")
        if len(cells) < 2 or not word:
            return Rejected(named, "bad-row", f"line {number} has no word, or no label beside it")
        if label not in UNLABELLED and (label[:2] not in ("B-", "I-") or not 2 < len(label) <= MOST):
            return Rejected(
                named, "bad-row", f"line {number} has the label {label[:40]!r}; O, B-TYPE or I-TYPE is needed"
            )
        words.append(word)
        labels.append(label or "O")
    text = " ".join(words)
    if (found := unfit(text)) is not None:
        return Rejected(named, *found)
    starts = [sum(len(word) + 1 for word in words[:at]) for at in range(len(words))]
    ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
    return MarkedSentence(named, text, tuple(starts), tuple(ends), tuple(labels))


def marked_row(row: Mapping[str, Any], source: MarkedRows, name: str) -> MarkedSentence | Rejected:
    """Return the sentence of a row, its words marked where its entities stand."""
    text, marks = row.get(source.text), row.get(source.entities)
    if not isinstance(text, str) or (found := unfit(text)) is not None:
        said = found[1] if isinstance(text, str) and found else f"has no text in column {source.text!r}"
        return Rejected(name, "bad-row", said)
    if not isinstance(marks, list):
        return Rejected(
            name, "no-label", f"has no list in column {source.entities!r}; an empty one says there are none"
        )
    words = words_of(text)
    spans, taken = [], [False] * len(words)
    for mark in marks:
        spot = _spot(mark, len(text))
        if isinstance(spot, str):
            return Rejected(name, "bad-row", spot)
        start, end, label = spot
        inside = [at for at, (a, b) in enumerate(words) if a < end and b > start]
        if not inside or any(taken[at] for at in inside):
            return Rejected(name, "bad-row", f"the mark {start} to {end} holds no word, or shares one with another")
        if start > words[inside[0]][0] or end < words[inside[-1]][1]:
            begins, ends = words[inside[0]][0], words[inside[-1]][1]
            said = f"the mark {start} to {end} cuts a word: {text[begins:ends][:60]!r} stands at {begins} to {ends}"
            return Rejected(name, "bad-row", f"{said}; correct the offsets")
        for at in inside:
            taken[at] = True
        spans.append((inside[0], inside[-1] + 1, label))
    labels = labels_of(spans, len(words))
    return MarkedSentence(name, text, tuple(a for a, _ in words), tuple(b for _, b in words), tuple(labels))


def _spot(mark: Any, length: int) -> tuple[int, int, str] | str:
    """Return start, end and type of a mark, or what is wrong with it."""
    if not isinstance(mark, Mapping):
        return "a mark is no object with start, end and label"
    start, end, label = mark.get("start"), mark.get("end"), mark.get("label")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= length:
        return f"a mark goes from {start} to {end} but the text has {length} characters"
    if not isinstance(label, str) or not label.strip() or len(label) > MOST:
        return f"the mark {start} to {end} has no label"
    return start, end, label


def marked_docs(documents: Iterable[tuple[str, str]]) -> list[MarkedSentence]:
    """Return sentences of documentation with the names its roles marked, and as many that have none.

    Args:
        documents: Name and text of each.

    Returns:
        Each sentence once, in order; the marks are taken out of the text.
    """
    with_names: list[MarkedSentence] = []
    without: list[MarkedSentence] = []
    seen: set[str] = set()
    for name, text in documents:
        for number, paragraph in enumerate(re.split(r"\n\s*\n", text), start=1):
            for at, part in enumerate(SENTENCE.split(" ".join(paragraph.split())), start=1):
                found = _unmarked(part, f"{name}#{number}.{at}")
                if found is None or found.text in seen:
                    continue
                seen.add(found.text)
                (with_names if set(found.labels) != {"O"} else without).append(found)
    every = max(1, len(without) // max(1, len(with_names)))
    return [*with_names, *without[::every][: len(with_names)]]


def _unmarked(part: str, name: str) -> MarkedSentence | None:
    """Return a sentence without its marks; None where it is too short, too long, or still has some."""
    text, spots, last = "", [], 0
    for match in ROLE.finditer(part):
        text += MARKUP.sub("", part[last : match.start()])
        shown = match[2].strip()
        shown = shown[1:].rpartition(".")[2] if shown.startswith("~") else shown.lstrip("!.")
        spots += [(len(text), len(text) + len(shown), match[1])] if match[1] in KEPT and shown else []
        text, last = text + shown, match.end()
    text += MARKUP.sub("", part[last:])
    words = words_of(text)
    if not SHORTEST <= len(words) <= LONGEST or "`" in text or ">>>" in text or unfit(text) is not None:
        return None
    spans = []
    for start, end, kind in spots:
        inside = [at for at, (a, b) in enumerate(words) if a < end and b > start]
        if inside:
            spans.append((inside[0], inside[-1] + 1, kind))
    labels = labels_of(spans, len(words))
    return MarkedSentence(name, text, tuple(a for a, _ in words), tuple(b for _, b in words), tuple(labels))
