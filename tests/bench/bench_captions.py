"""Captions of photographs: the class of held-out pictures named, by a captioner that learned from 2,000 descriptions.

CIFAR-10 (240 pictures a class, 32 pixels a side) by `image-captions` from the shell; a twelfth is held out by
groups of near copies, a twelfth chooses the step. Described once in one sentence, and once in eight by turns.
"""

import os
import tarfile
from pathlib import Path
from typing import Any

from tests.bench.pairs import at_least, at_most, plain, why_not
from tests.bench.tuning import Place, place

EACH, PARTS, NEW = 240, 12, 2  # pictures a class, parts, and pictures a class without a description
ONE = ("a photo of a {}",)
VARIED = ("a photo of a {}", "a small picture of a {}", "here is a {}", "a {} seen from nearby", "this shows a {}",
          "one {} in the middle", "a blurred {}", "there is a {} in this photo")  # fmt: skip
NAMED, BY_CHANCE, SECONDS = 0.5, 0.15, 200.0
WORDS = ["captioner.training.num_train_epochs=1", "captioner.training.eval_steps=25", f"parts.parts={PARTS}",
         "named=class", "source.kind=files", "source.described.id=file", "source.described.text=said",
         'source.described.keep=["class"]']  # fmt: skip


def measure() -> list[dict[str, Any]]:
    """Return how often captions name the class, of one template of descriptions and of eight."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("pictures of CIFAR-10", "LLM_FLOWS_DATA names no folder of data")]
    found = []
    with place(fresh=True) as at:
        folder, classes = unpacked(Path(data) / "cifar10_jpeg", at)
        for what, templates in (("one template", ONE), ("eight templates", VARIED)):
            rows = [
                (name, templates[number % len(templates)].format(label), label)
                for number, (name, label) in enumerate(sorted(classes.items()))
            ]
            table = at.table(what.replace(" ", "-"), ("file", "said", "class"), rows)
            words = [*WORDS, f"source.path={folder}", f"source.described.path={table}"]
            made = at.run("image-captions", *words)
            again = at.run("image-captions", *words)
            found += [*_rows(what, made), at_most(f"{what}: steps of a second run", again["tasks"]["run"], "", 0)]
    return found


def _rows(what: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    measures, took = made["result"]["measures"], made["result"]["captioner"]
    named, shuffled = measures["named captions"], measures["named shuffled pictures"]
    return [
        *(plain(f"{what}: {_spelled(name, m)}", m["value"], "") for name, m in measures.items()),
        at_least(f"{what}: named", named["value"], "", NAMED),
        at_most(f"{what}: named, shuffled pictures", shuffled["value"], "", BY_CHANCE),
        at_most(
            f"{what}: training, seconds of a core ({took['trained_in']})", took["processor_seconds"], "s", SECONDS
        ),
        plain(f"{what}: training, seconds waited for", took["seconds"], "s"),
        plain(f"{what}: steps, of which the best is {took['best_step']}", took["steps"], ""),
    ]


def _spelled(name: str, m: dict[str, Any]) -> str:
    return f"{name} ({m['low']:.3f} to {m['high']:.3f}, n={m['n']})" if "low" in m else f"{name} (n={m['n']})"


def unpacked(data: Path, at: Place) -> tuple[Path, dict[str, str]]:
    """Return a folder of pictures, and the class of each that is described; some are not."""
    folder, classes = at.folder / "pictures", {}
    folder.mkdir()
    with tarfile.open(next(data.glob("*.tar"))) as archive:
        for member in archive:
            path = Path(member.name)
            if path.suffix != ".jpg" or int(path.stem) >= EACH + NEW or (file := archive.extractfile(member)) is None:
                continue
            name = f"{path.parent.name}-{path.name}"
            (folder / name).write_bytes(file.read())
            if int(path.stem) < EACH:
                classes[name] = path.parent.name
    return folder, classes
