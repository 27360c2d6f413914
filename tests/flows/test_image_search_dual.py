"""`image-search` by a model that reads texts and pictures, named by its folder: nothing is learned or described."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from configs.embed import Embed
from configs.flows_pictures import ImageSearch
from configs.ingest import Tables
from configs.picture_encoders import DualEncoder
from configs.pictures import PictureFiles, Symbols, ZeroShotClasses
from flows.__main__ import main
from flows.image_search import image_search, preflight
from flows.semantic_search import semantic_search
from tasks.data.placed import TowerLimits
from tasks.embed.dual_recall import ranks_among_all
from tasks.errors import ContractError, ModelError
from tasks.index import open_collection
from tasks.ingest.pictures.copies import symbols
from tasks.models.encoders import load
from tasks.models.vision import dual_files
from tasks.report.image_search import _unread
from tasks.store import objects
from tasks.vectors.arithmetic import normalise
from tests.tasks.models.vision import dual_models

LONG = "a red boat at night " * 10


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the folder of a small CLIP."""
    return dual_models.clip(tmp_path / "model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of 24 symbols, and a table that describes the first 20 and says what each is."""
    place = tmp_path / "symbols"
    place.mkdir()
    rows = []
    for name, said, picture in symbols(64, 24):
        (place / name).write_bytes(picture.copy)
        rows.append({"file": name, "said": said, "is": "left" if "left" in said else "right"})
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:20]), "utf-8")
    return place


def by(model: Path, **more: object) -> ImageSearch:
    return ImageSearch.model_validate(
        {"encoder": {"kind": "dual", "model": str(model), "precision": "fp32", "device": "cpu"}, **more}
    )


def described(folder: Path) -> PictureFiles:
    table = Tables(path=str(folder.parent / "said.jsonl"), id="file", text="said", keep=("is",))
    return PictureFiles(path=str(folder), described=table)


@pytest.mark.flow
@pytest.mark.slow
def test_undescribed_pictures_are_found_by_texts_and_pictures_as_the_two_towers_have_them(
    workspace: Path, folder: Path, model: Path
) -> None:
    source, asked = PictureFiles(path=str(folder)), str(folder / "u2191.png")
    made = image_search(source, ["an arrow"], [asked], None, by(model))
    by_text, by_picture = made.result["queries"]
    assert by_picture["hits"][0]["document"] == "u2191.png"
    assert by_picture["hits"][0]["score"] == pytest.approx(1.0, abs=1e-4)
    live = open_collection("symbols")
    vectors = objects.load_array(live.vectors)
    cosines = load.engine(live.fingerprint).encode(["an arrow"]) @ vectors.T
    assert [hit["score"] for hit in by_text["hits"]] == pytest.approx(np.sort(cosines[0])[::-1][:12], abs=1e-4)
    assert made.result["measures"] == {}
    assert made.result["warnings"] == []
    assert live.fingerprint.encoder.architecture == "dual"

    again = image_search(source, ["an arrow"], [asked], None, by(model))
    assert (again.tasks["run"], again.result) == (0, made.result)
    other = semantic_search(["an arrow"], "symbols").result["queries"][0]["hits"]
    assert [hit["document"] for hit in other[:10]] == [hit["document"] for hit in by_text["hits"][:10]]

    weights = load_file(model / "model.safetensors")
    save_file({name: value + 0.01 for name, value in weights.items()}, model / "model.safetensors", {"format": "pt"})
    dual_files._describe.cache_clear()
    with pytest.raises(
        ModelError, match=r"the passages were encoded by .*model with identity .* build the collection"
    ):
        semantic_search(["an arrow"], "symbols")


