"""How far the names of topics are borne out: small values."""

from tasks.data.base import Value


class WrittenNames(Value):
    """What came of asking a language model for the names of topics.

    Attributes:
        written: Names that were taken; the own words of the others name them, for one of the reasons that follow.
        refused: Replies that decline.
        repeated: Replies that say the same over and over.
        empty: Replies that say nothing.
        too_long: Names of more words than were asked for.
        stop_words: Names of words that say nothing.
        duplicate: Names that another topic has.
        not_held: Names that the members do not bear out.
        spent_tokens: Tokens of prompts and replies.
        saved_tokens: Tokens that kept replies saved.
    """

    written: int
    refused: int
    empty: int
    too_long: int
    stop_words: int
    duplicate: int
    not_held: int
    spent_tokens: int
    saved_tokens: int
    repeated: int = 0


class TopicNaming(Value):
    """How far the names of topics are borne out; all 0 where there are no topics.

    Attributes:
        topics: How many have a name.
        support: Share of members that bear the name out, in the mean.
        supported: Share of names that are borne out well enough.
        too_general: Share of names half as true of others' documents as of the topic's own.
        written: What a language model wrote; None where none was asked.
    """

    topics: int
    support: float = 0.0
    supported: float = 0.0
    too_general: float = 0.0
    written: WrittenNames | None = None

    def stated(self) -> dict[str, float]:
        """Return the numbers by name."""
        own = self.model_dump(include={"support", "supported", "too_general"}) if self.topics else {}
        return {**own, **(self.written.model_dump() if self.written is not None else {})}
