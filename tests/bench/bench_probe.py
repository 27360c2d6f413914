"""Pictures whose class is known: a linear probe on CIFAR-10, and "none of these" on Noto's pictographs.

The file of CIFAR-10 has 1,000 pictures of each class of its training part, as JPEG, a folder a class. Judged are
pictures that a probe never saw, near copies in one fold. Four of Noto's eight categories are named.
"""

import json
import os
import tarfile
import time
from pathlib import Path
from typing import Any

from tests.bench.bench_pictures import CLASSES, named_measure, unpacked
from tests.bench.pairs import at_least, at_most, plain, why_not
from tests.bench.tuning import place

ACCURACY, LOST = 0.64, 0.05


def measure() -> list[dict[str, Any]]:
    """Return how often a probe is right, and how well pictures of no named class are told, with intervals."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("pictures of CIFAR-10 and of Noto", "LLM_FLOWS_DATA names no folder of data")]
    with place() as at:
        photos = at.folder / "photos"
        if not photos.exists():
            with tarfile.open(Path(data) / "cifar10_jpeg" / "cifar10_train_1000_per_class.tar") as archive:
                archive.extractall(photos, filter="data")
        started = time.perf_counter()
        found = at.run("image-search", "source.kind=files", f"source.path={photos}", "probe.truth=folder")
        seconds = time.perf_counter() - started
        probed = found["result"]["measures"]
        folder, table = unpacked(Path(data) / "noto_emoji", at)
        none = at.run(
            "image-search", "source.kind=files", f"source.path={folder}", f"source.described.path={table}",
            "source.described.id=file", "source.described.text=said", 'source.described.keep=["category"]',
            f"classes.names={json.dumps(CLASSES[1:5])}", "classes.truth=category", f"classes.none_of_these={LOST}",
        )["result"]["measures"]  # fmt: skip
    difference = probed["accuracy difference probe - colours"]
    ours, alone = none["AUROC none of these"], none["AUROC cosine alone"]
    told = [name for name in probed if name.startswith(("accuracy", "macro"))]
    return [
        *(plain(f"CIFAR-10: {named_measure(name, probed[name])}", probed[name]["value"], "") for name in told),
        at_least("CIFAR-10: accuracy of the probe", probed["accuracy probe"]["value"], "", ACCURACY),
        at_least("CIFAR-10: accuracy of the probe less that of colours, lower end", difference["low"], "", 0.0),
        plain("CIFAR-10: seconds of the whole run, 10,000 pictures", seconds, "s"),
        *(plain(f"Noto: {named_measure(name, m)}", m["value"], "") for name, m in none.items()
          if name.startswith(("AUROC", "called none"))),
        at_least("Noto: AUROC of none of these less the cosine's", ours["value"] - alone["value"], "", 0.0),
        at_most("Noto: pictures of the classes that are called none",
                none["called none pictures of the classes"]["value"], "", 2 * LOST),
    ]  # fmt: skip
