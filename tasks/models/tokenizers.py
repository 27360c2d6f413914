"""Read tokenizers and configs from files that others wrote: what makes none is an error in words."""

from pathlib import Path
from typing import Any

from tasks.errors import ModelError


def read_tokenizer(path: Path) -> Any:
    """Return the fast tokenizer of a `tokenizer.json`.

    Raises:
        ModelError: It makes none.
    """
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no other type
        raise ModelError(f"{path} makes no tokenizer ({first_line(error)}); download the model again") from error


def auto_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a folder as transformers has it; no code of the model's own is run.

    Raises:
        ModelError: Its files make none.
    """
    from transformers import AutoTokenizer

    if (folder / "tokenizer.json").is_file():
        read_tokenizer(folder / "tokenizer.json")  # transformers makes an empty one up, or ends in its own ways
    made: Any = AutoTokenizer
    try:
        return made.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # of many types, some of huggingface_hub alone
        raise ModelError(f"{folder} makes no tokenizer ({first_line(error)}); download the model again") from error


def auto_config(folder: Path) -> Any:
    """Return the config of a folder as transformers has it; no code of the model's own is run.

    Raises:
        ModelError: Its `config.json` makes none.
    """
    from transformers import AutoConfig

    made: Any = AutoConfig
    try:
        return made.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # as above
        raise ModelError(
            f"{folder / 'config.json'} makes no model ({first_line(error)}); download it again"
        ) from error


def first_line(error: BaseException) -> str:
    """Return what an error says first, with what follows its colon, of a length that fits a line."""
    first, _, rest = str(error).strip().partition("\n")
    if first.endswith(":"):
        first = f"{first} {rest.strip().partition(chr(10))[0].strip()}"
    return (first or type(error).__name__)[:160]
