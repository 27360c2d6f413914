"""What of a collection an encoder can read: its languages, and the tokens the encoder does not know."""

from pydantic import Field

from tasks.data.base import Value

MULTILINGUAL = "an encoder of these languages, as the preset @multilingual has one"
BY_WORDS = "semantic-search with retrieve.kind=sparse searches by words and needs no encoder"


class ReadingReport(Value):
    """The languages of documents, and how much of their passages an encoder reads.

    Attributes:
        documents: Documents of each language, by its ISO 639-1 code; `unknown` where it is not known.
        passages: Passages in all.
        unread: Passages of each language of which more tokens than `most_unread` say nothing to the encoder.
        untrained: Other passages of each language that the encoder does not state.
        unread_share: Share of such tokens among all.
        encoder: Languages the encoder states; none where it states none.
        most_unread: Share of a passage's tokens.
        measured: Whether tokens could be counted: those of a server cannot.
    """

    documents: dict[str, int]
    passages: int
    unread: dict[str, int] = Field(default_factory=dict)
    untrained: dict[str, int] = Field(default_factory=dict)
    unread_share: float = 0.0
    encoder: tuple[str, ...] = ()
    most_unread: float
    measured: bool = True

    @property
    def warnings(self) -> list[str]:
        """What a reader must know; nothing where the encoder reads everything."""
        told = []
        if self.unread:
            told.append(
                f"{sum(self.unread.values()):,} of {self.passages:,} passages hold over {self.most_unread:.0%} tokens "
                f"that the encoder does not know ({_listed(self.unread)}): results by meaning are not to be trusted; "
                f"use {MULTILINGUAL}; {BY_WORDS}"
            )
        if self.untrained:
            told.append(
                f"{sum(self.untrained.values()):,} of {self.passages:,} passages are in languages the encoder was not "
                f"trained on ({_listed(self.untrained)}; it states {', '.join(self.encoder)}): results by meaning "
                f"are weaker; use {MULTILINGUAL}"
            )
        return told

    def stated(self) -> dict[str, object]:
        """Return the same as a run answers its caller."""
        return {
            "languages": self.documents,
            "unread_passages": sum(self.unread.values()) if self.measured else None,
            "unread_tokens": round(self.unread_share, 4) if self.measured else None,
        }


def _listed(counted: dict[str, int]) -> str:
    return ", ".join(counted)
