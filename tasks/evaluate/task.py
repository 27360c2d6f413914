"""Tasks of `evaluate`: measures with intervals."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import configs
from configs.evaluate import Evaluate
from tasks.data.answers import Answer, AnswersRef
from tasks.data.documents import CopiesRef, Copy, DocumentsRef, PassagesRef
from tasks.data.evaluation import MeasuresRef, Question, QuestionSet, QuestionsRef, Scored, ScoresRef
from tasks.data.releases import Comparison
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.evaluate.task_measures import save_measures
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


def questions_for(source: str, config: Evaluate) -> Path | None:
    """Return the questions to judge by: the file configured, else the project's own for a kind of source, or None.

    Raises:
        DataError: The file cannot be read, or has no question in the split.
    """
    from tasks.evaluate.questions import read_questions

    own = Path(configs.__file__).parent / "evaluation" / f"{source}.jsonl"
    path = Path(os.path.expanduser(config.questions)) if config.questions else own
    if config.questions is None and not own.is_file():
        return None
    read_questions(path, config.split)
    return path


def load_questions(path: Path, split: str, documents: DocumentsRef, copies: CopiesRef | None = None) -> QuestionSet:
    """Store the questions of a file that this collection can be judged by. Never looked up, always read.

    Args:
        path: A jsonl file.
        split: Which of its questions.
        documents: The collection's documents; a question none of whose answers is among them is left out and counted.
        copies: Documents that repeat others; of an answer that has copies the one counts that a search finds.

    Raises:
        DataError: The file cannot be read.
    """
    from tasks.evaluate.questions import read_questions

    return _asked(read_questions(path, split), documents, copies)


def load_calibration(path: Path, documents: DocumentsRef, copies: CopiesRef | None = None) -> QuestionSet | None:
    """Store the questions of a file by which this collection can be calibrated: none of the test half, ever.

    Returns:
        The development half, and lines without a split; None where this collection answers none of them.

    Raises:
        DataError: The file cannot be read.
    """
    from tasks.evaluate.questions import read_questions

    found = _asked([q for q in read_questions(path, "all") if q.split in ("", "development")], documents, copies)
    return found if found.answerable else None


def _asked(questions: Sequence[Question], documents: DocumentsRef, copies: CopiesRef | None) -> QuestionSet:
    names = _found_as(documents, copies)
    kept = [replace(q, answers=_named(q, names)) for q in questions if not q.answers or names.keys() & set(q.answers)]
    return question_set(kept, len(questions) - len(kept))


def question_set(kept: Sequence[Question], left_out: int) -> QuestionSet:
    """Store questions, and the same as they are put to a collection.

    Args:
        kept: Q questions.
        left_out: How many are not among them.
    """
    return QuestionSet(
        questions=objects.save_rows(QuestionsRef, Question, kept),
        queries=objects.save_rows(QueriesRef, Query, [Query(q.id, q.question) for q in kept]),
        answerable=sum(bool(q.answers) for q in kept),
        left_out=left_out,
    )


def _found_as(documents: DocumentsRef, copies: CopiesRef | None) -> dict[str, str]:
    """Return under which id each document is found: of copies the first."""
    ids = objects.load_table(documents, ["id"])["id"].to_pylist()
    firsts = {} if copies is None else {ids[c.row]: ids[c.first] for c in objects.load_rows(copies, Copy)}
    return {name: firsts.get(name, name) for name in ids}


def _named(question: Question, names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names.get(name, name) for name in question.answers))


def load_shared_questions(path: Path, ours: Generation, theirs: Generation) -> QuestionSet:
    """Store the questions of a file that two generations can be compared by; none of its test split is among them.

    Args:
        path: A jsonl file.
        ours: The one.
        theirs: The other; a question whose answer is found under another name in it is left out.

    Raises:
        DataError: The file cannot be read.
    """
    from tasks.evaluate.core import held_by_both
    from tasks.evaluate.questions import read_questions

    known, other = (_found_as(made.documents, made.copies) for made in (ours, theirs))
    questions = read_questions(path, "all")
    held = held_by_both(questions, known.keys(), other.keys())
    kept = [replace(q, answers=_named(q, known)) for q in held if _named(q, known) == _named(q, other)]
    return question_set(kept, len(questions) - len(kept))


@step(name="evaluate-rankings", libraries=("numpy",))
def evaluate_rankings(
    questions: QuestionsRef, passages: PassagesRef, rankings: Mapping[str, HitsRef], config: Evaluate
) -> MeasuresRef:
    """Measure how well documents are ranked.

    Args:
        questions: Q questions with known answers.
        passages: What the hits point into.
        rankings: Name to the hits for the Q questions.
        config: Depth, resamples, seed.
    """
    from tasks.evaluate.core import judge_rankings, score_rankings

    asked = objects.load_rows(questions, Question)
    ranked = {name: _documents_found(hits, passages, len(asked)) for name, hits in rankings.items()}
    return save_measures("search", judge_rankings(score_rankings(asked, ranked, config.k), config))


@step(name="evaluate-ways")
def evaluate_ways(scores: ScoresRef, resamples: int, seed: int) -> MeasuresRef:
    """Average values that several ways have on the same items, and the differences of the first way from the others.

    Args:
        scores: A value for each item, way and measure.
        resamples: Bootstrap samples an interval is made of.
        seed: Same seed, same intervals.
    """
    from tasks.evaluate.core import judge_ways

    return save_measures("ways", judge_ways(objects.load_rows(scores, Scored), resamples=resamples, seed=seed))


@step(name="evaluate-questions")
def score_questions(
    questions: QuestionsRef, passages: PassagesRef, rankings: Mapping[str, HitsRef], config: Evaluate
) -> ScoresRef:
    """Measure how well every single question is served: what the means of `evaluate_rankings` are made of.

    Args:
        questions: Q questions with known answers.
        passages: What the hits point into.
        rankings: Name to the hits for the Q questions.
        config: Depth.
    """
    from tasks.evaluate.core import score_rankings

    asked = objects.load_rows(questions, Question)
    ranked = {name: _documents_found(hits, passages, len(asked)) for name, hits in rankings.items()}
    return objects.save_rows(ScoresRef, Scored, score_rankings(asked, ranked, config.k))


@step(name="evaluate-release", libraries=("numpy",))
def compare_releases(
    questions: QuestionsRef,
    passages: Mapping[str, PassagesRef],
    rankings: Mapping[str, HitsRef],
    config: Evaluate,
    tolerance: float,
) -> Comparison:
    """Compare how well a new generation and the live one rank documents for the same questions.

    Args:
        questions: Q questions that both can answer.
        passages: Of the `new` and the `live` generation, what its hits point into.
        rankings: Of each, the hits for the Q questions.
        config: Depth, resamples, seed.
        tolerance: How much worse the new one may be.
    """
    from tasks.evaluate.core import judge_release

    asked = objects.load_rows(questions, Question)
    new, live = (_documents_found(rankings[name], passages[name], len(asked)) for name in ("new", "live"))
    found = judge_release(asked, new, live, config, tolerance)
    ends = {"difference": found.new - found.live, "difference.low": found.low, "difference.high": found.high}
    steps.log_metrics(questions=found.questions, new=found.new, live=found.live, **ends)
    return found


@step(name="evaluate-answers", libraries=("numpy", "scipy"))
def evaluate_answers(questions: QuestionsRef, answers: AnswersRef, config: Evaluate) -> MeasuresRef:
    """Measure when answers are withheld, what those given cite, and how they are worded where that is known.

    Args:
        questions: Q questions with known answers.
        answers: Q answers.
        config: Resamples, seed.
    """
    from tasks.evaluate.answers import judge_wording
    from tasks.evaluate.calibrate import judge_separation
    from tasks.evaluate.core import judge_answers

    asked = objects.load_rows(questions, Question)
    given = [Answer.model_validate(a) for a in objects.load_json(answers)]
    measures = [*judge_answers(asked, given), *judge_separation(asked, given), *judge_wording(asked, given, config)]
    return save_measures("answers", measures)


def _documents_found(hits: HitsRef, passages: PassagesRef, questions: int) -> list[list[str]]:
    """Return for each question the ids of the documents its hits are of, by their best passage, each once."""
    owner = objects.load_table(passages, ["document"])["document"].to_pylist()
    ranked: list[dict[str, None]] = [{} for _ in range(questions)]
    for hit in objects.load_rows(hits, Hit):
        ranked[hit.query][owner[hit.passage]] = None
    return [list(names) for names in ranked]
