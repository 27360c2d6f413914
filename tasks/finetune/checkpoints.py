"""Checkpoints of a trainer, sealed by a manifest that is written last and verified before anything of them is read.

    checkpoint-40/model.safetensors, optimizer.pt, scheduler.pt, rng_state.pth, trainer_state.json, ..., sealed.json

The trainer reads `*.pt` and `*.pth` with `weights_only=True`; nothing else of torch is read, and `training_args.bin`,
which only a full unpickling could read, is deleted before a checkpoint is sealed. No checkpoint leaves the workspace.
Source: the pattern of write, sync, rename; HF `Trainer` names the files.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEAL = "sealed.json"
PICKLED = "training_args.bin"
NAME = re.compile(r"checkpoint-([0-9]+)")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that has been verified.

    Attributes:
        folder: Where it is.
        step: Steps done by then.
        notes: What was noted when it was sealed.
    """

    folder: Path
    step: int
    notes: Mapping[str, Any]


def seal(folder: Path, notes: Mapping[str, Any]) -> None:
    """Make a checkpoint one that will be resumed from: every file on disk, its sum in the manifest, that one last.

    Args:
        folder: What the trainer has written.
        notes: JSON that is kept with it.
    """
    for path in folder.rglob(PICKLED):
        path.unlink()
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SEAL):
        _sync(path)
        files[path.relative_to(folder).as_posix()] = _sum(path)
    draft = folder / f".{SEAL}"
    draft.write_text(json.dumps({"files": files, "notes": dict(notes)}, sort_keys=True), "utf-8")
    _sync(draft)
    draft.replace(folder / SEAL)
    _sync(folder)


def newest(parent: Path) -> Checkpoint | None:
    """Return the newest checkpoint that verifies; damaged and unfinished ones are said, and deleted.

    Args:
        parent: Folder of checkpoints.
    """
    named = ((NAME.fullmatch(path.name), path) for path in parent.glob("checkpoint-*"))
    for step, folder in sorted(((int(match[1]), path) for match, path in named if match), reverse=True):
        reason, notes = _verified(folder)
        if not reason:
            return Checkpoint(folder, step, notes)
        log.warning("checkpoint %s is passed over: %s", folder.name, reason)
        shutil.rmtree(folder, ignore_errors=True)
    return None


def damage(folder: Path) -> str:
    """Return what is wrong with a checkpoint; empty where it verifies."""
    return _verified(folder)[0]


def _verified(folder: Path) -> tuple[str, Mapping[str, Any]]:
    try:
        stated = json.loads((folder / SEAL).read_bytes())
        files, notes = dict(stated["files"]), dict(stated["notes"])
    except FileNotFoundError:
        return "it was not finished", {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its manifest cannot be read ({error})", {}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {SEAL}
    if strange := sorted(there ^ files.keys()):
        return f"its files are not those of its manifest, the first {strange[0]}", {}
    wrong = next((name for name, sha in files.items() if _sum(folder / name) != sha), None)
    return ("" if wrong is None else f"{wrong} does not have the sum it had"), notes


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
