"""Tasks of `ingest` that read texts in which places are marked."""

from configs.finetune_tagger import Conll, MarkedRows
from tasks.data.documents import DocumentsRef, Item, Rejected, RejectedRef, SnapshotRef
from tasks.data.tagging import MarkedRef, MarkedSentence, MarkedTexts
from tasks.errors import DataError
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.text.spans import strays_of


def list_marked(source: Conll | MarkedRows) -> SnapshotRef:
    """Describe the file of marked texts as it is now. Never looked up, always done.

    Raises:
        DataError: It is not there.
    """
    from tasks.ingest.marked import list_file

    return objects.save_rows(SnapshotRef, Item, [list_file(source)])


@step(name="ingest-marked", libraries=("pyarrow",))
def ingest_marked(snapshot: SnapshotRef, source: Conll | MarkedRows, max_bad_share: float) -> MarkedTexts:
    """Read marked texts; those that cannot be read are rejected.

    Args:
        snapshot: What `list_marked` found.
        source: How to read it.
        max_bad_share: How many may be rejected.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    from tasks.ingest.marked import read_marked

    (item,) = objects.load_rows(snapshot, Item)
    found = list(read_marked(source, item))
    rejected = [row for row in found if isinstance(row, Rejected)]
    sentences = [row for row in found if isinstance(row, MarkedSentence)]
    if not sentences or len(rejected) / len(found) > max_bad_share:
        first = f"; first: {rejected[0].item} {rejected[0].detail}" if rejected else ""
        raise DataError(
            f"{len(rejected)} of {len(found)} sentences of {item.name} cannot be read{first}; mend them, set the "
            "columns of source, or raise tuning.max_bad_share"
        )
    strays = sum(strays_of(row.labels) for row in sentences)
    steps.log_metrics(sentences=len(sentences), rejected=len(rejected), strays=strays)
    return MarkedTexts(
        sentences=objects.save_rows(MarkedRef, MarkedSentence, sentences),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected), strays=strays,
    )  # fmt: skip


@step(name="ingest-marked-docs")
def mark_documentation(documents: DocumentsRef) -> MarkedTexts:
    """Return sentences of documentation in which names of classes, functions and methods are marked.

    Args:
        documents: Documentation as its authors wrote it.

    Raises:
        DataError: None is marked.
    """
    from tasks.ingest.marked import marked_docs

    table = objects.load_table(documents, ["id", "text"])
    sentences = marked_docs(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    if not sentences:
        raise DataError("no name is marked in the documentation of these packages; name others, as sklearn or pandas")
    steps.log_metrics(sentences=len(sentences))
    return MarkedTexts(
        sentences=objects.save_rows(MarkedRef, MarkedSentence, sentences),
        rejected=objects.save_rows(RejectedRef, Rejected, []),
    )
