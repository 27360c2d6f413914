"""How two sets of documents differ.

Source: ours.
"""

from collections.abc import Mapping


def count_changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, int]:
    """Count what was added, changed, removed and left as it was.

    Args:
        before: Id to version of each document.
        after: The same, later.

    Returns:
        `added`, `changed`, `removed` and `unchanged`; the last three sum to the documents before.
    """
    both = before.keys() & after.keys()
    changed = sum(before[name] != after[name] for name in both)
    return {
        "added": len(after) - len(both),
        "changed": changed,
        "removed": len(before) - len(both),
        "unchanged": len(both) - changed,
    }
