"""The pages of `rag-answers`: one question and its answer; a table of them, with passages and without."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.data.answers import Answer, Citation
from tasks.data.chains import MethodsJudged
from tasks.data.evaluation import Measure, Question, QuestionsRef
from tasks.data.messages import Generator
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects

SHOWN_ANSWERS = 50
SHOWN_CHARACTERS = 400


def count_endings(*answers: Sequence[Answer]) -> dict[str, int]:
    """Count the replies that did not end well: cut at max_tokens, or saying the same over and over."""
    finishes = [answer.finish for some in answers for answer in some]
    return {"truncated": finishes.count("length"), "repeated": finishes.count("repetition")}


def unasked(count: int) -> list[str]:
    """Say that questions were left out, and why; nothing of none."""
    return [f"{count:,} questions are left out: the collection has no document that answers them"] if count else []


def answer_page(run: tracking.Run, answer: Answer, told: Mapping[str, Any]) -> Path:
    """Write the page of one question.

    Args:
        run: The run.
        answer: What is answered, or why nothing is.
        told: What the caller of the flow gets: collection, warnings, and how a model was asked.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    scale = "cosine of the closest passage" if answer.probability is None else "probability of an answer"
    value = answer.score if answer.probability is None else answer.probability
    facts = [("citations", f"{len(answer.citations):,}"), (scale, "none" if value is None else f"{value:.3f}"),
             ("passages read with instructions for a model", f"{answer.flagged:,}")]  # fmt: skip
    if answer.sentences:
        facts.append(("sentences unsupported", f"{answer.unsupported} of {len(answer.sentences)}"))
    names = ("precision", "sampling", "citing", "threshold", "finish")
    page = Page(
        title=answer.question[:90], subtitle=f"asked of {told['collection']}, generation {told['generation']}",
        facts=facts, missing=list(told.get("warnings", ())), tables=[*_published(told), *_cited(answer)],
        run={"facts": {n: str(told[n]) for n in names if told.get(n)}, "links": run.links(),
             "versions": run.versions()},
        template="answer.html.j2", more={"answer": answer, "remarks": [*_missing(told), *remarks(answer)]},
    )  # fmt: skip
    return pages.write_page(run, page)


def _missing(told: Mapping[str, Any]) -> list[str]:
    return [f"In no passage: {', '.join(told['missing'])}"] if told.get("missing") else []


def _published(told: Mapping[str, Any]) -> list[Table]:
    return [Table("Published", ("what others have printed",), [(told["published"],)])] if "published" in told else []


def remarks(answer: Answer) -> list[str]:
    """Say what a reader must know before the answer is used."""
    told = [f"The answer is quoted in place of the reply of the model: {answer.quoted}"] * bool(answer.quoted)
    told += [answer.support] * bool(answer.support)
    told += ["The server states no tokens; those counted are estimated from above"] * answer.estimated
    return [*told, *answer.notes]


def _cited(answer: Answer) -> list[Table]:
    """Return what the answer rests on, and what of it is in doubt."""
    rows = [(n, c.sentence, c.title, _places(c), f"{c.score:.3f}", ", ".join(c.flagged))
            for n, c in enumerate(answer.citations, start=1)]  # fmt: skip
    columns = ("number", "words", "document", "place", "score", "instructions for a model")
    tables = [Table("Citations", columns, rows)] if rows else []
    if answer.doubts:
        tables.append(Table("Unsupported sentences", ("sentence, and why",), [(doubt,) for doubt in answer.doubts]))
    return tables


def _places(cited: Citation) -> str:
    """Say where a citation stands, and where else."""
    known = [(cited.path, cited.line), *((at.path, at.line) for at in cited.also_in)]
    first, *others = [f"{path}:{line}" if line else path for path, line in known]
    more = cited.copies - len(others)
    also = f", also in {', '.join(others)}" if others else ""
    return f"{first}{also}" + (f" and {more:,} more" if more else "")


def open_book_page(
    run: tracking.Run,
    judged: MethodsJudged,
    questions: QuestionsRef,
    both: tuple[Sequence[Answer], Sequence[Answer]],
    drawn: tuple[Generator, str],
    left_out: int = 0,
) -> Path:
    """Write the page.

    Args:
        run: The run.
        judged: Both ways, compared.
        questions: Q questions that were asked.
        both: Q answers from passages, and Q without.
        drawn: What wrote the answers, and how its replies were drawn.
        left_out: Questions that were not asked.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    generator, sampling = drawn
    measures = objects.load_rows(judged.measures, Measure)
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in measures]
    ended = count_endings(*both)
    note = f"95 % bootstrap intervals, differences of pairs: {judged.verdict}"
    page = Page(
        title=f"{questions.rows:,} questions, with passages and without",
        subtitle=f"answered by {generator.model}",
        facts=[
            ("questions", f"{questions.rows:,}"),
            ("methods separated", "yes" if judged.told_apart else "no"),
            ("replies cut at max_tokens", f"{ended['truncated']:,}"),
            ("replies that repeat themselves", f"{ended['repeated']:,}"),
        ],
        missing=unasked(left_out),
        tables=[Table("Retrieval and closed book", ("measure", "of", "value", "interval", "questions"), rows, note),
                _answers(objects.load_rows(questions, Question), *both)],
        run={"facts": {"fingerprint": generator.digest[:16], "precision": generator.precision, "sampling": sampling},
             "links": run.links(), "versions": run.versions()},
    )  # fmt: skip
    return pages.write_page(run, page)


def _answers(questions: Sequence[Question], open_book: Sequence[Answer], closed_book: Sequence[Answer]) -> Table:
    """Return what was asked and answered, to be read by eye."""
    rows = [
        (pages.shortened(q.question, SHOWN_CHARACTERS), " / ".join(q.spans), _stated(a), _stated(b))
        for q, a, b in zip(questions, open_book, closed_book, strict=True)
    ]
    return Table("Answers", ("question", "expected", "retrieval", "closed book"), rows, most=SHOWN_ANSWERS)


def _stated(answer: Answer) -> str:
    return f"(no answer: {answer.abstained})" if answer.abstained else pages.shortened(answer.text, SHOWN_CHARACTERS)


def open_book_summary(judged: MethodsJudged) -> dict[str, Any]:
    """Return measures and verdict, as the caller of the flow gets them."""
    return {
        "measures": {f"{m.name} {m.what}": m.stated() for m in objects.load_rows(judged.measures, Measure)},
        "verdict": judged.verdict,
    }
