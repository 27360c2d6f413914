"""`model-anatomy` takes any causal folder, flags what was cut, and shows prompt and tokens as text."""

import json
from pathlib import Path

import pytest

from configs.flows import ModelAnatomy
from configs.inspect import Reading, Replying, Small
from flows.model_anatomy import model_anatomy, preflight
from tasks.errors import ContractError, ModelError
from tasks.inspect.masks import train_small
from tasks.models.tiny import SmallTraining, write_small

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]

SMALL = Small(width=16, layers=2, heads=2, length=32, batch=8, steps=20, rate=0.01, seeds=2, window=4)
CONFIG = ModelAnatomy(
    reading=Reading(steps=2, top=3),
    replying=Replying(max_new_tokens=5, continue_tokens=5, timed_tokens=6, repeats=2, lengths=(16, 32)),
    small=SMALL,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a small model."""
    path = tmp_path / "small"
    path.mkdir()
    write_small(
        train_small("<b>the cat</b> sat. " * 80, "full", SMALL, 0, SmallTraining.under_masks(SMALL).train)[0], path
    )
    return path


def test_a_folder_is_dissected_and_a_cut_reply_continued(workspace: Path, folder: Path) -> None:
    found = model_anatomy(model=str(folder), prompt="<b>the", config=CONFIG)
    reply = found.result["reply"]
    assert (reply["finish"], reply["tokens"], reply["same"]) == ("length", 5, True)
    assert found.result["cache"]["same_tokens"]
    assert abs(found.result["probabilities_sum_to"] - 1) < 1e-9
    assert found.result["positions"]["moved"] < 1e-4 < found.result["positions"]["zeroed"]
    assert "prove nothing" in found.result["tokenizer"]
    page = Path(found.report).read_text("utf-8")
    assert "Cut after 5 tokens" in page
    assert "perplexity by mask: no text to train on; give a source" in page
    assert "<b>the cat" not in page.partition("<h1>")[2].partition("</h1>")[2].partition("<svg")[0]


def test_what_cannot_be_looked_at_is_refused_before_any_work(folder: Path) -> None:
    with pytest.raises(ContractError, match="text 1 has no visible character"):
        preflight(str(folder), " ")
    with pytest.raises(
        ContractError, match=r"small\.width is 16 and small\.heads 3 but each head needs an even share"
    ):
        preflight(str(folder), "a", None, ModelAnatomy(small=SMALL.model_copy(update={"heads": 3})))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "code.py"}}), "utf-8")
    with pytest.raises(ModelError, match="asks to run its own Python code"):
        preflight(str(folder))
