"""Dual encoders made on the spot, loaded as ids are, against transformers' own classes; and what is refused."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from configs.models import REVISIONS
from tasks.data.models import Encoder, Fingerprint, Numerics
from tasks.errors import ModelError
from tasks.models import files
from tasks.models.encoders import base, load
from tasks.models.vision import dual, dual_files, dual_tokens
from tests.tasks.models.vision import dual_models
from tests.tasks.models.vision.made import copy_of, images, once

TEXTS = ["a red square", "a boat at night on the sea", "the green picture of a white boat", "blue", ""]
LONG = "a red boat at night on the green sea of the blue picture " * 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that makes a small model of a kind once."""
    return once(tmp_path_factory.mktemp("dual"), dual_models.MAKERS)


def seen(folder: Path) -> Fingerprint:
    return Fingerprint(
        encoder=dual_files.describe(str(folder)), numerics=Numerics(precision="fp32", engine="torch-cpu")
    )


CLASSES: dict[str, tuple[Any, Any, Any]] = {
    "clip": (hf.CLIPModel, hf.CLIPTokenizer, dual_models.CLIPImageProcessorPil),
    "siglip": (hf.SiglipModel, hf.SiglipTokenizer, dual_models.SiglipImageProcessorPil),
    "siglip2": (hf.Siglip2Model, hf.Siglip2Tokenizer, dual_models.Siglip2ImageProcessorPil),
    "vision-text-dual-encoder": (
        hf.VisionTextDualEncoderModel, hf.PreTrainedTokenizerFast, dual_models.CLIPImageProcessorPil,
    ),
    "sentence-transformers": (hf.CLIPModel, hf.CLIPTokenizer, dual_models.CLIPImageProcessorPil),
}  # fmt: skip


def unit(rows: torch.Tensor) -> np.ndarray:
    return np.asarray((rows / rows.norm(dim=1, keepdim=True)).numpy())


