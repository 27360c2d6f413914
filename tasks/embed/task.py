"""Tasks of `embed`: what is cached is read, what is missing is encoded in shards, and one step joins it all."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.embed import Embed, Shards
from configs.runner import Runner, Threads
from tasks.data.documents import Document, DocumentsRef, Passage, PassagesRef, Rejected, RejectedRef, indexed
from tasks.data.models import Encoder, Fingerprint
from tasks.data.search import Generation, QueriesRef
from tasks.data.vectors import Closeness, Embedded, Encoded, Pooled, Shard, VectorsRef, VectorTable, VectorTableRef
from tasks.errors import ContractError, DataError, ModelError, StoreError
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.runtime import accelerator, runners, steps, tracking
from tasks.runtime.progress import advance_within, progress
from tasks.runtime.steps import step
from tasks.store import objects, tuned, vector_cache
from tasks.vectors import shards

KEPT_EVERY_S = 15.0  # a kill loses so much work; smaller makes more files
COMPARED = 16  # passages by which two ways to run an encoder are compared
MIN_COSINE = 0.99  # of them on average: what int8 must keep to as well
log = logging.getLogger(__name__)
NEAR = 16  # tokens that joining heading, prompt and special ones may add to the sum of the parts


def describe_encoder(config: Embed) -> Fingerprint:
    """Say which encoder would run here and how, without loading it; a server is asked for its width, once.

    Raises:
        ModelError: There is no such model, or it was trained here for another task.
    """
    named = config.server is None and config.model.startswith(tuned.PREFIX)
    if named and not config.model.startswith(tuned.CONTENT) and not tuned.encodes(found := tuned.find(config.model)):
        raise ModelError(f"{config.model} was trained as {found.task}; an embedder was needed: name another model")
    return encoders.fingerprint(config.model, config.precision, config.device, config.server)


def query_encoder(live: Generation) -> Fingerprint:
    """Return what encodes the queries to a generation here: the encoder of its passages, run as this machine can.

    Where that is another way than the passages were encoded in, how far it moves vectors is measured on some of them.

    Raises:
        ModelError: The model is not here, is another one under the same name, or its vectors are too far off.
    """
    built, here = live.fingerprint, encoders.runnable(live.fingerprint)
    if here.digest == built.digest:
        return built
    log.warning("queries are encoded differently: %s", here.numerics.reason)
    close = compare_numerics(live.passages, live.vectors, here)
    if not close.mean >= MIN_COSINE:
        raise ModelError(
            f"{built.encoder.model} run by {here.numerics.engine} in {here.numerics.precision} gives vectors with a "
            f"mean cosine of {close.mean:.4f} to those of {built.numerics.engine} in {built.numerics.precision} but "
            f"{MIN_COSINE} was needed; query it where it was built, or build it again here"
        )
    return here


def embed_passages(
    passages: PassagesRef, encoder: Fingerprint, config: Shards = Shards(), runner: Runner = Threads()
) -> Embedded:
    """Return a vector for every passage that can be encoded; encode only what no flow has encoded before.

    Args:
        passages: What to encode.
        encoder: Encoder and numerics.
        config: Size of shards, and how much may fail.
        runner: Where shards run.

    Raises:
        DataError: More than `max_rejected_share` of the passages cannot be encoded.
    """
    if join_passages.stored(passages, encoder, []):
        return join_passages(passages, encoder, [])
    poison = _encode_missing(passages, encoder, config.tokens, runner)
    if len(poison) > config.max_rejected_share * passages.rows or len(poison) == passages.rows:
        raise DataError(f"{len(poison)} of {passages.rows} passages cannot be encoded; the first: {poison[0][1]}")
    return join_passages(passages, encoder, poison)


def embed_queries(queries: QueriesRef, encoder: Fingerprint, config: Shards = Shards()) -> VectorsRef:
    """Return a vector for every query; encode only what no flow has encoded before.

    Raises:
        ContractError: A query cannot be encoded.
    """
    if not join_queries.stored(queries, encoder):
        poison = _encode_missing(queries, encoder, config.tokens, Threads())
        if poison:
            raise ContractError(f"query {poison[0][0] + 1} cannot be encoded ({poison[0][1]}); ask it differently")
    return join_queries(queries, encoder)


def texts_of(source: PassagesRef | QueriesRef, encoder: Fingerprint, start: int, stop: int) -> list[str]:
    """Return what the encoder reads of the rows `start` to `stop`, prompt included, in their order."""
    if isinstance(source, QueriesRef):
        asked = objects.load_slice(source, start, stop, ["text"])["text"].to_pylist()
        return [encoder.encoder.query_prompt + text for text in asked]
    columns = objects.load_slice(source, start, stop, ["heading", "text"])
    pairs = zip(columns["heading"].to_pylist(), columns["text"].to_pylist(), strict=True)
    return [encoder.encoder.passage_prompt + indexed(heading, text) for heading, text in pairs]


@dataclass
class _Keeper:
    """Adds vectors to the item cache while a shard is encoded, so that a kill loses seconds of work and no more."""

    items: vector_cache.Items
    last: float = field(default_factory=time.monotonic)
    waiting: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def take(self, texts: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
        """Take what a batch gave; what is not finite is left to whoever finds the text to blame."""
        self.waiting.update({t: v for t, v in zip(texts, vectors, strict=True) if np.isfinite(v).all()})
        if time.monotonic() - self.last >= KEPT_EVERY_S:
            self._keep()

    def finish(self, texts: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
        """Keep what is not kept yet of all that came out well."""
        self.waiting = {t: v for t, v in zip(texts, vectors, strict=True) if t not in self.kept}
        self._keep()

    def _keep(self) -> None:
        if self.waiting:
            self.items.add(vector_cache.keys_of(self.waiting), np.stack(list(self.waiting.values())))
        self.kept.update(self.waiting)
        self.waiting, self.last = {}, time.monotonic()


@step(name="embed-shard", run_name="embed-shard {source.kind}", stored=False, device_of=("encoder",))
def embed_shard(source: PassagesRef | QueriesRef, rows: Sequence[int], encoder: Fingerprint) -> Shard:
    """Encode some rows and add their vectors to the item cache.

    Args:
        source: Where the texts are.
        rows: Which of them.
        encoder: Encoder and numerics.
    """
    from tasks.embed.core import encode_each

    first = min(rows)
    nearby = texts_of(source, encoder, first, max(rows) + 1)
    texts = [nearby[row - first] for row in rows]
    taken, keeper = encoder_base.Meter(moved=advance_within), _Keeper(vector_cache.Items(encoder))

    def encode(part: Sequence[str]) -> npt.NDArray[np.float32]:
        taken.done = lambda at, vectors: keeper.take([part[int(row)] for row in at], vectors)
        return encoders.engine(encoder).encode(part, taken)

    vectors, poison = encode_each(texts, encode)
    good = sorted(set(range(len(texts))) - {p.position for p in poison})
    keeper.finish([texts[i] for i in good], vectors[good] if good else vectors[:0])
    return Shard(
        texts=len(good),
        tokens=taken.tokens,
        padded=taken.padded,
        truncated=taken.truncated,
        poison=tuple((rows[p.position], p.detail) for p in poison),
    )


@step(name="embed-join-passages", libraries=("numpy",))
def join_passages(passages: PassagesRef, encoder: Fingerprint, poison: Sequence[tuple[int, str]]) -> Embedded:
    """Join cached vectors in the order of the passages; passages that could not be encoded are rejected.

    Args:
        passages: N passages.
        encoder: Whose vectors.
        poison: Rows that could not be encoded, and why.
    """
    bad = {row for row, _ in poison}
    keep = [row for row in range(passages.rows) if row not in bad]
    names = objects.load_table(passages, ["id"])["id"] if bad else []
    rejected = [Rejected(names[row].as_py(), "not-a-number", detail) for row, detail in poison]
    kept = objects.save_table(PassagesRef, objects.load_table(passages).take(keep)) if bad else passages
    steps.log_metrics(vectors=len(keep), width=encoder.encoder.width, rejected=len(rejected))
    return Embedded(
        passages=kept,
        vectors=_join(kept, encoder),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
        fingerprint=encoder,
    )


@step(name="embed-join-queries", libraries=("numpy",))
def join_queries(queries: QueriesRef, encoder: Fingerprint) -> VectorsRef:
    """Join cached vectors in the order of the queries."""
    return _join(queries, encoder)


@step(name="embed-closeness", libraries=("numpy",), device_of=("here",))
def compare_numerics(passages: PassagesRef, vectors: VectorsRef, here: Fingerprint) -> Closeness:
    """Measure how close this machine's vectors of some passages are to those stored for them.

    Args:
        passages: N passages.
        vectors: (N, D) vector of each, encoded elsewhere.
        here: The same encoder as it runs here.
    """
    rows = np.unique(np.linspace(0, passages.rows - 1, COMPARED).astype(int)).tolist()
    texts = [texts_of(passages, here, row, row + 1)[0] for row in rows]
    cosines = (encoders.engine(here).encode(texts) * objects.load_array(vectors)[rows]).sum(axis=1)
    steps.log_metrics(passages=len(rows), least=float(cosines.min()), mean=float(cosines.mean()))
    return Closeness(passages=len(rows), least=float(cosines.min()), mean=float(cosines.mean()))


@step(name="embed-pool-documents", libraries=("numpy",))
def pool_documents(passages: PassagesRef, vectors: VectorsRef, documents: DocumentsRef) -> Pooled:
    """Return one vector a document: the mean of its passages' vectors, at unit length.

    Args:
        passages: N passages.
        vectors: (N, D) vector of each.
        documents: The documents; one all of whose passages were rejected is left out.
    """
    from tasks.embed.core import mean_by_owner

    owners, numbers = np.unique(objects.load_table(passages, ["row"])["row"].to_numpy(), return_inverse=True)
    kept = documents if len(owners) == documents.rows else objects.save_table(
        DocumentsRef, objects.load_table(documents).take(owners)
    )  # fmt: skip
    pooled = mean_by_owner(objects.load_array(vectors), numbers, len(owners))
    return Pooled(documents=kept, vectors=objects.save_array(VectorsRef, pooled))


@step(name="embed-pool-passages", libraries=("numpy",))
def pool_passages(passages: PassagesRef, vectors: VectorsRef, documents: DocumentsRef) -> Pooled:
    """Return each passage as a document of its own, with its vector.

    Args:
        passages: N passages.
        vectors: (N, D) vector of each.
        documents: What they are cut of; title, file, line and columns are theirs.
    """
    owners = objects.load_rows(documents, Document)
    rows = (owners[passage.row].part(passage) for passage in objects.load_rows(passages, Passage))
    return Pooled(documents=objects.save_rows(DocumentsRef, Document, rows), vectors=vectors)


@step(name="embed-export", libraries=("pyarrow",))
def export_vectors(passages: PassagesRef, vectors: VectorsRef, encoder: Fingerprint) -> VectorTable:
    """Return a Parquet file with the id and the vector of every passage; say how many were cut at the encoder's limit.

    Args:
        passages: N passages.
        vectors: (N, D) vector of each.
        encoder: Whose vectors.
    """
    from tasks.embed.export import write_vectors

    rows, truncated = objects.load_array(vectors), 0

    def ids() -> Iterator[Any]:
        nonlocal truncated
        for start, stop in shards.windows(passages.rows):
            named = objects.load_slice(passages, start, stop, ["id", "tokens"]).combine_chunks()
            texts = texts_of(passages, encoder, start, stop)
            truncated += _cut_short(texts, named["tokens"].to_numpy(), encoder.encoder)
            yield from named["id"].chunks

    made = objects.save_files(
        VectorTableRef,
        lambda folder: write_vectors(folder / "vectors.parquet", ids(), rows),
        shape=rows.shape,
        dtype="float32",
    )
    steps.log_metrics(rows=len(rows), width=rows.shape[1], truncated=truncated)
    return VectorTable(table=made, truncated=truncated)


def _cut_short(texts: Sequence[str], tokens: npt.NDArray[np.int64], encoder: Encoder) -> int:
    """Count the texts that are longer than the encoder reads; only those near its limit are tokenised again."""
    near = np.flatnonzero(tokens + len(encoder.passage_prompt) + NEAR >= encoder.max_tokens)
    return sum(
        n > encoder.max_tokens for n in encoder_base.count_tokens(encoder, [texts[row] for row in near.tolist()])
    )


def _join(source: PassagesRef | QueriesRef, encoder: Fingerprint) -> VectorsRef:
    """Write the cached vectors of all rows as one array, a window at a time.

    Raises:
        StoreError: A vector is gone since it was encoded.
    """
    shape = source.rows, encoder.encoder.width
    cache = vector_cache.Items(encoder)

    def fill(folder: Path) -> None:
        array = np.lib.format.open_memmap(folder / "array.npy", mode="w+", dtype=np.float32, shape=shape)
        for start, stop in shards.windows(source.rows):
            array[start:stop], found = cache.read(vector_cache.keys_of(texts_of(source, encoder, start, stop)))
            if not found.all():
                gone = int((~found).sum())
                raise StoreError(f"{gone} vectors are missing from the item cache; run again to encode them")
        array.flush()

    return objects.save_files(VectorsRef, fill, shape=shape, dtype="float32")


def _encode_missing(
    source: PassagesRef | QueriesRef, encoder: Fingerprint, shard_tokens: int, runner: Runner
) -> list[tuple[int, str]]:
    """Encode the texts no flow has encoded yet, shard by shard; return those that could not be, and why."""
    keys, sizes = _measure(source, encoder)
    missing = vector_cache.Items(encoder).missing(keys)
    tokens = int(sizes[missing].sum())
    parts = [missing[part] for part in shards.cut_near(missing, sizes[missing], shard_tokens)]
    steps.foresee("embed-shard", len(parts), f"{len(missing):,} of {source.rows:,} texts, {tokens:,} tokens")
    calls = [{"source": source, "rows": part.tolist(), "encoder": encoder} for part in parts]
    made: list[Shard] = []
    watch = accelerator.Stopwatch()
    with progress(f"encode {source.kind}", tokens, "tokens") as advance:
        for shard in _run(calls, runner):
            made.append(shard)
            advance(shard.tokens)
    _count(source, encoder, made, watch.seconds)
    reasons = {keys[row].tobytes(): detail for shard in made for row, detail in shard.poison}
    if not reasons:
        return []  # else of equal texts one was encoded, and all are poison
    return [(row, reasons[key]) for row, key in enumerate(k.tobytes() for k in keys) if key in reasons]


def _count(source: PassagesRef | QueriesRef, encoder: Fingerprint, made: Sequence[Shard], seconds: float) -> None:
    """Add what encoding took to the run, and which share of the machine's own speed it reached where that is known."""
    from tasks.models.encoders import roofline

    tokens = sum(s.tokens for s in made)
    reached = None
    if tokens and isinstance(source, PassagesRef):
        with accelerator.slot(encoder):  # it multiplies where the encoder did
            reached = roofline.share(encoder, tokens / seconds)
    taken = Encoded(
        texts=source.rows,
        encoded=sum(s.texts for s in made),
        tokens=tokens,
        padded=sum(s.padded for s in made),
        truncated=sum(s.truncated for s in made),
        seconds=seconds,
        roofline_share=reached,
    )
    tracking.note_encoding(source.kind, taken)


