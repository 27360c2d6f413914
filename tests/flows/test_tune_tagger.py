"""`tune-tagger`: what is refused before any work, what the page shows, new texts marked by a kept model."""

import json
import random
from pathlib import Path

import pytest

from configs.finetune import LastBlocks, Training
from configs.finetune_tagger import Conll, MarkedDocs, TaggerGate
from configs.flows import TuneTagger
from configs.ingest import Tables
from flows.tune_tagger import name_of_model, preflight, tune_tagger
from tasks.errors import ContractError, DataError, ModelError
from tasks.store import tuned

FAST = Training(max_steps=4, per_device_train_batch_size=8, max_seq_length=32, device="cpu", precision="fp32")


def write(path: Path, count: int) -> Conll:
    draw, blocks = random.Random(1), []
    for at in range(count):
        town = draw.choice(["Porto", "Lyon", "Bergen"])
        words = [("from", "O"), (town, "B-town"), ("to", "O"), (f"gate{at}", "O"), (draw.choice("abc"), "O")]
        blocks.append("\n".join(f"{word}\t{label}" for word, label in words))
    path.write_text("\n\n".join(blocks), "utf-8")
    return Conll(path=str(path))


def test_a_tagger_without_texts_a_model_that_is_none_and_a_missing_file_are_refused(home: Path) -> None:
    with pytest.raises(ContractError, match="has nothing to mark; set predict"):
        preflight(tagger="tuned:x")
    new = home / "new.jsonl"
    new.write_text(json.dumps({"text": "a"}))
    with pytest.raises(ModelError, match="there is no trained model 'x'"):
        preflight(predict=Tables(path=str(new)), tagger="tuned:x")
    with pytest.raises(DataError, match="is no file"):
        preflight(Conll(path=str(home / "none.conll")))


def test_a_model_is_named_after_its_file() -> None:
    assert name_of_model(Conll(path="some/where/train.conll"), None) == "train"
    assert name_of_model(MarkedDocs(), None) == "api-names"
    assert name_of_model(MarkedDocs(), "mine") == "mine"


@pytest.mark.flow
@pytest.mark.slow
def test_a_tagger_is_judged_refused_and_marks_new_texts_by_its_number(home: Path) -> None:
    source = write(home / "towns.conll", 80)
    new = home / "new.jsonl"
    new.write_text(json.dumps({"text": "from  Porto\tto <i>Lyon</i>"}) + "\n")
    config = TuneTagger(methods=(LastBlocks(blocks=1),), training=FAST, gate=TaggerGate(resamples=100))
    outcome = tune_tagger(source=source, predict=Tables(path=str(new)), name="towns", config=config)
    result = outcome.result
    assert result["model"] == "tuned:towns@1"
    assert result["released"] is False
    assert result["why"].startswith("refused: entity F1 of tuned last-1 is ")
    assert result["types"] == ["town"]
    assert result["sentences"]["test"] == 16
    page = Path(outcome.report).read_text("utf-8")
    assert "Type by type" in page
    assert "<i>Lyon</i>" not in page
    assert tuned.pointed("towns") == 0
    marked = tune_tagger(predict=Tables(path=str(new)), tagger="tuned:towns@1").result
    assert marked["entities"]["count"] == result["entities"]["count"]
    for entity in marked["entities"]["first"]:
        assert "from  Porto\tto <i>Lyon</i>"[entity["start"] : entity["end"]] == entity["text"]
