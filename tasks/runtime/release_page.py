"""What a page and a result say of a release: what changed in the documents, what was verified, what the gate found."""

from tasks.findings import Release
from tasks.runtime.report import Table


def table(released: Release) -> Table:
    """Return a row for each thing that was found out before a generation became live."""
    verified, found = released.verified, released.comparison
    rows = [
        ("documents", changes(released)),
        ("whole", f"{verified.passages:,} passages, as many vectors, and as many rows in both indexes"),
        ("found again", f"{verified.by_vector} of {verified.probes} passages by their own vector, "
                        f"{verified.by_words} of {verified.with_words} by their own words"),
        ("retrieval", found.words),
    ]  # fmt: skip
    note = f"refused: generation {found.against} stays live" if found.refused else ""
    return Table("Release", ("what", "found"), rows, note)


def summary(released: Release) -> dict[str, str]:
    """Return the same in the words of a result."""
    return {"changes": changes(released), "gate": released.comparison.words}


def changes(released: Release) -> str:
    """Say how many documents were added, changed, removed and left as they were, and since when."""
    delta = released.delta
    since = f"since generation {delta.against}" if delta.against else "in the first generation"
    return (
        f"{delta.added:,} added, {delta.changed:,} changed, {delta.removed:,} removed, {delta.unchanged:,} unchanged "
        f"{since}"
    )
