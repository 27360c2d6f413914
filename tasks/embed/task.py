"""Tasks of `embed`: what is cached is read, what is missing is encoded in shards, and one step joins it all."""

from collections.abc import Sequence

import numpy as np

from configs.embed import Embed, Shards
from tasks.data import (
    DocumentsRef,
    Embedded,
    Fingerprint,
    PassagesRef,
    Pooled,
    QueriesRef,
    RejectedRef,
    Shard,
    VectorsRef,
)
from tasks.errors import ContractError, DataError, StoreError
from tasks.rows import Passage, Query, Rejected
from tasks.runtime import encoder as encoders
from tasks.runtime import items, shards, steps, store, tracking
from tasks.runtime.progress import progress
from tasks.runtime.steps import step


def describe_encoder(config: Embed) -> Fingerprint:
    """Say which encoder would run here and how, without loading it."""
    return encoders.fingerprint(config.model, config.precision, config.device)


def embed_passages(passages: PassagesRef, encoder: Fingerprint, config: Shards = Shards()) -> Embedded:
    """Return a vector for every passage that can be encoded; encode only what no flow has encoded before.

    Args:
        passages: What to encode.
        encoder: Encoder and numerics.
        config: Size of shards, and how much may fail.

    Raises:
        DataError: More than `max_rejected_share` of the passages cannot be encoded.
    """
    if join_passages.stored(passages, encoder, []):
        return join_passages(passages, encoder, [])
    poison = _encode_missing(passages, encoder, config.tokens)
    if len(poison) > config.max_rejected_share * passages.rows or len(poison) == passages.rows:
        raise DataError(f"{len(poison)} of {passages.rows} passages cannot be encoded; the first: {poison[0][1]}")
    return join_passages(passages, encoder, poison)


def embed_queries(queries: QueriesRef, encoder: Fingerprint, config: Shards = Shards()) -> VectorsRef:
    """Return a vector for every query; encode only what no flow has encoded before.

    Raises:
        ContractError: A query cannot be encoded.
    """
    if not join_queries.stored(queries, encoder):
        poison = _encode_missing(queries, encoder, config.tokens)
        if poison:
            raise ContractError(f"query {poison[0][0] + 1} cannot be encoded ({poison[0][1]}); ask it differently")
    return join_queries(queries, encoder)


def texts_of(source: PassagesRef | QueriesRef, encoder: Fingerprint) -> list[str]:
    """Return what the encoder reads, prompt included, in the order of the rows."""
    if isinstance(source, QueriesRef):
        return [encoder.encoder.query_prompt + q.text for q in store.load_rows(source, Query)]
    return [encoder.encoder.passage_prompt + p.indexed for p in store.load_rows(source, Passage)]


@step(name="embed-shard", run_name="embed-shard {source.kind}", stored=False)
def embed_shard(source: PassagesRef | QueriesRef, rows: Sequence[int], encoder: Fingerprint) -> Shard:
    """Encode some rows and add their vectors to the item cache.

    Args:
        source: Where the texts are.
        rows: Which of them.
        encoder: Encoder and numerics.
    """
    from tasks.embed.core import encode_each

    everything = texts_of(source, encoder)
    texts = [everything[row] for row in rows]
    taken = encoders.Meter()
    vectors, poison = encode_each(texts, lambda part: encoders.engine(encoder).encode(part, taken))
    good = sorted(set(range(len(texts))) - {p.position for p in poison})
    if good:
        items.Items(encoder).add(items.keys_of(texts[i] for i in good), vectors[good])
    return Shard(
        texts=len(good),
        tokens=taken.tokens,
        padded=taken.padded,
        truncated=taken.truncated,
        poison=tuple((rows[p.position], p.detail) for p in poison),
    )


