"""Pictures are encoded once a dual encoder; ranks among all; what the model does not read is counted."""

from pathlib import Path

import numpy as np
import pytest

from configs.picture_encoders import DualEncoder, Lite0WithHead
from configs.pictures import Symbols
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure
from tasks.data.pictures import Picture, PicturesRef
from tasks.data.vectors import VectorsRef
from tasks.embed import task_dual, task_pictures
from tasks.embed.dual_recall import ranks_among_all, recalls
from tasks.ingest.task_pictures import ingest_pictures, list_pictures
from tasks.metrics.intervals import wilson
from tasks.models.vision import dual, dual_files
from tasks.store import objects
from tasks.vectors.arithmetic import normalise
from tests.tasks.models.vision import dual_models

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


@pytest.fixture
def config(tmp_path: Path) -> DualEncoder:
    return DualEncoder(model=str(dual_models.clip(tmp_path / "model")), precision="fp32", device="cpu", batch_size=3)


def test_only_pictures_that_no_run_has_encoded_are_encoded(
    config: DualEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Symbols(limit=10)
    some = objects.load_rows(ingest_pictures.fn(list_pictures(source), None, source).pictures, Picture)
    encoder, sizes = task_dual.picture_encoder(config), []
    real = dual.DualModel.pictures

    def counted(self: dual.DualModel, copies: list[bytes]) -> np.ndarray:
        sizes.append(len(copies))
        return real(self, copies)

    monkeypatch.setattr(dual.DualModel, "pictures", counted)
    first = task_dual.embed_dual_pictures.fn(objects.save_rows(PicturesRef, Picture, some[:8]), encoder, config)
    again = task_dual.embed_dual_pictures.fn(objects.save_rows(PicturesRef, Picture, some[::-1]), encoder, config)
    assert sizes == [3, 3, 2, 2]
    assert np.array_equal(objects.load_array(again)[::-1][:8], objects.load_array(first))
    assert np.linalg.norm(objects.load_array(again), axis=1) == pytest.approx(1.0, abs=1e-6)


def test_the_encoder_of_a_config_is_the_one_it_names(config: DualEncoder) -> None:
    assert task_dual.picture_encoder(config).encoder == dual_files.describe(config.model)
    assert task_dual.picture_encoder(Lite0WithHead()) == task_pictures.describe_picture_encoder()


def test_ranks_are_those_of_sorting_all_pictures_and_equal_ones_count_against_a_picture() -> None:
    draw = np.random.default_rng(0)
    vectors, asked = (normalise(draw.normal(size=(n, 6)).astype(np.float32)) for n in (40, 25))
    rows = draw.permutation(40)[:25]
    order = np.argsort(-(asked @ vectors.T), axis=1)
    wanted = [order[text].tolist().index(row) + 1 for text, row in enumerate(rows)]
    assert ranks_among_all(vectors, asked, rows).tolist() == wanted
    same = np.ones((4, 2), np.float32)
    assert ranks_among_all(same, same[:2], np.array([0, 3])).tolist() == [4, 4]


def test_recall_has_the_interval_of_wilson_and_chance_is_that_of_all_pictures() -> None:
    found = {(m.name, m.what): m for m in recalls(np.array([1, 2, 7, 30]), 40)}
    assert [found[f"recall@{top}", "dual"].value for top in (1, 5, 10)] == [0.25, 0.5, 0.75]
    assert (found["recall@5", "dual"].low, found["recall@5", "dual"].high) == wilson(2, 4)
    assert found["recall@10", "chance"].value == 0.25
    assert recalls(np.empty(0, np.int64), 40) == []
    assert recalls(np.array([1]), 3)[-1].value == 1.0


def test_pictures_without_a_description_are_placed_and_not_judged() -> None:
    vectors = normalise(np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32))
    documents = [Document(str(row), "said" if row in (1, 3) else "", "", "", "", 0, "picture") for row in range(5)]
    features = objects.save_array(task_dual.FeaturesRef, vectors)
    placed = task_dual.place_dual.fn(
        objects.save_rows(DocumentsRef, Document, documents), features, objects.save_array(VectorsRef, vectors)
    )
    assert np.array_equal(objects.load_array(placed.held_out), vectors)
    first = objects.load_rows(placed.measures, Measure)[0]
    assert (first.name, first.value, first.n) == ("recall@1", 1.0, 2)


def test_texts_over_the_limit_and_pictures_that_are_enlarged_are_known(config: DualEncoder) -> None:
    source = Symbols(limit=4)
    passages = ingest_pictures.fn(list_pictures(source), None, source).passages
    found = task_dual.tower_limits.fn(passages, ["a" * 30, "b"], task_dual.picture_encoder(config))
    assert (found.tokens, found.texts, found.side, found.copies) == (24, 1, dual_models.SIDE, 256)
