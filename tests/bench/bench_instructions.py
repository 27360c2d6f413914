"""How many texts that instruct a model are flagged, in 17 languages and 13 disguises, and how many others are.

Half of the texts were held out while the flag was built. All are by whoever wrote the flag, and it looks for wordings:
orders that others put in other words are found less often.
"""

from collections.abc import Sequence
from typing import Any

from tasks.metrics.intervals import wilson
from tasks.text.injection import flags_of
from tests.bench.instructions import Sample, samples
from tests.bench.pairs import plain


def measure() -> list[dict[str, Any]]:
    """Flag every text; give recall and false flags of both halves, and of the held-out one by kind."""
    built, held = samples()
    rows = [row for name, half in (("built on", built), ("held out", held)) for row in _of(name, half)]
    orders = [sample for sample in held if sample.order]
    openly = [sample for sample in orders if sample.language != "en"]
    english = [sample for sample in orders if sample.language == "en"]
    quoted = [sample for sample in held if sample.kind == "security"]
    return [
        *rows,
        _share("held out: flagged, in English", english),
        _share("held out: flagged, in other languages", openly),
        _share("held out: falsely flagged, articles about such attacks", quoted),
        *(
            _share(f"held out: flagged, {kind}", [sample for sample in orders if sample.kind == kind])
            for kind in sorted({sample.kind for sample in orders})
        ),
    ]


def _of(name: str, half: Sequence[Sample]) -> list[dict[str, Any]]:
    return [
        _share(f"{name}: flagged", [sample for sample in half if sample.order]),
        _share(f"{name}: falsely flagged", [sample for sample in half if not sample.order]),
    ]


def _share(what: str, texts: Sequence[Sample]) -> dict[str, Any]:
    hits = sum(bool(flags_of(sample.text)) for sample in texts)
    low, high = wilson(hits, len(texts))
    return plain(f"{what} ({low:.3f} to {high:.3f}, n={len(texts)})", hits / len(texts), "")
