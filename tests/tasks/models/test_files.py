import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import SentenceTransformer

from configs.models import CATALOGUE, EMBEDDED
from tasks.errors import ModelError
from tasks.models import files as model_files
from tasks.store import durable

Make = Callable[..., Path]


def edit(path: Path, **changes: Any) -> None:
    """Change fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_embedded_model_is_found_in_its_package() -> None:
    found = model_files.locate(EMBEDDED)
    assert (found.model, found.revision) == (EMBEDDED, "embedded")
    assert durable.file_digest(found.folder / "model.safetensors") == CATALOGUE[EMBEDDED].sha256


def test_the_embedded_model_is_described_as_its_card_on_the_hub_does() -> None:
    found = model_files.describe(EMBEDDED)
    assert (found.pooling, found.normalize, found.max_tokens, found.width) == ("mean", True, 256, 384)
    assert (found.query_prompt, found.passage_prompt) == ("", "")


def test_other_weights_under_the_name_of_the_embedded_model_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "other_weights"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "model" / "model.safetensors").write_bytes(b"0123456789")
    monkeypatch.syspath_prepend(tmp_path)
    card = CATALOGUE[EMBEDDED].model_copy(update={"package": "other_weights"})
    monkeypatch.setitem(CATALOGUE, EMBEDDED, card)
    with pytest.raises(
        ModelError, match=r"has sha256 84d89877f0d4041e but 53aa51172d142c89 is the published one; run:"
    ):
        model_files.locate(EMBEDDED)
    (package / "model" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model.safetensors is missing"):
        model_files.locate(EMBEDDED)


def test_a_package_that_is_not_installed_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    card = CATALOGUE[EMBEDDED].model_copy(update={"package": "no_such_package"})
    monkeypatch.setitem(CATALOGUE, EMBEDDED, card)
    with pytest.raises(
        ModelError,
        match="is not installed here; run: python -m flows models add sentence-transformers/all-MiniLM-L6-v2",
    ):
        model_files.locate(EMBEDDED)


@pytest.mark.parametrize("model", ["./gone", "/gone", "~/gone", "a/b/c"])
def test_a_path_that_is_no_folder_is_refused_with_an_example(model: str) -> None:
    with pytest.raises(
        ModelError, match=f"model '{model}' is not a folder; give the path of one, or an id such as sent"
    ):
        model_files.locate(model)


@pytest.mark.usefixtures("home")
def test_a_model_of_the_hub_is_not_here_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ModelError,
        match=r"model 'some/model' is not on this machine and cannot be downloaded \(.+\); connect to",
    ):
        model_files.locate("some/model")


def test_a_model_of_the_hub_that_was_fetched_before_is_taken_from_the_workspace(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stored, commit = home / "models" / "models--some--model", "0123456789abcdef0123456789abcdef01234567"
    (stored / "snapshots" / commit).mkdir(parents=True)
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text(commit)
    found = model_files.locate("some/model")
    assert (found.folder, found.revision) == (stored / "snapshots" / commit, commit)


def test_a_folder_is_found_as_it_is(tiny_bert: Path) -> None:
    assert model_files.locate(str(tiny_bert)) == model_files.ModelFiles(str(tiny_bert), tiny_bert.resolve(), "local")


@pytest.mark.parametrize(
    ("pooling", "normalize"),
    [("mean", True), ("cls", False), ("max", True), ("lasttoken", False), ("mean_sqrt_len_tokens", True)],
)
def test_an_encoder_is_described_as_sentence_transformers_saved_it(
    tiny_encoder: Make, pooling: str, normalize: bool
) -> None:
    folder = tiny_encoder(
        pooling=pooling, normalize=normalize, longest=24, prompts={"query": "q: ", "document": "d: "}
    )
    found = model_files.describe(str(folder))
    model = SentenceTransformer(str(folder), device="cpu")
    assert found.pooling == pooling.removesuffix("_tokens")
    assert found.normalize is normalize
    assert found.max_tokens == model.max_seq_length == 24
    assert found.width == model.get_embedding_dimension() == 32
    assert (found.query_prompt, found.passage_prompt) == ("q: ", "d: ")
    assert found.tokenizer == durable.file_digest(folder / "tokenizer.json")
    assert found.revision == "local"


def test_a_plain_model_without_modules_is_pooled_by_mean(tiny_bert: Path) -> None:
    found = model_files.describe(str(tiny_bert))
    assert (found.pooling, found.normalize, found.max_tokens, found.query_prompt) == ("mean", False, 40, "")


def test_the_longest_text_is_never_longer_than_the_positions_of_the_model(tiny_encoder: Make) -> None:
    folder = tiny_encoder()
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 512}')
    assert model_files.describe(str(folder)).max_tokens == 40


def test_the_older_way_of_naming_a_pooling_is_read(tiny_encoder: Make) -> None:
    folder = tiny_encoder()
    old = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(old))
    assert model_files.describe(str(folder)).pooling == "cls"


def test_the_width_of_a_distilbert_is_read(tiny_encoder: Make) -> None:
    folder = tiny_encoder()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({"dim": config.pop("hidden_size"), **config}))
    assert model_files.describe(str(folder)).width == 32


def test_weights_count_by_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"a")
    first = model_files.weights_digest(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "other.safetensors")
    renamed = model_files.weights_digest(tmp_path)
    (tmp_path / "other.safetensors").write_bytes(b"bb")
    assert len({first, renamed, model_files.weights_digest(tmp_path)}) == 3


Break = Callable[[Path], object]
POOLING = "1_Pooling/config.json"
BROKEN: dict[str, tuple[Break, str]] = {
    "code of its own": (
        lambda f: edit(f / "config.json", auto_map={"AutoModel": "modeling.Evil"}),
        r"asks to run its own Python code \(auto_map\), which this project never does; use another model",
    ),
    "pickled weights": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        r"has no \*.safetensors; pickled weights are never loaded, convert them first",
    ),
    "no tokenizer": (
        lambda f: (f / "tokenizer.json").unlink(),
        r"tokenizer.json is missing; a folder of a model with config.json, safetensors and tokenizer.json was needed",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), r"config.json is missing; a folder of a model"),
    "a config that is no JSON": (
        lambda f: (f / "config.json").write_text("{"),
        r"config.json is not JSON \(.*\); download the model again",
    ),
    "a deeply nested config": (lambda f: (f / "config.json").write_text("[" * 100_000), r"config.json is not JSON"),
    "a config that is a list": (lambda f: (f / "config.json").write_text("[1]"), r"config.json is not a JSON object"),
    "no width": (lambda f: edit(f / "config.json", hidden_size=None), r"states no width"),
    "an unknown module": (
        lambda f: (f / "modules.json").write_text('[{"type": "x.Transformer", "path": ""}, {"type": "x.Dense"}]'),
        r"has modules \['Dense'\], which this version does not run; use another encoder",
    ),
    "modules that are no list": (
        lambda f: (f / "modules.json").write_text('{"a": 1}'),
        r"modules.json is not a list of",
    ),
    "an unknown pooling": (
        lambda f: edit(f / POOLING, pooling_mode="weightedmean"),
        r"pools by \['weightedmean'\]; this version supports one of \['cls', 'lasttoken', 'max', 'mean', 'mean_sqrt_",
    ),
    "two poolings": (
        lambda f: edit(f / POOLING, pooling_mode_cls_token=True, pooling_mode_max_tokens=True),
        r"pools by \['cls', 'max'\]; this version supports one of",
    ),
    "a pooling that leaves the prompt out": (
        lambda f: edit(f / POOLING, include_prompt=False),
        r"excludes the prompt from the pooling, which this version does not support",
    ),
    "a pooling without its config": (lambda f: shutil.rmtree(f / "1_Pooling"), r"1_Pooling/config.json is missing"),
}


@pytest.mark.parametrize(("harm", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_folder_that_cannot_be_used_is_refused_with_the_reason(
    tiny_encoder: Make, harm: Break, message: str
) -> None:
    folder = tiny_encoder()
    harm(folder)
    with pytest.raises(ModelError, match=message):
        model_files.describe(str(folder))


@pytest.mark.slow
def test_describing_loads_no_torch(tiny_bert: Path) -> None:
    check = "import sys; from tasks.models import files; files.describe(sys.argv[1]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check, str(tiny_bert)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
