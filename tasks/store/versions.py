"""Numbered records of one name, and a pointer to the live one: what collections, classifiers and topics are kept as.

    <room>/<name>/<records>/0001.json    one record, written once and never changed
    <room>/<name>/live                   its number; replacing this file is the swap

A number is never given twice. A reader resolves the pointer once and keeps what it got. A record that is damaged is
said and passed over, and the next commit writes a new one; a file whose name is no number is none of ours.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tasks.data.base import Value
from tasks.errors import StoreError
from tasks.store import durable, workspace

V = TypeVar("V", bound=Value)
RECORD = re.compile(r"([0-9]{4,9})\.json")
DAMAGE = (StoreError, KeyError, TypeError, ValueError)  # the last three: written by another version

log = logging.getLogger(__name__)


def names(room: str) -> list[str]:
    """List the names of a room that have a live record."""
    return sorted(path.parent.name for path in workspace.folder(room).glob("*/live"))


@dataclass(frozen=True)
class Versions(Generic[V]):
    """The records of one name.

    Attributes:
        room: Folder of the workspace.
        name: Theirs; it has been checked.
        model: What a record is read as; it has a field `number`.
        records: Folder of the records.
        pointer: What the pointer's file calls the number.
    """

    room: str
    name: str
    model: type[V]
    records: str = "records"
    pointer: str = "record"

    @property
    def folder(self) -> Path:
        """Folder of this name."""
        return workspace.folder(self.room, self.name)

    @property
    def place(self) -> str:
        """The folder inside the workspace, as messages name it."""
        return f"{self.room}/{self.name}"

    def numbers(self) -> list[int]:
        """List the numbers of the records that are kept, whole or damaged, in order."""
        found = (
            RECORD.fullmatch(path.name) for path in workspace.folder(self.room, self.name, self.records).iterdir()
        )
        return sorted(int(match[1]) for match in found if match)

    def pointed(self) -> int:
        """Return the number of the live record; 0 where there is none or the pointer is damaged."""
        try:
            return int(durable.read_json(self.folder / "live")[self.pointer])
        except DAMAGE:
            return 0

    def read(self, number: int) -> V:
        """Return one record.

        Raises:
            StoreError: It is not there or damaged.
        """
        try:
            return self.model.model_validate(durable.read_json(self._path(number)))
        except DAMAGE as error:
            reason = str(error).partition("\n")[0]
            raise StoreError(f"{self.pointer} {number} of {self.place} cannot be read ({reason})") from error

    def live(self) -> V:
        """Return the live record.

        Raises:
            StoreError: Its pointer or it itself is damaged.
        """
        pointed = -1
        while True:
            last, pointed = pointed, self.pointed()
            if not pointed:
                raise StoreError(f"the live pointer of {self.place} is damaged or not there")
            try:
                return self.read(pointed)
            except StoreError:
                if pointed == last:  # else it was swapped out and removed between the two reads
                    raise

    def kept(self) -> list[V]:
        """List the records that can be read, oldest first; one that is damaged is said and left out."""
        found = []
        for number in self.numbers():
            try:
                found.append(self.read(number))
            except StoreError as error:
                log.warning("%s; it is left out", error)
        return found

    def commit(
        self,
        made: V,
        *,
        same: Callable[[V, V], bool],
        keep: int | None = None,
        release: bool = True,
        before: Callable[[int], None] | None = None,
    ) -> V:
        """Make a record the live one; one that is the same as the live one changes nothing.

        The caller holds the lock of the name.

        Args:
            made: The record; its number is given here.
            same: Whether two records say the same.
            keep: Records to keep, the newest; left out, all of them.
            release: Whether it becomes the live one; False keeps the record and leaves the pointer where it is.
            before: Is told the number before the pointer moves.

        Returns:
            The live record now; of one that is not released, the record as it is kept.
        """
        number = max(self.numbers(), default=0) + 1  # before any is removed
        if (current := self._current()) is not None and same(current, made):
            return current
        if not release and (known := next((one for one in self.kept() if same(one, made)), None)) is not None:
            return known
        numbered = made.model_copy(update={"number": number})
        self.put(numbered)
        if not release:
            return numbered
        if before is not None:
            before(number)
        self.point(number)
        for old in self.numbers()[:-keep] if keep is not None else ():
            self._path(old).unlink(missing_ok=True)
        return numbered

    def is_live(self, made: V, same: Callable[[V, V], bool]) -> bool:
        """Return whether a record says the same as the live one."""
        try:
            return same(self.live(), made)
        except StoreError:
            return False

    def put(self, numbered: V) -> None:
        """Write a record under its own number; the pointer stays where it is."""
        durable.write_json(self._path(int(numbered.model_dump()["number"])), numbered.model_dump(mode="json"))

    def point(self, number: int) -> None:
        """Make a record that is kept the live one."""
        durable.write_json(self.folder / "live", {self.pointer: number})

    def _current(self) -> V | None:
        """Return the live record; if it is damaged say so, and remove the records that cannot be read."""
        if not (self.folder / "live").exists():
            return None
        try:
            return self.live()
        except StoreError as error:
            log.warning("%s; it is written again", error)
        for number in self.numbers():
            try:
                durable.read_json(self._path(number))
            except StoreError:
                self._path(number).unlink()
        return None

    def _path(self, number: int) -> Path:
        return workspace.folder(self.room, self.name, self.records) / f"{number:04d}.json"


def same_but(*fields: str) -> Callable[[Value, Value], bool]:
    """Return what compares two records without some of their fields."""
    return lambda a, b: a.model_copy(update=dict.fromkeys(fields)) == b.model_copy(update=dict.fromkeys(fields))
