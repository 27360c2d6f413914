"""A sparse index: BM25 over words, by the library bm25s.

Source: Robertson & Zaragoza 2009, doi:10.1561/1500000019; Lucene's variant as in Kamphuis et al. 2020,
doi:10.1007/978-3-030-45442-5_4.
"""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from configs.index import Bm25
from tasks.text.language import UNKNOWN, commonest_language, find_language
from tasks.text.terms import ENGLISH, terms

MIN_SHARE = 0.05  # of the texts that a language beside the commonest needs for a question to be read in it as well


def find_languages(texts: Sequence[str], wanted: str) -> tuple[list[str], list[str]]:
    """Return by which language each text is cut into terms, and by which a question is.

    Args:
        texts: N texts.
        wanted: `auto`, `none` or a code.

    Returns:
        N codes, that of most texts where a text's own is not known, empty for words as they are; and the codes for
        questions, commonest first.
    """
    if wanted != "auto":
        code = "" if wanted == "none" else wanted
        return [code] * len(texts), [code] if code else []
    found = [find_language(text) for text in texts]
    main = commonest_language(found)
    main = ENGLISH if main == UNKNOWN else main
    spoken = [main if language == UNKNOWN else language for language in found]
    counted = Counter(spoken)
    enough = [code for code, times in counted.most_common() if code != main and times >= MIN_SHARE * len(texts)]
    kept = {main, *enough}
    return [language if language in kept else main for language in spoken], [main, *enough]


def build_bm25(texts: Sequence[str], folder: Path, config: Bm25) -> None:
    """Index texts and write the index into a folder.

    The vocabulary is sorted, so that equal texts give equal files.
    """
    import bm25s
    import numpy as np

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    spoken, languages = find_languages(texts, config.language)
    tokens = [terms(text, (language,) if language else ()) for text, language in zip(texts, spoken, strict=True)]
    vocabulary = {token: number for number, token in enumerate(sorted({t for text in tokens for t in text} | {""}))}
    index = bm25s.BM25(k1=config.k1, b=config.b, method="lucene")
    with np.errstate(invalid="ignore"):  # pictures without descriptions: no text has a word, and the mean length is 0
        index.index(([[vocabulary[t] for t in text] for text in tokens], vocabulary), show_progress=False)
    index.save(folder, show_progress=False)
    (folder / "language.json").write_text(json.dumps(languages), "utf-8")
