"""Captions of pictures, and what they are learned from: references and rows."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.evaluation import MeasuresRef
from tasks.data.messages import Generator
from tasks.data.pictures import FeaturesRef
from tasks.data.training import StepLossRef


class DescribedPicturesRef(Ref):
    """A table of `DescribedPicture` rows, in the order of their features."""

    kind: Literal["described-pictures"] = "described-pictures"


class CaptionerRef(Ref):
    """The prefix network of a captioner: safetensors, and its sizes as JSON."""

    kind: Literal["captioner"] = "captioner"


class CaptionsRef(Ref):
    """A table of `Caption` rows, in the order of the pictures that were captioned."""

    kind: Literal["captions"] = "captions"


class PicturePart(Value):
    """Some of the pictures: those to learn from, to stop by, to judge by, or without a description.

    Attributes:
        pictures: Names and descriptions.
        features: (N, F) of them, row by row.
    """

    pictures: DescribedPicturesRef
    features: FeaturesRef


class DividedPictures(Value):
    """Pictures divided so that near copies are in one part.

    Attributes:
        train: Learned from.
        validation: The best step is chosen by them.
        test: Held out.
        new: Without a description.
        groups: Groups of near copies among the described pictures.
    """

    train: PicturePart
    validation: PicturePart
    test: PicturePart
    new: PicturePart
    groups: int


class TrainedCaptioner(Value):
    """A captioner, and how its training went.

    Attributes:
        model: The prefix network of the best step.
        curve: Of training.
        best_step: Step whose weights these are.
        steps: Steps that were run.
        seconds: What they took, every evaluation included.
        processor_seconds: Of them, those of this process on its cores.
        trainable: Weights that moved.
        frozen: Weights of the language model, none of which moved.
        cut: Descriptions that were longer than what is learned from, and cut.
        stopped_because: Why training ended, in words.
        precision: What training computed in.
        device: Where.
    """

    model: CaptionerRef
    curve: StepLossRef
    best_step: int
    steps: int
    seconds: float
    processor_seconds: float
    trainable: int
    frozen: int
    cut: int
    stopped_because: str
    precision: str
    device: str

    def cache_key(self) -> Any:
        """Count by the network, not by how long it took."""
        return {"captioner": self.model.digest}


class CaptionedPictures(Value):
    """Pictures, and what is said of them.

    Attributes:
        pictures: Names and descriptions.
        captions: Of them, row by row.
    """

    pictures: DescribedPicturesRef
    captions: CaptionsRef


class AskedPictures(Value):
    """What a vision-language model says of pictures.

    Attributes:
        described: Of those that have a description, by which it is judged.
        new: Of the others.
        prompt_tokens: A picture with its prompt has on average, as the model reads it or the server counts it.
    """

    described: CaptionedPictures
    new: CaptionedPictures
    prompt_tokens: float


class LearnedCaptioner(Value):
    """A captioner that was trained by this run.

    Attributes:
        divided: What was learned from, and what was held out.
        trained: The captioner.
    """

    divided: DividedPictures
    trained: TrainedCaptioner


class WrittenCaptions(Value):
    """Captions of a run, and what they are worth.

    Attributes:
        by: The language model.
        judged: Captions of described pictures, none of which was learned from.
        new: Captions of pictures without a description.
        measures: Of the judged ones; None where none is described.
        learned: How the captioner was trained; None where it was taken as it is.
        prompt_tokens: A picture with its prompt has on average; None where nothing was asked.
    """

    by: Generator
    judged: CaptionedPictures
    new: CaptionedPictures
    measures: MeasuresRef | None
    learned: LearnedCaptioner | None = None
    prompt_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class DescribedPicture:
    """A picture by its name.

    Attributes:
        name: Of its file.
        text: Its description; empty where it has none.
        named: What a caption of it must name; empty where that is the content of the description.
    """

    name: str
    text: str
    named: str


@dataclass(frozen=True, slots=True)
class Caption:
    """What a captioner says of a picture.

    Attributes:
        name: Of its file.
        text: The caption, one line of printable characters.
        finish: Why it ended: `stop`, `length`, `repetition` where its words go round, or `refused` by a server.
        tokens: It has, its end included.
        loss: Nats a token of the picture's own description, its end included; None where it has none.
        replies: To the questions after the first, as `text`; fewer where one had no text.
        fields: The last reply as JSON that the schema accepts; empty where none was asked for, or it is rejected.
        rejected: Why the last reply is rejected, in a word; empty where it is not.
        detail: The same in words, with the reply's beginning; else what a server says that refuses to answer.
    """

    name: str
    text: str
    finish: str
    tokens: int
    loss: float | None
    replies: tuple[str, ...] = ()
    fields: str = ""
    rejected: str = ""
    detail: str = ""
