"""What crosses the border between tasks of topics: references, and small values made of them, as in `tasks.data`."""

from typing import Any, Literal

from tasks.data import DocumentsRef, GraphRef, LabelsRef, LayoutRef, MeasuresRef, Ref, Value, VectorsRef


class StrengthsRef(Ref):
    """A (N,) float32 array: how surely each row belongs to its cluster, 0 to 1; 0 for noise."""

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
    """A table of `Place` rows."""

    kind: Literal["places"] = "places"


class TopicFilesRef(Ref):
    """A folder with the topics as files for others: documents, topics, centres."""

    kind: Literal["topic-files"] = "topic-files"


class Clustered(Value):
    """The cluster of each row, and how surely it belongs there."""

    labels: LabelsRef
    strengths: StrengthsRef


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

    def counts_as(self) -> Any:
        """Count by what topics are recognised by, not by name, number and words."""
        return [self.documents.digest, self.labels.digest, self.centres.digest, self.highest]


class Matched(Value):
    """Clusters with lasting numbers, and what became of the topics of the earlier run.

    Attributes:
        labels: (N,) cluster of each document.
        centres: A row for each topic, by number.
        fates: What became of every topic.
        highest: Highest number ever given to a topic.
    """

    labels: LabelsRef
    centres: VectorsRef
    fates: FatesRef
    highest: int


class Findings(Value):
    """What a closer look at topics has shown.

    Attributes:
        wordings: The topics in words, several ways side by side.
        tree: How they join.
        slices: A table for each column they were followed over.
        fates: What became of the topics of the last run.
        remarks: Documents worth a look.
        measures: How good the topics are.
        coverage: How well the encoder knows the words.
        files: The topics as files for others.
    """

    wordings: WordingsRef
    tree: MergesRef
    slices: tuple[SharesRef, ...]
    fates: FatesRef
    remarks: RemarksRef
    measures: tuple[MeasuresRef, ...]
    coverage: Coverage
    files: TopicFilesRef
