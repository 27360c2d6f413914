"""The languages of documents, as pages and results show them."""

from typing import Any

from tasks.data.reading import ReadingReport
from tasks.report.page import Table


def languages_table(found: ReadingReport | None) -> list[Table]:
    """Return a row for each language: its documents, and its passages that the encoder does not read."""
    if found is None:
        return []
    rows = [
        (code, f"{count:,}", f"{count / max(1, sum(found.documents.values())):.0%}", f"{found.unread.get(code, 0):,}",
         f"{found.untrained.get(code, 0):,}")
        for code, count in found.documents.items()
    ]  # fmt: skip
    stated = ", ".join(found.encoder) or "no language"
    note = f"the encoder states {stated}; {found.unread_share:.1%} of all tokens say nothing to it"
    if not found.measured:
        note = "what the encoder reads is not known: its tokens cannot be counted here"
    columns = ("language", "documents", "share", "passages not read", "other passages it was not trained on")
    return [Table("Languages", columns, rows, note)]


def warnings_about(found: ReadingReport | None) -> list[str]:
    """Return what a reader must know of what the encoder does not read."""
    return [] if found is None else found.warnings


def reading_summary(found: ReadingReport | None) -> dict[str, Any]:
    """Return the same as a run answers its caller; nothing where it was not looked at."""
    return {} if found is None else {"reading": {**found.stated(), "warnings": found.warnings}}
