"""A folder whose weights lack something, hold more, have another shape or are cut is refused in one line.

So it is for every kind of model that is read from a folder, and for configs of absurd sizes and damaged tokenizers.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoModelForTokenClassification

from configs.captions import VisionLanguageModel
from configs.finetune import Lora
from configs.generators import LocalModel
from tasks.data.models import Fingerprint, Numerics
from tasks.errors import ModelError
from tasks.finetune.adapters import move
from tasks.models import adapted, heads, sequence_classifier, token_classifier
from tasks.models.encoders import load as encoders
from tasks.models.encoders import padded, static, tokens
from tasks.models.generators import client, local
from tasks.models.vision import captioner, dual, dual_files, language, language_files
from tasks.models.whole import load_whole
from tests.tasks.models.language_models import save_causal, save_text_to_text
from tests.tasks.models.vision import dual_models, language_models

pytestmark = pytest.mark.usefixtures("home")
Make = Callable[[Path], Path]
Edit = Callable[[dict[str, Any]], dict[str, Any]]
LABELS = ("B-x", "I-x", "O")


def save_head(kind: Any, base: Path, folder: Path) -> Path:
    torch.manual_seed(1)
    kind.from_pretrained(base, num_labels=3).save_pretrained(folder)
    shutil.copyfile(base / "tokenizer.json", folder / "tokenizer.json")
    return folder


def save_adapter(base: Path, folder: Path) -> Path:
    model = heads.load_with_head(str(base), "sequence", ("a", "b"), seed=1)
    method = Lora(r=2, lora_dropout=0.0, merge=False)
    move(model, method, heads.head_of(model))
    folder.mkdir()
    adapted.save(model, method, heads.describe_base(str(base)), folder)
    return folder


def save_static(base: Path, folder: Path) -> Path:
    folder.mkdir()
    save_file({"embeddings": torch.ones(256, 8)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "model2vec"}')
    shutil.copyfile(base / "tokenizer.json", folder / "tokenizer.json")
    return folder


def save_captioner(_: Path, folder: Path) -> Path:
    folder.mkdir()
    save_causal(folder / "words")
    base = captioner.describe(str(folder / "words"), "cpu")
    captioner.save(captioner.fresh(torch.rand(4, 6).numpy(), 5, 3, captioner.language_model(base)[0]), folder)
    return folder


def captions(folder: Path) -> Any:
    return captioner.load(folder, captioner.describe(str(folder / "words"), "cpu"), "a")


def generator(folder: Path) -> Any:
    return local.load(folder, local.describe(LocalModel(model=str(folder), precision="fp32", device="cpu")))


def shown(folder: Path) -> Any:
    wanted = VisionLanguageModel(model=str(folder), precision="fp32", device="cpu")
    return language.loaded(language_files.describe(wanted))


def seen(folder: Path) -> Any:
    described = dual_files.describe(str(folder))
    return dual.loaded(Fingerprint(encoder=described, numerics=Numerics(precision="fp32", engine="torch-cpu")))


def late(folder: Path) -> Any:
    return tokens.TokenEngine(encoders.fingerprint(str(folder), "fp32", "cpu"))


def tagger(folder: Path) -> Any:
    return token_classifier.engine(token_classifier.describe_tags(str(folder), "fp32", "cpu"))


KINDS: dict[str, tuple[Callable[[Path, Path], Path], Callable[[Path], Any]]] = {
    "encoder": (shutil.copytree, lambda folder: padded.load(str(folder), None)),
    "late interaction": (shutil.copytree, late),
    "classifier base": (shutil.copytree, lambda folder: heads.load_with_head(str(folder), "sequence", ("a", "b"))),
    "reranker": (
        lambda base, to: save_head(AutoModelForSequenceClassification, base, to),
        lambda folder: sequence_classifier._load(str(folder), torch.float32),
    ),
    "tagger": (lambda base, to: save_head(AutoModelForTokenClassification, base, to), tagger),
    "adapter": (save_adapter, lambda folder: adapted.load(AutoModelForSequenceClassification, folder)),
    "static": (save_static, static.load),
    "generator": (lambda _, to: save_causal(to), generator),
    "text to text": (lambda _, to: save_text_to_text(to), generator),
    "inspected": (lambda _, to: save_causal(to), lambda folder: load_whole(AutoModelForCausalLM, folder)),
    "dual": (
        lambda _, to: dual_models.clip(to),
        seen,
    ),
    "vision-language": (lambda _, to: language_models.smolvlm(to), shown),
    "captioner": (save_captioner, captions),
}
MIDDLE = {"adapter": "lora_A", "static": "embeddings", "captioner": "project"}


def weights_of(folder: Path) -> Path:
    return next(path for path in sorted(folder.glob("*.safetensors")))


def edited(folder: Path, edit: Edit) -> None:
    save_file(edit(load_file(weights_of(folder))), weights_of(folder), {"format": "pt"})


def lacking(part: str) -> Edit:
    return lambda held: {name: value for name, value in held.items() if name != next(n for n in held if part in n)}


def shaped(part: str) -> Edit:
    def edit(held: dict[str, Any]) -> dict[str, Any]:
        name = next(n for n in held if part in n)
        return held | {name: torch.zeros(3, 3) if part != "embeddings" else torch.zeros(3, 8)}

    return edit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Callable[[str], Path]:
    """Return a function that makes a model of a kind once."""
    parent, known = tmp_path_factory.mktemp("damaged"), dict[str, Path]()

    def make(kind: str) -> Path:
        if kind not in known:
            known[kind] = KINDS[kind][0](tiny_bert, parent / kind.replace(" ", "-"))
        return known[kind]

    return make


@pytest.fixture
def copied(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that copies a model of a kind."""

    def copy(kind: str) -> Path:
        folder = tmp_path / "copied"
        shutil.copytree(made(kind), folder)
        return folder

    return copy


