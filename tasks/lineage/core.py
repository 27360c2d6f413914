"""From citations back to passages, documents and files.

Source: ours.
"""

from collections.abc import Iterator, Mapping, Sequence

from tasks.data.answers import Answer
from tasks.data.documents import Document, Item, Passage
from tasks.data.lineage import Trail
from tasks.errors import DataError

Span = tuple[str, int, int]  # document, first character, one past the last


def follow(
    answers: Sequence[Answer],
    sentences: Sequence[Passage],
    documents: Mapping[str, Document],
    items: Mapping[str, Item],
) -> Iterator[Trail]:
    """Follow every citation of every answer.

    Args:
        answers: What was answered.
        sentences: The sentences that could be quoted; the id of each is that of its passage, a dot and a number.
        documents: The documents that were searched, by id.
        items: The files these were read from, by name.

    Yields:
        A trail a citation, in order.

    Raises:
        DataError: A document that is cited is not among those that were searched.
    """
    passages: dict[Span, str] = {(s.document, s.start, s.end): s.id.rpartition(".")[0] for s in sentences}
    for number, answer in enumerate(answers):
        for cited in answer.citations:
            document = documents.get(cited.document)
            if document is None:
                raise DataError(
                    f"document {cited.document!r} is cited but not among the {len(documents):,} that were searched; "
                    "the records of this workspace are inconsistent"
                )
            item = items.get(document.path)
            yield Trail(
                answer=number,
                question=answer.question,
                sentence=cited.sentence,
                passage=passages.get((cited.document, cited.start, cited.end), ""),
                document=document.id,
                version=document.version,
                item=item.name if item else "",
                item_sha256=item.sha256 if item else "",
            )
