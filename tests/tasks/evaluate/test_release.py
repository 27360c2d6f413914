import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import bootstrap

from configs.evaluate import Evaluate
from tasks.data.documents import Document, DocumentsRef, Passage
from tasks.data.evaluation import Question, QuestionsRef
from tasks.data.releases import Comparison
from tasks.data.search import Generation, Hit, HitsRef
from tasks.evaluate import compare_releases, load_shared_questions
from tasks.evaluate.core import held_by_both, judge_release
from tasks.runtime import steps
from tasks.store import objects

CONFIG = Evaluate(k=3, resamples=2_000)
QUESTIONS = [Question(str(n), "?", (f"d{n}",), "") for n in range(40)]


def ranked_at(ranks: list[int]) -> list[list[str]]:
    """Return a ranking a question whose answer stands at the rank given."""
    return [[*"xyz"[: rank - 1], f"d{n}"] for n, rank in enumerate(ranks)]


def judge(new: list[int], live: list[int], tolerance: float = 0.0) -> Comparison:
    return judge_release(QUESTIONS, ranked_at(new), ranked_at(live), CONFIG, tolerance)


def test_equal_rankings_pass_with_no_difference() -> None:
    found = judge([1, 2] * 20, [1, 2] * 20)
    assert (found.refused, found.low, found.high, found.questions) == (False, 0, 0, 40)
    assert found.new == found.live == pytest.approx((1 + 1 / math.log2(3)) / 2)
    assert found.metric == "ndcg@3"


def test_the_interval_is_that_of_an_independent_paired_bootstrap() -> None:
    rng = np.random.default_rng(3)
    new, live = rng.integers(1, 4, 40).tolist(), rng.integers(1, 4, 40).tolist()
    found = judge(new, live)
    differences = [1 / math.log2(a + 1) - 1 / math.log2(b + 1) for a, b in zip(new, live, strict=True)]
    interval = bootstrap(
        (differences,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.01)
    assert found.new - found.live == pytest.approx(np.mean(differences))


def test_a_generation_that_is_clearly_worse_is_refused_unless_that_is_tolerated() -> None:
    worse = [2] * 30 + [1] * 10
    found = judge(worse, [1] * 40)
    assert found.refused
    assert found.high < 0
    assert not judge(worse, [1] * 40, tolerance=0.4).refused
    assert not judge([1] * 40, worse).refused


def test_a_fall_that_may_be_chance_passes() -> None:
    found = judge([2, 1, 2, 1, 2] + [1] * 35, [1, 2, 1, 2, 1] + [1] * 35)
    assert found.new < found.live
    assert not found.refused


def test_questions_are_shared_if_both_hold_the_same_answers_and_they_are_not_of_the_test_split() -> None:
    questions = [
        Question("same", "?", ("a", "b"), "development"),
        Question("part", "?", ("a", "gone"), ""),
        Question("new has more", "?", ("a", "only new"), "development"),
        Question("test", "?", ("a",), "test"),
        Question("nowhere", "?", ("gone",), "development"),
        Question("unanswerable", "?", (), "development"),
    ]
    found = held_by_both(questions, {"a", "b", "only new"}, {"a", "b", "only live"})
    assert [(q.id, q.answers) for q in found] == [("same", ("a", "b")), ("part", ("a",))]


def test_shared_questions_are_read_from_a_file_and_the_others_counted(shelf: Generation, tmp_path: Path) -> None:
    rows = [
        {"id": "1", "question": "Who purrs?", "answers": ["cats"], "split": "development"},
        {"id": "2", "question": "Who barks?", "answers": ["dogs"], "split": "test"},
        {"id": "3", "question": "Who sails?", "answers": ["ships"]},
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    documents = [d for d in objects.load_rows(shelf.documents, Document) if d.id != "ships"]
    fewer = shelf.model_copy(update={"documents": objects.save_rows(DocumentsRef, Document, documents)})
    asked = load_shared_questions(tmp_path / "q.jsonl", fewer, shelf)
    assert [q.id for q in objects.load_rows(asked.questions, Question)] == ["1"]
    assert (asked.answerable, asked.left_out) == (1, 2)


def test_generations_are_compared_by_documents_each_counted_by_its_best_passage(
    shelf: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: dict[str, float] = {}
    monkeypatch.setattr(steps, "log_metrics", lambda **metrics: logged.update(metrics))
    twice = [*objects.load_rows(shelf.passages, Passage), Passage("cats#1", "cats", 0, 0, 4, "", "Cats", 1)]
    longer = objects.save_rows(type(shelf.passages), Passage, twice)
    questions = objects.save_rows(QuestionsRef, Question, [Question(str(n), "?", ("ships",), "") for n in range(2)])
    new = [Hit(query, row, rank, 1, 1, 1) for query in (0, 1) for rank, row in enumerate([0, 3, 2], start=1)]
    live = [Hit(query, row, rank, 1, 1, 1) for query in (0, 1) for rank, row in enumerate([2, 0], start=1)]
    found = compare_releases.fn(
        questions,
        {"new": longer, "live": shelf.passages},
        {"new": objects.save_rows(HitsRef, Hit, new), "live": objects.save_rows(HitsRef, Hit, live)},
        Evaluate(resamples=100),
        0.0,
    )
    assert (found.new, found.live) == pytest.approx((1 / math.log2(3), 1))
    assert found.refused
    assert logged["difference"] == found.new - found.live
    assert (logged["difference.low"], logged["difference.high"]) == (found.low, found.high)