def refused(kind: str, folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        KINDS[kind][1](folder)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_missing_reshaped_or_cut_are_refused_for_every_kind(
    kind: str, copied: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copied(kind)
    KINDS[kind][1](folder)  # whole, it is loaded
    part = MIDDLE.get(kind, "layers.1." if kind not in ("text to text",) else "block.1.")
    names = list(load_file(weights_of(folder)))
    part = part if any(part in name for name in names) else "layer.1."
    whole = weights_of(folder).read_bytes()
    for edit in (lacking(part), shaped(part)):
        other = tmp_path / f"other-{edit.__qualname__.partition('.')[0]}"
        shutil.copytree(folder, other)
        edited(other, edit)
        refused(kind, other)
    cut = tmp_path / "cut"
    shutil.copytree(folder, cut)
    weights_of(cut).write_bytes(whole[: len(whole) * 2 // 3])
    refused(kind, cut)


@pytest.mark.parametrize("kind", ["generator", "reranker", "dual", "vision-language"])
def test_a_block_that_the_config_does_not_have_is_refused(kind: str, copied: Callable[[str], Path]) -> None:
    folder = copied(kind)
    old = "layers.1." if any("layers.1." in name for name in load_file(weights_of(folder))) else "layer.1."
    edited(folder, lambda w: w | {n.replace(old, old.replace("1", "7")): v.clone() for n, v in w.items() if old in n})
    assert "blocks" in refused(kind, folder)


@pytest.mark.parametrize("kind", ["encoder", "generator"])
def test_a_weight_in_whole_numbers_that_nothing_explains_is_refused(kind: str, copied: Callable[[str], Path]) -> None:
    folder = copied(kind)
    name = next(
        name for name, held in load_file(weights_of(folder)).items() if name.endswith("weight") and held.ndim > 1
    )
    edited(folder, lambda held: held | {name: held[name].to(torch.int8)})
    with pytest.raises(ModelError, match="as I8, no floating point"):
        encoders.fingerprint(str(folder), "fp32", "cpu") if kind == "encoder" else generator(folder)


@pytest.mark.parametrize("length", ["long", 1e400])
def test_a_longest_text_that_is_no_number_is_refused(length: Any, copied: Callable[[str], Path]) -> None:
    folder = copied("generator")
    path = folder / "tokenizer_config.json"
    stated = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(stated | {"model_max_length": length}), "utf-8")
    assert "no number as its longest text" in refused("generator", folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_size", 10**9), ("vocab_size", 10**12), ("num_hidden_layers", 10**6), ("intermediate_size", 10**10),
     ("max_position_embeddings", 10**11), ("num_attention_heads", 10**12), ("vocab_size", 10**400),
     ("hidden_size", -1), ("hidden_size", "wide"), ("num_attention_heads", 0)],
)  # fmt: skip
def test_a_config_of_absurd_sizes_takes_neither_time_nor_memory(
    name: str, value: Any, copied: Callable[[str], Path]
) -> None:
    folder = copied("generator")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {name: value}), "utf-8")
    refused("generator", folder)


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"model": null}', "\x00", '{"version": "1.0", "model": {"type": 3}}']
)
def test_a_tokenizer_that_is_none_is_refused_for_every_use(content: str, copied: Callable[[str], Path]) -> None:
    folder = copied("generator")
    (folder / "tokenizer.json").write_text(content, "utf-8")
    config = LocalModel(model=str(folder), precision="fp32", device="cpu")
    for use in (
        client.text_counter,
        client.message_counter,
        lambda config: local.chat_template.load_tokenizer(folder),
    ):
        with pytest.raises(ModelError, match="makes no tokenizer"):
            use(config)


@pytest.mark.parametrize("named", ["../copied-elsewhere/model.safetensors", "/etc/passwd", "gone.safetensors"])
def test_an_index_that_names_files_outside_its_folder_is_refused(named: str, copied: Callable[[str], Path]) -> None:
    folder = copied("generator")
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(weights_of(folder)), named)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    assert "no file of its folder" in refused("generator", folder)


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [("config.json", "hidden_size", "wide"), ("config.json", "num_attention_heads", -3),
     ("config.json", "num_hidden_layers", 1.5), ("sentence_bert_config.json", "max_seq_length", "long")],
)  # fmt: skip
def test_a_size_that_is_no_number_is_refused_in_a_line(
    file: str, name: str, value: Any, copied: Callable[[str], Path]
) -> None:
    folder = copied("encoder")
    path = folder / file
    stated = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(stated | {name: value}))
    with pytest.raises(ModelError, match=r"download the model again") as caught:
        encoders.fingerprint(str(folder), "fp32", "cpu")
    assert "\n" not in str(caught.value)


def test_weights_that_are_a_pipe_are_refused_at_once(copied: Callable[[str], Path]) -> None:
    folder = copied("encoder")
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"is no file"):
        encoders.fingerprint(str(folder), "fp32", "cpu")


def test_another_number_of_heads_is_another_encoder(copied: Callable[[str], Path]) -> None:
    folder = copied("encoder")
    before = encoders.fingerprint(str(folder), "fp32", "cpu").encoder
    stated = json.loads((folder / "config.json").read_text())
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    (other / "config.json").write_text(json.dumps(stated | {"num_attention_heads": 1, "_name_or_path": "x"}))
    assert stated["num_attention_heads"] != 1
    assert encoders.fingerprint(str(other), "fp32", "cpu").encoder.identity != before.identity
