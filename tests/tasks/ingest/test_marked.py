"""Marked texts of columns, of rows and of documentation: offsets hold what was marked, what is wrong is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from configs.finetune_tagger import Conll, MarkedRows
from tasks.data.documents import Rejected, SnapshotRef
from tasks.data.tagging import MarkedSentence
from tasks.errors import DataError
from tasks.ingest.marked import conll, marked_docs, marked_row
from tasks.ingest.task_marked import ingest_marked, list_marked
from tasks.store import objects
from tasks.text.spans import spans_of

SOURCE = Conll(path="x")


def entities(row: Any) -> list[tuple[str, str]]:
    assert isinstance(row, MarkedSentence)
    return [(row.text[row.starts[a] : row.ends[b - 1]], kind) for a, b, kind in spans_of(row.labels)]


def test_columns_become_sentences_with_offsets() -> None:
    text = "-DOCSTART- O\n\nEmpire\tB-loc\nState\tI-loc\n=\tO\nESB\tB-loc\r\n\n\nno\tO\nname\tO"
    first, second = conll(text, SOURCE, "f")
    assert isinstance(first, MarkedSentence)
    assert first.text == "Empire State = ESB"
    assert entities(first) == [("Empire State", "loc"), ("ESB", "loc")]
    assert [first.text[a:b] for a, b in zip(first.starts, first.ends, strict=True)] == first.words
    assert entities(second) == []


def test_other_columns_can_be_named() -> None:
    source = Conll(path="x", word_column=1, label_column=3)
    (row,) = conll("1 Rome NNP B-loc _\n2 sleeps VB O _\n", source, "f")
    assert entities(row) == [("Rome", "loc")]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("Rome", "has no word, or no label beside it"),
        ("Rome\tloc", "has the label 'loc'; O, B-TYPE or I-TYPE is needed"),
        ("Rome\tB-", "has the label 'B-'"),
        ("Rome\t" + "B-" + "x" * 200, "has the label"),
    ],
)
def test_a_line_that_cannot_be_read_rejects_its_sentence_with_its_number(lines: str, said: str) -> None:
    good, bad = conll(f"a\tO\n\n{lines}\n", SOURCE, "f")
    assert isinstance(good, MarkedSentence)
    assert isinstance(bad, Rejected)
    assert bad.item == "f#3"
    assert said in bad.detail


def test_rows_mark_the_words_that_their_offsets_touch_whatever_the_spacing() -> None:
    text = "  Ada\tLovelace   met  Mr.\u00a0Babbage\u200a!"
    start = text.index("Mr.")
    marks = [{"start": 2, "end": 14, "label": "person"}, {"start": start, "end": start + 11, "label": "person"}]
    row = marked_row({"text": text, "entities": marks}, MarkedRows(path="x"), "r")
    assert entities(row) == [("Ada\tLovelace", "person"), ("Mr.\u00a0Babbage", "person")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a b", "entities": [{"start": 0, "end": 9, "label": "x"}]}, "goes from 0 to 9 but the text has 3"),
        ({"text": "a b", "entities": [{"start": 1, "end": 2, "label": "x"}]}, "holds no word"),
        ({"text": "a b", "entities": [{"start": 0, "end": 1, "label": "x"}] * 2}, "shares one with another"),
        (
            {"text": "Annabelle sings", "entities": [{"start": 4, "end": 9, "label": "x"}]},
            "the mark 4 to 9 cuts a word: 'Annabelle' stands at 0 to 9",
        ),
        ({"text": "Anna sings", "entities": [{"start": 0, "end": 3, "label": "x"}]}, "the mark 0 to 3 cuts a word"),
        ({"text": "a b", "entities": [{"start": 0, "end": 1}]}, "has no label"),
        ({"text": "a b"}, "has no list in column 'entities'"),
        ({"entities": []}, "has no text in column 'text'"),
        ({"text": "a", "entities": ["x"]}, "no object with start, end and label"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_in_words(row: dict[str, Any], said: str) -> None:
    found = marked_row(row, MarkedRows(path="x"), "r")
    assert isinstance(found, Rejected)
    assert said in found.detail


def test_roles_are_taken_out_of_documentation_and_mark_what_they_named() -> None:
    text = (
        "Wrap it with :class:`~sklearn.multiclass.OneVsRestClassifier` or call :meth:`fit <a.b.fit>` first.\n\n"
        "A plain sentence without any name in it. It uses ``code`` and *stress* here too. See :ref:`guide` for more."
    )
    rows = marked_docs([("d", text)])
    assert entities(rows[0]) == [("OneVsRestClassifier", "class"), ("fit", "meth")]
    assert len(rows) == 2
    assert entities(rows[1]) == []
    assert not any("`" in row.text or "~" in row.text for row in rows)


def test_a_file_is_read_and_too_many_bad_sentences_stop_the_run(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.conll"
    path.write_text("a\tO\nb\tI-x\n\nc\n\nd\tB-x\n")
    source = Conll(path=str(path))
    snapshot: SnapshotRef = list_marked(source)
    found = ingest_marked.fn(snapshot, source, 0.5)
    assert (found.sentences.rows, found.rejected.rows, found.strays) == (2, 1, 1)
    with pytest.raises(DataError, match=r"1 of 3 sentences of train\.conll cannot be read; first: train\.conll#4"):
        ingest_marked.fn(snapshot, source, 0.1)
    with pytest.raises(DataError, match="is no file"):
        list_marked(Conll(path=str(tmp_path / "none")))


def test_jsonl_rows_are_read(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"text": "Rome sleeps", "entities": [{"start": 0, "end": 4, "label": "loc"}]},
        {"text": "no", "entities": []},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    source = MarkedRows(path=str(path))
    found = ingest_marked.fn(list_marked(source), source, 0.0)
    assert [entities(row) for row in objects.load_rows(found.sentences, MarkedSentence)] == [[("Rome", "loc")], []]
