"""Write a classifier as files and read it back: JSON, safetensors, nothing pickled.

    classifier.json       kind, classes, temperature, thresholds, and what the kind needs; encoder or model it runs on
    weights.safetensors   numbers of a linear model, or remembered texts
    terms.json            terms of the words that count, in the order of their weights

Shapes: K classes, V terms, D width, M remembered texts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.classify.model import Features, Floats, LinearModel, Model, NeighbourModel, Words, probabilities
from tasks.errors import ContractError, StoreError
from tasks.metrics.classification import decide
from tasks.text.sentences import spreadsheet

FORMAT = 1


@dataclass(frozen=True)
class Saved:
    """A classifier, as it is kept.

    Attributes:
        way: Name of the way.
        classes: K labels, in the order of the probabilities.
        temperature: What scores are divided by.
        thresholds: (K,) where a text may have several labels, else None.
        model: What scores, None where a ready model does.
        encoder: Name, identity and width of what makes the vectors; empty where none are needed.
        ready: What a ready model needs: kind, model, weights, and how its outputs become classes; empty for others.
    """

    way: str
    classes: tuple[str, ...]
    temperature: float
    thresholds: Floats | None
    model: Model | None = None
    encoder: Mapping[str, Any] = field(default_factory=dict)
    ready: Mapping[str, Any] = field(default_factory=dict)

    @property
    def multiple(self) -> bool:
        """Whether a text may have several labels."""
        return self.thresholds is not None

    @property
    def needs_vectors(self) -> bool:
        """Whether texts must be encoded first."""
        match self.model:
            case LinearModel(vector_weights=weights):
                return weights is not None
            case NeighbourModel():
                return True
        return False

    def probabilities(self, features: Features) -> npt.NDArray[np.float32]:
        """Return (N, K) probabilities of texts.

        Raises:
            ContractError: A ready model scores, which is not here.
        """
        if self.model is None:
            raise ContractError(f"{self.way} is a ready model but one with numbers of its own was needed")
        return probabilities(self.model.scores(features), temperature=self.temperature, multiple=self.multiple)

    def labels(self, likely: npt.NDArray[np.floating]) -> list[Any]:
        """Return the label of each text, None where it has none; where a text may have several, the list of them."""
        named = [[self.classes[at] for at in np.flatnonzero(row)] for row in decide(likely, self.thresholds)]
        return named if self.multiple else [names[0] if names else None for names in named]


def write_classifier(folder: Path, saved: Saved) -> None:
    """Write the files of a classifier into an empty folder."""
    arrays: dict[str, Any] = {}
    stated: dict[str, Any] = {
        "format": FORMAT, "way": saved.way, "classes": list(saved.classes), "temperature": saved.temperature,
        "thresholds": None if saved.thresholds is None else [float(t) for t in saved.thresholds],
        "encoder": dict(saved.encoder), "ready": dict(saved.ready), "kind": "ready",
    }  # fmt: skip
    match saved.model:
        case LinearModel() as model:
            parts = {"bias": model.bias, "terms": model.term_weights, "vector": model.vector_weights}
            arrays = {name: value for name, value in parts.items() if value is not None}
            stated["kind"] = "linear"
            if model.words is not None:
                arrays["idf"], stated["ngrams"] = model.words.idf, model.words.ngrams
                terms = json.dumps(list(model.words.terms), ensure_ascii=False)
                (folder / "terms.json").write_text(terms, "utf-8")
        case NeighbourModel() as model:
            arrays = {"rows": model.rows, "targets": model.targets.astype(np.uint8)}
            stated |= {"kind": "neighbours", "k": model.k}
    if arrays:
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()},
                  folder / "weights.safetensors")  # fmt: skip
    (folder / "classifier.json").write_text(json.dumps(stated, ensure_ascii=False, sort_keys=True, indent=1), "utf-8")


def read_classifier(folder: Path) -> Saved:
    """Read a classifier back.

    Raises:
        StoreError: A file is missing or is not what was written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        stated = json.loads((folder / "classifier.json").read_text("utf-8"))
        if stated["format"] != FORMAT:
            raise StoreError(f"{folder} has format {stated['format']} but {FORMAT} is read; train it again")
        weights = folder / "weights.safetensors"
        arrays = load_file(weights) if weights.is_file() else {}
        thresholds = stated["thresholds"]
        return Saved(
            way=stated["way"],
            classes=tuple(stated["classes"]),
            temperature=float(stated["temperature"]),
            thresholds=None if thresholds is None else np.array(thresholds),
            model=_model(folder, stated, arrays),
            encoder=stated["encoder"],
            ready=stated["ready"],
        )
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise StoreError(f"the classifier in {folder} cannot be read ({error}); train it again") from error


def _model(folder: Path, stated: Mapping[str, Any], arrays: Mapping[str, Any]) -> Model | None:
    match stated["kind"]:
        case "linear":
            words = None
            if "idf" in arrays:
                terms = json.loads((folder / "terms.json").read_text("utf-8"))
                words = Words(tuple(terms), arrays["idf"], int(stated["ngrams"]))
            return LinearModel(arrays["bias"], words, arrays.get("terms"), arrays.get("vector"))
        case "neighbours":
            several = stated["thresholds"] is not None
            return NeighbourModel(arrays["rows"], arrays["targets"].astype(bool), int(stated["k"]), several)
        case "ready":
            return None
    raise ValueError(f"kind {stated['kind']!r} is not known")


def write_predictions(folder: Path, columns: Mapping[str, Any], classes: tuple[str, ...], likely: Any) -> None:
    """Write predictions as Parquet and CSV: the columns given, then the probability of each class.

    Args:
        folder: Empty folder.
        columns: Name to values, N of each.
        classes: K labels.
        likely: (N, K) probabilities.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    made = {name: pa.array(list(values)) for name, values in columns.items()}
    for at, name in enumerate(classes):
        made[f"p({name})"] = pa.array(np.asarray(likely[:, at], dtype=np.float32))
    listed = pa.table(made)
    pq.write_table(listed, folder / "predictions.parquet")
    pc.write_csv(spreadsheet(listed), folder / "predictions.csv")
