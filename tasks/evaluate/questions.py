"""Read questions whose answers are known from a jsonl file."""

import json
from pathlib import Path
from typing import Any

from tasks.data.evaluation import Question
from tasks.errors import DataError
from tasks.text.sentences import unfit

ALIKE = ("answer", "span", "document", "documents")  # columns of other tables that are meant for `answers`


def read_questions(path: Path, split: str) -> list[Question]:
    """Read the questions of one split.

    Args:
        path: A jsonl file; each line has `question`, and may have `id`, `answers` (ids of documents; none
            where nothing answers), `split` and `spans` (texts that answer).
        split: `development`, `test` or `all`; a line without a split belongs to each.

    Raises:
        DataError: The file is not there, a line is not as above (the message names it), or two have one id.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"evaluate.questions {str(path)!r} cannot be read ({error}); give a jsonl file") from error
    found = [_question(line, number, path) for number, line in enumerate(lines, start=1) if line.strip()]
    first: dict[str, int] = {}
    for number, question in enumerate(found, start=1):
        if first.setdefault(question.id, number) != number:
            raise DataError(
                f"{path} has id {question.id!r} at questions {first[question.id]} and {number}; give each its own"
            )
    kept = [q for q in found if split == "all" or q.split in ("", split)]
    if not kept:
        raise DataError(f"{path} has {len(found)} questions but none in split {split!r}; set evaluate.split")
    return kept


def _question(line: str, number: int, path: Path) -> Question:
    where = f"line {number} of {path}"
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error})") from error
    text = row.get("question") if isinstance(row, dict) else None
    answers = row.get("answers", []) if isinstance(row, dict) else None
    if not isinstance(text, str) or unfit(text):
        raise DataError(
            f'{where} has no "question" that can be read; write {{"question": "...", "answers": ["id of a document"]}}'
        )
    if unread := [name for name in ALIKE if name in row and "answers" not in row]:
        raise DataError(
            f'{where} has "{unread[0]}", which is not read, and no "answers"; write "answers": ids of the documents '
            'that answer, [] where none does, and "spans": texts that answer in few words'
        )
    if not isinstance(answers, list) or not all(isinstance(a, str) and not unfit(a) for a in answers):
        raise DataError(f'{where} has "answers" {answers!r}, a list of document ids was needed')
    spans = row.get("spans", [])
    if not isinstance(spans, list) or not all(isinstance(s, str) and not unfit(s) for s in spans):
        raise DataError(f'{where} has "spans" {spans!r}, a list of texts that answer was needed')
    name = number if row.get("id") is None else row["id"]
    return Question(str(name), text, tuple(answers), str(row.get("split", "")), tuple(spans))
