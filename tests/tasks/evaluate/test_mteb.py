"""Scores on tasks of MTEB are those of the same weights elsewhere; names and data that are not there are said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.embed import Embed
from configs.finetune_pairs import TuneGate
from tasks import hardware
from tasks.data.benchmarks import TaskScore
from tasks.embed import describe_encoder
from tasks.errors import ContractError, DataError, MissingExtra
from tasks.evaluate.gate import compare_scores
from tasks.evaluate.task_mteb import measure_mteb, require_mteb
from tasks.store import objects

pytestmark = [pytest.mark.slow, pytest.mark.long]
ENCODER = describe_encoder(Embed(precision="fp32", device="cpu"))


@pytest.fixture
def mock_tasks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Let two tasks with data of their own, which the package tests itself with, stand for those of the hub."""
    import mteb
    from mteb.mocks import MockRetrievalTask, MockSTSTask

    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))
    found = [MockSTSTask(), MockRetrievalTask()]
    monkeypatch.setattr(mteb, "get_tasks", lambda tasks: [t for t in found if t.metadata.name in tasks])
    return found


def test_the_scores_are_those_of_sentence_transformers_with_the_same_weights(mock_tasks: list[Any]) -> None:
    from scipy.stats import spearmanr
    from sentence_transformers import SentenceTransformer

    from tasks.models.files import locate

    names = tuple(task.metadata.name for task in mock_tasks)
    require_mteb(names)
    scores = objects.load_rows(measure_mteb.fn(ENCODER, names), TaskScore)
    assert [(s.task, s.metric) for s in scores] == [
        ("MockSTSTask", "cosine_spearman"),
        ("MockRetrievalTask", "ndcg_at_10"),
    ]
    model = SentenceTransformer(str(locate(ENCODER.encoder.model).folder), device="cpu")
    mock_tasks[0].load_data()  # it was let go when it was measured
    rows = mock_tasks[0].dataset["test"]
    left, right = (model.encode(rows[side], normalize_embeddings=True) for side in ("sentence1", "sentence2"))
    assert scores[0].score == pytest.approx(spearmanr(np.sum(left * right, 1), rows["score"]).statistic, abs=1e-6)
    assert 0 < scores[1].score <= 1


def test_a_task_that_is_not_there_or_of_pictures_and_a_package_that_is_missing_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ContractError, match=r"general.mteb: 'STSBenchmar' not found. Did you mean: 'STSBenchmark'\?"):
        require_mteb(["STSBenchmar"])
    with pytest.raises(ContractError, match="names CIFAR10, which is not of texts alone"):
        require_mteb(["CIFAR10"])
    require_mteb(["STSBenchmark", "SciFact"])
    monkeypatch.setattr(hardware, "missing", lambda names: list(names))
    with pytest.raises(MissingExtra, match=r"pip install 'llm-flows\[mteb\]'"):
        require_mteb(["STSBenchmark"])
    require_mteb([])


def test_data_that_cannot_be_fetched_are_one_sentence(mock_tasks: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise ConnectionError("the hub cannot be reached\nat all")

    monkeypatch.setattr(mock_tasks[0], "load_data", refuse)
    with pytest.raises(DataError, match=r"MTEB's MockSTSTask cannot be run \(the hub cannot be reached\)"):
        measure_mteb.fn(ENCODER, ("MockSTSTask",))


def test_a_task_may_fall_by_the_tolerance_and_has_no_interval() -> None:
    before = [TaskScore("A", "ndcg_at_10", 0.5), TaskScore("B", "accuracy", 0.9)]
    after = [TaskScore("A", "ndcg_at_10", 0.495), TaskScore("B", "accuracy", 0.85)]
    kept, lost = compare_scores(before, after, TuneGate(tolerance=0.01))
    assert kept.passed
    assert not lost.passed
    assert kept.words == "ndcg_at_10 of A 0.500 -> 0.495, -0.005"
    assert lost.role == "general"
