"""Describe a model that training starts from, and load it with a head of its own for our labels.

The head is new, drawn by seed, unless the model has one for just these labels already; anything else that a file lacks
is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tasks.data import digests
from tasks.data.class_tuning import TuningBase
from tasks.errors import ModelError
from tasks.models import batching
from tasks.models import files as model_files
from tasks.models.tokenizers import auto_config
from tasks.models.whole import POOLER, load_whole, require_no_adapter
from tasks.store import durable

HeadKind = Literal["sequence", "token"]


def describe_base(model: str) -> TuningBase:
    """Read from its files what a model is that training may start from; loads no torch.

    Raises:
        ModelError: There is no such model, it cannot be trusted, or it is no transformer.
    """
    files = model_files.locate(model)
    require_no_adapter(files.folder)
    config = model_files.read_config(files.folder)
    if model_files.static_folder(files.folder) is not None or not config.get("model_type"):
        raise ModelError(f"{model} is no transformer, so it has no weights to train for labels; name one that is")
    tokenizer = files.folder / "tokenizer.json"
    if not tokenizer.is_file():
        raise ModelError(f"{tokenizer} is missing; save the fast tokenizer with the model")
    stated = model_files.longest(files.folder, config)
    return TuningBase(
        model=files.model,
        weights=durable.digest_of([model_files.weights_digest(files.folder), config]),
        tokenizer=digests.of_path(tokenizer),
        max_tokens=min(stated, batching.LADDER[-1]),
        positions=min(_positions(config) or stated, batching.LADDER[-1]),
    )


def _positions(config: Mapping[str, Any]) -> int:
    """Return how many tokens a model can read; 0 where its config states no limit."""
    positions = int(config.get("max_position_embeddings") or 0)
    if positions and config.get("model_type") in model_files.COUNT_FROM_PADDING:
        return positions - int(config.get("pad_token_id") or 1) - 1
    return positions


def load_with_head(
    model: str, kind: HeadKind, labels: Sequence[str], *, multiple: bool = False, seed: int = 0, pooled: bool = False
) -> Any:
    """Load a model with a head for some labels; no code of the model's own is run.

    Args:
        model: Id or folder.
        kind: sequence: a label a text; token: a label a token.
        labels: In the order of the outputs.
        multiple: Whether a text may have several.
        seed: Of a new head.
        pooled: Whether the pooler must be in the files too; else one that they lack is drawn with the head.

    Raises:
        ModelError: Weights of the body are missing, or of another shape than its config states.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

    kinds: dict[HeadKind, Any] = {
        "sequence": AutoModelForSequenceClassification,
        "token": AutoModelForTokenClassification,
    }
    folder = model_files.locate(model).folder
    config = auto_config(folder)
    known = [config.id2label.get(at) for at in range(len(config.id2label))] == list(labels)
    fits = known and any(kinds[kind].__name__[9:] in name for name in config.architectures or ())
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: at for at, label in enumerate(labels)}
    if kind == "sequence":
        config.problem_type = "multi_label_classification" if multiple else "single_label_classification"
    with torch.device("meta"):
        empty = kinds[kind].from_config(config)
    heads = head_of(empty)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loaded = load_whole(
            kinds[kind], folder, new=[*([] if pooled else [POOLER]), *(f"{name}." for name in heads)], config=config,
            dtype=torch.float32,
        )  # fmt: skip
        if not fits:
            _draw(loaded, heads, float(getattr(config, "initializer_range", 0.02)))
    return loaded


def head_of(model: Any) -> tuple[str, ...]:
    """Return the names of the modules of a model that are not its body."""
    return tuple(name for name, _ in model.named_children() if name != model.base_model_prefix)


def _draw(model: Any, heads: Sequence[str], spread: float) -> None:
    """Draw a head anew: one that was trained for other labels must not pass for one of ours."""
    import torch

    for name in heads:
        for module in model.get_submodule(name).modules():
            if isinstance(module, torch.nn.Linear):
                torch.nn.init.normal_(module.weight, std=spread)
                if module.bias is not None:
                    torch.nn.init.zeros_(module.bias)
