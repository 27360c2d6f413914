"""What came out where a story of the book was replayed."""

from dataclasses import dataclass
from typing import Literal

Agreement = Literal["agrees", "differs", "shown"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One value of the book, and ours.

    Attributes:
        what: What it is.
        printed: As the book prints it; empty where it prints nothing of the kind.
        ours: As the run's result has it; empty where it has nothing there.
        value: Ours where it is a number.
        interval: Its lower and upper end, where the run states them.
        n: What the interval is over, None where the run does not say.
        agreement: agrees, differs, or shown where the two are not compared.
        sentence: The same in words.
        book_wrong: Ours is right, and what the book prints is not.
    """

    what: str
    printed: str
    ours: str
    value: float | None
    interval: tuple[float, float] | None
    n: int | None
    agreement: Agreement
    sentence: str
    book_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """One story, and what became of it.

    Attributes:
        name: Of the story.
        chapter: Of the book.
        title: What the story shows.
        source: Where the book has it.
        state: ran, failed, or absent where something it needs is not here or it was not asked for.
        commands: What a user runs to see the same, one call after another.
        reason: Why it failed or did not run; empty where it ran.
        setting: What is another thing here than in the book.
        values: Of the book and of the run.
        precision: Of the model's weights, as the run or its call says; empty where no model has part in it.
        seconds: All its calls together.
        steps: Steps that ran, and that were stored.
        report: Page of the last call, empty where it writes none.
    """

    name: str
    chapter: int
    title: str
    source: str
    state: Literal["ran", "failed", "absent"]
    commands: tuple[str, ...]
    reason: str
    setting: str
    values: tuple[Compared, ...] = ()
    precision: str = ""
    seconds: float = 0.0
    steps: tuple[int, int] = (0, 0)
    report: str = ""

    @property
    def agreement(self) -> Agreement:
        """What of its compared values holds: differs if one does, shown where none is compared."""
        kinds = {value.agreement for value in self.values}
        return "differs" if "differs" in kinds else "agrees" if "agrees" in kinds else "shown"
