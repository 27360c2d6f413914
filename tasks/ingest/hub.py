"""Read rows of a data set of the Hugging Face hub, or of a folder laid out like one; a bad row costs that row.

Rows are streamed, so that memory does not grow with the data set. No code of a data set is run: `datasets` 5 runs
none, and only readers of plain tables are let through. A card may name files anywhere; those outside its data set are
refused.
"""

import contextlib
import itertools
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from configs.ingest import Hub
from tasks.data import retries
from tasks.data.documents import Document, Item, Rejected
from tasks.errors import ContractError, DataError, MissingExtra, RemoteError
from tasks.ingest.cells import count_missing
from tasks.ingest.files import describe_file, list_folder
from tasks.ingest.tables import read_row

READERS = ("arrow", "csv", "json", "parquet", "text")
COMMIT = re.compile(r"[0-9a-f]{40}")
MAX_BYTES = 1 << 50
T = TypeVar("T")


@dataclass(slots=True)
class HubRows:
    """What a data set gave: documents and bad rows, how many rows lie beyond the limit, words read as missing cells.

    Where the data set does not say how many rows it has, one row more counts as one.
    """

    rows: list[Document | Rejected]
    left_out: int = 0
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)


def list_hub(source: Hub) -> list[Item]:
    """Describe a data set as it is now: the commit that its revision means on the hub, or every file of its folder.

    A revision that is a commit already needs no network.

    Raises:
        DataError: There is no such data set, subset, split or column.
        RemoteError: The hub does not answer.
        MissingExtra: `datasets` is not installed.
    """
    version = _reader()
    place = _local(source)
    if place is None:
        pinned = COMMIT.fullmatch(source.revision or "") is not None
        items = [Item(source.dataset, 0, str(source.revision) if pinned else _commit(source), "", version)]
        if pinned:
            return items
    elif place.is_dir():
        items = [replace(item, reader=version) for item in list_folder(place, ("*",), MAX_BYTES)[0]]
    else:
        items = [replace(describe_file(place.resolve(), place.name, MAX_BYTES), reader=version)]
    with _opened(source, place, items):
        return items


def read_hub(source: Hub, items: Sequence[Item]) -> HubRows:
    """Read the rows of a listed data set.

    Args:
        source: Which data set, and the names of its columns.
        items: What `list_source` found.

    Raises:
        DataError: It changed since, or holds something that no row can be read from.
        RemoteError: The hub does not answer.
    """
    place = _local(source)
    if place is not None and list_hub(source) != list(items):
        raise DataError(f"source.dataset {source.dataset!r} changed since it was listed; run again")
    label = f"{place.name if place else source.dataset}/{source.split}"
    stated = _stated(source, place, items)
    found = HubRows([])
    with _told(source), _opened(source, place, items) as (rows, total):
        streamed = iter(rows)
        for number, row in enumerate(itertools.islice(streamed, source.max_rows), start=1):
            count_missing(row, source.keep, found.missing)
            read = read_row(row, f"{label}#{number}", label, number, source)
            found.rows.append(replace(read, **stated) if isinstance(read, Document) else read)
        beyond = total - source.max_rows if total else sum(1 for _ in itertools.islice(streamed, 1))
        found.left_out = max(0, beyond)
    return found


def rows_of(source: Hub, items: Sequence[Item]) -> Iterator[Any]:
    """Yield the rows of a listed data set as they are, at most `source.max_rows`.

    Args:
        source: Which data set; of its columns `text` and `keep`.
        items: What `list_hub` found.

    Raises:
        DataError: It changed since, or holds something that no row can be read from.
        RemoteError: The hub does not answer.
    """
    with opened_rows(source, items) as (rows, _):
        yield from itertools.islice(rows, source.max_rows)


@contextlib.contextmanager
def opened_rows(source: Hub, items: Sequence[Item]) -> Iterator[tuple[Any, int]]:
    """Open a listed data set as `datasets` streams it, and how many rows it says it has (0: not stated).

    Args:
        source: Which data set; of its columns `text`, `title`, `id` and `keep`.
        items: What `list_hub` found.

    Raises:
        DataError: It changed since, or holds something that no row can be read from.
        RemoteError: The hub does not answer.
    """
    place = _local(source)
    if place is not None and list_hub(source) != list(items):
        raise DataError(f"source.dataset {source.dataset!r} changed since it was listed; run again")
    with _told(source), _opened(source, place, items) as opened:
        yield opened


def _reader() -> str:
    try:
        import datasets  # noqa: F401
    except ImportError as error:
        raise MissingExtra("source.kind is hub but datasets is not here; pip install 'llm-flows[hub]'") from error
    return f"datasets {metadata.version('datasets')}"


def _local(source: Hub) -> Path | None:
    """Return the folder or file a data set lies in, or None where its name can only be one of the hub."""
    place = Path(os.path.expanduser(source.dataset))
    if place.exists():
        return place
    if source.dataset.startswith((".", "/", "~")) or source.dataset.count("/") > 1:
        raise DataError(
            f"source.dataset {source.dataset!r} is not a folder or file here; give one, or owner/name of the hub"
        )
    return None


