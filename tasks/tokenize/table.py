"""Find the table of token vectors among a model's weights. Shapes: V tokens, D width."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.errors import DataError

TABLES = ("embed_tokens.weight", "word_embeddings.weight", "wte.weight", "tok_embeddings.weight", "embed_in.weight",
          "shared.weight", "token_embedding.weight", "embedding.weight", "embeddings")  # fmt: skip


def table_rows(folder: Path) -> int:
    """Return V of the model in a folder; the vectors are not read.

    Raises:
        DataError: No weights hold such a table.
    """
    file, name = _find(folder)
    with _opened(file) as weights:
        return int(weights.get_slice(name).get_shape()[0])


def read_table(folder: Path) -> npt.NDArray[np.float32]:
    """Return the (V, D) table of the model in a folder.

    Raises:
        DataError: No weights hold such a table.
    """
    file, name = _find(folder)
    with _opened(file) as weights:
        table: npt.NDArray[np.float32] = weights.get_tensor(name).float().numpy()
    return table


def _find(folder: Path) -> tuple[Path, str]:
    from safetensors import SafetensorError

    try:
        for file in sorted(folder.glob("*.safetensors")):
            with _opened(file) as weights:
                names = [n for end in TABLES for n in weights.keys() if n.endswith(end)]  # noqa: SIM118
                if names:
                    return file, names[0]
    except SafetensorError as error:
        raise DataError(f"the weights in {folder} cannot be read ({error}); download the model again") from error
    raise DataError(
        f"no *.safetensors in {folder} has a table of token vectors, a tensor like {', '.join(TABLES[:3])}"
    )


def _opened(file: Path) -> Any:
    from safetensors import safe_open

    return safe_open(file, framework="pt")  # numpy has no bfloat16