def _run(calls: list[dict[str, Any]], runner: Runner) -> Iterator[Shard]:
    """Run shards one after another, or side by side where the runner has more than one worker."""
    if runner == Threads() or len(calls) < 2:
        yield from (embed_shard(**call) for call in calls)
    else:
        with runners.started(runner) as workers:
            yield from embed_shard.run_each(calls, workers)


def _measure(
    source: PassagesRef | QueriesRef, encoder: Fingerprint
) -> tuple[vector_cache.Keys, npt.NDArray[np.int64]]:
    """Return the key (N, 4) and the tokens (N,) of every text, read a window at a time.

    Passages say how many tokens they have: they were counted when they were cut.
    """
    special = encoder_base.tokenizer(encoder.encoder).num_special_tokens_to_add(is_pair=False)
    keys: list[vector_cache.Keys] = [vector_cache.keys_of([])]
    sizes: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for start, stop in shards.windows(source.rows):
        texts = texts_of(source, encoder, start, stop)
        keys.append(vector_cache.keys_of(texts))
        counted = np.zeros(len(texts), dtype=np.int64)
        if isinstance(source, PassagesRef):
            counted = objects.load_slice(source, start, stop, ["tokens"])["tokens"].to_numpy() + special
        unknown = np.flatnonzero(counted <= special)
        counted[unknown] = encoder_base.count_tokens(encoder.encoder, [texts[row] for row in unknown])
        sizes.append(np.minimum(counted, encoder.encoder.max_tokens))
    return np.concatenate(keys), np.concatenate(sizes)
