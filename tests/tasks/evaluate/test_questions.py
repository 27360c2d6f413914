import json
from pathlib import Path

import pytest

from tasks.data.evaluation import Question
from tasks.errors import DataError
from tasks.evaluate.questions import read_questions

LINES = (
    '{"id": "d", "question": "one?", "answers": ["a", "b"], "split": "development"}\n\n'
    '{"id": "t", "question": "two?", "answers": [], "split": "test"}\r\n'
    '{"question": "three?"}\n'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "questions.jsonl"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def test_a_line_becomes_a_question(tmp_path: Path) -> None:
    assert read_questions(written(tmp_path, LINES), "all")[0] == Question("d", "one?", ("a", "b"), "development")


def test_what_a_line_leaves_out_has_a_default_and_the_line_number_is_its_name(tmp_path: Path) -> None:
    assert read_questions(written(tmp_path, LINES), "all")[-1] == Question("4", "three?", (), "")


@pytest.mark.parametrize(
    ("split", "names"), [("development", ["d", "4"]), ("test", ["t", "4"]), ("all", ["d", "t", "4"])]
)
def test_a_line_without_a_split_belongs_to_each(split: str, names: list[str], tmp_path: Path) -> None:
    assert [q.id for q in read_questions(written(tmp_path, LINES), split)] == names


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\u2029"], ids=["line separator", "next line", "paragraph"])
def test_a_mark_that_json_allows_inside_a_text_ends_no_line(mark: str, tmp_path: Path) -> None:
    (found,) = read_questions(written(tmp_path, f'{{"question": "one{mark}two"}}'), "all")
    assert found.question == f"one{mark}two"


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert read_questions(written(tmp_path, '\ufeff{"question": "one?"}'), "all")[0].question == "one?"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": ', r"is not JSON \(Expecting value"),
        ("[" * 100_000, "is not JSON"),
        ("5", 'has no "question" that can be read'),
        ('["question"]', 'has no "question" that can be read'),
        ('{"answers": []}', 'has no "question" that can be read'),
        ('{"question": 5}', 'has no "question" that can be read'),
        ('{"question": " \\u200b"}', 'has no "question" that can be read'),
        ('{"question": "a \\ud800 b"}', 'has no "question" that can be read'),
        ('{"question": "a \\u0000 b"}', 'has no "question" that can be read'),
        ('{"question": "a", "answers": null}', 'has "answers" None, a list of document ids was needed'),
        ('{"question": "a", "answers": "b"}', "has \"answers\" 'b', a list of document ids was needed"),
        ('{"question": "a", "answers": [1]}', r'has "answers" \[1\], a list of document ids was needed'),
        ('{"question": "a", "spans": "b"}', "has \"spans\" 'b', a list of texts that answer was needed"),
        ('{"question": "a", "spans": [1]}', r'has "spans" \[1\], a list of texts that answer was needed'),
        ('{"question": "a", "spans": [""]}', r"has \"spans\" \[''\], a list of texts that answer was needed"),
        ('{"question": "a", "answers": ["\\ud800"]}', 'has "answers" .* a list of document ids was needed'),
    ],
    ids=lambda value: value[:40],
)
def test_a_line_that_cannot_be_used_is_refused_with_its_number(line: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, f'{{"question": "fine?"}}\n{line}\n')
    with pytest.raises(DataError, match=rf"^line 2 of .*questions\.jsonl {message}"):
        read_questions(path, "all")


def test_a_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"evaluate\.questions '.*none\.jsonl' cannot be read \(.*No such file"):
        read_questions(tmp_path / "none.jsonl", "all")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q").write_bytes(b"\xff\xfe{")
    with pytest.raises(DataError, match=r"cannot be read \(.*invalid start byte\); give a jsonl file"):
        read_questions(tmp_path / "q", "all")


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ('{"question": "a", "split": "test"}', 1)], ids=["empty", "other"]
)
def test_a_split_without_questions_is_refused_with_their_number(text: str, count: int, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=rf"has {count} questions but none in split 'development'; set evaluate\.split"
    ):
        read_questions(written(tmp_path, text), "development")


def test_two_questions_of_one_name_are_refused_with_their_places(tmp_path: Path) -> None:
    text = '{"id": "q", "question": "one?"}\n{"question": "two?"}\n{"id": "q", "question": "three?"}'
    with pytest.raises(DataError, match="has id 'q' at questions 1 and 3; give each its own"):
        read_questions(written(tmp_path, text), "all")


def test_spans_are_kept_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path, '{"question": "a", "spans": ["two", "2"]}')
    assert [q.spans for q in read_questions(path, "all")] == [("two", "2")]


@pytest.mark.parametrize("name", ["answer", "span", "documents"])
def test_a_column_that_is_meant_for_answers_is_no_question_without_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text(json.dumps({"question": "Who built it?", name: "Ines"}), "utf-8")
    with pytest.raises(DataError, match=rf'line 1 of .* has "{name}", which is not read, and no "answers"; write'):
        read_questions(path, "all")
    path.write_text(json.dumps({"question": "Who built it?", name: "Ines", "answers": []}), "utf-8")
    assert read_questions(path, "all")[0].answers == ()
