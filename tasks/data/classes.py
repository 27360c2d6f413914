"""What crosses the border between tasks of classification: references, rows and small values, as in `tasks.data`."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.chains import PromptUsage
from tasks.data.curves import LearningCurve
from tasks.data.documents import DocumentsRef, RejectedRef
from tasks.data.evaluation import MeasuresRef, Spread
from tasks.data.labels import CalibrationTried, LabelCalibration
from tasks.data.models import Fingerprint, Scorer
from tasks.data.topics import RowsRef
from tasks.data.vectors import VectorsRef


@dataclass(frozen=True, slots=True)
class Target:
    """The labels of a document: one, or where several are allowed any number, in alphabetical order."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well a way does on one class.

    Attributes:
        way: Name of the way.
        label: The class.
        precision: Share of those called so that are.
        recall: Share of those that are so that are called so.
        f1: Harmonic mean of both.
        support: Texts that are so.
        predicted: Texts called so.
    """

    way: str
    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Paired:
    """Two ways on the same texts.

    Attributes:
        ours: Name of the one.
        theirs: Name of the other.
        metric: What was measured.
        difference: Ours less theirs.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        p: Of McNemar's exact test: how likely so uneven a number of texts that only one gets right is by chance.
        only_ours: Texts only ours gets right.
        only_theirs: Texts only theirs gets right.
    """

    ours: str
    theirs: str
    metric: str
    difference: float
    low: float
    high: float
    p: float
    only_ours: int
    only_theirs: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Decisions of like confidence: their number, mean confidence and accuracy."""

    way: str
    low: float
    high: float
    count: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Confused:
    """How many texts of one class a way puts into another; `predicted` is empty where it gave them no label."""

    way: str
    given: str
    predicted: str
    count: int


