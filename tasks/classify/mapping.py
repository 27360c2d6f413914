"""Labels of a ready model to ours, by name; statements that a model may find entailed; which models fit.

Shapes: N texts, L labels of the model, K classes of ours.
Source: zero-shot by entailment, Yin et al. 2019, arXiv:1909.00161.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from configs.models import TASK_MODELS, TaskCard
from tasks.errors import ModelError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
UNNAMED = "label_"  # what transformers calls outputs that nobody named


def plain(label: str) -> str:
    """Return a label without what spelling varies in: case, space, underscores, hyphens."""
    return " ".join(label.casefold().replace("_", " ").replace("-", " ").split())


def fitting_models(classes: Sequence[str]) -> tuple[TaskCard, ...]:
    """Return the models of the catalogue whose labels include all of ours."""
    return tuple(card for card in TASK_MODELS if {plain(name) for name in classes} <= _names(card))


def catalogued(model: str) -> Mapping[str, str]:
    """Return other names of the labels of a model that the catalogue knows."""
    return next((card.also for card in TASK_MODELS if card.id == model), {})


def _names(card: TaskCard) -> set[str]:
    return {plain(name) for name in (*card.labels, *card.also)}


def matched(
    model: str, theirs: Sequence[str], ours: Sequence[str], mapping: Mapping[str, str], also: Mapping[str, str]
) -> Bools:
    """Match the labels of a model with ours by name, never by position.

    Args:
        model: Its name; for messages.
        theirs: L labels of the model, in the order of its outputs.
        ours: K classes.
        mapping: Label of the model to ours, as configured; it stands above names.
        also: Other names of the model's labels, to the model's.

    Returns:
        (L, K) which output counts for which class.

    Raises:
        ModelError: A class of ours has no label of the model, or the mapping names what is not there.
    """
    spelled = {plain(name): at for at, name in enumerate(theirs)}
    known = {plain(name): at for at, name in enumerate(ours)}
    for label, target in mapping.items():
        if plain(label) not in spelled or plain(target) not in known:
            raise ModelError(
                f"mapping has {label!r} to {target!r} but {model} has {list(theirs)} and the texts {list(ours)[:12]}"
            )
    wanted = {plain(label): plain(target) for label, target in mapping.items()}
    aliases = {plain(name): plain(label) for name, label in also.items()}
    made = np.zeros((len(theirs), len(ours)), dtype=bool)
    for name, at in spelled.items():
        if name in wanted:
            made[at, known[wanted[name]]] = True
    _match_as_written(made, theirs, ours)
    for name, column in known.items():
        output = spelled.get(name, spelled.get(aliases.get(name, "")))
        if output is not None and not made[:, column].any() and not made[output].any():
            made[output, column] = True
    if lacking := [name for name, column in zip(ours, made.sum(axis=0).tolist(), strict=True) if not column]:
        hint = (
            "say which is which" if all(name.startswith(UNNAMED) for name in map(str.casefold, theirs)) else "map it"
        )
        raise ModelError(
            f"{model} has the labels {list(theirs)} and none for {lacking[0]!r}; {hint} with mapping, or use another"
        )
    return made


def _match_as_written(made: Bools, theirs: Sequence[str], ours: Sequence[str]) -> None:
    """Match what is written alike and matched by nothing yet: labels may differ by case or blanks alone."""
    written = {name: at for at, name in enumerate(theirs)}
    for column, name in enumerate(ours):
        at = written.get(name)
        if at is not None and not made[:, column].any() and not made[at].any():
            made[at, column] = True


def class_scores(logits: Floats, matches: Bools, *, independent: bool) -> Floats:
    """Return scores (N, K) of our classes from outputs (N, L); outputs that are matched with none do not count.

    Args:
        logits: (N, L) outputs.
        matches: (L, K) which output counts for which class.
        independent: Whether each output stands for itself: the scores are then the highest outputs, else logarithms of
            probabilities that add up.
    """
    if independent:
        return np.stack([logits[:, column].max(axis=1) for column in matches.T], axis=1)
    from scipy.special import logsumexp

    return np.stack([logsumexp(logits[:, column], axis=1) for column in matches.T], axis=1)


def entailment_of(model: str, labels: Sequence[str]) -> tuple[int, int]:
    """Return which output of a model says `entailed`, and which `contradicted`.

    Raises:
        ModelError: It has no such labels.
    """
    names = [plain(name) for name in labels]
    entailed = [at for at, name in enumerate(names) if name.startswith("entail")]
    against = [at for at, name in enumerate(names) if name.startswith(("contradict", "not entail"))]
    if len(entailed) != 1 or len(against) != 1:
        raise ModelError(
            f"{model} has the labels {list(labels)} but one for entailment and one for contradiction were needed; "
            "set model to one of natural language inference, as facebook/bart-large-mnli"
        )
    return entailed[0], against[0]


def entailed_scores(logits: Floats, classes: int, outputs: tuple[int, int], *, multiple: bool) -> Floats:
    """Return scores (N, K) of how far each text entails the statement of each class.

    Args:
        logits: (N * K, L) outputs, the classes of one text after another.
        classes: K.
        outputs: Which output says entailed, and which contradicted.
        multiple: Whether a text may have several labels: entailed is then weighed against contradicted.
    """
    entailed = logits[:, outputs[0]] - (logits[:, outputs[1]] if multiple else 0.0)
    return np.asarray(entailed.reshape(-1, classes), dtype=np.float64)


def described(classes: Sequence[str], descriptions: Mapping[str, str], wordings: Sequence[str]) -> list[list[str]]:
    """Return for each wording the sentence of each class."""
    words = [descriptions.get(name, name.replace("_", " ").replace("-", " ")) for name in classes]
    return [[wording.replace("{label}", word) for word in words] for wording in wordings]