@pytest.mark.flow
@pytest.mark.slow
def test_described_pictures_are_judged_all_together_and_texts_that_were_cut_are_told(
    workspace: Path, folder: Path, model: Path
) -> None:
    classes = {"names": ["left", "right"], "templates": ["{}"], "truth": "is", "centred": False}
    made = image_search(described(folder), [LONG], None, "signs", by(model, classes=classes))
    live = open_collection("signs")
    vectors, engine = objects.load_array(live.vectors), load.engine(live.fingerprint)
    said = objects.load_table(live.documents, ["text"])["text"].to_pylist()
    rows = np.flatnonzero([bool(text) for text in said])
    asked = engine.encode([said[row] for row in rows])
    cosines = [vectors @ text for text in asked]
    ranks = [int((found >= found[row]).sum()) for row, found in zip(rows, cosines, strict=True)]
    assert ranks_among_all(vectors, asked, rows).tolist() == ranks
    measures = made.result["measures"]
    assert measures["recall@5 dual"]["value"] == pytest.approx(np.mean(np.array(ranks) <= 5))
    assert measures["recall@5 dual"]["n"] == 20
    assert measures["recall@10 chance"]["value"] == pytest.approx(10 / 24)
    words = normalise(engine.encode(["left", "right"]))
    right = ["left" if "left" in text else "right" for text in said if text]
    best = [("left", "right")[at] for at in (vectors[rows] @ words.T).argmax(1)]
    share = np.mean([one == other for one, other in zip(best, right, strict=True)])
    assert measures["accuracy zero-shot"]["value"] == pytest.approx(share)
    assert measures["accuracy zero-shot"]["n"] == 20
    assert sum(made.result["classes"].values()) == 24
    cut = len([text for text in said if len(text.replace(" ", "")) > 22])
    assert made.result["warnings"] == [
        f"1 queries, words and classes and {cut} descriptions are longer than the 24 tokens that the encoder "
        "reads; what stands behind was not read"
    ]
    page = Path(made.report).read_text("utf-8")
    assert "longer than the 24 tokens" in page
    assert "asked for by its own description among all pictures" in page


def test_what_is_no_such_model_is_refused_before_any_work(
    workspace: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ContractError, match=r"embed is set but encoder\.kind is dual"):
        preflight(Symbols(limit=3), config=by(model, embed=Embed(precision="fp32")))
    with pytest.raises(ModelError, match="'no-one/no-such-clip' is not on this machine and cannot be downloaded"):
        preflight(Symbols(limit=3), config=ImageSearch(encoder=DualEncoder(model="no-one/no-such-clip")))
    with pytest.raises(ContractError, match=r"encoder\.device is cuda but torch sees no GPU here"):
        preflight(Symbols(limit=3), config=ImageSearch(encoder=DualEncoder(model=str(model), device="cuda")))
    preflight(Symbols(limit=3), ["an arrow"], config=by(model, classes=ZeroShotClasses(names=("a", "b"))))
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    assert main(["image-search", "encoder.kind=dual", f"encoder.model={tmp_path / 'bert'}"]) == 2
    told = capsys.readouterr().err
    assert "is of the kind 'bert' but a model that reads texts and pictures was needed" in told
    assert "Traceback" not in told


@pytest.mark.flow
@pytest.mark.long
@pytest.mark.parametrize("kind", ["siglip2", "sentence-transformers"])
def test_each_kind_of_model_finds_pictures_in_the_flow_and_words_are_added_to_a_picture(
    workspace: Path, folder: Path, kind: str, make_dual: Callable[[str], Path]
) -> None:
    config = by(make_dual(kind), shift={"plus": "red"}, probe={"truth": "is"}, head={"near_duplicate": 1.0})
    made = image_search(described(folder), ["an arrow"], [str(folder / "u2191.png")], None, config)
    by_text, by_picture = made.result["queries"]
    assert len(by_text["hits"]) == len(by_picture["hits"]) == 12
    assert made.result["measures"]["recall@10 dual"]["n"] == made.result["probe"]["learned_from"] == 20
    live = open_collection("symbols")
    vectors = objects.load_array(live.vectors)
    (own,) = (row for row, path in enumerate(objects.load_table(live.documents, ["path"])["path"].to_pylist())
              if path == "u2191.png")  # fmt: skip
    moved = normalise(vectors[own] + 0.5 * load.engine(live.fingerprint).encode(["red"]))
    assert [hit["score"] for hit in by_picture["hits"]] == pytest.approx(
        np.sort((moved @ vectors.T)[0])[::-1][:12], abs=1e-4
    )


@pytest.fixture
def make_dual(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a small model of a kind."""
    return lambda kind: dual_models.MAKERS[kind](tmp_path / kind)


def test_a_model_that_reads_larger_pictures_than_the_working_copies_is_told() -> None:
    read = TowerLimits(tokens=64, descriptions=0, texts=0, side=384, copies=256)
    (told,) = _unread(read)
    assert told.startswith("the encoder reads pictures of 384 pixels a side, and working copies have 256")
    assert _unread(read.model_copy(update={"side": 256})) == []
