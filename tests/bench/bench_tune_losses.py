"""What a loss, and what negatives are worth: the same data and seed, from the command line, chapter 10 of the book.

Losses start from MiniLM whose last two blocks were drawn anew, so that there is something to learn, and read natural
language inference (9,842 pairs of SNLI), TSDAE their texts alone; STS-B (test) judges, beside the untouched encoder.
Negatives: questions and paragraphs of XQuAD, half of the articles to learn from; those of the batch against mined,
paired by question.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tasks.metrics.intervals import bootstrap_mean
from tests.bench.pairs import at_least, plain, why_not
from tests.bench.tuning import Place, checked, place, stsb, tab_rows, table

LOSSES = ("softmax", "cosine", "multiple-negatives")
BLOCKS = 2
STEPS_ALONE = 600  # of TSDAE, which reads no label


def measure() -> list[dict[str, Any]]:
    """Return Spearman's correlation on STS-B of each loss, and what mined negatives add to those of the batch."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("losses on SNLI", "LLM_FLOWS_DATA names no folder of data")]
    with place() as at:
        return [*_losses(at, Path(data)), *_negatives(at, Path(data))]


def _losses(at: Place, data: Path) -> list[dict[str, Any]]:
    pairs = [row[:3] for row in tab_rows(data / "snli_20k" / "validation.tsv")[1:]]
    scored = stsb(data, "test")
    words = [
        *table("source", at.table("snli", ("text", "other", "label"), pairs)),
        *table("similarity", at.table("stsb", ("text", "other", "score"), scored)),
        "examples.kind=relations", "examples.other=other", 'examples.same=["0"]', "general.other=other",
        "general.packaged=false", "gate.tolerance=1", "holdout.test_share=0.05", "training.eval_steps=100",
        f"embed.model={_raw(at)}",
    ]  # fmt: skip
    reached = {}
    for loss in LOSSES:
        found = at.run("tune-embedder", f"name={loss}", f"loss.kind={loss}", *words)
        check = found["result"]["checks"]["similarity"]
        reached[loss] = check["after"]
    alone = ["loss.kind=tsdae", "training.learning_rate=3e-5", f"training.max_steps={STEPS_ALONE}"]
    found = at.run("tune-embedder", "name=tsdae", *alone, *words)
    reached["TSDAE, texts alone"] = found["result"]["checks"]["similarity"]["after"]
    start = plain(f"STS-B: Spearman, last {BLOCKS} blocks drawn anew, untrained", check["before"], "")
    untouched = plain("STS-B: Spearman, the untouched encoder", _untouched(scored), "")
    rows = [plain(f"STS-B: Spearman, {loss}", value, "") for loss, value in reached.items()]
    return [
        untouched, start, *rows,
        at_least("STS-B: TSDAE less its raw start", reached["TSDAE, texts alone"] - check["before"], "", 0.0),
        at_least("STS-B: cosine less softmax", reached["cosine"] - reached["softmax"], "", 0.0),
        at_least("STS-B: multiple negatives less cosine", reached["multiple-negatives"] - reached["cosine"], "", 0.0),
    ]  # fmt: skip


def _raw(at: Place) -> Path:
    """Return a folder with MiniLM whose last blocks are as a model that has learned nothing draws them."""
    import torch
    from sentence_transformers import SentenceTransformer

    from configs.models import EMBEDDED
    from tasks.models.files import locate

    torch.manual_seed(0)
    model = SentenceTransformer(str(locate(EMBEDDED).folder), device="cpu")
    bert: Any = model[0].model
    for block in bert.encoder.layer[-BLOCKS:]:
        for part in block.modules():
            if isinstance(part, torch.nn.Linear):
                torch.nn.init.normal_(part.weight, std=bert.config.initializer_range)
                torch.nn.init.zeros_(part.bias)
            elif isinstance(part, torch.nn.LayerNorm):
                part.reset_parameters()
    folder = at.folder / "raw"
    model.save_pretrained(str(folder))
    return folder


def _untouched(scored: list[tuple[str, str, str]]) -> float:
    from scipy.stats import spearmanr
    from sentence_transformers import SentenceTransformer

    from configs.models import EMBEDDED
    from tasks.models.files import locate

    model = SentenceTransformer(str(locate(EMBEDDED).folder), device="cpu")
    left, right = (
        model.encode([row[side] for row in scored], normalize_embeddings=True, show_progress_bar=False)
        for side in (0, 1)
    )
    return float(spearmanr(np.sum(left * right, 1), [float(row[2]) for row in scored]).statistic)


def _negatives(at: Place, data: Path) -> list[dict[str, Any]]:
    train, test = _questions(data)
    words = [
        *table("source", at.table("xquad", ("text", "paragraph"), train)),
        *table("test", at.table("xquad-test", ("text", "paragraph"), test)),
        "examples.kind=pairs", "examples.positive=paragraph", "general.packaged=false", "training.max_seq_length=256",
    ]  # fmt: skip
    rows, gains = [], {}
    for name, more in (("of the batch", []), ("mined", ["negatives={}"])):
        made = at.run("tune-embedder", f"name={name.replace(' ', '-')}", *words, *more)
        rows += checked(f"negatives {name}, XQuAD", made, "held-out")
        gains[name] = _ranked(at, f"tuned:{name.replace(' ', '-')}@1", test)
    apart = gains["mined"] - gains["of the batch"]
    mean, (low, high) = bootstrap_mean(apart, resamples=2_000, seed=0)
    what = f"XQuAD: nDCG@10, mined less of the batch, paired ({low:+.3f} to {high:+.3f}, n={len(apart)})"
    return [*rows, plain(what, mean, "")]


def _questions(data: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return questions and paragraphs of the articles with even numbers, and of those with odd ones."""
    found = json.loads((data / "xquad_en" / "xquad.en.json").read_text("utf-8"))["data"]
    sides: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for number, article in enumerate(found):
        for paragraph in article["paragraphs"]:
            sides[number % 2].extend((qa["question"], paragraph["context"]) for qa in paragraph["qas"])
    return sides


def _ranked(at: Place, model: str, test: list[tuple[str, str]]) -> Any:
    """Return nDCG@10 of each test question: one paragraph of all is its own."""
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(at.folder_of(model)), device="cpu")
    paragraphs = list(dict.fromkeys(paragraph for _, paragraph in test))
    texts = encoder.encode(paragraphs, normalize_embeddings=True, show_progress_bar=False)
    asked = encoder.encode([question for question, _ in test], normalize_embeddings=True, show_progress_bar=False)
    scores = asked @ texts.T
    own = scores[np.arange(len(test)), [paragraphs.index(paragraph) for _, paragraph in test]]
    ranks = (scores > own[:, None]).sum(1)
    return np.where(ranks < 10, 1 / np.log2(ranks + 2), 0.0)
