"""The page of `python -m flows book`: what the book prints beside what came out here, a row a story."""

import os
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tasks.data.stories import Compared, Replayed
from tasks.environment import environment
from tasks.report.page import Page, rendered
from tasks.store import workspace

TITLES = {
    1: "An introduction to large language models",
    2: "Tokens and embeddings",
    3: "Looking inside large language models",
    4: "Text classification",
    5: "Text clustering and topic modeling",
    6: "Prompt engineering",
    7: "Advanced text generation techniques and tools",
    8: "Semantic search and retrieval-augmented generation",
    9: "Multimodal large language models",
    10: "Creating text embedding models",
    11: "Fine-tuning representation models for classification",
    12: "Fine-tuning generation models",
}  # of the book's chapters
WORDS = {"agrees": "agrees with the book", "differs": "differs from the book", "shown": "shown, not compared"}
RIGHT = {"agrees": "right, the book prints nothing", "differs": "wrong, the book prints nothing"}


def write(rows: Sequence[Replayed], seconds: float) -> Path:
    """Write the page of some stories below `reports/`.

    Returns:
        Path of `index.html`.
    """
    path = workspace.folder("reports", time.strftime("book-%Y%m%d-%H%M%S")) / "index.html"
    ran = [row for row in rows if row.state == "ran"]
    page = Page(
        title="The book, replayed",
        subtitle=f"Hands-On Large Language Models, story by story, on this machine: {machine()}",
        facts=[
            ("stories ran", f"{len(ran)}"),
            ("agree with the book, or right", f"{sum(row.agreement == 'agrees' for row in ran)}"),
            ("differ, or wrong", f"{sum(row.agreement == 'differs' for row in ran)}"),
            ("shown, not compared", f"{sum(row.agreement == 'shown' for row in ran)}"),
            ("failed", f"{sum(row.state == 'failed' for row in rows)}"),
            ("not run", f"{sum(row.state == 'absent' for row in rows)}"),
            ("seconds", f"{seconds:,.0f}"),
        ],
        warnings=[f"{row.name}: {row.reason}" for row in rows if row.state == "failed"],
        run={"facts": {"machine": machine(), "commit": environment()["commit"][:12]}, "links": {},
             "versions": environment()["libraries"]},
        template="book.html.j2",
        more={"chapters": [
            (number, TITLES[number], [_row(row, path.parent) for row in mine])
            for number, mine in groupby(rows, key=lambda row: row.chapter)
        ]},
    )  # fmt: skip
    path.write_text(rendered(page), "utf-8")
    return path


def machine() -> str:
    """Return in one line what the stories run on."""
    found = environment()["machine"]
    gpu = found.get("gpu") or "no GPU"
    return f"{found['processor']}, {found['cores']} cores, {found['memory_gb']} GB of memory, {gpu}"


def _row(row: Replayed, folder: Path) -> dict[str, Any]:
    compared = [value for value in row.values if value.agreement != "shown"]
    words = WORDS if any(value.printed for value in compared) else {**WORDS, **RIGHT}
    if any(value.book_wrong for value in compared):
        words = {**words, "agrees": "right, unlike the book"}
    verdict = {"ran": words[row.agreement], "failed": "failed", "absent": "not run"}[row.state]
    ran, stored = row.steps
    took = [f"{row.seconds:,.1f} s", f"{ran} steps ran, {stored} were stored"] if row.seconds else []
    return {
        "row": row,
        "verdict": verdict,
        "colour": {"agrees": "right", "differs": "wrong"}.get(row.agreement, "") if row.state == "ran" else row.state,
        "values": [(value, _range(value)) for value in row.values],
        "told": " · ".join([*took, *([f"weights in {row.precision}"] if row.precision and row.seconds else [])]),
        "link": os.path.relpath(row.report, folder) if row.report else "",
    }


def _range(value: Compared) -> str:
    """Return the interval of ours, and what it is over."""
    over = "" if value.n is None else f"n={value.n:,}"
    if value.interval is None:
        return over
    return f"{value.interval[0]:.3f} to {value.interval[1]:.3f}" + (f", {over}" if over else "")
