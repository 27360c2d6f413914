"""Pictures among texts by a model that reads both, and what it did not read of them."""

from tasks.data.base import Value
from tasks.data.evaluation import MeasuresRef
from tasks.data.pictures import LearnedHead
from tasks.data.vectors import VectorsRef


class PlacedPictures(Value):
    """Vectors of pictures by the picture tower of a dual encoder, and how well descriptions find them.

    Attributes:
        held_out: (N, D) unit-length vectors; nothing was learned from any picture, so all may be judged.
        measures: Of the described pictures, each asked for by its own description among all.
    """

    held_out: VectorsRef
    measures: MeasuresRef


AmongTexts = LearnedHead | PlacedPictures
"""What put pictures among texts; both have vectors to judge them by, and what was measured."""


class TowerLimits(Value):
    """What a dual encoder does not read of texts and of pictures.

    Attributes:
        tokens: Tokens of a text it reads, special ones included.
        descriptions: Descriptions that were cut.
        texts: Queries, words of `shift` and sentences about classes that were cut.
        side: Pixels of a side it reads of a picture.
        copies: Pixels of the shorter side that the working copies have at most.
    """

    tokens: int
    descriptions: int
    texts: int
    side: int
    copies: int
