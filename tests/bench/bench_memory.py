"""Memory of turning many texts into vectors, above what the loaded model takes.

Every measurement is a process of its own with an empty workspace, and a Prefect server outside it. It stores documents
in one process and, in another, loads the model, encodes one batch, and then takes the documents whole, encodes them
and writes the table, as `text-vectors` does. The parent reads what the system says of it every few milliseconds.

*Resident* counts everything, files that are mapped included: the system takes those pages back when it needs them, so
they follow the size of the files, not the need. *Anonymous* is what was allocated; growth is looked for there, with an
encoder of one layer as wide as the embedded one: growth is of what is kept, and 70,000 texts take minutes so.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from configs.embed import Embed
from configs.models import EMBEDDED
from tasks.data.documents import Document, DocumentsRef
from tasks.models import files as model_files
from tests.bench.pairs import ROOT, at_most, plain

SHORT = 100_000
ORDINARY = (10_000, 20_000, 40_000)
PROMISED_MB = 1_500
EVERY_S = 0.01
KIB = 1_024 / 1e6  # MB
NEEDED_KB = 4 * 384 / 1_000 + 0.02  # of a passage: its vector, and an id of twenty characters
FACTOR = 2.0  # of that; the texts themselves are another 0.3
STAGES = ("whole_documents", "embed_passages", "export_vectors")
Sample = tuple[float, float, float]  # moment; anonymous and resident memory in MB


def measure() -> list[dict[str, Any]]:
    """Return the memory above the model for many short texts, and how it grows with ordinary ones."""
    if not Path("/proc/self/status").exists():
        print("  skipped: only Linux says how much memory is anonymous")
        return []
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120), tempfile.TemporaryDirectory() as folder:
        address, shallow = str(PREFECT_API_URL.value()), str(shallow_encoder(Path(folder)))
        short = _above_model("short", SHORT, address, EMBEDDED)
        grown = {count: _above_model("ordinary", count, address, shallow) for count in ORDINARY}
    most = {count: max(anonymous for anonymous, _ in stages.values()) for count, stages in grown.items()}
    slope = float(np.polyfit([count / 1_000 for count in most], list(most.values()), 1)[0])
    rows = [at_most(f"{SHORT:,} short texts: resident memory", max(r for _, r in short.values()), "MB", PROMISED_MB)]
    rows += [plain(f"{SHORT:,} short texts: anonymous, {name}", short[name][0], "MB") for name in STAGES]
    rows += [plain(f"{count:,} ordinary texts: anonymous memory", most[count], "MB") for count in most]
    growth = "growth a thousand ordinary texts (vectors and ids: 1.6)"
    return [*rows, at_most(growth, slope, "MB", round(FACTOR * NEEDED_KB, 2))]


def shallow_encoder(folder: Path) -> Path:
    """Save an encoder of one layer, as wide as the embedded one, with its tokenizer; return its folder."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    sizes = {"hidden_size": 384, "num_hidden_layers": 1, "num_attention_heads": 12, "intermediate_size": 384}
    BertModel(BertConfig(vocab_size=30_522, initializer_range=0.5, **sizes)).save_pretrained(folder)
    tokenizer = BertTokenizerFast(tokenizer_file=str(model_files.tokenizer_file(EMBEDDED)), model_max_length=256)
    tokenizer.save_pretrained(folder)
    return folder


def texts(corpus: str, count: int) -> Iterator[str]:
    """Yield texts that are all different: of six words, or of sentences of documentation, some 60 tokens long."""
    from tasks.text.sentences import sentences
    from tests.bench.bench_embed import documentation

    chance, known = random.Random(7), documentation(400)
    words = sorted({word for text in known for word in re.findall(r"\b[a-z]{3,7}\b", text)})
    said = sorted({text[start:end].strip() for text in known for start, end in sentences(text) if end - start < 200})
    seen: set[str] = set()
    while len(seen) < count:
        text = " ".join(chance.choices(words, k=6))
        while corpus == "ordinary" and len(text) < 150:
            text += f" {chance.choice(said)}"
        if text not in seen:
            seen.add(text)
            yield text


def prepare(corpus: str, count: int) -> None:
    """Store documents; print the reference to them."""
    from tasks.store import objects

    numbered = enumerate(texts(corpus, count), start=1)
    made = [Document(f"texts.jsonl:{n}", text, "", corpus, "texts.jsonl", n) for n, text in numbered]
    print(objects.save_rows(DocumentsRef, Document, made).model_dump_json())


def work(reference: str, model: str) -> None:
    """Load the model, encode a batch, do the work; print the moment at which each part of it began, and the end."""
    from prefect import flow

    from tasks.embed import describe_encoder, embed_passages, export_vectors
    from tasks.models.encoders import load as encoders
    from tasks.store import objects
    from tasks.tokenize import whole_documents

    documents = DocumentsRef.model_validate_json(reference)
    chosen = describe_encoder(Embed(model=model, device="cpu"))
    encoders.engine(chosen).encode(objects.load_slice(documents, 0, 64, ["text"])["text"].to_pylist())
    moments = [time.monotonic()]

    @flow(name="bench-memory")
    def path() -> None:
        passages = whole_documents(documents, chosen.encoder)
        moments.append(time.monotonic())
        embedded = embed_passages(passages, chosen)
        moments.append(time.monotonic())
        export_vectors(embedded.passages, embedded.vectors, chosen)
        moments.append(time.monotonic())

    path()
    print(json.dumps(moments))


def _above_model(corpus: str, count: int, address: str, model: str) -> dict[str, tuple[float, float]]:
    """Return the peaks of anonymous and resident memory of each stage, less what there was when the model had run."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LLM_FLOWS_HOME": home, "PREFECT_API_URL": address, "HF_HUB_OFFLINE": "1"}
        stored, _ = _watched("prepare", corpus, str(count), environment=environment)
        said, samples = _watched("work", stored, model, environment=environment)
    moments = json.loads(said)
    before = [s for s in samples if s[0] <= moments[0]][-1]
    peaks = {}
    for name, start, end in zip(STAGES, moments[:-1], moments[1:], strict=True):
        during = [s for s in samples if start <= s[0] <= end]
        peaks[name] = max(s[1] for s in during) - before[1], max(s[2] for s in during) - before[2]
    return peaks


def _watched(*words: str, environment: dict[str, str]) -> tuple[str, list[Sample]]:
    """Run a function of this file in a process of its own; return the last line it printed, and its memory in time.

    Raises:
        CalledProcessError: It failed.
    """
    command, samples = [sys.executable, "-m", "tests.bench.bench_memory", *words], []
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if sample := _sample(process.pid):
                    samples.append(sample)
                time.sleep(EVERY_S)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        said.seek(0)
        return said.read().splitlines()[-1], samples


def _sample(process: int) -> Sample | None:
    """Return the memory of a process now; None when it has none any more."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    found = dict(re.findall(r"^(RssAnon|VmRSS):\s+(\d+) kB", status, re.MULTILINE))
    moment = time.monotonic()
    return (moment, int(found["RssAnon"]) * KIB, int(found["VmRSS"]) * KIB) if found else None


if __name__ == "__main__":
    {"prepare": lambda corpus, count: prepare(corpus, int(count)), "work": work}[sys.argv[1]](*sys.argv[2:])
