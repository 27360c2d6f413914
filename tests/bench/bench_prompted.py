"""Representation or generation: labels by vectors and by prompting a small language model, raw and calibrated.

Each table is that of one run of `text-classifier` from the shell. Needs the folder named by `LLM_FLOWS_DATA`; in
`LLM_FLOWS_GENERATOR` may stand the id or the folder of a causal model, else it is `smollm2`. The prompt `label-review`
was chosen among eleven on 200 training sentences (docs/experiments.md); `label-text` is as it was. Nothing was chosen
by a test text.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.labelled import Labels, banking77, rotten_tomatoes
from tests.bench.pairs import ROOT, at_least, plain

KINDS = ("threshold", "batch", "contextual")  # the default first; the model is asked once for all
TRIED = 300  # training texts that the language model is asked about
CLASSES = 5
# What the first five of the 77 intents mean, as a German would write them.
GERMAN = {
    "Refund_not_showing_up": "Rückerstattung fehlt",
    "activate_my_card": "Karte aktivieren",
    "age_limit": "Altersgrenze",
    "apple_pay_or_google_pay": "Apple Pay oder Google Pay",
    "atm_support": "Geldautomat",
}
REACHED = 0.68  # accuracy of a threshold by hand, before there was a calibration
NO_HARM = 0.0  # of the upper end of the interval of what is gained


def measure() -> list[dict[str, Any]]:
    """Return accuracy, macro-F1, AUROC, calibration error, seconds and tokens of each way."""
    folder, model = os.environ.get("LLM_FLOWS_DATA"), os.environ.get("LLM_FLOWS_GENERATOR", "smollm2")
    if folder is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with data")
        return []
    reviews, requests = rotten_tomatoes(Path(folder)), first_classes(banking77(Path(folder)))
    german = Labels(*([(text, GERMAN[label]) for text, label in part] for part in (requests.train, requests.test)))
    return [
        *rows_of("rotten_tomatoes test", run(reviews, model, "label-review"), model, REACHED),
        *rows_of(f"banking77 test, {CLASSES} classes", run(requests, model, "label-text"), model, None),
        *rows_of(f"banking77 test, {CLASSES} German labels", run(german, model, "label-text"), model, None),
    ]


def first_classes(given: Labels) -> Labels:
    """Return the texts of the first classes, by the alphabet."""
    kept = sorted({label for _, label in given.train})[:CLASSES]
    return Labels(*([row for row in part if row[1] in kept] for part in (given.train, given.test)))


def run(given: Labels, model: str, prompt: str) -> dict[str, Any]:
    """Return the last line of a run of the flow from the shell."""
    asked = {"kind": "language-model", "generator": {"kind": "transformers", "model": model}, "prompt": prompt}
    ways = [{"kind": "embeddings"}, *({**asked, "calibration": kind} for kind in KINDS)]
    with tempfile.TemporaryDirectory() as made:
        train, test = (written(Path(made) / f"{name}.csv", part) for name, part in
                       (("train", given.train), ("test", given.test)))  # fmt: skip
        return shell(
            Path(made), "source.kind=tables", f"source.path={train}", "test.kind=tables", f"test.path={test}",
            f"methods={json.dumps(ways)}", f"fit.validate_rows={TRIED}", "curve=null", "label_issues=null",
        )  # fmt: skip


def shell(folder: Path, *words: str) -> dict[str, Any]:
    """Return the result of a run of `text-classifier` from the shell, its workspace in a folder."""
    command = [sys.executable, "-m", "flows", "text-classifier", *words]
    environment = {**os.environ, "LLM_FLOWS_HOME": str(folder / "workspace")}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    *said, last = done.stdout.splitlines()
    print("\n".join(f"  {line}" for line in said))
    found: dict[str, Any] = json.loads(last)["result"]
    return found


def written(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """Write texts and labels as a table; return where."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def rows_of(where: str, result: Mapping[str, Any], model: str, least: float | None) -> list[dict[str, Any]]:
    """Return the rows of one run."""
    way, name, rows = f"language-model {model}", Path(model).name, []
    ways = {kind: way if number == 1 else f"{way} {number}" for number, kind in enumerate(KINDS, start=1)}
    names = {
        "embeddings": "embeddings with logistic regression",
        f"{way}, raw": f"{name}, raw",
        **{key: f"{name}, {kind}" for kind, key in ways.items()},
    }
    for key, said in names.items():
        for measure in ("accuracy", "macro-F1", "AUROC", "calibration error"):
            found = result["measures"][f"{measure} {key}"]
            what = f"{where}: {said}, {measure} ({found['low']:.3f} to {found['high']:.3f}, n={found['n']})"
            asked = least is not None and (key, measure) == (way, "accuracy")
            rows.append(at_least(what, found["value"], "", least or 0) if asked else plain(what, found["value"], ""))
    for kind, key in ways.items():
        found = result["measures"][f"accuracy gained by calibration {key}"]
        what = f"{where}: accuracy gained by {kind} ({found['low']:+.3f} to {found['high']:+.3f})"
        rows.append(plain(what, found["value"], ""))
    high = result["measures"][f"accuracy gained by calibration {way}"]["high"]
    told = result["language_models"][way]
    reached = ", ".join(f"{kind} {value:.3f}" for kind, value in told["on_training_texts"].items())
    print(f"  {where}: {told['calibration']}; macro-F1 on training texts: {reached}")
    return [
        *rows,
        at_least(f"{where}: accuracy gained by {KINDS[0]}, upper end of the interval", high, "", NO_HARM),
        plain(f"{where}: {names['embeddings']}, 1,000 texts", result["seconds_per_1000"]["embeddings"], "s"),
        plain(f"{where}: {name}, 1,000 texts", result["seconds_per_1000"][way], "s"),
        plain(f"{where}: {name}, 1,000 texts", told["tokens_per_1000"], "tokens"),
    ]
