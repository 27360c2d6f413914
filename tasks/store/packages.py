"""Weights that come with an installed Python package: found without importing it, and checked against their digest."""

import importlib.util
from pathlib import Path

from configs.models import ModelCard
from tasks.data import digests
from tasks.errors import ModelError


def weights_of(card: ModelCard) -> Path:
    """Return the weights of a model that comes with a Python package, which is found and not imported.

    Raises:
        ModelError: The package is not installed, or its weights are not the published ones.
    """
    spec = importlib.util.find_spec(card.package)
    if spec is None or spec.origin is None:
        raise ModelError(f"{card.id} is not installed here; run: python -m flows models add {card.id}")
    weights = Path(spec.origin).parent / card.file
    if not weights.is_file():
        raise ModelError(f"{weights} is missing; run: python -m flows models add {card.id}")
    actual = digests.of_path(weights)
    if actual != card.sha256:
        raise ModelError(
            f"{weights} has sha256 {actual[:16]} but {card.sha256[:16]} is the published one; run: python -m flows "
            f"models add {card.id}"
        )
    return weights
