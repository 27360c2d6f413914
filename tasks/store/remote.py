"""Files at a path or in a bucket: `s3://` by fsspec and s3fs, which are an extra.

Keys, region and another address than Amazon's are read by botocore from the environment and its own files:
https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import ContractError, MissingExtra, RemoteError, StoreError
from tasks.store import export

ARCHIVE = "archive"
EXTRAS = {"s3": "s3"}  # by scheme


def is_path(place: str) -> bool:
    """Return whether a place is a path of this machine."""
    return not _scheme(place)


def check_new(place: str) -> None:
    """Refuse a place where a file is already, or where none can be written.

    Raises:
        ContractError: It is taken, or is no place.
        MissingExtra: What writes there is not installed.
        RemoteError: The bucket does not answer as it should.
    """
    if _scheme(place):
        files = _filesystem(place)
        with _asking(place):
            taken = files.exists(place)
    else:
        taken = os.path.lexists(export.checked(place))
    if taken:
        raise ContractError(f"{place} is there already; name a new file")


@contextlib.contextmanager
def delivering(place: str, drafts: Path) -> Iterator[Path]:
    """Lend the path of a file that is to be written, and send it on at the end where the place is a bucket.

    Args:
        place: A path, or `s3://BUCKET/KEY`.
        drafts: Folder of the caller's, where the file is written that is sent on.

    Raises:
        ContractError, MissingExtra, RemoteError: As `check_new`.
    """
    check_new(place)
    if not _scheme(place):
        yield export.checked(place)
        return
    yield drafts / ARCHIVE
    files = _filesystem(place)
    with _asking(place):
        files.put_file(str(drafts / ARCHIVE), place)
        files.invalidate_cache()
        sent, here = files.info(place)["size"], (drafts / ARCHIVE).stat().st_size
    if sent != here:
        raise RemoteError(f"{place} has {sent:,} bytes but {here:,} were sent; remove it and run again")


@contextlib.contextmanager
def fetched(place: str, drafts: Path) -> Iterator[Path]:
    """Lend the path of a file to read, which is fetched first where the place is a bucket.

    Args:
        place: A path, or `s3://BUCKET/KEY`.
        drafts: Folder of the caller's, where what is fetched is put.

    Raises:
        ContractError: There is no such file.
        MissingExtra: What reads there is not installed.
        RemoteError: The bucket does not answer as it should.
        StoreError: The disk has no room for it.
    """
    if not _scheme(place):
        path = Path(os.path.expanduser(place)).absolute()
        if not path.is_file():
            raise ContractError(f"there is no file {place}; give the path of one, or s3://BUCKET/KEY")
        yield path
        return
    files = _filesystem(place)
    with _asking(place):
        size = int(files.info(place)["size"])
    if (free := shutil.disk_usage(drafts).free) < size:
        raise StoreError(f"{place} has {size / 1e6:,.1f} MB but {drafts} has {free / 1e6:,.1f} free; make room")
    with _asking(place):
        files.get_file(place, str(drafts / ARCHIVE))
    yield drafts / ARCHIVE


def _scheme(place: str) -> str:
    """Return the scheme of a place; empty for a path."""
    scheme, found, rest = place.partition("://")
    if not found:
        return ""
    if scheme not in EXTRAS or not all(rest.partition("/")[::2]):
        raise ContractError(f"{place!r} is no place for a file; give a path, or s3://BUCKET/KEY")
    return scheme


def _filesystem(place: str) -> Any:
    """Return what reads and writes a bucket."""
    scheme = _scheme(place)
    missing = f"{scheme}:// is read and written by s3fs, which is not here; pip install 'llm-flows[{EXTRAS[scheme]}]'"
    try:
        import fsspec

        return fsspec.filesystem(scheme, skip_instance_cache=True)
    except ImportError as error:
        raise MissingExtra(missing) from error


@contextlib.contextmanager
def _asking(place: str) -> Iterator[None]:
    """Turn what a bucket refuses into one line; s3fs raises errors of the system, botocore its own."""
    try:
        yield
    except FileNotFoundError as error:
        raise ContractError(f"there is no {place}; check bucket and key") from error
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith(
            ("botocore", "aiobotocore", "aiohttp")
        ):
            raise
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise RemoteError(
            f"{place} cannot be reached ({said}); check bucket, keys (AWS_ACCESS_KEY_ID) and AWS_ENDPOINT_URL"
        ) from error
