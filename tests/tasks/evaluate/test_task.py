import json
from pathlib import Path

import pytest

from configs.evaluate import Calibrate, Evaluate
from tasks.data.answers import Answer, AnswersRef, Calibration, Signal, SignalsRef
from tasks.data.documents import Passage, PassagesRef
from tasks.data.evaluation import Measure, Question, QuestionsRef, Scored
from tasks.data.search import Generation, Hit, HitsRef, Query
from tasks.errors import DataError
from tasks.evaluate import (
    calibrate_threshold,
    draw_calibration,
    evaluate_answers,
    evaluate_rankings,
    foreign_texts,
    load_calibration,
    load_questions,
    questions_for,
    score_questions,
)
from tasks.runtime import steps
from tasks.store import objects

ROWS = [
    {"id": "1", "question": "Which pet purrs?", "answers": ["cats", "elsewhere"]},
    {"id": "2", "question": "What is the moon?", "answers": []},
    {"id": "3", "question": "Who else?", "answers": ["elsewhere"]},
]


def test_the_project_has_questions_for_its_own_source_alone() -> None:
    path = questions_for("python-docs", Evaluate())
    assert path is not None
    assert path.is_file()
    assert questions_for("files", Evaluate()) is None


def test_questions_that_cannot_be_read_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"evaluate\.questions .*none\.jsonl' cannot be read"):
        questions_for("files", Evaluate(questions=str(tmp_path / "none.jsonl")))


def test_questions_whose_answers_the_collection_does_not_have_are_left_out_and_counted(
    shelf: Generation, tmp_path: Path
) -> None:
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, ROWS)), "utf-8")
    asked = load_questions(tmp_path / "q.jsonl", "all", shelf.documents)
    assert (asked.answerable, asked.left_out) == (1, 1)
    assert [q.id for q in objects.load_rows(asked.questions, Question)] == ["1", "2"]
    assert objects.load_rows(asked.queries, Query) == [Query("1", "Which pet purrs?"), Query("2", "What is the moon?")]


def test_documents_are_ranked_by_their_best_passage_each_once(shelf: Generation) -> None:
    twice = [*objects.load_rows(shelf.passages, Passage), Passage("cats#1", "cats", 0, 0, 4, "", "Cats", 1)]
    passages = objects.save_rows(type(shelf.passages), Passage, twice)
    questions = objects.save_rows(QuestionsRef, Question, [Question("1", "?", ("ships",), "")])
    found = [Hit(0, row, rank, 1, 1, 1) for rank, row in enumerate([0, 3, 2], start=1)]
    hits = objects.save_rows(HitsRef, Hit, found)
    judged = questions, passages, {"one": hits}, Evaluate(resamples=100)
    measured = {m.name: m.value for m in objects.load_rows(evaluate_rankings.fn(*judged), Measure)}
    assert measured["mrr@10"] == pytest.approx(1 / 2)
    assert measured["recall@10"] == 1
    scored = objects.load_rows(score_questions.fn(*judged), Scored)
    assert {(s.question, s.way) for s in scored} == {("1", "one")}
    assert {s.metric: s.value for s in scored} == measured


def test_answers_are_measured_from_the_store(home: Path) -> None:
    withheld = Answer(question="?", text="", citations=(), abstained="no", score=None, threshold=0.3)
    answers = objects.save_json(AnswersRef, [withheld.model_dump(mode="json")], rows=1)
    questions = objects.save_rows(QuestionsRef, Question, [Question("1", "?", (), "")])
    (measure,) = objects.load_rows(evaluate_answers.fn(questions, answers, Evaluate()), Measure)
    assert (measure.name, measure.value, measure.n) == ("abstained", 1.0, 1)


def test_the_test_half_is_never_calibrated_by(shelf: Generation, tmp_path: Path) -> None:
    rows = [{"id": str(n), "question": "?", "answers": ["cats"], "split": split}
            for n, split in enumerate(["test", "development", ""])]  # fmt: skip
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    asked = load_calibration(tmp_path / "q.jsonl", shelf.documents)
    assert asked is not None
    assert [q.id for q in objects.load_rows(asked.questions, Question)] == ["1", "2"]
    (tmp_path / "q.jsonl").write_text(json.dumps(rows[0]), "utf-8")
    assert load_calibration(tmp_path / "q.jsonl", shelf.documents) is None


def test_a_calibration_names_encoder_passages_and_way(shelf: Generation, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: dict[str, float] = {}
    monkeypatch.setattr(steps, "log_metrics", lambda **metrics: logged.update(metrics))
    asked = [Question(str(n), "?", ("cats",) if n % 2 else (), "") for n in range(40)]
    told = objects.save_rows(SignalsRef, Signal, [Signal(0.2 + 0.5 * (n % 2), 0.0) for n in range(40)])
    questions = objects.save_rows(QuestionsRef, Question, asked)
    made = calibrate_threshold.fn(shelf, questions, told, "way", ["en"], Calibrate())
    found = Calibration.model_validate(objects.load_json(made))
    assert (found.encoder, found.passages) == (shelf.fingerprint.encoder.identity, shelf.passages.digest)
    assert (found.retrieval, found.answerable, found.unanswerable, found.reason) == ("way", 20, 20, "")
    assert found.auroc == 1.0 > found.low > 0.8
    assert (logged["auroc"], logged["auroc.low"], logged["auroc.high"]) == (found.auroc, found.low, found.high)
    assert not {"low", "high"} & set(logged)
    assert (found.by, found.languages) == ("on 20 answerable and 20 unanswerable questions", "")


@pytest.mark.parametrize(
    ("answerable", "unanswerable", "kinds"),
    [(0, 0, {"made", "foreign"}), (3, 0, {"", "made", "foreign"}), (25, 0, {"", "foreign"}), (3, 2, {""})],
)
def test_what_the_user_asks_is_completed_by_drawn_questions(
    shelf: Generation, answerable: int, unanswerable: int, kinds: set[str]
) -> None:
    asked = [Question(str(n), "?", ("cats",) if n < answerable else (), "") for n in range(answerable + unanswerable)]
    own = objects.save_rows(QuestionsRef, Question, asked) if asked else None
    long = "The grey cat of the miller sleeps on the warm sacks behind the wheel all day."
    passages = objects.save_rows(PassagesRef, Passage, [Passage("p", "cats", 0, 0, len(long), "", long, 20)])
    found = draw_calibration.fn(own, passages, ["How tall is the tower of Pisa?"], Calibrate())
    rows = objects.load_rows(found.questions, Question)
    assert {q.split for q in rows} == kinds
    assert [bool(q.answers) for q in rows if q.split == "made"] == [True] * ("made" in kinds)
    assert (found.answerable, found.queries.rows) == (sum(bool(q.answers) for q in rows), len(rows))


def test_foreign_questions_are_of_the_languages_of_the_collection_else_english() -> None:
    assert (
        list(foreign_texts({"en": 9, "xx": 9})) == list(foreign_texts({"xx": 1})) == list(foreign_texts({})) == ["en"]
    )
    assert list(foreign_texts({"de": 3, "en": 3, "unknown": 2})) == ["de", "en"]
    assert list(foreign_texts({"en": 12, "de": 1})) == ["en"]
    for texts in foreign_texts({"en": 1, "de": 1, "es": 1}).values():
        assert len(texts) == len(set(texts)) >= 300
        assert all(text.endswith("?") and text == text.strip() for text in texts)
