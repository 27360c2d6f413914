"""A model that was trained here is taken along: whole, with a card that says what the gate found, never over files."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from configs.generators import LocalModel
from flows.__main__ import main
from tasks.data.training import TunedModel
from tasks.errors import ModelError
from tasks.finetune.task_training import save_tuned
from tasks.launch.export import card
from tasks.models.generators import load as generators
from tasks.store import objects, tuned
from tests.tasks.finetune.tiny_generator import make_generator

pytestmark = pytest.mark.slow
WHY = "refused: loss a token 4.6 -> 4.7 | 29 items\nthe upper end must be below 0"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TunedModel:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "workspace"))
    tiny = make_generator(tmp_path / "tiny")
    template = generators.describe(LocalModel(model=str(tiny), precision="fp32")).template
    more = {"method": {"kind": "lora", "target_modules": ["q_proj", "v_proj"]}, "template": template}
    ref = save_tuned("generator", lambda place: shutil.copytree(tiny, place, dirs_exist_ok=True), "tiny", more)
    made = TunedModel(name="zoo", task="generator", model=ref, base="tiny", base_weights="abc", data={"train": "def"},
                      why=WHY)  # fmt: skip
    return tuned.keep(made, release=False)


def test_the_folder_opens_in_its_library_and_the_card_says_what_the_gate_found(
    kept: TunedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "taken" / "zoo"
    assert main(["models", "export", "tuned:zoo@1", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "the gate had refused it, which its card says" in said
    assert json.loads(said.splitlines()[-1]) == {"model": "tuned:zoo@1", "folder": str(folder), "released": False}
    ours, theirs = (AutoModelForCausalLM.from_pretrained(place) for place in (folder, objects.path(kept.model)))
    assert all(a.equal(b) for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True))
    card = (folder / "README.md").read_text("utf-8")
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert r"> refused: loss a token 4.6 -> 4.7 \| 29 items the upper end must be below 0" in card
    assert "**not released**" in card
    assert "| weights that moved, at the end | kind lora, target_modules q_proj v_proj |" in card
    assert f"| digest of this folder in llm-flows | {kept.model.digest} |" in card
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert f"| sha256 of model.safetensors | {weights} |" in card
    assert "| digest of its train rows in llm-flows | def |" in card
    assert 'AutoModelForCausalLM.from_pretrained("zoo")' in card


@pytest.mark.usefixtures("kept")
def test_a_folder_with_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["models", "export", "tuned:zoo@1", str(tmp_path)]) == 1
    assert "is there already and not empty; name a new folder" in capsys.readouterr().err
    assert main(["models", "export", "tuned:zoo", str(tmp_path / "new")]) == 1
    assert "no model 'zoo' was released; kept are tuned:zoo@1" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert main(["models", "export", "tuned:zoo@1"]) == 2


@pytest.mark.usefixtures("kept")
def test_a_taken_folder_with_another_template_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    assert main(["models", "export", "tuned:zoo@1", str(folder)]) == 0
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}", "utf-8")
    with pytest.raises(ModelError, match="was trained with the chat template"):
        generators.describe(LocalModel(model=str(folder), precision="fp32"))


def test_the_card_of_an_adapter_says_what_it_needs(kept: TunedModel, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").touch()
    (tmp_path / "training.json").write_text("{}", "utf-8")
    said = card(kept.model_copy(update={"task": "classifier", "base": "some/base"}), tmp_path, "mine")
    assert "holds updates and a head alone. `base` is some/base, loaded as a classifier" in said
    assert 'PeftModel.from_pretrained(base, "mine")' in said