@dataclass(frozen=True, slots=True)
class LabelWording:
    """What one way to word the labels reaches alone, on the texts kept back."""

    way: str
    wording: str
    macro_f1: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A text whose label is probably wrong.

    Attributes:
        row: Row among the training texts, those held out after them.
        id: Id of the document.
        given: The label it has.
        likely: The label it probably should have.
        confidence: Probability of the given label, by what was fitted on other texts; the list begins with the least.
        text: What it says.
    """

    row: int
    id: str
    given: str
    likely: str
    confidence: float
    text: str


class TargetsRef(Ref):
    """A table of `Target` rows."""

    kind: Literal["targets"] = "targets"


class ProbabilitiesRef(Ref):
    """A (N, K) float32 array: the probability of each class for each text."""

    kind: Literal["probabilities"] = "probabilities"


class ClassifierRef(Ref):
    """A folder with everything that predicts: classifier.json, weights.safetensors, terms.json; nothing is pickled."""

    kind: Literal["classifier"] = "classifier"


class PredictionsRef(Ref):
    """A folder with predictions.parquet and predictions.csv: id, text, label, probability, a column for each class."""

    kind: Literal["predictions"] = "predictions"


class ZeroShotRef(Ref):
    """A table of `LabelWording` rows of classification."""

    kind: Literal["worded"] = "worded"


class LabelIssuesRef(Ref):
    """A table of `LabelIssue` rows."""

    kind: Literal["doubts"] = "doubts"


class ClassScoresRef(Ref):
    """A table of `ClassScore` rows."""

    kind: Literal["class-scores"] = "class-scores"


class PairedRef(Ref):
    """A table of `Paired` rows."""

    kind: Literal["paired"] = "paired"


class BinsRef(Ref):
    """A table of `Bin` rows."""

    kind: Literal["bins"] = "bins"


class ConfusedRef(Ref):
    """A table of `Confused` rows."""

    kind: Literal["confused"] = "confused"


class Texts(Value):
    """Documents, and their vectors where they were asked for, row by row."""

    documents: DocumentsRef
    vectors: VectorsRef | None = None


class Examples(Value):
    """Texts with their labels, row by row."""

    documents: DocumentsRef
    vectors: VectorsRef | None
    targets: TargetsRef


class LabelledTexts(Value):
    """Texts whose labels could be read, and those whose could not."""

    examples: Examples
    rejected: RejectedRef


class LabelReport(Value):
    """What was noticed about labels.

    Attributes:
        alike: Groups of labels that differ by case or space alone.
        rare: Labels of too few texts, rejected.
        unseen: Labels of the texts kept back that no training text has, rejected.
        overlap: Texts kept back that are among the training texts too.
    """

    alike: tuple[tuple[str, ...], ...] = ()
    rare: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    overlap: int = 0


class Divided(Value):
    """Texts to learn from and texts kept back.

    Attributes:
        train: To learn from.
        test: Kept back to judge by.
        classes: Labels in alphabetical order; columns of probabilities are in this order.
        multiple: Whether a text may have several labels.
        tried: Rows of `train` that ready models are tried on.
        rejected: Rejected texts, with the reason.
        noticed: What was noticed about labels.
    """

    train: Examples
    test: Examples
    classes: tuple[str, ...]
    multiple: bool
    tried: RowsRef
    rejected: RejectedRef
    noticed: LabelReport = LabelReport()

    def cache_key(self) -> Any:
        """Count by texts, labels and the rows tried."""
        parts = (self.train, self.test)
        refs = [ref.digest if ref else "" for p in parts for ref in (p.documents, p.vectors, p.targets)]
        return [*refs, self.tried.digest, list(self.classes), self.multiple]


class Identified(Value):
    """A ready model, as it would run here: what decides its scores, and its labels in the order of its outputs."""

    scorer: Scorer
    labels: tuple[str, ...]
    independent: bool = False

    def cache_key(self) -> Any:
        """Count by what decides a score."""
        return [self.scorer.cache_key(), list(self.labels), self.independent]


class Trial(Value):
    """A way to classify that has been tried.

    Attributes:
        name: What it is called in tables.
        kind: Kind of its config.
        learned: Whether it learned from labels.
        validation: Probabilities of training texts by what was fitted on others: of all, or of those tried.
        test: Probabilities of the texts kept back.
        classifier: What predicts, fitted on all training texts.
        thresholds: Of each class where a text may have several labels; none where it has one.
        tried_only: Whether `validation` is of the rows tried alone.
        zero_shot: What each wording reaches alone.
        wordings: The macro-F1 of the wordings alone.
        setting: What cross-validation chose, in words.
        fit_seconds: What fitting took here.
        seconds_per_1000: What 1,000 texts take here, vectors given.
        encodes: Whether it needs vectors, which cost beside.
        asked: What a language model was asked; where nothing was calibrated it gave labels, and the probabilities are
            but 1 and 0.
        calibration: How its label bias was taken out of its likelihoods; None where it gave labels alone.
        raw: Its probabilities of the texts kept back before that; None where it gave labels alone.
        calibrations: What each kind of calibration reaches on training texts.
    """

    name: str
    kind: str
    learned: bool
    validation: ProbabilitiesRef
    test: ProbabilitiesRef
    classifier: ClassifierRef
    thresholds: tuple[float, ...] = ()
    tried_only: bool = False
    zero_shot: ZeroShotRef | None = None
    wordings: Spread | None = None
    setting: str = ""
    fit_seconds: float = 0.0
    seconds_per_1000: float = 0.0
    encodes: bool = False
    asked: PromptUsage | None = None
    calibration: LabelCalibration | None = None
    raw: ProbabilitiesRef | None = None
    calibrations: tuple[CalibrationTried, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether it gives probabilities, not labels alone."""
        return self.asked is None or self.calibration is not None

    @property
    def uncalibrated(self) -> str:
        """Name of what it says before it is calibrated; empty where it is not."""
        return f"{self.name}, raw" if self.calibration is not None and self.calibration.kind != "none" else ""

    def cache_key(self) -> Any:
        """Count by what was found, not by how long it took."""
        digests = [self.validation.digest, self.test.digest, self.classifier.digest, self.raw and self.raw.digest]
        return [
            self.name,
            self.uncalibrated,
            self.learned,
            self.tried_only,
            self.sure,
            list(self.thresholds),
            *digests,
        ]


class Speed(Value):
    """How long encoding takes here."""

    seconds_per_1000: float

    def cache_key(self) -> Any:
        """Count for nothing."""
        return "speed"


class Judgement(Value):
    """How good the ways are.

    Attributes:
        measures: With intervals, of the texts kept back.
        validation: Macro-F1 and accuracy on training texts, by what was fitted on others.
        classes: Class by class.
        paired: Two ways at a time.
        bins: Confidence against accuracy.
        confused: Which class is taken for which; empty where a text may have several labels.
        ranked: Names of the ways, the best macro-F1 on training texts first.
    """

    measures: MeasuresRef
    validation: MeasuresRef
    classes: ClassScoresRef
    paired: PairedRef
    bins: BinsRef
    confused: ConfusedRef
    ranked: tuple[str, ...]


class Classifier(Value):
    """A classifier that is kept under a name.

    Attributes:
        name: What it is called.
        number: Of the record, from 1; given when it is kept.
        way: Name of the way.
        classifier: What predicts.
        encoder: What its vectors were made with, None where it needs none.
    """

    name: str
    number: int = 0
    way: str
    classifier: ClassifierRef
    encoder: Fingerprint | None = None


class Verdict(Value):
    """Everything found out about ways to classify some texts."""

    divided: Divided
    trials: tuple[Trial, ...]
    judgement: Judgement
    chosen: str
    speed: Speed | None = None
    curve: tuple[LearningCurve, ...] = ()
    label_issues: LabelIssuesRef | None = None
    predictions: PredictionsRef | None = None
