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


def converter(folder: Path, said: str) -> Path:
    """Put a program with the name of llama.cpp's converter into a folder."""
    folder.mkdir(exist_ok=True)
    program = folder / "convert_hf_to_gguf.py"
    program.write_text(f"#!/bin/sh\n{said}\n", "ascii")
    program.chmod(0o755)
    return program


def test_a_gguf_file_is_written_by_the_converter_on_the_path(
    kept: TunedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "taken" / "zoo.gguf"
    converter(tmp_path / "bin", 'echo "$@ $HF_HUB_OFFLINE" > "$3"; ls "$1" >> "$3"')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    assert main(["models", "export", "tuned:zoo@1", str(file)]) == 0
    said = capsys.readouterr().out
    assert "for llama.cpp and generator.kind=llama-cpp; the gate had refused it" in said
    assert json.loads(said.splitlines()[-1]) == {"model": "tuned:zoo@1", "file": str(file), "released": False}
    called, *listed = file.read_text("utf-8").splitlines()
    assert called == f"{objects.path(kept.model)} --outfile {file} --outtype f16 --model-name zoo 1"
    assert "model.safetensors" in listed
    assert main(["models", "export", "tuned:zoo@1", str(file)]) == 1
    assert "zoo.gguf is there already; name a new file" in capsys.readouterr().err


@pytest.mark.usefixtures("kept")
def test_without_a_converter_or_where_it_refuses_one_sentence_says_so_and_no_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "zoo.gguf"
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert main(["models", "export", "tuned:zoo@1", str(file)]) == 1
    assert "no converter of llama.cpp is on PATH" in capsys.readouterr().err
    converter(tmp_path / "bin", 'echo half > "$3"; echo "Model Zoo is not supported" >&2; exit 1')
    assert main(["models", "export", "tuned:zoo@1", str(file)]) == 1
    assert "convert_hf_to_gguf.py refused it (Model Zoo is not supported)" in capsys.readouterr().err
    assert not file.exists()


def test_a_model_that_is_no_generator_does_not_go_into_gguf(
    kept: TunedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned.keep(kept.model_copy(update={"name": "ranks", "task": "reranker"}), release=False)
    assert main(["models", "export", "tuned:ranks@1", str(tmp_path / "a.gguf")]) == 1
    assert "tuned:ranks@1 is no generator of whole weights" in capsys.readouterr().err
