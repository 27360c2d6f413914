"""Topics: references, small values and rows."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import DocumentsRef
from tasks.data.evaluation import MeasuresRef
from tasks.data.reading import ReadingReport
from tasks.data.topic_names import TopicNaming
from tasks.data.vectors import VectorsRef


class StrengthsRef(Ref):
    """A (N,) float32 array: the probability of each row to belong to its cluster, 0 to 1; 0 for noise."""

    kind: Literal["strengths"] = "strengths"


class RowsRef(Ref):
    """A (M,) int64 array: rows of a table or an array."""

    kind: Literal["rows"] = "rows"


class CountsRef(Ref):
    """A sparse (N, V) table of how often each document says each word, and the V words."""

    kind: Literal["counts"] = "counts"


class WordingsRef(Ref):
    """A table of `Wording` rows."""

    kind: Literal["wordings"] = "wordings"


class MergesRef(Ref):
    """A table of `Merge` rows, closest first."""

    kind: Literal["merges"] = "merges"


class SharesRef(Ref):
    """A table of `Share` rows."""

    kind: Literal["shares"] = "shares"


class FatesRef(Ref):
    """A table of `Fate` rows."""

    kind: Literal["fates"] = "fates"


class RemarksRef(Ref):
    """A table of `Remark` rows."""

    kind: Literal["remarks"] = "remarks"


class PlacesRef(Ref):
    """A table of `TopicMatch` rows."""

    kind: Literal["places"] = "places"


class TopicFilesRef(Ref):
    """A folder with the topics as files for others: documents, topics, centres."""

    kind: Literal["topic-files"] = "topic-files"


class LabelsRef(Ref):
    """A (N,) int64 array: the cluster of each row, -1 for noise."""

    kind: Literal["labels"] = "labels"


class Clustered(Value):
    """The cluster of each row, and the probability that it belongs there."""

    labels: LabelsRef
    strengths: StrengthsRef


class GraphRef(Ref):
    """A (N, K, 2) float32 array: for each row its K nearest rows, itself first, as (row, distance)."""

    kind: Literal["graph"] = "graph"


class LayoutRef(Ref):
    """A (N, C) float32 array: points in few dimensions."""

    kind: Literal["layout"] = "layout"


class Grouped(Value):
    """Documents with neighbours, a place on the map, and clusters.

    Attributes:
        graph: The neighbours of each.
        points: Where clusters were sought.
        layout: The map.
        clustered: The clusters.
    """

    graph: GraphRef
    points: LayoutRef | VectorsRef
    layout: LayoutRef
    clustered: Clustered


class Sample(Value):
    """Some rows of an array, and those rows."""

    rows: RowsRef
    vectors: VectorsRef


class Coverage(Value):
    """How well an encoder's vocabulary knows the words of documents.

    Attributes:
        words: Words in all.
        pieces_per_word: Tokens a word is cut into, in the mean; many: jargon the encoder has not learned.
        unknown_share: Share of words with a piece that the vocabulary does not have.
        cut_up: Words cut into most pieces, commonest first.
    """

    words: int
    pieces_per_word: float
    unknown_share: float
    cut_up: tuple[str, ...] = ()


class TopicRecord(Value):
    """The topics of one run, kept so that the next run can recognise them.

    Attributes:
        name: What they are the topics of: a collection, or a source.
        number: Of the record, from 1; given when it is kept.
        previous: Number of the record it was matched with; 0 for none.
        documents: The documents.
        found: The clusters as they were found.
        labels: The same with lasting numbers, before any were merged by hand.
        centres: A row for each topic, by number.
        highest: Highest number ever given to a topic.
    """

    name: str
    number: int = 0
    previous: int = 0
    documents: DocumentsRef
    found: LabelsRef
    labels: LabelsRef
    centres: VectorsRef
    highest: int

    def cache_key(self) -> Any:
        """Count by what topics are recognised by, not by name, number and words."""
        return [self.documents.digest, self.labels.digest, self.centres.digest, self.highest]


class Matched(Value):
    """Clusters with lasting numbers, and what became of the topics of the earlier run.

    Attributes:
        labels: (N,) cluster of each document.
        centres: A row for each topic, by number.
        fates: What became of every topic.
        highest: Highest number ever given to a topic.
        stayed: Documents left in their topic of that run.
        previous: Number of that run; 0 where this is the first of its name.
    """

    labels: LabelsRef
    centres: VectorsRef
    fates: FatesRef
    highest: int
    stayed: int
    previous: int


class Sliced(Value):
    """Topics followed over a column.

    Attributes:
        column: Its name.
        shares: How much of each slice a topic has, slices in order.
        missing: Documents that have nothing in the column; they are in no slice.
        unread: Documents whose time is neither a date nor a number; they are in no slice.
        odd: The first such time.
    """

    column: str
    shares: SharesRef
    missing: int
    unread: int
    odd: str


class TopicReport(Value):
    """What a closer look at topics has shown.

    Attributes:
        wordings: The topics in words, several ways side by side.
        tree: How they join.
        slices: A table for each column they were followed over.
        matched: What became of the topics of the last run.
        remarks: Documents worth a look.
        measures: How good the topics are.
        coverage: How well the encoder knows the words.
        files: The topics as files for others.
        reading: Languages of the documents, and what the encoder reads of them.
    """

    wordings: WordingsRef
    tree: MergesRef
    slices: tuple[Sliced, ...]
    matched: Matched
    remarks: RemarksRef
    measures: tuple[MeasuresRef, ...]
    coverage: Coverage
    files: TopicFilesRef
    reading: ReadingReport | None = None


class TopicsRef(Ref):
    """A table of `Topic` rows, noise (-1) first, then by size."""

    kind: Literal["topics"] = "topics"


class NamedTopics(Value):
    """Topics with names, and how far those are borne out."""

    topics: TopicsRef
    naming: TopicNaming


class TopicMap(Value):
    """Documents as points of a map, their clusters, and the clusters in words.

    Attributes:
        documents: The documents.
        layout: Where they lie.
        labels: Their clusters.
        topics: The clusters in words.
        naming: How far the names are borne out.
        unit: What each of the documents is: a document of the source, or a passage of one.
    """

    documents: DocumentsRef
    layout: LayoutRef
    labels: LabelsRef
    topics: TopicsRef
    naming: TopicNaming
    unit: str = "documents"


@dataclass(frozen=True, slots=True)
class Topic:
    """A cluster of documents, put into words.

    Attributes:
        topic: Number of the cluster; -1 is noise.
        size: Documents in it.
        label: Short name made of its own words.
        words: Its words, weightiest first.
        weights: Their weights.
        documents: Rows of representative documents, nearest to its centre first.
        support: Share of members, none of which was used to make the label, whose text bears it out; 0 for none.
        general: Share of the documents of other topics whose text bears the label out as well.
    """

    topic: int
    size: int
    label: str
    words: tuple[str, ...]
    weights: tuple[float, ...]
    documents: tuple[int, ...]
    support: float = 0.0
    general: float = 0.0


@dataclass(frozen=True, slots=True)
class Wording:
    """A topic put into words one way.

    Attributes:
        topic: Number of the cluster.
        way: c-tf-idf, keybert, mmr or part-of-speech.
        words: Best first.
        weights: Their weights; ways differ in what they weigh.
    """

    topic: int
    way: str
    words: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two topics, or groups of topics, that are joined at a level of the hierarchy.

    Attributes:
        parent: Name of the joined group.
        left: A topic's number, or the name of a group made before.
        right: The other.
        topics: Numbers of all topics in it.
        distance: How far the two are apart.
        words: Words of the joined group, weightiest first.
    """

    parent: str
    left: str
    right: str
    topics: tuple[int, ...]
    distance: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a slice of the documents a topic has, and what it says there.

    Attributes:
        slice: A time, or a class.
        topic: Number of the topic.
        documents: Documents of the topic in the slice.
        share: The same over all documents of the slice.
        words: Words of the topic in the slice.
    """

    slice: str
    topic: int
    documents: int
    share: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a topic since the last run.

    Attributes:
        topic: Its number; one that died keeps the number it had.
        fate: kept, born, died, merged (into `other`), split (from `other`).
        other: The topic it was merged into or split from; -1 for none.
        before: Documents it had.
        now: Documents it has.
        shared: Documents it had and has.
        drift: One minus the cosine of its centre then and now; 0 where there is only one.
    """

    topic: int
    fate: str
    other: int
    before: int
    now: int
    shared: int
    drift: float


@dataclass(frozen=True, slots=True)
class Remark:
    """A document that is worth a look.

    Attributes:
        what: outlier, near-duplicate, or mislabelled.
        row: Row of the document.
        other: Row of the document it nearly equals; -1 for none.
        score: What the list is ordered by.
        detail: The reason, in words.
    """

    what: str
    row: int
    other: int
    score: float
    detail: str


@dataclass(frozen=True, slots=True)
class TopicMatch:
    """A topic that a text belongs to.

    Attributes:
        query: Number of the text.
        topic: Number of the topic; never noise.
        score: Mean cosine of the text and the topic's documents nearest to it.
    """

    query: int
    topic: int
    score: float
