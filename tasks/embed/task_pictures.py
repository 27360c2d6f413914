"""Tasks of `embed` for pictures: their features, the head that puts them among texts, and their vectors there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from configs.pictures import PictureHead as HeadConfig
from configs.pictures import WordShift
from tasks.data.documents import DocumentsRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.models import Fingerprint
from tasks.data.pictures import (
    FeaturesRef,
    LearnedHead,
    NearPictures,
    NearPicturesRef,
    PictureHeadRef,
    PictureHit,
    PictureHitsRef,
    PicturesRef,
)
from tasks.data.vectors import VectorsRef
from tasks.errors import DataError
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects, vector_cache

if TYPE_CHECKING:
    from tasks.embed.picture_head import RidgeHead

LIBRARIES = ("torch", "pillow", "safetensors")
EncodeCopies = Callable[[list[bytes], Callable[[int], None]], npt.NDArray[np.float32]]
WINDOW = 1_024  # pictures whose copies are in memory at a time
ARRAYS = ("mean", "spread", "weight", "bias")


def describe_picture_encoder() -> Fingerprint:
    """Say what decides the features of a picture, without loading a network.

    Raises:
        ModelError: The weights are not here, or are not the published ones.
    """
    from tasks.models.vision import weights

    return weights.fingerprint()


@step(name="embed-pictures", libraries=LIBRARIES)
def embed_pictures(pictures: PicturesRef, encoder: Fingerprint) -> FeaturesRef:
    """Return the features of pictures; encode only what no flow has encoded before.

    Args:
        pictures: Working copies.
        encoder: What decides features.
    """
    from tasks.models.vision import encode, weights

    return encoded(pictures, encoder, "picture", lambda copies, tell: encode.features(weights.network(), copies, tell))


def encoded(pictures: PicturesRef, encoder: Fingerprint, mark: str, encode: EncodeCopies) -> FeaturesRef:
    """Return what an encoder makes of pictures; encode only what no flow has encoded before.

    Args:
        pictures: Working copies.
        encoder: What decides features.
        mark: Begins the key of a picture in the item cache; no text may begin so.
        encode: Returns features of working copies, and tells how many it has done.

    Raises:
        DataError: Features are gone since they were made.
    """
    cache = vector_cache.Items(encoder)
    digests = objects.load_table(pictures, ["digest"])["digest"].to_pylist()
    keys = vector_cache.keys_of(f"{mark} {digest}" for digest in digests)
    missing = cache.missing(keys)
    with progress("encode", len(missing), "pictures") as advance:
        for rows, copies in working_copies(pictures, missing):
            cache.add(keys[rows], encode(copies, advance))
    found, there = cache.read(keys)
    steps.log_metrics(pictures=len(keys), encoded=len(missing))
    if not there.all():
        raise DataError(f"{int((~there).sum())} features are missing from the item cache; run again")
    return objects.save_array(FeaturesRef, found)


@step(name="embed-colours", libraries=("numpy", "pillow"))
def embed_colours(pictures: PicturesRef) -> FeaturesRef:
    """Return the (N, 256) colour histograms of pictures, which any encoder must beat.

    Args:
        pictures: Working copies.
    """
    from tasks.embed.pictures import histogram

    rows = np.arange(pictures.rows)
    return objects.save_array(
        FeaturesRef, np.stack([histogram(c) for _, some in working_copies(pictures, rows) for c in some])
    )


@step(name="embed-learn-head", libraries=("numpy", "scipy"))
def learn_head(
    documents: DocumentsRef, colours: FeaturesRef, features: FeaturesRef, texts: VectorsRef, config: HeadConfig
) -> LearnedHead:
    """Learn to put pictures where the texts are that describe them, and measure it on pictures it never saw.

    Args:
        documents: N pictures as documents; those with a text are learned from.
        colours: (N, C) of them, which the head must beat.
        features: (N, F) of them.
        texts: (N, D) vectors of the documents' texts.
        config: How.

    Raises:
        DataError: Too few pictures are described.
    """
    from tasks.embed import picture_head, picture_recall
    from tasks.vectors import groups as grouping

    said = objects.load_table(documents, ["text"])["text"].to_pylist()
    rows = np.flatnonzero([bool(text) for text in said])
    if len(rows) < config.least:
        raise DataError(f"{len(rows)} pictures are described, {config.least} are needed to learn a head (head.least)")
    given, wanted = objects.load_array(features)[rows], objects.load_array(texts)[rows]
    groups = grouping.groups_of(len(rows), grouping.near_copies(given, config.near_duplicate))
    folds = grouping.folds_of(groups, config.folds, config.seed)
    vectors = picture_recall.placed(given, wanted, folds, config.ridge)
    measures = picture_recall.judged(given, vectors, objects.load_array(colours)[rows], wanted, folds, config)
    steps.log_metrics(described=len(rows), groups=int(groups.max()) + 1)
    steps.log_measures("pictures", measures)
    held_out = np.zeros((documents.rows, wanted.shape[1]), np.float32)
    held_out[rows] = vectors
    return LearnedHead(
        head=_save_head(picture_head.learn(given, wanted, config.ridge)),
        held_out=objects.save_array(VectorsRef, held_out),
        measures=objects.save_rows(MeasuresRef, Measure, measures), groups=int(groups.max()) + 1,
    )  # fmt: skip


@step(name="embed-place-pictures", libraries=("numpy",))
def place_pictures(features: FeaturesRef, head: PictureHeadRef) -> VectorsRef:
    """Return the vectors of pictures among texts.

    Args:
        features: (N, F) of them.
        head: That was learned.
    """
    return objects.save_array(VectorsRef, _load_head(head)(np.asarray(objects.load_array(features))))


@step(name="embed-near-pictures", libraries=("numpy",))
def near_pictures(features: FeaturesRef, near: float) -> NearPicturesRef:
    """Return the pairs of pictures that are near copies of each other, the nearest first.

    Args:
        features: (N, F) of them.
        near: Cosine from which on they are.
    """
    from tasks.vectors.groups import near_copies

    pairs = sorted(near_copies(objects.load_array(features), near), key=lambda pair: -pair[2])
    steps.log_metrics(pairs=len(pairs))
    return objects.save_rows(NearPicturesRef, NearPictures, [NearPictures(*pair) for pair in pairs])


@step(name="embed-shift-queries", libraries=("numpy",))
def shift_queries(queries: VectorsRef, words: VectorsRef, config: WordShift) -> VectorsRef:
    """Return the vectors of queries, moved towards some words and away from others.

    Args:
        queries: (Q, D) of texts, or of pictures among texts.
        words: (1 or 2, D) of what the config names, plus before minus.
        config: Which words, and how far.
    """
    from tasks.vectors.arithmetic import normalise

    signs = [sign for sign, said in ((1.0, config.plus), (-1.0, config.minus)) if said.strip()]
    step_ = config.weight * np.asarray(signs, np.float32) @ objects.load_array(words)
    return objects.save_array(VectorsRef, normalise(objects.load_array(queries) + step_.astype(np.float32)))


@step(name="embed-unit-pictures", libraries=("numpy",))
def unit_pictures(features: FeaturesRef) -> VectorsRef:
    """Return features as vectors that topics are made of.

    Args:
        features: (N, F) rows of any length.
    """
    from tasks.vectors.arithmetic import normalise

    return objects.save_array(VectorsRef, normalise(objects.load_array(features)))


@step(name="embed-find-alike", libraries=("numpy",))
def find_alike(features: FeaturesRef | VectorsRef, asked: FeaturesRef | VectorsRef, k: int) -> PictureHitsRef:
    """Rank pictures by how alike they are to each picture asked for, by the cosine of features or of vectors.

    Args:
        features: (N, F) of the pictures looked in.
        asked: (Q, F) of the pictures asked for.
        k: Hits a picture.
    """
    from tasks.vectors.arithmetic import cosine, normalise, top_k

    found = top_k(cosine(normalise(objects.load_array(asked)), normalise(objects.load_array(features))), k)
    hits = [
        PictureHit(query, int(row), rank, float(score))
        for query, (rows, scores) in enumerate(zip(*found, strict=True))
        for rank, (row, score) in enumerate(zip(rows, scores, strict=True), start=1)
    ]
    return objects.save_rows(PictureHitsRef, PictureHit, hits)


def working_copies(
    pictures: PicturesRef, rows: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[np.int64], list[bytes]]]:
    """Yield some rows, in order, with their working copies, a window at a time; no more are in memory."""
    for start in range(0, pictures.rows, WINDOW):
        here = rows[(rows >= start) & (rows < start + WINDOW)]
        if len(here):
            some = objects.load_slice(pictures, start, min(start + WINDOW, pictures.rows), ["copy"])["copy"]
            yield here, some.take(here - start).to_pylist()


def _save_head(head: "RidgeHead") -> PictureHeadRef:
    def fill(folder: Path) -> None:
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(head, name), allow_pickle=False)

    return objects.save_files(PictureHeadRef, fill, shape=head.weight.shape)


def _load_head(ref: PictureHeadRef) -> "RidgeHead":
    from tasks.embed.picture_head import RidgeHead

    folder = objects.path(ref)
    return RidgeHead(*(np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS))