def _commit(source: Hub) -> str:
    import huggingface_hub

    with _told(source):
        found = _asked(lambda: huggingface_hub.HfApi().dataset_info(source.dataset, revision=source.revision))
    if not found.sha:
        raise RemoteError(f"the hub names no commit of {source.dataset!r}; give source.revision one of 40 hex digits")
    return str(found.sha)


@contextlib.contextmanager
def _opened(source: Hub, place: Path | None, items: Sequence[Item]) -> Iterator[tuple[Any, int]]:
    """Open the stream of rows, with the columns asked for alone, and how many there are (0: not stated)."""
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder, _told(source):
        more: dict[str, Any] = {"cache_dir": folder, "name": source.subset}
        if place is None:
            pinned = items[0].sha256
            builder = _asked(lambda: datasets.load_dataset_builder(source.dataset, revision=pinned, **more))
        elif place.is_dir():
            builder = datasets.load_dataset_builder(str(place.resolve()), **more)
        else:
            builder = datasets.load_dataset_builder(str(place.resolve().parent), data_files=place.name, **more)
        _check(builder, source, place, items)
        rows = builder.as_streaming_dataset(split=source.split)
        wanted = [name for name in (source.text, source.id, source.title) if name is not None]
        known = rows.column_names
        if known is not None:
            if missing := [name for name in wanted if name not in known]:
                raise DataError(f"{source.dataset} has no column {missing[0]!r}; it has {known[:8]}")
            kept = [name for name in source.keep if name in known]
            rows = rows.select_columns(list(dict.fromkeys([*wanted, *kept])))
        splits = builder.info.splits or {}
        yield rows, int(getattr(splits.get(source.split), "num_examples", 0) or 0)


def _check(builder: Any, source: Hub, place: Path | None, items: Sequence[Item]) -> None:
    """Let only readers of plain tables through, and only files of the data set itself."""
    reader = type(builder).__module__.rpartition(".")[2]
    if reader not in READERS:
        raise DataError(f"{source.dataset} is read as {reader} but only {', '.join(READERS)} are read")
    for files in (builder.config.data_files or {}).values():
        for file in map(str, files):
            if place is None:
                inside = file.startswith(f"hf://datasets/{source.dataset}@{items[0].sha256}/") and ".." not in file
            else:
                root = place.resolve() if place.is_dir() else place.resolve().parent
                inside = "://" not in file and Path(file).resolve().is_relative_to(root)
            if not inside:
                raise DataError(
                    f"the card of {source.dataset} names {file[:120]!r}, which is not one of its files; fix it"
                )


def _stated(source: Hub, place: Path | None, items: Sequence[Item]) -> dict[str, Any]:
    """Return what the card says of licence and origin, and which part of the data set is read."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    path: Path | None = place / "README.md" if place and place.is_dir() else None
    if place is None:
        with _told(source), contextlib.suppress(EntryNotFoundError):
            commit = items[0].sha256
            card_path = _asked(
                lambda: huggingface_hub.hf_hub_download(
                    source.dataset, "README.md", repo_type="dataset", revision=commit
                )
            )
            path = Path(card_path)
    stated: dict[str, Any] = {}
    if path is not None and path.is_file():
        with _told(source):
            card = huggingface_hub.DatasetCard.load(path, ignore_metadata_errors=True)
        stated = card.data.to_dict()
    meta = {"dataset": source.dataset if place is None else place.name, "split": source.split}
    meta |= {"subset": source.subset} if source.subset else {}
    meta |= {"origin": _words(stated["source_datasets"])} if stated.get("source_datasets") else {}
    return {"licence": _words(stated.get("license") or ""), "meta": meta}


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@contextlib.contextmanager
def _told(source: Hub) -> Iterator[None]:
    """Turn what the libraries raise into one line that says what to do."""
    import datasets.exceptions
    import pyarrow as pa
    from huggingface_hub import errors

    name = repr(source.dataset)
    network: Any = errors.HfHubHTTPError.__bases__[0]  # every error of the HTTP client that the hub's uses
    try:
        yield
    except (ContractError, DataError, RemoteError):
        raise
    except (errors.RepositoryNotFoundError, datasets.exceptions.DatasetNotFoundError) as error:
        raise DataError(
            f"source.dataset {name} is neither a folder here nor a readable data set of the hub; "
            "correct the name, or set HF_TOKEN where it is gated"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DataError(f"source.dataset {name} has no revision {source.revision!r}; give one it has") from error
    except (ConnectionError, TimeoutError, network) as error:
        if isinstance(error, errors.OfflineModeIsEnabled) or "OfflineModeIsEnabled" in str(error):
            raise RemoteError(
                f"source.dataset {name} is on the hub but HF_HUB_OFFLINE is set; unset it, or give the path of a copy"
            ) from error
        raise RemoteError(f"the hub did not give {name}: {_line(error)}; try again") from error
    except (ValueError, RuntimeError, OSError, KeyError, TypeError, pa.ArrowException,
            datasets.exceptions.DatasetsError) as error:  # fmt: skip
        raise DataError(f"source.dataset {name} cannot be read: {_line(error)}; fix it or the source") from error


def _asked(call: Callable[[], T]) -> T:
    return retries.tried(call, "hub", retries.of_hub)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__} {' '.join(str(error).split())[:200]}".strip()
