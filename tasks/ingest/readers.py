"""What reads a kind of file: the library and its version, which a listing counts, or what to install."""

import importlib
from importlib import metadata

from tasks.errors import MissingExtra


def version_of(module: str, distribution: str, missing: str) -> str:
    """Return a library as it is called on PyPI, and its version.

    Args:
        module: What is imported.
        distribution: Its name on PyPI.
        missing: What to say where it is not installed.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(missing) from error
    return f"{distribution} {metadata.version(distribution)}"
