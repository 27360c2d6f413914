"""Keep word vectors as plain files, and read those that others have trained.

Formats: word2vec's text and binary, GloVe's text (no header), each gzipped or not. gensim's own files are pickles and
are never read.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tasks.errors import DataError
from tasks.word2vec.train import TrainedVectors

PUBLISHED = {
    "glove-wiki-gigaword-50.gz": "https://github.com/piskvorky/gensim-data/releases/download/glove-wiki-gigaword-50/"
    "glove-wiki-gigaword-50.gz"
}
TEXT, BINARY = (".txt", ".vec", ".gz"), (".bin", ".bin.gz")
MOST = 3_000_000  # words that are read


def checked_file(name: str) -> Path:
    """Return the file of vectors that is asked for.

    Raises:
        DataError: It is not there, or is of a kind that is never read.
    """
    path = Path(os.path.expanduser(name))
    if not path.is_file():
        known = PUBLISHED.get(path.name)
        way = f"fetch it from {known}" if known else "give the path of one"
        raise DataError(f"{name} is not a file of word vectors; {way}")
    if not path.name.endswith((*TEXT, *BINARY)):
        kinds = ", ".join((*TEXT, *BINARY))
        raise DataError(f"{path.name} is not word2vec or GloVe text or binary ({kinds}); convert it")
    return path


def read_vectors(path: Path) -> TrainedVectors:
    """Read vectors that others have trained; counts, and vectors as neighbours, are not known.

    Raises:
        DataError: The file is damaged or of another kind.
    """
    from gensim.models import KeyedVectors

    binary = path.name.endswith(BINARY)
    try:
        made: Any = KeyedVectors.load_word2vec_format(
            str(path), binary=binary, no_header=not binary and not _has_header(path), limit=MOST
        )
    except (ValueError, EOFError, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} cannot be read as word vectors ({str(error)[:120]}); download it again"
        ) from error
    vectors = np.asarray(made.vectors, dtype=np.float32)
    if not len(vectors) or not np.isfinite(vectors).all():
        raise DataError(f"{path.name} holds {len(vectors)} words or numbers that are not finite; download it again")
    nothing = np.empty((0, vectors.shape[1]), dtype=np.float32)
    return TrainedVectors(list(made.index_to_key), vectors, nothing, np.zeros(len(vectors), dtype=np.int64))


def _has_header(path: Path) -> bool:
    """Return whether the first line is a number of words and a width."""
    with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
        parts = file.readline(1 << 20).split()
    return len(parts) == 2 and all(part.isdigit() for part in parts)


def write_files(made: TrainedVectors, folder: Path) -> None:
    """Write words and vectors into an empty folder."""
    (folder / "words.json").write_text(json.dumps(made.words, ensure_ascii=False), "utf-8")
    for name, array in (("input", made.vectors), ("output", made.output), ("counts", made.counts)):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def read_files(folder: Path) -> TrainedVectors:
    """Read what `write_files` wrote."""
    words = json.loads((folder / "words.json").read_text("utf-8"))
    vectors, output, counts = (np.load(folder / f"{n}.npy", allow_pickle=False) for n in ("input", "output", "counts"))
    return TrainedVectors(words, vectors, output, counts)
