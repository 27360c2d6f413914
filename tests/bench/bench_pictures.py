"""Pictures among texts: emoji found by their descriptions, told apart by category, and read again after small changes.

Noto's pictographs (1,609 with a description) by `image-search` from the shell; folds by groups of near copies.
"""

import json
import os
import re
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

from tests.bench.pairs import at_least, at_most, plain, why_not
from tests.bench.tuning import Place, place

NAME = re.compile(r"emoji_u([0-9a-f_]+)\.png$")
VARIATION = "\ufe0f"  # asks for a picture where a sign has two; no part of a file's name
CLASSES = ("Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities",
           "Objects", "Symbols")  # fmt: skip
FOUND, BY_CHANCE, TOLD_APART = 0.56, 0.07, 0.55


def measure() -> list[dict[str, Any]]:
    """Return how often pictures are found and told apart, and what a second run encodes."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("pictures of Noto", "LLM_FLOWS_DATA names no folder of data")]
    with place(fresh=True) as at:
        folder, table = unpacked(Path(data) / "noto_emoji", at)
        words = [
            "source.kind=files", f"source.path={folder}", f"source.described.path={table}", "source.described.id=file",
            "source.described.text=said", 'source.described.keep=["category"]',
        ]  # fmt: skip
        asked = [f"classes.names={json.dumps(CLASSES)}", "classes.truth=category"]
        started = time.perf_counter()
        found = at.run("image-search", *words, *asked)
        seconds = time.perf_counter() - started
        again = at.run("image-search", *words, *asked)
        shutil.move(next(folder.glob("*1f415.png")), folder / "renamed.png")
        (folder / "new.png").write_bytes((Path(data) / "book_images" / "puppy.png").read_bytes())
        changed = at.run("image-search", *words)
    measures = found["result"]["measures"]
    ours, gained = measures["recall@10 head"], measures["recall@10 difference head - colours"]
    encoded = "embed-pictures.pictures.encoded"
    return [
        *(plain(named_measure(name, m), m["value"], "") for name, m in measures.items()),
        at_least("recall@10 of the head", ours["value"], "", FOUND),
        at_least("recall@10 of the head less that of colours, lower end", gained["low"], "", 0.0),
        at_most("recall@10 of shuffled descriptions", measures["recall@10 shuffled"]["value"], "", BY_CHANCE),
        at_least("classes told apart, centred", measures["accuracy zero-shot, centred"]["value"], "", TOLD_APART),
        at_most("steps of a second run", again["tasks"]["run"], "", 0),
        at_most("pictures encoded after one was renamed and one added", changed["metrics"][encoded], "", 1),
        plain("the first run", seconds, "s"),
    ]


def named_measure(name: str, m: dict[str, Any]) -> str:
    """Return the name of a measure, with its interval where it has one."""
    return f"{name} ({m['low']:.3f} to {m['high']:.3f}, n={m['n']})" if "low" in m else f"{name} (n={m['n']})"


def unpacked(data: Path, at: Place) -> tuple[Path, str]:
    """Return a folder of pictures, and a table that describes them."""
    folder, rows = at.folder / "pictures", []
    folder.mkdir()
    known = json.loads((data / "gemoji_emoji.json").read_text("utf-8"))
    with tarfile.open(data / "noto_png72.tar") as archive:
        members = {match[1]: member for member in archive if (match := NAME.search(member.name))}
        for entry in known:
            key = "_".join(f"{ord(sign):04x}" for sign in entry.get("emoji", "") if sign != VARIATION)
            if key in members and (file := archive.extractfile(members[key])) is not None:
                (folder / f"emoji_u{key}.png").write_bytes(file.read())
                rows.append((f"emoji_u{key}.png", entry["description"], entry["category"]))
    return folder, at.table("described", ("file", "said", "category"), rows)
