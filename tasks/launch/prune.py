"""What `store prune` removes: what is old, then of the rest the oldest until the workspace fits into a size.

Nothing goes that a record kept under a name refers to: generations of collections, topics, classifiers, conversations,
trained models; and by size nothing that was written within a day, which a run may be about to refer to.
"""

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tasks.launch import checks
from tasks.launch.walk import entries, files, older, size
from tasks.store import durable, workspace

DAY_S = 86_400
DIGEST = re.compile(r"(?=([0-9a-f]{64}))")


@dataclass
class PrunePlan:
    """What would be removed.

    Attributes:
        old: What was not written for so long.
        over: What is removed beyond that to fit into the size, oldest first.
        freed: Bytes of both.
        left: Bytes of the workspace afterwards.
        links: Links that were left alone.
    """

    old: list[Path] = field(default_factory=list)
    over: list[Path] = field(default_factory=list)
    freed: int = 0
    left: int = 0
    links: list[Path] = field(default_factory=list)

    def take(self, path: Path, into: list[Path]) -> None:
        """Put a path on a list."""
        into.append(path)
        bytes_ = size(path)
        self.freed, self.left = self.freed + bytes_, self.left - bytes_


def plan(days: float | None, at_most: float | None) -> PrunePlan:
    """Return what would be removed, which nothing has been yet.

    Args:
        days: Age in days from which things go; None for no age.
        at_most: Bytes that the workspace may have, databases, models and pages included; None for any size.
    """
    found = PrunePlan(left=size(workspace.home()))
    now = time.time()
    records = {path: _digests(path) for path in _records("steps", found.links)}
    pinned = _pinned(found.links)
    stored = list(checks.stored("objects", *checks.CACHED, links=found.links))
    if days is not None:
        before = now - days * DAY_S
        for path in [path for path in records if older(path, before)]:
            found.take(path, found.old)
            del records[path]
        named = pinned.union(*records.values())
        loose = [*stored, *_loose(found.links)]
        _take_all([path for path in loose if older(path, before) and path.name not in named], found, found.old)
    drafts = [path for path in _drafts(found.links) if not set(found.old).intersection(path.parents)]
    _take_all(drafts, found, found.old)  # of killed runs
    if at_most is not None:
        taken = set(found.old)
        _shrink(
            found, at_most, records, [path for path in [*stored, *_loose(found.links)] if path not in taken], pinned
        )
    return found


def _pinned(links: list[Path]) -> set[str]:
    """Return the digests that stand in records kept under a name."""
    return set().union(*(_digests(path) for room in checks.KEPT for path in _records(room, links)))


def _take_all(paths: list[Path], found: PrunePlan, into: list[Path]) -> None:
    for path in paths:
        found.take(path, into)


def _records(room: str, links: list[Path]) -> list[Path]:
    return [path for path in files(workspace.folder(room), links) if path.suffix == ".json"]


def _digests(record: Path) -> set[str]:
    """Return every digest that stands in a record, be it damaged or not."""
    try:
        return {match[1] for match in DIGEST.finditer(record.read_text("utf-8", "replace"))}
    except FileNotFoundError:  # removed in the meantime
        return set()


def _loose(links: list[Path]) -> list[Path]:
    """Return what nothing refers to by its digest: checkpoints of killed runs, and recognised pages."""
    return [*entries(workspace.folder("training"), links), *_records(checks.PAGES, links)]


def _shrink(
    found: PrunePlan, at_most: float, records: dict[Path, set[str]], stored: list[Path], pinned: set[str]
) -> None:
    """Take the oldest first until the rest fits: a record goes before the objects that it alone refers to."""
    uses = Counter(digest for named in records.values() for digest in named)
    by_name = {path.name: path for path in stored}
    waiting = [*records, *(path for path in stored if path.name not in uses)]
    before = time.time() - DAY_S
    taken: set[Path] = set()
    for path in sorted((path for path in waiting if older(path, before)), key=_written):
        if found.left <= at_most:
            return
        freed = [path]
        for digest in records.get(path, ()):
            uses[digest] -= 1
            if not uses[digest] and digest in by_name:
                freed.append(by_name[digest])
        for one in freed:
            if one in records or (one.name not in pinned and one not in taken and older(one, before)):
                taken.add(one)
                found.take(one, found.over)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _drafts(links: list[Path]) -> list[Path]:
    """Return the folders of writers that have been dead for a day."""
    found, waiting = list[Path](), [workspace.home()]
    while waiting:
        for path in [path for path in entries(waiting.pop(), links) if path.is_dir()]:
            if not path.name.startswith(workspace.DRAFT):
                waiting.append(path)
            elif older(path, time.time() - DAY_S):
                found.append(path)
    return found


def remove(found: PrunePlan) -> int:
    """Remove what a plan names but what has been named since; return the bytes that were freed."""
    freed, pinned = 0, _pinned([])
    for path in [*found.old, *found.over]:
        if path.name in pinned:
            continue
        freed += size(path)
        if path.is_dir():
            durable.discard(path)
        else:
            path.unlink(missing_ok=True)
    return freed
