"""The workspace in one file, taken while it is in use, and put back into an empty place.

    workspace/<path>     every file but links, drafts, locks and the address of the servers

Databases are copied by SQLite's own way, which waits for no writer and sees each transaction whole or not at all, and
checked before they are kept: https://www.sqlite.org/backup.html. Records are read before the objects they refer to, so
that one written meanwhile finds its objects in the file. Databases on PostgreSQL are dumped by its own program:

    postgresql/<prefect or mlflow>.dump    of the databases that the environment names
"""

import contextlib
import itertools
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import ContractError, StoreError, disk_refusal
from tasks.launch import postgres
from tasks.launch.walk import entries, files
from tasks.store import archive, remote, workspace

KIND: archive.Kind = "workspace"
LAST = ("objects", "items", "replies", "models")  # what the other rooms refer to
DUMPS = "postgresql"  # folder of the dumps, in the archive alone
LEFT_OUT = ("locks", DUMPS, workspace.SERVERS)
SQLITE = b"SQLite format 3\0"
JOURNALS = ("-wal", "-shm", "-journal")
LOCATIONS = (  # of files of MLflow, which are stated as full addresses
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)


@dataclass
class BackupReport:
    """What went into a backup, or came out of one.

    Attributes:
        files: How many.
        bytes: Theirs.
        databases: Paths of the databases, which were found whole; of those on PostgreSQL, what they hold.
        links: Links that were left alone.
        left_out: What else was not taken: no file, a name that no archive takes, removed meanwhile.
    """

    files: int = 0
    bytes: int = 0
    databases: list[str] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def backup(place: str) -> BackupReport:
    """Write the workspace into a new file while it is in use.

    Args:
        place: A path outside the workspace, or `s3://BUCKET/KEY`.

    Raises:
        ContractError: The file is there already, or lies in the workspace.
        StoreError: A database is damaged, or the disk is full; nothing is written then.
        MissingExtra, RemoteError: A database on PostgreSQL cannot be read; nothing is written then.
    """
    home, found = workspace.home().resolve(), BackupReport()
    if remote.is_path(place) and Path(place).expanduser().resolve().is_relative_to(home):
        raise ContractError(f"{place} lies in the workspace itself; name a file outside {home}")
    with workspace.drafts(home) as copies, remote.delivering(place, copies) as file:
        members = itertools.chain(_dumps(copies, found), _members(home, copies, found))
        archive.write(file, KIND, {"workspace": str(home)}, members, found.left_out)
        with archive.opened(file, KIND) as opened:
            found.files, found.bytes = len(opened.files), file.stat().st_size
    return found


def _dumps(copies: Path, found: BackupReport) -> Iterator[tuple[str, Path]]:
    """Yield the databases that lie on PostgreSQL."""
    for what in postgres.stated():
        found.databases.append(f"{what} on PostgreSQL")
        yield f"{DUMPS}/{what}.dump", postgres.dump(what, copies / f"{what}.dump")


def _members(home: Path, copies: Path, found: BackupReport) -> Iterator[tuple[str, Path]]:
    """Yield the name of each file and what is copied for it."""
    rooms = [path for path in entries(home, found.links) if path.name not in LEFT_OUT]
    for room in sorted(rooms, key=lambda path: (path.name in LAST, path.name)):
        for path in files(room, found.links) if room.is_dir() else [room]:
            parts = path.relative_to(home).parts
            name = "/".join(parts)
            if any(part.startswith(workspace.DRAFT) for part in parts) or _is_journal(path):
                continue
            if not _is_file(path) or not archive.fits(name):
                found.left_out.append(name.encode("utf-8", "replace").decode())
            elif _is_database(path):
                found.databases.append(name)
                yield name, _copy_database(path, copies / f"{len(found.databases)}.db")
            else:
                yield name, path