def plainly(folder: Path, kind: str, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of the texts and of the pictures by the classes of transformers alone, one by one."""
    place = folder / "0_CLIPModel" if kind == "sentence-transformers" else folder
    model, tokenizer, processor = (one.from_pretrained(place) for one in CLASSES[kind])
    texts, pictures = [], []
    with torch.no_grad():
        for text in TEXTS:
            fill = {"padding": "max_length" if "siglip" in kind else False, "truncation": True, "max_length": limit}
            texts.append(model.get_text_features(**tokenizer([text], return_tensors="pt", **fill)).pooler_output)
        for image in images():
            pictures.append(model.get_image_features(**processor([image], return_tensors="pt")).pooler_output)
    return unit(torch.cat(texts)), unit(torch.cat(pictures))


@pytest.mark.parametrize("kind", dual_models.MAKERS)
def test_vectors_are_those_of_transformers_and_a_batch_gives_what_one_by_one_gives(
    made: Callable[[str], Path], kind: str
) -> None:
    wanted = seen(made(kind))
    texts, pictures = plainly(made(kind), kind, wanted.encoder.max_tokens)
    engine, copies = load.engine(wanted), [copy_of(image) for image in images()]
    assert texts.shape == (len(TEXTS), wanted.encoder.width)
    assert np.abs(engine.encode(TEXTS) - texts).max() <= 1e-6
    assert np.abs(dual.features(wanted, copies, 16) - pictures).max() <= 1e-6
    assert np.abs(dual.features(wanted, copies, 1) - dual.features(wanted, copies, 5)).max() <= 1e-6
    alone = np.concatenate([engine.encode([text]) for text in TEXTS])
    assert np.abs(alone - engine.encode(TEXTS)).max() <= 1e-6
    assert np.abs(texts[0] - texts[1]).max() > 1e-4
    assert np.abs(pictures[0] - pictures[1]).max() > 1e-5


@pytest.mark.parametrize("kind", dual_models.MAKERS)
def test_a_text_over_the_limit_is_cut_and_counted(made: Callable[[str], Path], kind: str) -> None:
    wanted = seen(made(kind))
    limit = wanted.encoder.max_tokens
    assert limit == (24 if kind in ("clip", "sentence-transformers") else dual_models.LIMIT)
    taken, told = base.Meter(), []
    taken.done = lambda rows, vectors: told.append((rows.tolist(), len(vectors)))
    vectors = load.engine(wanted).encode([LONG, "blue"], taken)
    assert np.isfinite(vectors).all()
    assert taken.truncated == 1
    assert told == [([1, 0], 2)]
    long, short = base.count_tokens(wanted.encoder, [LONG, "blue"])
    assert long > limit >= short
    assert base.count_tokens(wanted.encoder, []) == []
    assert np.abs(load.engine(wanted).encode([LONG + " night"]) - vectors[:1]).max() <= 1e-6


def test_what_looks_like_a_special_token_stays_text(made: Callable[[str], Path]) -> None:
    wanted = seen(made("clip"))
    (ids,) = base.tokenizer(wanted.encoder).encode_batch(["a <|endoftext|> b"])
    assert ids.ids.count(ids.ids[-1]) == 1
    vectors = load.engine(wanted).encode(["a", "a <|endoftext|> b"])
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-5


def changed(folder: Path, place: Path, name: str, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    """Return a copy of a model with another JSON file."""
    shutil.copytree(folder, place)
    (place / name).write_text(json.dumps(edit(json.loads((place / name).read_text()))), "utf-8")
    return place


def test_weights_config_tokenizer_and_picture_processor_are_the_identity(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = made("clip")
    whole = dual_files.describe(str(folder)).identity
    shutil.copytree(folder, tmp_path / "same")
    assert dual_files.describe(str(tmp_path / "same")).identity == whole
    weights = load_file(folder / "model.safetensors")
    shutil.copytree(folder, tmp_path / "weights")
    save_file(
        {name: value + 1e-3 for name, value in weights.items()}, tmp_path / "weights" / "model.safetensors",
        {"format": "pt"},
    )  # fmt: skip
    others = [
        tmp_path / "weights",
        changed(folder, tmp_path / "pixels", "preprocessor_config.json", lambda said: said | {"resample": 2}),
        changed(folder, tmp_path / "words", "tokenizer_config.json", lambda said: said | {"model_max_length": 20}),
        changed(folder, tmp_path / "config", "config.json", lambda said: said | {"logit_scale_init_value": 1.0}),
    ]
    identities = {dual_files.describe(str(other)).identity for other in others}
    assert len(identities | {whole}) == 5


def test_the_field_for_pictures_is_no_part_of_the_identity_of_an_encoder_of_texts() -> None:
    stated = {"weights": "w", "tokenizer": "t", "pooling": "mean", "normalize": True, "max_tokens": 8, "width": 3}
    encoder = Encoder(model="m", revision="r", **stated)
    old = '{"weights":"w","tokenizer":"t","pooling":"mean","normalize":true,"max_tokens":8,"width":3,'
    old += '"query_prompt":"","passage_prompt":"","architecture":"transformer"}'
    assert encoder.identity == hashlib.sha256(old.encode()).hexdigest()
    assert encoder.model_copy(update={"processor": "p"}).identity != encoder.identity


def without(folder: Path, place: Path, name: str) -> Path:
    shutil.copytree(folder, place)
    (place / name).unlink()
    return place


def test_a_folder_that_is_no_dual_encoder_is_refused_in_one_sentence(
    made: Callable[[str], Path], tmp_path: Path, tiny_bert: Path
) -> None:
    whole = made("clip")
    own_code = {"AutoImageProcessor": "code.Own"}
    modules = [{"type": "sentence_transformers.models.CLIPModel"}, {"type": "sentence_transformers.models.Dense"}]
    dense = shutil.copytree(whole, tmp_path / "dense")
    (dense / "modules.json").write_text(json.dumps(modules), "utf-8")
    wrong = {
        tmp_path / "nowhere": r"is not a folder; give the path of one, or an id",
        tiny_bert: r"is of the kind 'bert' but a model that reads texts and pictures was needed, one of clip, siglip,",
        without(whole, tmp_path / "a", "config.json"): r"config\.json is missing",
        without(whole, tmp_path / "b", "model.safetensors"): r"no \*\.safetensors; pickled weights are never loaded",
        without(whole, tmp_path / "c", "preprocessor_config.json"): r"preprocessor_config\.json is missing",
        without(whole, tmp_path / "d", "tokenizer.json"): r"has no tokenizer",
        dense: r"has modules \['Dense'\]",
        changed(
            whole, tmp_path / "e", "preprocessor_config.json", lambda s: s | {"auto_map": own_code}
        ): r"own Python",
        changed(whole, tmp_path / "f", "config.json", lambda s: s | {"auto_map": own_code}): r"own Python code",
    }
    for folder, message in wrong.items():
        with pytest.raises(ModelError, match=message) as told:
            dual_files.describe(str(folder))
        assert "\n" not in str(told.value)


def test_files_that_do_not_make_a_model_are_refused_as_it_is_loaded(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = made("clip")
    torn = shutil.copytree(whole, tmp_path / "torn")
    weights = load_file(torn / "model.safetensors")
    save_file({n: w for n, w in weights.items() if "layers.1." not in n}, torn / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 32 weights, the first text_model\.encoder\.layers\.1\."):
        dual.loaded(seen(torn))
    words = shutil.copytree(whole, tmp_path / "words")
    (words / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match=r"the tokenizer of .* cannot be loaded"):
        dual_tokens.load_tokenizer(str(words))
    pixels = changed(whole, tmp_path / "pixels", "preprocessor_config.json",
                     lambda said: said | {"image_processor_type": "NoSuchProcessor"})  # fmt: skip
    with pytest.raises(ModelError, match=r"the picture processor of .* cannot be loaded"):
        dual.load_processor(str(pixels))
    before = seen(whole)
    stale = before.model_copy(update={"encoder": before.encoder.model_copy(update={"weights": "others"})})
    with pytest.raises(ModelError, match="has changed since it was described"):
        dual.loaded(stale)
    with pytest.raises(ModelError, match=r"passages were encoded by .* with identity"):
        load.runnable(stale)


def test_pictures_encoded_in_a_way_this_machine_has_not_are_refused_for_texts(
    made: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_gpu = seen(made("clip")).model_copy(update={"numerics": Numerics(precision="bf16", engine="torch-cuda")})
    monkeypatch.setattr("tasks.hardware.has_gpu", lambda: False)
    with pytest.raises(ModelError, match="pictures were encoded by torch-cuda in bf16, but torch sees no GPU here"):
        load.runnable(on_a_gpu)


def test_a_torchvision_of_another_torch_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dual_files.require_sound_torchvision()
    (tmp_path / "torchvision").mkdir()
    broken = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / "torchvision" / "__init__.py").write_text(broken, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises(ModelError, match=r"torchvision::nms does not exist\), .* run: pip uninstall torchvision"):
        dual_files.require_sound_torchvision()


@pytest.mark.parametrize(("kind", "side"), [("clip", 32), ("siglip", 32), ("siglip2", 32)])
def test_the_side_a_model_reads_is_known_from_its_files(made: Callable[[str], Path], kind: str, side: int) -> None:
    assert dual_files.side_read(str(made(kind))) == side


def test_an_id_is_read_by_the_same_code_as_a_folder_and_one_without_safetensors_at_a_fixed_commit(
    made: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None, bool]] = []

    def fetched(model: str, revision: str | None, patterns: tuple[str, ...]) -> files.ModelFiles:
        asked.append((model, revision, {"merges.txt", "*/merges.txt", "*.safetensors"} <= set(patterns)))
        return files.ModelFiles(model, made("clip"), revision or "main")

    monkeypatch.setattr(files, "_from_hub", fetched)
    book, other = "openai/clip-vit-base-patch32", "someone/clip-of-theirs"
    encoder = dual_files.describe(book)
    assert (encoder.model, encoder.revision) == (book, REVISIONS[book])
    assert dual_files.describe(other).revision == "main"
    assert encoder.identity == dual_files.describe(str(made("clip"))).identity
    assert asked == [(book, REVISIONS[book], True), (other, None, True)]
    by_id = load.engine(Fingerprint(encoder=encoder, numerics=Numerics(precision="fp32", engine="torch-cpu")))
    assert np.array_equal(by_id.encode(TEXTS), load.engine(seen(made("clip"))).encode(TEXTS))
    dual_files._describe.cache_clear()


@pytest.mark.parametrize("kind", ["clip", "siglip2"])
def test_bf16_gives_nearly_the_same_directions(made: Callable[[str], Path], kind: str) -> None:
    wanted = seen(made(kind))
    rough = wanted.model_copy(update={"numerics": Numerics(precision="bf16", engine="torch-cpu")})
    copies = [copy_of(image) for image in images()]
    assert (dual.features(rough, copies, 4) * dual.features(wanted, copies, 4)).sum(1).min() > 0.99
    assert (load.engine(rough).encode(TEXTS) * load.engine(wanted).encode(TEXTS)).sum(1).min() > 0.99


def test_vectors_that_are_no_numbers_are_refused(made: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = seen(made("clip"))
    nothing = np.full((1, wanted.encoder.width), np.nan, np.float32)
    monkeypatch.setattr(dual.DualModel, "pictures", lambda self, copies: nothing)
    with pytest.raises(ModelError, match=r"not numbers in fp32; set encoder\.precision=fp32"):
        dual.features(wanted, [copy_of(images()[0])], 1)
