"""What the steps of a run have rejected, by reason."""

from collections import Counter
from collections.abc import Iterable

from tasks.data.base import Ref
from tasks.data.documents import RejectedRef
from tasks.store import objects


def by_reason(refs: Iterable[Ref]) -> dict[str, int]:
    """Return how many items were rejected for each reason, the most frequent first.

    Args:
        refs: References of any kind; an item that several tables hold for one reason counts once.
    """
    tables = {ref.digest: ref for ref in refs if isinstance(ref, RejectedRef) and ref.rows}
    found: set[tuple[str, str]] = set()
    for ref in tables.values():
        columns = objects.load_table(ref, ["item", "reason"])
        found.update(zip(columns["item"].to_pylist(), columns["reason"].to_pylist(), strict=True))
    return dict(Counter(reason for _, reason in sorted(found)).most_common())
