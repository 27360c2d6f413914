"""Adapters: updates of low rank and a head, kept beside the model they were trained on, in the files of `peft`.

Many tasks share one base on disk; an adapter is some MB. It is merged into the base while it is loaded, so that what
runs is a model of its class.
Source: LoRA, Hu et al. 2021, arXiv:2106.09685.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configs.finetune import Lora
from tasks.data.class_tuning import TuningBase
from tasks.errors import ModelError
from tasks.models import files as model_files
from tasks.models import heads
from tasks.models.tokenizers import auto_config
from tasks.models.whole import ADAPTER, load_whole

WEIGHTS = "adapter_model.safetensors"
BASE = "adapter_base.json"  # of this project: which weights the updates belong to
INSIDE = "base_model.model."  # what `peft` puts before the names of weights
KINDS = {"ForSequenceClassification": "SEQ_CLS", "ForTokenClassification": "TOKEN_CLS"}


def save(model: Any, method: Lora, base: TuningBase, folder: Path) -> None:
    """Write the updates and the head of a model, as `peft` reads them, with its config and which base it needs.

    Args:
        model: Of transformers, with updates in it.
        method: How they were made.
        base: What it was trained from.
        folder: Where to, empty.
    """
    from peft import LoraConfig
    from safetensors.torch import save_file

    own = [name for name in heads.head_of(model) if any(True for _ in model.get_submodule(name).parameters())]
    weights = {
        f"{INSIDE}{name.replace('.default.', '.')}": weight.detach().cpu().contiguous()
        for name, weight in model.named_parameters()
        if ".lora_" in name or name.startswith(tuple(f"{head}." for head in own))
    }
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    LoraConfig(
        r=method.r, lora_alpha=method.lora_alpha, lora_dropout=method.lora_dropout,
        target_modules=list(method.target_modules), modules_to_save=own, base_model_name_or_path=base.model,
        task_type=next((kind for end, kind in KINDS.items() if type(model).__name__.endswith(end)), None),
        inference_mode=True,
    ).save_pretrained(str(folder))  # fmt: skip
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    (folder / BASE).write_text(json.dumps({"model": base.model, "weights": base.weights}), "utf-8")


def load(kind: Any, folder: Path, **options: Any) -> Any:
    """Load a model with a head from its files; an adapter is merged into its base.

    Args:
        kind: Class of transformers, as `AutoModelForSequenceClassification`.
        folder: Its files.
        options: Further options of `from_pretrained`.

    Raises:
        ModelError: Weights are missing or of another shape; or the base is not the one the adapter was trained on.
    """
    if not (folder / ADAPTER).exists():
        return load_whole(kind, folder, **options)
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    base = _base_of(folder)
    config = auto_config(folder)
    with torch.device("meta"):
        made = heads.head_of(kind.from_config(config))
    loaded = load_whole(kind, base, new=[f"{name}." for name in made], config=config, **options)
    with old_names():
        adapter: Any = PeftModel(loaded, LoraConfig.from_pretrained(str(folder)))
    try:
        weights = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{folder / WEIGHTS} is not whole ({error}); train again") from error
    needed = get_peft_model_state_dict(adapter, save_embedding_layers=False)  # "auto" asks the hub for the base
    wrong = [name for name in sorted({*weights, *needed}) if _shape(weights, name) != _shape(needed, name)]
    if wrong:  # peft would draw what a file lacks
        raise ModelError(f"{folder / WEIGHTS} lacks weights or has others, the first {wrong[0]}; train again")
    set_peft_model_state_dict(adapter, weights)
    merged: Any = adapter.merge_and_unload()
    return merged


@contextmanager
def old_names() -> Iterator[None]:
    """Do not warn that TRL 1.16 and peft 0.21 ask transformers 5.23 by a name it will drop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def _shape(weights: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    return tuple(weights[name].shape) if name in weights else None


def _base_of(folder: Path) -> Path:
    """Return the folder of the base of an adapter.

    Raises:
        ModelError: The adapter is not one of this project, or its base is not what it was.
    """
    if not (folder / BASE).is_file() or not (folder / WEIGHTS).is_file():
        raise ModelError(f"{folder} lacks {BASE} or {WEIGHTS}, so its base is not known; merge the adapter first")
    try:
        noted = json.loads((folder / BASE).read_text("utf-8"))
        model, weights = str(noted["model"]), str(noted["weights"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / BASE} does not state a base; train the adapter again") from error
    if heads.describe_base(model).weights != weights:
        raise ModelError(f"{model} has changed since an adapter was trained on it; train again, or bring it back")
    return model_files.locate(model).folder
