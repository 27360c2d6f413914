"""Weights that are missing, of another shape or too many are refused, for every kind of model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForSequenceClassification

from tasks.errors import ModelError
from tasks.models.encoders import load, padded
from tasks.models.whole import POOLER, load_whole

Weights = dict[str, Any]


@pytest.fixture
def edited(tiny_bert: Path, tmp_path: Path) -> Callable[[Callable[[Weights], Weights]], Path]:
    """Return a function that copies the small model with other weights."""

    def make(edit: Callable[[Weights], Weights]) -> Path:
        folder = tmp_path / "edited"
        shutil.copytree(tiny_bert, folder)
        save_file(edit(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})
        return folder

    return make


def without(part: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: value for name, value in weights.items() if part not in name}


def test_an_encoder_that_lacks_a_layer_is_refused(edited: Callable[..., Path]) -> None:
    folder = edited(without("layer.1."))
    with pytest.raises(ModelError, match=r"lacks 16 weights, the first encoder\.layer\.1\."):
        padded.load(str(folder), None)


def test_an_encoder_of_a_whole_flow_that_lacks_a_layer_is_refused(
    edited: Callable[..., Path], home: Path, tiny_encoder: Callable[..., Path]
) -> None:
    folder = tiny_encoder()
    weights = load_file(folder / "model.safetensors")
    save_file(without("layer.0.attention")(weights), folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 10 weights, the first encoder\.layer\.0\.attention"):
        load.engine(load.fingerprint(str(folder), "fp32", "cpu"))


def test_a_layer_that_the_config_does_not_have_is_refused(edited: Callable[..., Path]) -> None:
    folder = edited(lambda w: w | {n.replace("layer.1.", "layer.2."): v.clone() for n, v in w.items() if "r.1." in n})
    with pytest.raises(ModelError, match=r"has 16 weights of blocks that .* does not have, the first .*layer\.2\."):
        padded.load(str(folder), None)


def test_weights_of_another_shape_are_refused(edited: Callable[..., Path]) -> None:
    folder = edited(lambda weights: weights)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    with pytest.raises(ModelError, match="shape"):
        padded.load(str(folder), None)


def test_the_head_of_another_use_is_left_alone_and_a_pooler_may_be_lacking(edited: Callable[..., Path]) -> None:
    folder = edited(lambda w: {**without(POOLER)(w), "cls.predictions.bias": next(iter(w.values())).clone()})
    padded.load(str(folder), None)
    with pytest.raises(ModelError, match=r"lacks 4 weights"):
        load_whole(AutoModelForSequenceClassification, folder)


def test_a_new_head_may_be_made_up_where_training_asks_for_it(tiny_bert: Path) -> None:
    load_whole(AutoModelForSequenceClassification, tiny_bert, new=("classifier.",))
    with pytest.raises(ModelError, match=r"lacks 2 weights, the first classifier\.bias"):
        load_whole(AutoModelForSequenceClassification, tiny_bert)
    load_whole(AutoModel, tiny_bert)
