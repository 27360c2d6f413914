"""Pictures are encoded once, whatever they are called; a stored head places them as the one that was learned."""

from pathlib import Path

import numpy as np
import pytest

from configs.pictures import PictureHead, Symbols
from tasks.data.pictures import FeaturesRef, NearPictures, Picture, PictureHit, PicturesRef
from tasks.data.vectors import VectorsRef
from tasks.embed import task_pictures
from tasks.errors import DataError
from tasks.ingest.task_pictures import ingest_pictures, list_pictures
from tasks.models.vision import encode, lite0, weights
from tasks.store import objects
from tasks.vectors.arithmetic import normalise as unit

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


@pytest.fixture
def some() -> list[Picture]:
    source = Symbols(limit=20)
    return objects.load_rows(ingest_pictures.fn(list_pictures(source), None, source).pictures, Picture)


def test_only_what_no_run_has_encoded_is_encoded_and_features_do_not_depend_on_the_batch(
    some: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, sizes = task_pictures.describe_picture_encoder(), []
    real = encode.features

    def counted(network: lite0.Lite0, copies: list[bytes], advance: object = None) -> np.ndarray:
        sizes.append(len(copies))
        return real(network, copies)

    monkeypatch.setattr(encode, "features", counted)
    first = task_pictures.embed_pictures.fn(objects.save_rows(PicturesRef, Picture, some[:18]), encoder)
    again = task_pictures.embed_pictures.fn(objects.save_rows(PicturesRef, Picture, some[::-1]), encoder)
    assert sizes == [18, 2]
    assert np.array_equal(objects.load_array(again)[::-1][:18], objects.load_array(first))
    alone = np.concatenate([real(weights.network(), [picture.copy]) for picture in some])
    assert np.abs(alone[::-1] - objects.load_array(again)).max() < 1e-4


def test_the_network_is_read_from_safetensors_once_they_were_made() -> None:
    weights._network.cache_clear()
    weights.network()
    (file,) = (Path(weights.workspace.folder("models", "vision"))).rglob("*.safetensors")
    assert file.stat().st_size > 18_000_000
    weights._network.cache_clear()


def test_what_looks_like_a_picture_is_ranked_by_cosine() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    stored, asked = (objects.save_array(FeaturesRef, part) for part in (rows, 2 * rows[[4, 9]]))
    hits = objects.load_rows(task_pictures.find_alike.fn(stored, asked, 5), PictureHit)
    cosines = unit(rows[[4, 9]]) @ unit(rows).T
    for query, own in ((0, 4), (1, 9)):
        mine = [hit for hit in hits if hit.query == query]
        assert [hit.picture for hit in mine] == np.argsort(-cosines[query])[:5].tolist()
        assert (mine[0].picture, mine[0].score) == (own, pytest.approx(1.0))
    near = objects.load_rows(task_pictures.near_pictures.fn(asked, -1.0), NearPictures)
    assert [(pair.first, pair.second) for pair in near] == [(0, 1)]


def test_a_stored_head_is_the_one_that_was_learned_and_too_few_descriptions_are_refused() -> None:
    source = Symbols(limit=150)
    read = ingest_pictures.fn(list_pictures(source), None, source)
    draw = np.random.default_rng(1)
    features = objects.save_array(FeaturesRef, draw.normal(size=(150, 12)).astype(np.float32))
    texts = objects.save_array(VectorsRef, unit(draw.normal(size=(150, 6)).astype(np.float32)))
    colours = task_pictures.embed_colours.fn(read.pictures)
    learned = task_pictures.learn_head.fn(read.documents, colours, features, texts, PictureHead())
    vectors = objects.load_array(task_pictures.place_pictures.fn(features, learned.head))
    assert vectors.shape == (150, 6)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    again = task_pictures.learn_head.fn(read.documents, colours, features, texts, PictureHead())
    assert again == learned
    with pytest.raises(DataError, match="150 pictures are described, 200 are needed"):
        task_pictures.learn_head.fn(read.documents, colours, features, texts, PictureHead(least=200))