def _is_file(path: Path) -> bool:
    """Return whether a path is a file and nothing else; one that has just gone is told of by its reader."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return True


def _is_journal(path: Path) -> bool:
    """Return whether a file belongs to a database beside it, whose copy holds what it says."""
    return any(path.name.endswith(end) and _is_database(path.with_name(path.name[: -len(end)])) for end in JOURNALS)


def _is_database(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


def _copy_database(path: Path, target: Path) -> Path:
    """Copy a database that is in use, and check the copy.

    Raises:
        StoreError: It is damaged, or the disk is full.
    """
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be copied ({error}); python -m flows store check says more") from error
    _check_database(target, path)
    moment = path.stat().st_mtime
    os.utime(target, (moment, moment))
    return target


def _check_database(path: Path, named: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            said = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        said = [str(error)]
    if said != ["ok"]:
        raise StoreError(f"{named} is damaged ({' '.join(said)[:200]}); python -m flows store check says what to do")


def restore(place: str) -> tuple[Path, BackupReport]:
    """Put a backup into the workspace, which must be empty or not there; return it and what came.

    The files are unpacked and checked beside it, then one rename makes them the workspace.

    Args:
        place: A path, or `s3://BUCKET/KEY`.

    Raises:
        ContractError: The workspace holds something, there is no such file, or the database on PostgreSQL that the
            environment names is not empty.
        StoreError: The file is damaged, or the workspace cannot be replaced; it is empty as before then.
        MissingExtra, RemoteError: A database on PostgreSQL cannot be written; the workspace is empty then.
    """
    home = workspace.home().resolve()
    if any(home.iterdir()):
        raise ContractError(f"{home} holds something; set LLM_FLOWS_HOME to a new folder and restore there")
    with (
        workspace.drafts(home.parent) as draft,
        remote.fetched(place, draft) as file,
        archive.opened(file, KIND) as opened,
    ):
        (draft / "workspace").mkdir(mode=0o700)
        opened.unpack(draft / "workspace")
        found = BackupReport(files=len(opened.files), bytes=opened.bytes)
        for name in opened.files:
            if _is_database(draft / "workspace" / name):
                _check_database(draft / "workspace" / name, Path(name))
                _move_addresses(draft / "workspace" / name, str(opened.info.get("workspace")), home)
                found.databases.append(name)
        found.databases += _load(draft / "workspace" / DUMPS)
        getattr(os, "sync", lambda: None)()
        _replace(draft / "workspace", home)
    return home, found


def _load(dumps: Path) -> list[str]:
    """Put databases back where the environment says, and remove the files; return what they hold."""
    held = [what for what in postgres.DATABASES if (dumps / f"{what}.dump").is_file()]
    for what in held:
        postgres.require_empty(what)
    for what in held:
        postgres.load(what, dumps / f"{what}.dump")
    shutil.rmtree(dumps, ignore_errors=True)
    return [f"{what} on PostgreSQL" for what in held]


def _replace(folder: Path, home: Path) -> None:
    """Make a folder the workspace, which is empty."""
    try:
        home.rmdir()  # Windows renames onto nothing that is there
        folder.rename(home)
    except OSError as error:
        home.mkdir(mode=0o700, exist_ok=True)
        raise StoreError(
            f"{home} cannot be replaced ({disk_refusal(error)}); where a disk is mounted at it, set LLM_FLOWS_HOME to "
            "a new folder below it"
        ) from error


def _move_addresses(path: Path, old: str, home: Path) -> None:
    """Make MLflow look for its files where they are now; other databases state no addresses of files."""
    if not Path(old).is_absolute() or Path(old) == home:
        return
    before, after = f"{Path(old).as_uri()}/", f"{home.as_uri()}/"
    try:
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            for table, column in LOCATIONS:
                known = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
                if column in known:
                    way = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"  # noqa: S608
                    database.execute(way, (after, len(before) + 1, len(before), before))
    except sqlite3.Error as error:
        raise StoreError(f"{path.name} cannot be written ({error}); restore again") from error
