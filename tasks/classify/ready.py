"""Ready models: what is asked of them, and what becomes of their outputs.

Shapes: N texts, K classes, L outputs of a model.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt

from configs.classify import Nli, Prompted, Ready, TaskModel
from tasks.classify.mapping import catalogued, class_scores, described, entailed_scores, entailment_of, matched
from tasks.classify.model import probabilities
from tasks.data.classes import Identified
from tasks.data.prompts import Prompting
from tasks.errors import ContractError, ModelError

Floats = npt.NDArray[np.float64]
Input = str | tuple[str, str]
Ask = Callable[[Sequence[Input]], npt.NDArray[np.floating]]
EVEN = 0.5  # from which on a ready model says yes to a label, where a text may have several


def thresholds_of(classes: Sequence[str]) -> Floats:
    """Return the probability from which on each class is given, where a text may have several: no label is used."""
    return np.full(len(classes), EVEN)


def describe_ready(
    method: Ready, model: Identified | Prompting, classes: Sequence[str], *, multiple: bool
) -> dict[str, Any]:
    """Return what must be kept to ask a ready model: how its outputs become classes.

    Raises:
        ContractError: The model is of another kind than the way.
        ModelError: Its labels do not fit.
    """
    if isinstance(method, Prompted):
        asked = {"prompting": model.model_dump(mode="json"), "method": method.model_dump(mode="json")}
        return {"kind": method.kind, "model": method.generator.model, **asked}
    if isinstance(model, Prompting):
        raise ContractError(f"{method.kind} was given a language model but needs one that scores; identify it anew")
    kept = {"kind": method.kind, "model": model.scorer.model, "identified": model.model_dump(mode="json")}
    match method:
        case TaskModel(mapping=mapping):
            if multiple and not model.independent:
                raise ModelError(
                    f"{method.model} gives one label a text but texts have several; use a model trained for that"
                )
            fits = matched(method.model, model.labels, classes, mapping, catalogued(method.model))
            return {**kept, "matches": fits.astype(int).tolist(), "independent": multiple}
        case Nli(hypothesis=hypothesis, descriptions=descriptions):
            statements = described(classes, descriptions, [hypothesis])[0]
            return {**kept, "statements": statements, "outputs": list(entailment_of(method.model, model.labels))}
    assert_never(method)


def ask_ready(
    ready: Mapping[str, Any], texts: Sequence[str], ask: Ask, *, classes: int, multiple: bool
) -> npt.NDArray[np.float32]:
    """Return probabilities (N, K) of texts.

    Args:
        ready: What was kept of the model.
        texts: N texts.
        ask: Returns the outputs (P, L) of a model for texts, or pairs of texts.
        classes: K.
        multiple: Whether a text may have several labels.

    Raises:
        ModelError: The model gave no number for a text.
    """
    kind: Literal["task-model", "nli"] = ready["kind"]
    if kind == "nli":
        logits = _finite(ask([(text, statement) for text in texts for statement in ready["statements"]]), ready)
        first, second = ready["outputs"]
        scores = entailed_scores(logits, classes, (first, second), multiple=multiple)
    else:
        matches = np.array(ready["matches"], dtype=bool)
        scores = class_scores(_finite(ask(list(texts)), ready), matches, independent=bool(ready["independent"]))
    return probabilities(scores, temperature=1.0, multiple=multiple)


def _finite(logits: npt.NDArray[np.floating], ready: Mapping[str, Any]) -> Floats:
    bad = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(bad):
        raise ModelError(f"{ready['model']} gave no number for {len(bad)} of {len(logits)} inputs; use another model")
    return logits.astype(np.float64)
