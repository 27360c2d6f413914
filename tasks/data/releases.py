"""How a generation of a collection differs from the one before, and whether it was published."""

from tasks.data.base import Value
from tasks.data.search import Generation, Verified


class Delta(Value):
    """How the documents of a generation differ from those that were live before, by id and digest of the text.

    Attributes:
        against: Number of the generation compared with, 0 where there was none.
        added: Documents whose id is new.
        changed: Documents whose text is another.
        removed: Documents that are gone.
        unchanged: Documents that are as they were.
    """

    against: int
    added: int
    changed: int
    removed: int
    unchanged: int


class Comparison(Value):
    """What the gate found: a generation and the live one on the same questions, or why they were not compared.

    Attributes:
        skipped: Why nothing was compared; empty where it was.
        against: Number of the live generation, 0 where there is none.
        metric: What was measured, as `ndcg@10`.
        questions: Questions whose answers both hold.
        live: Mean of the live generation.
        new: Mean of the new one.
        low: Lower end of the 95 % interval of the mean difference, new less live.
        high: Upper end.
        tolerance: How much worse it may be.
        refused: Whether it is worse by more than that.
    """

    skipped: str = ""
    against: int = 0
    metric: str = ""
    questions: int = 0
    live: float = 0.0
    new: float = 0.0
    low: float = 0.0
    high: float = 0.0
    tolerance: float = 0.0
    refused: bool = False

    @property
    def words(self) -> str:
        """One line for people: what was found, or why nothing was compared."""
        if self.skipped:
            return f"not compared: {self.skipped}"
        return (
            f"{self.metric} of {self.questions} questions is {self.new:.3f}, of generation {self.against} "
            f"{self.live:.3f}: {self.new - self.live:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        )


class Release(Value):
    """A generation and what was found out about it before it became live.

    Attributes:
        generation: The one that is live now; the one that was refused has number 0.
        delta: How its documents differ from those that were live when this run began.
        verified: That it is whole.
        comparison: Whether it finds as well as the one before.
    """

    generation: Generation
    delta: Delta
    verified: Verified
    comparison: Comparison
