"""An adapter beside its base says what the trained model said, opens in peft, and is refused beside another base."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

from configs.finetune import Lora, MovingWeights
from tasks.errors import ModelError
from tasks.finetune.adapters import move
from tasks.models import adapted, heads
from tasks.models.whole import load_whole

pytestmark = pytest.mark.slow
LABELS = ("cat", "dog", "owl")
TOKENS = torch.arange(2, 18).reshape(2, 8)
MERGED = {"rtol": 1e-3, "atol": 1e-3}  # added to the weights, an update is rounded
METHOD = Lora(r=2, lora_dropout=0.0, merge=False)


def written(base: Path, folder: Path, kind: Any, seed: int = 1) -> Any:
    """Save an adapter with drawn updates; return what the model said before."""
    model = heads.load_with_head(str(base), kind, LABELS, seed=seed).eval()
    move(model, METHOD, heads.head_of(model))
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    folder.mkdir()
    adapted.save(model, METHOD, heads.describe_base(str(base)), folder)
    return model(TOKENS).logits


@pytest.mark.parametrize(
    ("kind", "loader"), [("sequence", AutoModelForSequenceClassification), ("token", AutoModelForTokenClassification)]
)
def test_a_loaded_adapter_says_what_the_trained_model_said_and_so_does_peft(
    kind: Any, loader: Any, tiny_bert: Path, tmp_path: Path
) -> None:
    expected = written(tiny_bert, tmp_path / "adapter", kind)
    loaded = adapted.load(loader, tmp_path / "adapter").eval()
    assert type(loaded).__name__.startswith("BertFor")
    torch.testing.assert_close(loaded(TOKENS).logits, expected, **MERGED)
    fresh = heads.load_with_head(str(tiny_bert), kind, LABELS, seed=7)
    theirs: Any = PeftModel.from_pretrained(fresh, tmp_path / "adapter").eval()
    torch.testing.assert_close(theirs(TOKENS).logits, expected, **MERGED)


def test_the_hub_is_not_asked_for_the_base_and_nothing_is_warned_of(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tiny_bert, tmp_path / "adapter", "sequence")
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model_name_or_path": "some/name"}))
    asked: list[str] = []
    monkeypatch.setattr("peft.utils.save_and_load.check_file_exists_on_hf_hub", lambda name, *_: asked.append(name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapted.load(AutoModelForSequenceClassification, tmp_path / "adapter")
    assert not asked


def test_it_holds_updates_and_head_and_no_weight_of_the_base(tiny_bert: Path, tmp_path: Path) -> None:
    written(tiny_bert, tmp_path / "adapter", "sequence")
    names = set(load_file(tmp_path / "adapter" / adapted.WEIGHTS))
    assert [n for n in names if "lora_" not in n and ".classifier." not in n] == []
    assert {path.suffix for path in (tmp_path / "adapter").iterdir()} <= {".json", ".safetensors", ".md"}


def test_two_tasks_beside_one_base_do_not_colour_each_other(tiny_bert: Path, tmp_path: Path) -> None:
    said = [written(tiny_bert, tmp_path / str(seed), "sequence", seed) for seed in (1, 2)]
    for seed in (2, 1, 2):
        found = adapted.load(AutoModelForSequenceClassification, tmp_path / str(seed)).eval()(TOKENS).logits
        torch.testing.assert_close(found, said[seed - 1], **MERGED)


def test_beside_a_base_that_has_changed_it_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    base = shutil.copytree(tiny_bert, tmp_path / "base")
    written(base, tmp_path / "adapter", "sequence")
    model: Any = AutoModel.from_pretrained(base)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[0, 0] += 1
    model.save_pretrained(base)
    with pytest.raises(ModelError, match=r"has changed since an adapter was trained on it; train again"):
        adapted.load(AutoModelForSequenceClassification, tmp_path / "adapter")


@pytest.mark.parametrize("part", ["lora_A", "classifier.weight", "shape", "more"])
def test_an_adapter_that_lacks_weights_or_has_others_is_refused(part: str, tiny_bert: Path, tmp_path: Path) -> None:
    written(tiny_bert, tmp_path / "adapter", "sequence")
    file = tmp_path / "adapter" / adapted.WEIGHTS
    weights = load_file(file)
    name = next(name for name in weights if part in name or part in ("shape", "more"))
    if part == "more":
        weights["base_model.model.bert.other"] = weights[name].clone()
    elif part == "shape":
        weights[name] = weights[name][:, :1].clone()
    else:
        del weights[name]
    save_file(weights, file)
    with pytest.raises(ModelError, match="lacks weights or has others, the first base_model"):
        adapted.load(AutoModelForSequenceClassification, tmp_path / "adapter")


def test_a_base_without_a_pooler_is_refused_before_training(tiny_bert: Path, tmp_path: Path) -> None:
    bare: Any = AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False)
    base = shutil.copytree(tiny_bert, tmp_path / "base")
    bare.save_pretrained(base)
    with pytest.raises(ModelError, match="lacks 2 weights, the first pooler"):
        heads.load_with_head(str(base), "sequence", LABELS, pooled=True)


@pytest.mark.parametrize("text", ["", "[]", '{"model": 1}'])
def test_a_note_that_states_no_base_is_refused(text: str, tiny_bert: Path, tmp_path: Path) -> None:
    written(tiny_bert, tmp_path / "adapter", "sequence")
    (tmp_path / "adapter" / adapted.BASE).write_text(text, "utf-8")
    with pytest.raises(ModelError, match="does not state a base"):
        adapted.load(AutoModelForSequenceClassification, tmp_path / "adapter")


def test_what_needs_a_whole_model_refuses_an_adapter_and_never_loads_the_model_it_names(
    tiny_bert: Path, tmp_path: Path
) -> None:
    written(tiny_bert, tmp_path / "adapter", "sequence")
    with pytest.raises(ModelError, match="holds an adapter, not a model"):
        load_whole(AutoModel, tmp_path / "adapter")
    with pytest.raises(ModelError, match="holds an adapter, not a model"):
        heads.describe_base(str(tmp_path / "adapter"))
    with pytest.raises(ValidationError, match="encoders and rerankers are kept whole"):
        TypeAdapter(MovingWeights).validate_python({"kind": "lora", "merge": False})
