"""Pictures that were read, and what is found among them: references and rows."""

from dataclasses import dataclass
from typing import Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import DocumentsRef, PassagesRef, RejectedRef
from tasks.data.evaluation import MeasuresRef
from tasks.data.vectors import VectorsRef


class PicturesRef(Ref):
    """A table of `Picture` rows, in the order of their documents."""

    kind: Literal["pictures"] = "pictures"


class FeaturesRef(Ref):
    """A (N, F) float32 array: what a picture encoder gives, of any length."""

    kind: Literal["picture-features"] = "picture-features"


class PictureHeadRef(Ref):
    """Mean, spread, weights and bias of a head as arrays."""

    kind: Literal["picture-head"] = "picture-head"


class PictureHitsRef(Ref):
    """A table of `PictureHit` rows."""

    kind: Literal["picture-hits"] = "picture-hits"


class NearPicturesRef(Ref):
    """A table of `NearPictures` rows."""

    kind: Literal["near-pictures"] = "near-pictures"


class PictureClassesRef(Ref):
    """A table of `PictureClass` rows."""

    kind: Literal["picture-classes"] = "picture-classes"


class IngestedPictures(Value):
    """What came out of a folder of pictures.

    Attributes:
        documents: A document a picture: its description is the text, its name the title.
        passages: One a document, row by row.
        pictures: Working copies, row by row.
        rejected: What was not read, and why.
        described: How many have a description.
        rejected_rows: Rows of descriptions that hold no text or repeat a name, and why.
        unknown: Descriptions of pictures that are not there.
        examples: The first names of those.
        lost: Descriptions of pictures that were rejected.
        left_out: Rows of a data set beyond the limit.
    """

    documents: DocumentsRef
    passages: PassagesRef
    pictures: PicturesRef
    rejected: RejectedRef
    rejected_rows: RejectedRef
    described: int
    unknown: int
    examples: tuple[str, ...] = ()
    lost: int = 0
    left_out: int = 0


class LearnedHead(Value):
    """A head that puts pictures among texts, and how well heads that never saw a picture find it.

    Attributes:
        head: Learned from all described pictures.
        held_out: (N, D) vectors of pictures, each by a head that learned from other groups; zeros of those without a
            description.
        measures: Of these vectors, each picture asked for by its own description.
        groups: Groups of near copies among the described pictures.
    """

    head: PictureHeadRef
    held_out: VectorsRef
    measures: MeasuresRef
    groups: int


class ClassifiedPictures(Value):
    """The class of each picture, and how often it is the right one, where that is known.

    Attributes:
        classes: One a picture.
        measures: Of those whose right class is among the classes.
        others: Pictures whose right class is another one, which are not judged.
        named: The commonest of those.
        unmet: Classes that are right for no picture.
        cosines: (N, C) of each picture to each class.
        held_out: (N, C) of the same by heads that never saw the picture; zeros where it is not described.
        refused: Pictures that show none of the classes; None where that was not asked for.
    """

    classes: PictureClassesRef
    measures: MeasuresRef
    cosines: VectorsRef
    held_out: VectorsRef
    refused: int | None = None
    others: int = 0
    named: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


class ProbedPictures(Value):
    """The class of each picture by a linear probe, and how often it is right where the class is known.

    Attributes:
        classes: One a picture; where the class is known, by a probe that never saw the picture or a near copy.
        measures: Of those whose class is known.
        truth: Where the classes stand.
        labelled: Pictures that were learned from.
        unlabelled: Pictures without a class, which got one.
        too_few: Classes with too few pictures to be learned.
    """

    classes: PictureClassesRef
    measures: MeasuresRef
    truth: str
    labelled: int
    unlabelled: int
    too_few: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is worked with: upright, in sRGB, on a ground, small, without what cameras write beside pixels.

    Attributes:
        digest: sha256 of size and pixels; a renamed picture has the same.
        width: Of the original, upright, in pixels.
        height: Of the original, upright, in pixels.
        kind: What the file is by its content.
        frames: Frames or pages it has; the first was read.
        notes: What a person should know of how it was read.
        copy: The working copy, encoded here: PNG of small pictures, JPEG of others.
    """

    digest: str
    width: int
    height: int
    kind: str
    frames: int
    notes: str
    copy: bytes


@dataclass(frozen=True, slots=True)
class NearPictures:
    """Two pictures that are near copies of each other, and the cosine of their features."""

    first: int
    second: int
    cosine: float


@dataclass(frozen=True, slots=True)
class PictureHit:
    """A picture found for a picture.

    Attributes:
        query: Row of the picture asked for.
        picture: Row of the picture.
        rank: From 1.
        score: Cosine of their features.
    """

    query: int
    picture: int
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class PictureClass:
    """The class that a picture is closest to.

    Attributes:
        picture: Row of the picture.
        label: The class.
        score: Cosine to its vector.
        margin: Less the cosine to the next class.
    """

    picture: int
    label: str
    score: float
    margin: float