@step(name="embed-join-passages", libraries=("numpy",))
def join_passages(passages: PassagesRef, encoder: Fingerprint, poison: Sequence[tuple[int, str]]) -> Embedded:
    """Join cached vectors in the order of the passages; passages that could not be encoded are put aside.

    Args:
        passages: N passages.
        encoder: Whose vectors.
        poison: Rows that could not be encoded, and why.
    """
    bad = {row for row, _ in poison}
    keep = [row for row in range(passages.rows) if row not in bad]
    table = store.load_table(passages)
    texts = texts_of(passages, encoder)
    vectors, found = items.Items(encoder).read(items.keys_of(texts[row] for row in keep))
    if not found.all():
        raise StoreError(
            f"{int((~found).sum())} vectors are gone from the item cache; run again, they will be encoded"
        )
    rejected = [Rejected(table["id"][row].as_py(), "not-a-number", detail) for row, detail in poison]
    steps.record(vectors=len(keep), width=vectors.shape[1], rejected=len(rejected))
    return Embedded(
        passages=store.save_table(PassagesRef, table.take(keep)) if bad else passages,
        vectors=store.save_array(VectorsRef, vectors),
        rejected=store.save_rows(RejectedRef, Rejected, rejected),
        fingerprint=encoder,
    )


@step(name="embed-join-queries", libraries=("numpy",))
def join_queries(queries: QueriesRef, encoder: Fingerprint) -> VectorsRef:
    """Join cached vectors in the order of the queries."""
    vectors, found = items.Items(encoder).read(items.keys_of(texts_of(queries, encoder)))
    if not found.all():
        raise StoreError(
            f"{int((~found).sum())} vectors are gone from the item cache; run again, they will be encoded"
        )
    return store.save_array(VectorsRef, vectors)


@step(name="embed-pool-documents", libraries=("numpy",))
def pool_documents(passages: PassagesRef, vectors: VectorsRef, documents: DocumentsRef) -> Pooled:
    """Return one vector a document: the mean of its passages' vectors, at unit length.

    Args:
        passages: N passages.
        vectors: (N, D) vector of each.
        documents: The documents; one all of whose passages were put aside is left out.
    """
    from tasks.embed.core import mean_by_owner

    owners, numbers = np.unique(store.load_table(passages, ["row"])["row"].to_numpy(), return_inverse=True)
    kept = documents if len(owners) == documents.rows else store.save_table(
        DocumentsRef, store.load_table(documents).take(owners)
    )  # fmt: skip
    pooled = mean_by_owner(store.load_array(vectors), numbers, len(owners))
    return Pooled(documents=kept, vectors=store.save_array(VectorsRef, pooled))


def _encode_missing(
    source: PassagesRef | QueriesRef, encoder: Fingerprint, shard_tokens: int
) -> list[tuple[int, str]]:
    """Encode the texts no flow has encoded yet, shard by shard; return those that could not be, and why."""
    texts = texts_of(source, encoder)
    missing = items.Items(encoder).missing(items.keys_of(texts))
    counts = encoders.count_tokens(encoder.encoder, [texts[row] for row in missing])
    sizes = np.minimum(np.array(counts, dtype=np.int64), encoder.encoder.max_tokens)
    parts = [missing[part] for part in shards.cut(sizes, shard_tokens)]
    steps.foresee("embed-shard", len(parts), f"{len(missing):,} of {len(texts):,} texts, {int(sizes.sum()):,} tokens")
    made: list[Shard] = []
    with progress(f"encode {source.kind}", int(sizes.sum()), "tokens") as advance:
        for part in parts:
            made.append(embed_shard(source, part.tolist(), encoder))
            advance(made[-1].tokens)
    tracking.count(f"embed-{source.kind}", texts=len(texts), encoded=sum(s.texts for s in made),
                   tokens=sum(s.tokens for s in made), padded=sum(s.padded for s in made),
                   truncated=sum(s.truncated for s in made))  # fmt: skip
    reasons = {texts[row]: detail for shard in made for row, detail in shard.poison}
    return [(row, reasons[text]) for row, text in enumerate(texts) if text in reasons]  # of equal texts one is encoded
