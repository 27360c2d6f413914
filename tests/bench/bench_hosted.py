"""Open or hosted: the same texts by what runs on this machine and by a model behind a server, in one table.

The flow is `text-classifier` from the shell, on 200 test sentences of rotten_tomatoes. The server is llama.cpp's own,
on loopback, with the small model's GGUF file: it stands for a hosted one, so its seconds have no network in them and
its score is that of a small model. `PRICES` are a hosted model's, per million tokens, as published by its maker in
2025: they show what the column means. What leaves the machine is counted in bytes of the prompts.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tasks import hardware
from tasks.errors import FlowError
from tasks.models import files as model_files
from tests.bench.bench_prompted import shell, written
from tests.bench.labelled import Labels, rotten_tomatoes
from tests.bench.pairs import plain
from tests.tasks.models.openai_servers import llama_cpp_server

TEXTS = 100  # of each class
PRICES = {"prompt": 0.15, "completion": 0.60}  # https://openai.com/api/pricing, gpt-4o-mini
KEY = "on-loopback"
MODEL = "smollm2"


def measure() -> list[dict[str, Any]]:
    """Return score, seconds, price and bytes sent of each way."""
    if (folder := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with rotten_tomatoes")
        return []
    try:
        file = model_files.gguf_file(MODEL)
    except FlowError as error:
        print(f"  skipped: {error}")
        return []
    if hardware.missing(("xllamacpp",)):
        print("  skipped: the server is llama.cpp's: pip install 'llm-flows[gguf]'")
        return []
    with llama_cpp_server(file, KEY, context=1_024, threads=2) as address:
        os.environ["LLM_FLOWS_GENERATOR_KEY"] = KEY
        return rows_of(run(rotten_tomatoes(Path(folder)), address))


def run(given: Labels, address: str) -> dict[str, Any]:
    """Return the result of the run."""
    asked = {"kind": "language-model", "prompt": "label-review", "calibration": "none"}
    ways = [
        {"kind": "tf-idf"},
        {"kind": "embeddings"},
        {**asked, "generator": {"kind": "transformers", "model": MODEL}},
        {**asked, "generator": {"kind": "server", "base_url": address, "model": "hosted", "prices": PRICES}},
    ]
    kept = [row for label in ("negative", "positive") for row in [r for r in given.test if r[1] == label][:TEXTS]]
    with tempfile.TemporaryDirectory() as made:
        train, test = (written(Path(made) / f"{n}.csv", part) for n, part in (("train", given.train), ("test", kept)))
        return shell(
            Path(made), "source.kind=tables", f"source.path={train}", "test.kind=tables", f"test.path={test}",
            f"methods={json.dumps(ways)}", "fit.validate_rows=50", "curve=null", "label_issues=null",
        )  # fmt: skip


def rows_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return four rows a way."""
    rows = []
    names = {
        "tf-idf": "here, words with logistic regression",
        "embeddings": "here, vectors with logistic regression",
        f"language-model {MODEL}": f"here, {MODEL} in fp32 or bf16",
        "language-model hosted": "behind a server, the same model in 4 bits by llama.cpp",
    }
    for way, said in names.items():
        score = result["measures"][f"accuracy {way}"]
        told = result["language_models"].get(way, {"tokens_per_1000": 0, "bytes_sent_per_1000": 0})
        rows += [
            plain(f"{said}: accuracy ({score['low']:.3f} to {score['high']:.3f}, n={score['n']})", score["value"], ""),
            plain(f"{said}: 1,000 texts", result["seconds_per_1000"][way], "s"),
            plain(f"{said}: 1,000 texts", told["tokens_per_1000"], "tokens"),
            plain(f"{said}: 1,000 texts leave the machine as", told["bytes_sent_per_1000"], "bytes"),
        ]
        if way.endswith("hosted"):
            rows.append(plain(f"{said}: 1,000 texts at the prices above", told["cost_per_1000"], "USD"))
    return rows
