"""Load a model with a head that guesses masked tokens, and write its encoder without it, as the base was written."""

import json
import shutil
from pathlib import Path
from typing import Any

from tasks.errors import ModelError
from tasks.models import files as model_files
from tasks.models.heads import head_of
from tasks.models.tokenizers import auto_config
from tasks.models.whole import POOLER, load_whole

WEIGHTS, CONFIG = ".safetensors", "config.json"
LEFT = (CONFIG, "training.json", "model.safetensors.index.json")  # written anew, or true of the base alone


def require_guesser(model: str) -> None:
    """Check from its config that a model can have a head that guesses masked tokens.

    Raises:
        ModelError: It cannot.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as KNOWN

    config = model_files.read_config(model_files.locate(model).folder)
    if config.get("model_type") not in KNOWN or config.get("is_encoder_decoder"):
        raise ModelError(
            f"{model} is a {config.get('model_type')}, which guesses no masked words; set pretraining=null, or start "
            "from an encoder such as BERT"
        )


def load_guesser(model: str, seed: int) -> tuple[Any, bool, bool]:
    """Load a model with a head that guesses masked tokens; a head that the files lack is drawn by seed.

    Args:
        model: Id or folder.
        seed: Of a new head.

    Returns:
        The model, whether its head is new, and whether its output is the table of word vectors.

    Raises:
        ModelError: Weights of the body, or some of a head that is there, are missing or of another shape.
    """
    import torch
    from transformers import AutoModelForMaskedLM

    folder = model_files.locate(model).folder
    config = auto_config(folder)
    kind: Any = AutoModelForMaskedLM
    with torch.device("meta"):
        empty = kind.from_config(config)
    heads = tuple(f"{name}." for name in head_of(empty))
    own = {name for name in empty.state_dict() if name.startswith(heads)}
    new = not own & weight_names(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loaded = load_whole(kind, folder, new=heads if new else (), config=config, dtype=torch.float32)
    output = loaded.get_output_embeddings()
    return loaded, new, output is not None and output.weight is loaded.get_input_embeddings().weight


def save_encoder(trained: Any, model: str, folder: Path) -> None:
    """Write the encoder of a model that was trained to guess, so that it opens wherever its base does.

    The head is thrown away. The pooler, which guessing does not train, is the base's.

    Args:
        trained: With a head that guesses.
        model: Id or folder of the base.
        folder: Where to, empty.

    Raises:
        ModelError: The encoder does not have the weights of its base.
    """
    import torch
    from transformers import AutoModel

    base = model_files.locate(model).folder
    encoder = load_whole(AutoModel, base, new=[POOLER], dtype=torch.float32)
    report = encoder.load_state_dict(trained.base_model.state_dict(), strict=False)
    apart = [*report.unexpected_keys, *(name for name in report.missing_keys if not name.startswith(POOLER))]
    if apart:
        raise ModelError(f"{model} guesses with another encoder than it has ({apart[0]}); set pretraining=null")
    pooled = any(POOLER in name for name in weight_names(base))
    state = {name: value for name, value in encoder.state_dict().items() if pooled or not name.startswith(POOLER)}
    encoder.save_pretrained(folder, state_dict=state)
    _copy_others(base, folder)


def weight_names(folder: Path) -> set[str]:
    """Return the names of the weights in the files of a model."""
    from safetensors import safe_open

    found: set[str] = set()
    for path in sorted(folder.glob(f"*{WEIGHTS}")):
        with safe_open(path, framework="numpy") as weights:
            found.update(weights.keys())
    return found


def _copy_others(base: Path, folder: Path) -> None:
    """Copy the tokenizer, and what says how sentence-transformers reads the model."""
    parts = _module_folders(base)
    for pattern in model_files.FILES:
        for path in base.glob(pattern):
            inside = path.relative_to(base)
            if len(inside.parts) == 1 and (path.suffix == WEIGHTS or path.name in LEFT):
                continue
            if len(inside.parts) > 1 and inside.parts[0] not in parts:
                continue
            (folder / inside).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, folder / inside)


def _module_folders(base: Path) -> set[str]:
    """Return the folders of what sentence-transformers runs after the model."""
    if not (base / "modules.json").is_file():
        return set()
    try:
        listed = json.loads((base / "modules.json").read_bytes())
        return {str(entry.get("path", "")) for entry in listed} - {""}
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{base / 'modules.json'} is not a list of modules; download the model again") from error
