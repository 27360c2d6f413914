"""Tasks of `represent` that encode words: several ways to put topics into words, side by side."""

from collections.abc import Sequence

import numpy as np

from configs.represent import CTfIdf
from tasks.data.documents import DocumentsRef
from tasks.data.models import Fingerprint
from tasks.data.topics import CountsRef, LabelsRef, Wording, WordingsRef
from tasks.data.vectors import VectorsRef
from tasks.models.encoders import load as encoders
from tasks.represent.model import Encode, Floats
from tasks.represent.task import LIBRARIES, counts_of, texts_of
from tasks.runtime.steps import step
from tasks.store import objects, vector_cache


@step(name="represent-ways", libraries=LIBRARIES, device_of=("encoder",))
def represent_ways(
    documents: DocumentsRef, counts: CountsRef, clusters: tuple[LabelsRef, VectorsRef], encoder: Fingerprint,
    config: CTfIdf,
) -> WordingsRef:  # fmt: skip
    """Describe every cluster by words chosen in several ways, side by side.

    Args:
        documents: N documents.
        counts: Their words.
        clusters: (N,) cluster and (N, D) vector of each.
        encoder: Encodes words; the vectors are its.
        config: Which ways, and how many words.
    """
    from tasks.represent.words import words_side_by_side

    labels, vectors = (objects.load_array(ref) for ref in clusters)
    texts = texts_of(documents) if "part-of-speech" in config.beside else ()
    found = words_side_by_side(counts_of(counts), labels, vectors, config, _encode(encoder), texts)
    return objects.save_rows(WordingsRef, Wording, found)


def _encode(encoder: Fingerprint) -> Encode:
    """Return what encodes words, each once: what any flow has encoded is read; what has no direction is 0."""

    def encode(texts: Sequence[str]) -> Floats:
        cache = vector_cache.Items(encoder)
        read = [encoder.encoder.passage_prompt + text for text in texts]
        keys = vector_cache.keys_of(read)
        missing = cache.missing(keys)
        if len(missing):
            made = encoders.engine(encoder).encode([read[row] for row in missing])
            good = np.isfinite(made).all(axis=1)
            cache.add(keys[missing][good], made[good])
        vectors, found = cache.read(keys)
        return np.where(found[:, None], vectors, 0.0).astype(np.float32)

    return encode
