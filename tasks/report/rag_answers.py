"""The page of `rag-answers` over a table of questions: the same model with passages and without."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.data.answers import Answer
from tasks.data.chains import MethodsJudged
from tasks.data.evaluation import Measure
from tasks.data.messages import Generator
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects


def count_endings(*answers: Sequence[Answer]) -> dict[str, int]:
    """Count the replies that did not end well: cut at max_tokens, or saying the same over and over."""
    finishes = [answer.finish for some in answers for answer in some]
    return {"truncated": finishes.count("length"), "repeated": finishes.count("repetition")}


def open_book_page(
    run: tracking.Run,
    judged: MethodsJudged,
    questions: int,
    ended: Mapping[str, int],
    drawn: tuple[Generator, str],
) -> Path:
    """Write the page.

    Args:
        run: The run.
        judged: Both ways, compared.
        questions: How many were asked.
        ended: Replies that did not end well, by how.
        drawn: What wrote the answers, and how its replies were drawn.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    generator, sampling = drawn
    measures = objects.load_rows(judged.measures, Measure)
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in measures]
    note = f"95 % bootstrap intervals, differences of pairs: {judged.verdict}"
    page = Page(
        title=f"{questions:,} questions, with passages and without",
        subtitle=f"answered by {generator.model}",
        facts=[
            ("questions", f"{questions:,}"), ("methods separated", "yes" if judged.told_apart else "no"),
            ("replies cut at max_tokens", f"{ended['truncated']:,}"),
            ("replies that repeat themselves", f"{ended['repeated']:,}"),
        ],
        tables=[Table("Retrieval and closed book", ("measure", "of", "value", "interval", "questions"), rows, note)],
        run={"facts": {"fingerprint": generator.digest[:16], "precision": generator.precision, "sampling": sampling},
             "links": run.links(), "versions": run.versions()},
    )  # fmt: skip
    return pages.write_page(run, page)


def open_book_summary(judged: MethodsJudged) -> dict[str, Any]:
    """Return measures and verdict, as the caller of the flow gets them."""
    return {
        "measures": {f"{m.name} {m.what}": m.stated() for m in objects.load_rows(judged.measures, Measure)},
        "verdict": judged.verdict,
    }
