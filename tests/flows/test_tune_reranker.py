"""`tune-reranker`: what is refused before any work, and a model that ranks no better is kept but not released."""

import json
import random
from pathlib import Path

import pytest

from configs.embed import Embed
from configs.finetune import LastBlocks, Training
from configs.finetune_pairs import HardNegatives, Holdout, PairColumns, PairedGate, RelationColumns
from configs.flows_pairs import TuneReranker
from configs.ingest import Files, Tables
from flows.tune_reranker import preflight, tune_reranker
from tasks.errors import ContractError, ModelError
from tasks.models import sequence_classifier
from tasks.store import tuned


def write(path: Path, count: int) -> Tables:
    draw = random.Random(4)
    words = [a + b for a in ("ka", "lo", "mi", "ru", "te") for b in ("ban", "dir", "fel", "gos", "hun", "jat")]
    rows = []
    for n in range(count):
        shared = draw.sample(words, 4)
        question, answer = (" ".join(draw.sample([*shared, *draw.sample(words, 3)], 7)) for _ in range(2))
        rows.append({"text": f"{question} {n}?", "positive": f"{answer}."})
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return Tables(path=str(path))


def test_examples_with_columns_need_a_source_that_has_them(home: Path) -> None:
    (home / "notes").mkdir()
    (home / "notes" / "a.txt").write_text("A note.")
    with pytest.raises(ContractError, match="needs columns, which files has not"):
        preflight(Files(path=str(home / "notes")), config=TuneReranker(examples=PairColumns()))


def test_a_column_that_a_table_has_not_is_refused_before_any_work_with_those_it_has(home: Path) -> None:
    source = write(home / "qa.jsonl", 9)
    with pytest.raises(ContractError, match=r"has the column 'answer'; there are 'positive', 'text'"):
        preflight(source, config=TuneReranker(examples=PairColumns(positive="answer")))


@pytest.mark.long
@pytest.mark.flow
@pytest.mark.slow
def test_a_model_that_ranks_no_better_is_kept_but_not_released_and_says_why(home: Path) -> None:
    config = TuneReranker(
        holdout=Holdout(near_duplicate=1.0),
        embed=Embed(precision="fp32"),
        negatives=HardNegatives(per_anchor=1, among=5),
        candidates=3,
        parameters=LastBlocks(blocks=1),
        training=Training(
            max_steps=2, per_device_train_batch_size=8, max_seq_length=48, device="cpu", precision="fp32"
        ),
        gate=PairedGate(resamples=200),
    )
    outcome = tune_reranker(source=write(home / "qa.jsonl", 160), config=config)
    result = outcome.result
    assert result["released"] is False
    assert result["model"] == "tuned:qa-reranker@1"
    assert "MAP of cross over dense" in result["why"]
    assert {name for name, check in result["checks"].items() if check["role"] == "shown"} >= {"fused over dense"}
    page = Path(outcome.report).read_text("utf-8")
    assert "Not released" in page
    assert "fused over cross" in page
    with pytest.raises(ModelError, match="no model 'qa-reranker' was released"):
        tuned.live("qa-reranker")
    kept = "tuned:qa-reranker@1"
    assert sequence_classifier.describe(kept, "fp32", "cpu").model == kept
    with pytest.raises(ContractError, match="kept as reranker already, not as embedder"):
        tuned.require_task("qa-reranker", "embedder")


@pytest.mark.flow
@pytest.mark.slow
def test_questions_that_nobody_has_answered_are_learned_from_and_left_out_of_the_rankings(home: Path) -> None:
    draw, rows = random.Random(5), ["text,answer,label"]
    for n in range(60):
        for of in (1_000 + n, n, 2_000 + n):
            says = draw.choice(["red", "blue", "grey"])
            rows.append(f"what is colour {n}?,colour {of} is {says},{int(of == n and n % 4 > 0)}")
    path = home / "relations.csv"
    path.write_text("\n".join(rows), "utf-8")
    config = TuneReranker(
        holdout=Holdout(near_duplicate=1.0),
        examples=RelationColumns(other="answer", same=("1",)),
        embed=Embed(precision="fp32"),
        negatives=None,
        parameters=LastBlocks(blocks=1),
        training=Training(
            max_steps=2, per_device_train_batch_size=8, max_seq_length=24, device="cpu", precision="fp32"
        ),
        gate=PairedGate(resamples=200),
    )
    result = tune_reranker(source=Tables(path=str(path), text="text"), name="colours", config=config).result
    asked = result["checks"]["cross over dense"]
    assert asked["metric"] == "MAP"
    assert 0 < asked["n"] < 12  # a fifth of the questions is held out, a quarter of which has no answer
