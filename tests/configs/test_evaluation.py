"""The project's own evaluation questions keep the promises that the numbers rest on."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import configs

PATH = Path(configs.__file__).parent / "evaluation" / "python-docs.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in PATH.read_text("utf-8").splitlines()]
ANSWERABLE = [row for row in ROWS if row["answers"]]
UNANSWERABLE = [row for row in ROWS if not row["answers"]]


def test_there_are_enough_questions_of_both_kinds() -> None:
    assert len(ANSWERABLE) >= 80
    assert len(UNANSWERABLE) >= 40


def test_ids_and_wordings_are_unique() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert len({" ".join(row["question"].lower().split()) for row in ROWS}) == len(ROWS)


def test_both_kinds_are_split_into_two_halves() -> None:
    for rows in (ANSWERABLE, UNANSWERABLE):
        counts = Counter(row["split"] for row in rows)
        assert set(counts) == {"development", "test"}
        assert abs(counts["development"] - counts["test"]) <= len(rows) // 5


def test_every_line_has_exactly_the_four_fields() -> None:
    assert {tuple(row) for row in ROWS} == {("id", "question", "answers", "split")}


def test_no_question_holds_the_name_of_its_answer_as_a_word() -> None:
    for row in ANSWERABLE:
        words = set(re.findall(r"\w+", row["question"].lower()))
        assert not words & {answer.rpartition(".")[2].lower() for answer in row["answers"]}, row["id"]


def test_every_answer_names_a_member_of_a_package_once() -> None:
    packages = {"sklearn", "numpy", "networkx", "pandas", "scipy"}
    for row in ANSWERABLE:
        assert len(set(row["answers"])) == len(row["answers"])
        assert {answer.partition(".")[0] for answer in row["answers"]} <= packages
        assert all("." in answer for answer in row["answers"])
