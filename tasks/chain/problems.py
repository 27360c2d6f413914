"""Read a table of questions and answers.

A line of the file is JSON with `question` and, where it is known, `answer`. Of an answer that is worked out, as in
GSM8K (Cobbe et al. 2021, arXiv:2110.14168), what stands after `####` counts.
"""

import json
from pathlib import Path

from tasks.data.chains import Problem
from tasks.errors import DataError
from tasks.text.figures import numbers_in
from tasks.text.numbers import STATED, Kind, read_answer
from tasks.text.sentences import unfit

LONGEST = 100_000  # characters of a question


def read_problems(path: Path, limit: int | None, kind: Kind = "text") -> list[Problem]:
    """Read the first questions of a file.

    Args:
        path: A jsonl file.
        limit: Questions at most; None for all.
        kind: How answers are compared; an answer that cannot be read so is refused before anything is asked.

    Raises:
        DataError: The file cannot be read, a line is not as it should be, or there is no question.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the questions {path} cannot be read ({error}); give a jsonl file") from error
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise DataError(f"the questions {path} hold none; write one JSON object a line, with question and answer")
    return [_problem(line, f"{path}:{number}", kind) for number, line in numbered[:limit]]


def _problem(line: str, where: str, kind: Kind) -> Problem:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error}); write question and answer") from error
    question = row.get("question") if isinstance(row, dict) else None
    if not isinstance(question, str):
        raise DataError(f"{where} has no text in 'question'; write question and answer")
    if (reason := unfit(question)) is not None or len(question) > LONGEST:
        raise DataError(f"{where} cannot be asked: it {reason[1] if reason else 'is too long'}; correct the line")
    answer = row.get("answer")
    if not isinstance(answer, str | int | float | None) or isinstance(answer, bool):
        raise DataError(f"{where} has {type(answer).__name__} in 'answer' but a text or a number was needed")
    if isinstance(answer, float) and answer.is_integer():  # 5.0 in JSON is what people write as 5
        answer = int(answer)
    known = "" if answer is None else str(answer).rpartition("####")[2].strip()
    if kind == "number" and len(set(numbers_in(known))) > 1 and not STATED.search(known):
        raise DataError(f"{where} has the answer {known[:60]!r}, which holds several numbers; write one")
    if known and not read_answer(known, kind):
        raise DataError(f"{where} has the answer {known[:60]!r}, which holds no {kind}; correct it, or asking.answer")
    return Problem(question, known)
