"""Stories of the book: what its notebooks print, and the calls that show the same here.

Source: the notebooks of *Hands-On Large Language Models*, Alammar and Grootendorst, Apache 2.0,
github.com/HandsOnLLM/Hands-On-Large-Language-Models; where no notebook prints it, the chapter. The stories of a
chapter stand in `configs/stories`.
"""

from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import Field, model_validator

from configs.base import Config

STORIES = Path(__file__).parent / "stories"
GROUPS = ("training", "long", "hub")  # run only where they are named

Key = str | int
Text = str | bool | int | float


class BookValue(Config):
    """One thing the book prints, and where the result of a run has it."""

    what: str = Field(min_length=1)
    """What it is, in a few words."""
    at: tuple[Key, ...] = Field(min_length=1)
    """Way to it in the result of the last call: names, and numbers of places in lists; in what has names, a number
    means the name at that place."""
    how: Literal["same", "measured", "holds", "words", "number", "count", "shown"] = "shown"
    """same: must be equal; measured: a number, with its interval where there is one; holds: a text that has all of
    `holds` in it; words: a list, joined, in which the book's words must stand side by side; number: the last number
    of a text; count: the length of a list; shown: beside the book's, not compared."""
    printed: Text | None = None
    """What the book prints; null where it prints nothing of the kind."""
    right: Text | None = None
    """What is right, whatever the book prints; null where nothing is."""
    holds: tuple[str, ...] = ()
    """Texts that must be in ours, for `holds`."""

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        """Refuse a value that says how it is compared but not with what it is."""
        if self.how == "holds" and not self.holds:
            raise ValueError("holds needs the texts that ours must hold")
        if (
            self.how in ("same", "measured", "words", "number", "count")
            and self.printed is None
            and self.right is None
        ):
            raise ValueError(f"{self.how} needs what the book prints, or what is right")
        return self


class Story(Config):
    """One story of the book, and the calls that replay it."""

    name: str = Field(min_length=1)
    """What the command line calls it."""
    chapter: int = Field(ge=1, le=12)
    """Where the book tells it."""
    title: str = Field(min_length=1)
    """What it shows."""
    where: str = ""
    """Section of the chapter."""
    calls: tuple[tuple[str, ...], ...] = Field(min_length=1)
    """Words behind `python -m flows`, of one call after another; the last one's result is compared. `{data}` is the
    folder that LLM_FLOWS_DATA names, `{made}` the folder with tables that the command makes of it, `{stories}` the
    folder of the project's own small texts."""
    values: tuple[BookValue, ...] = ()
    """What is compared, or shown side by side."""
    setting: str = ""
    """What is another thing here than in the book: model, data, size."""
    data: tuple[str, ...] = ()
    """Files below `{data}` that it reads."""
    table: Literal["", "film", "reviews"] = ""
    """Table that is made of them first."""
    hub: str = ""
    """What it takes from the hub."""
    group: Literal["", "training", "long", "hub"] = ""
    """Run only where this group, or the story, is named; empty for one that is always run."""
    seconds: int = Field(10, ge=1, le=36_000)
    """What it took on two cores when nothing was stored, about."""

    @model_validator(mode="after")
    def _of_the_hub(self) -> Self:
        """Refuse a story of the hub that does not say what it takes from there."""
        if (self.group == "hub") != bool(self.hub):
            raise ValueError("a story of the group hub says what it takes from there, and no other does")
        return self


@cache
def stories() -> tuple[Story, ...]:
    """Return every story, in the order of the chapters."""
    found = [
        Story.model_validate({"chapter": int(path.stem.removeprefix("chapter-")), **one})
        for path in sorted(STORIES.glob("chapter-*.yaml"))
        for one in yaml.safe_load(path.read_text("utf-8"))
    ]
    return tuple(found)
