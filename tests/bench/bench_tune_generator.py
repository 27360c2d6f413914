"""What SmolLM2 learns of a few hundred instructions and preferences, and what each way to move weights takes.

Instructions and preferences of LLMs-from-scratch, `tune-generator @real` from the command line; three tenths of the
prompts are held out of both. Then the same instructions for a few steps with all weights, updates, and updates beside
4 bits, each in a process of its own, so that its peak memory is its own.
"""

import json
import os
from pathlib import Path
from typing import Any

from tests.bench.pairs import at_least, plain, why_not
from tests.bench.tuning import Place, place, released

ROWS, FEW = 400, 96
HELD, FALLS, LENGTHS = 100, 0.2, 0.2
WAYS = ("full", "lora", "qlora")


def measure() -> list[dict[str, Any]]:
    """Return what was learned and lost, and peak memory and tokens a second of each way."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("SmolLM2, instructions and preferences", "LLM_FLOWS_DATA names no folder of data")]
    folder = Path(data) / "llms_from_scratch"
    told = json.loads((folder / "instruction-data.json").read_text("utf-8"))[:ROWS]
    preferred = json.loads((folder / "instruction-data-with-preference.json").read_text("utf-8"))[:ROWS]
    with place() as at:
        asked = _rows(at, "asked", told)
        words = [*asked, *_rows(at, "preferred", preferred, "pairs"), "holdout.test_share=0.3"]
        columns = ["preference.columns.prompt=instruction", "preference.columns.input=input"]
        found = at.run("tune-generator", "name=instructed", "@real", *words, *columns)
        return [*_learned(found), *_memory(at, _rows(at, "few", told[:FEW]))]


def _rows(at: Place, name: str, rows: list[dict[str, Any]], part: str = "source") -> list[str]:
    path = at.folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return [f"{part}.kind=tables", f"{part}.path={path}"]


def _learned(found: dict[str, Any]) -> list[dict[str, Any]]:
    measures = found["result"]["measures"]
    rows = [plain(_named(name, m), m["value"], "") for name, m in measures.items()]
    check, accuracy = found["result"]["checks"]["SFT over base"], measures["reward accuracy DPO"]
    lengths = [measures[f"tokens of a reply {name}"]["value"] for name in ("SFT", "DPO")]
    return [
        *rows,
        at_least("loss a token: base less SFT", -check["difference"], "", FALLS),
        at_least("reward accuracy: its lower end", accuracy["low"], "", 0.5),
        at_least("reward accuracy: held-out pairs", accuracy["n"], "", HELD),
        at_least("reward margin", measures["reward margin DPO"]["value"], "", 0.0),
        at_least("replies of DPO unlike the base's", measures["replies unlike the base's DPO"]["value"], "", 0.5),
        at_least("length of replies, the shorter of SFT and DPO over the longer", min(lengths) / max(lengths), "",
                 1 - LENGTHS),
        released("SmolLM2, instructions and preferences", found, True),
    ]  # fmt: skip


def _named(name: str, m: dict[str, Any]) -> str:
    return f"{name} ({m['low']:.3f} to {m['high']:.3f}, n={m['n']})" if "low" in m else f"{name} (n={m['n']})"


def _memory(at: Place, words: list[str]) -> list[dict[str, Any]]:
    rows = []
    for way in WAYS:
        rate = "0.00003" if way == "full" else "0.0003"
        more = [
            f"parameters.kind={way}",
            f"training.learning_rate={rate}",
            "battery.prompts=4",
            "battery.max_tokens=8",
        ]
        found = at.run("tune-generator", f"name=way-{way}", *words, *more, "training.max_steps=8")
        took = found["result"]["training"]["SFT"]
        rows += [
            plain(f"{way}: trainable parameters", took["trainable_parameters"], ""),
            plain(f"{way}: parameters", took["parameters"], ""),
            plain(f"{way}: peak memory of the process", took["peak_memory_gb"], "GB"),
            plain(f"{way}: tokens a second", took["tokens_a_second"], ""),
        ]
    return rows
