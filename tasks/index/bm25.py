"""A sparse index: BM25 over words, by the library bm25s.

Source: Robertson & Zaragoza 2009, doi:10.1561/1500000019; Lucene's variant as in Kamphuis et al. 2020,
doi:10.1007/978-3-030-45442-5_4.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from configs.index import Bm25
from tasks.text.sentences import terms


def build_bm25(texts: Sequence[str], folder: Path, config: Bm25) -> None:
    """Index texts and write the index into a folder.

    The vocabulary is sorted, so that equal texts give equal files.
    """
    import bm25s
    import numpy as np

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    tokens = [terms(text, config.language) for text in texts]
    vocabulary = {token: number for number, token in enumerate(sorted({t for text in tokens for t in text} | {""}))}
    index = bm25s.BM25(k1=config.k1, b=config.b, method="lucene")
    with np.errstate(invalid="ignore"):  # pictures without descriptions: no text has a word, and the mean length is 0
        index.index(([[vocabulary[t] for t in text] for text in tokens], vocabulary), show_progress=False)
    index.save(folder, show_progress=False)
    (folder / "language.json").write_text(json.dumps(config.language), "utf-8")
