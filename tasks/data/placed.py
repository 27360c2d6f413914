"""Pictures among texts by a model that reads both, and the texts it cut."""

from tasks.data.base import Value
from tasks.data.evaluation import MeasuresRef
from tasks.data.vectors import VectorsRef


class PlacedPictures(Value):
    """Vectors of pictures by the picture tower of a dual encoder, and how well descriptions find them.

    Attributes:
        held_out: (N, D) unit-length vectors; nothing was learned from any picture, so all may be judged.
        measures: Of the described pictures, each asked for by its own description among all.
    """

    held_out: VectorsRef
    measures: MeasuresRef


class CutTexts(Value):
    """Texts that are longer than the text tower reads.

    Attributes:
        limit: Tokens it reads, special ones included.
        descriptions: Descriptions that were cut.
        texts: Queries and sentences about classes that were cut.
    """

    limit: int
    descriptions: int
    texts: int
