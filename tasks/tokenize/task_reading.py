"""Tasks of `tokenize` that say whether an encoder can read texts."""

import logging
from collections.abc import Iterator, Sequence

from configs.embed import Readable
from tasks.data.documents import DocumentsRef, Passage, PassagesRef
from tasks.data.models import Encoder
from tasks.data.reading import ReadingReport
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders.languages import find_stated_languages
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.vectors import shards

log = logging.getLogger(__name__)
OWN_TOKENS = ("transformer", "static")  # a server's cannot be seen, one that reads pictures states no language
CLOSEST = 3  # hits of a question that must all be unread for it to get no answer


def report_languages(
    documents: DocumentsRef, passages: PassagesRef, encoder: Encoder, config: Readable = Readable()
) -> ReadingReport:
    """Return which languages documents are in, and what of their passages an encoder does not read; log warnings.

    Args:
        documents: N documents.
        passages: Their passages.
        encoder: What reads them; of a server, whose tokens cannot be seen, languages alone are reported.
        config: How much of a passage may say nothing.
    """
    found = check_reading(documents, passages, encoder, find_stated_languages(encoder), config)
    for text in found.warnings:
        log.warning(text)
    return found


@step(name="tokenize-reading", libraries=("tokenizers", "py3langid"))
def check_reading(
    documents: DocumentsRef, passages: PassagesRef, encoder: Encoder, known: Sequence[str], config: Readable
) -> ReadingReport:
    """Count the languages of documents, and the tokens of their passages that say nothing to an encoder.

    Args:
        documents: N documents.
        passages: Their passages.
        encoder: Whose tokens are counted.
        known: Languages it states.
        config: How much of a passage may say nothing.
    """
    from tasks.tokenize.reading import report_reading

    texts = objects.load_table(documents, ["text"])["text"].to_pylist()
    seen = encoder.architecture in OWN_TOKENS
    found = report_reading(texts, _tokens_of(passages, encoder), known, config.most_unread, measured=seen)
    steps.log_metrics(languages=len(found.documents), unread=sum(found.unread.values()), share=found.unread_share)
    return found


def _tokens_of(passages: PassagesRef, encoder: Encoder) -> Iterator[tuple[int, list[str]]]:
    """Yield the row of its document and the tokens of each passage; no tokens where they are not the encoder's own."""
    tokenizer = encoder_base.tokenizer(encoder) if encoder.architecture in OWN_TOKENS else None
    for start, stop in shards.windows(passages.rows):
        read = objects.load_slice(passages, start, stop, ["row", "text"]).to_pydict()
        if tokenizer is None:
            yield from ((row, []) for row in read["row"])
        else:
            cut = tokenizer.encode_batch(read["text"], add_special_tokens=False)
            yield from ((row, one.tokens) for row, one in zip(read["row"], cut, strict=True))


def warn_of_question(live: Generation, question: str) -> list[str]:
    """Return that a question is in a language that the encoder of a collection was not trained on; else nothing."""
    from tasks.tokenize.reading import warn_of_language

    return warn_of_language(question, find_stated_languages(live.fingerprint.encoder))


def find_unread(live: Generation, queries: QueriesRef, hits: HitsRef, config: Readable = Readable()) -> list[str]:
    """Say of each question why the encoder of a collection cannot read it, or what was found for it; else nothing.

    Args:
        live: The collection.
        queries: Q questions.
        hits: What was found for each.
        config: How much of a text may say nothing.

    Returns:
        Q reasons, empty where question and one of the three first hits can be read.
    """
    from tasks.tokenize.reading import explain_unread

    encoder = live.fingerprint.encoder
    asked = objects.load_rows(queries, Query)
    if encoder.architecture not in OWN_TOKENS:
        return [""] * len(asked)
    tokenizer, known = encoder_base.tokenizer(encoder), find_stated_languages(encoder)

    def why(text: str, what: str) -> str:
        return explain_unread(text, tokenizer.encode(text, add_special_tokens=False).tokens, known,
                              config.most_unread, what)  # fmt: skip

    first = [hit for hit in objects.load_rows(hits, Hit) if hit.rank <= CLOSEST]
    passages = objects.rows_at(live.passages, Passage, (hit.passage for hit in first))
    unread = {row: why(passage.text, "the closest passage") for row, passage in passages.items()}
    found = []
    for number, query in enumerate(asked):
        closest = [unread[hit.passage] for hit in first if hit.query == number]
        found.append(why(query.text, "the question") or (closest[0] if closest and all(closest) else ""))
    return found
