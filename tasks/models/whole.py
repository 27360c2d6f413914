"""Load a model of transformers from its files and refuse one whose weights are not those its config asks for.

transformers makes up what a file lacks, says so in a warning, and goes on: an encoder that lost a layer still gives
vectors. Weights of another head than the one that is loaded are left alone: they belong to another use of the model.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from tasks.errors import ModelError
from tasks.models.tokenizers import first_line

ADAPTER = "adapter_config.json"
POOLER = "pooler."  # no vector of ours comes from it, so a bare encoder may lack it
NUMBERED = re.compile(r"(.*?)\.([0-9]+)\.")


def load_whole(kind: Any, folder: Path, *, new: Sequence[str] = (), **options: Any) -> Any:
    """Load a model for inference or training; no code of its own is run, and nothing is fetched.

    Args:
        kind: Class of transformers, as `AutoModel`.
        folder: Its files.
        new: First parts of the names of weights that may be made up: of a head to be trained, or of what is not read.
        options: Further options of `from_pretrained`.

    Raises:
        ModelError: Weights are missing, of another shape, or there are blocks that the model does not have; or the
            folder holds an adapter, for which transformers would load another model than the one that was looked at.
    """
    require_no_adapter(folder)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)  # what it would warn of is an error here
    try:
        loaded, report = kind.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, local_files_only=True, output_loading_info=True,
            ignore_mismatched_sizes=True, **options,
        )  # fmt: skip
    except SafetensorError as error:
        raise ModelError(f"{folder} holds weights that are not whole ({error}); download the model again") from error
    except Exception as error:  # a foreign config ends in errors of many types, some of huggingface_hub alone
        if isinstance(error, MemoryError) or "out of memory" in str(error):
            raise
        raise ModelError(f"{folder} makes no model ({first_line(error)}); download it again") from error
    finally:
        transformers_logging.set_verbosity(before)
    require_whole(folder, loaded, report, new)
    return loaded


def require_no_adapter(folder: Path) -> None:
    """Refuse an adapter where a model is needed: transformers would load the model that it names.

    Raises:
        ModelError: The folder holds one.
    """
    if (folder / ADAPTER).exists():
        raise ModelError(
            f"{folder} holds an adapter, not a model; name the model it was trained from, or train merged"
        )


def require_whole(folder: Path, loaded: Any, report: Any, new: Sequence[str] = ()) -> None:
    """Check what transformers reports of loading.

    Raises:
        ModelError: Weights are missing, of another shape, or there are blocks that the model does not have.
    """
    named = [name.removeprefix(f"{getattr(loaded, 'base_model_prefix', '')}.") for name in report["missing_keys"]]
    if missing := sorted(name for name in named if not name.startswith(tuple(new))):
        raise ModelError(f"{folder} lacks {len(missing)} weights, the first {missing[0]}; download the model again")
    shapes = [str(key[0] if isinstance(key, tuple) else key) for key in report.get("mismatched_keys") or ()]
    if wrong := sorted(name for name in shapes if not name.startswith(tuple(new))):
        raise ModelError(
            f"{folder} has {len(wrong)} weights of another shape than its config.json states, the first {wrong[0]}; "
            "download the model again"
        )
    if spare := _blocks(loaded, report.get("unexpected_keys") or ()):
        raise ModelError(
            f"{folder} has {len(spare)} weights of blocks that its config.json does not have, the first {spare[0]}; "
            "download the model again"
        )


def _blocks(loaded: Any, unexpected: Iterable[str]) -> list[str]:
    """Return the unexpected weights of blocks past the last that the model has."""
    from torch.nn import ModuleList

    prefix = f"{getattr(loaded, 'base_model_prefix', '')}."
    counts = {name.removeprefix(prefix): len(m) for name, m in loaded.named_modules() if isinstance(m, ModuleList)}
    numbered = ((name, NUMBERED.match(name.removeprefix(prefix))) for name in unexpected)
    return sorted(name for name, match in numbered if match and int(match[2]) >= counts.get(match[1], 1_000_000))
