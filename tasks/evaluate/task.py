"""Tasks of `evaluate`: measures with intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import configs
from configs.evaluate import Calibrate, Evaluate
from tasks.answers import Answer, Calibration
from tasks.data import (
    AnswersRef,
    Asked,
    CalibrationRef,
    DocumentsRef,
    Generation,
    HitsRef,
    MeasuresRef,
    PassagesRef,
    QueriesRef,
    QuestionsRef,
)
from tasks.rows import Hit, Measure, Query, Question
from tasks.runtime import steps, store
from tasks.runtime.steps import step


def questions_for(source: str, config: Evaluate) -> Path | None:
    """Return the questions to judge by: the file configured, else the project's own for a kind of source, or None.

    Raises:
        DataError: The file cannot be read, or has no question in the split.
    """
    from tasks.evaluate.questions import read_questions

    own = Path(configs.__file__).parent / "evaluation" / f"{source}.jsonl"
    path = Path(config.questions).expanduser() if config.questions else own
    if config.questions is None and not own.is_file():
        return None
    read_questions(path, config.split)
    return path


def load_questions(path: Path, split: str, documents: DocumentsRef) -> Asked:
    """Store the questions of a file that this collection can be judged by. Never looked up, always read.

    Args:
        path: A jsonl file.
        split: Which of its questions.
        documents: The collection's documents; a question none of whose answers is among them is left out and counted.

    Raises:
        DataError: The file cannot be read.
    """
    from tasks.evaluate.questions import read_questions

    return _asked(read_questions(path, split), documents)


def load_calibration(path: Path, documents: DocumentsRef) -> Asked | None:
    """Store the questions of a file by which this collection can be calibrated: none of the test half, ever.

    Returns:
        The development half, and lines without a split; None where this collection answers none of them.

    Raises:
        DataError: The file cannot be read.
    """
    from tasks.evaluate.questions import read_questions

    found = _asked([q for q in read_questions(path, "all") if q.split in ("", "development")], documents)
    return found if found.answerable else None


def _asked(questions: Sequence[Question], documents: DocumentsRef) -> Asked:
    known = set(store.load_table(documents, ["id"])["id"].to_pylist())
    kept = [q for q in questions if not q.answers or known & set(q.answers)]
    return Asked(
        questions=store.save_rows(QuestionsRef, Question, kept),
        queries=store.save_rows(QueriesRef, Query, [Query(q.id, q.question) for q in kept]),
        answerable=sum(bool(q.answers) for q in kept),
        left_out=len(questions) - len(kept),
    )


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
    from tasks.evaluate.core import judge_rankings

    asked = store.load_rows(questions, Question)
    owner = store.load_table(passages, ["document"])["document"].to_pylist()
    ranked: dict[str, list[list[str]]] = {}
    for name, ref in rankings.items():
        ranked[name] = [[] for _ in asked]
        for hit in store.load_rows(ref, Hit):
            if owner[hit.passage] not in ranked[name][hit.query]:
                ranked[name][hit.query].append(owner[hit.passage])
    return store.save_rows(MeasuresRef, Measure, judge_rankings(asked, ranked, config))


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

    asked = store.load_rows(questions, Question)
    given = [Answer.model_validate(a) for a in store.load_json(answers)]
    measures = [*judge_answers(asked, given), *judge_separation(asked, given), *judge_wording(asked, given, config)]
    return store.save_rows(MeasuresRef, Measure, measures)


@step(name="evaluate-calibrate", libraries=("numpy", "scipy", "scikit-learn"))
def calibrate_threshold(
    collection: Generation, questions: QuestionsRef, answers: AnswersRef, way: str, config: Calibrate
) -> CalibrationRef:
    """Fit below which probability a collection answers nothing; where that makes no sense, keep the reason.

    Args:
        collection: What the answers come from.
        questions: Q questions, some of which it answers and some not.
        answers: Q answers; that some are withheld already does not matter.
        way: Digest of how passages were found and read.
        config: What may go wrong, and what may not.
    """
    from tasks.evaluate.calibrate import calibrated

    fitted = calibrated(
        store.load_rows(questions, Question), [Answer.model_validate(a) for a in store.load_json(answers)], config
    )
    stated = {"encoder": collection.fingerprint.encoder.identity, "passages": collection.passages.digest}
    steps.record(**{name: value for name, value in fitted.items() if isinstance(value, int | float)})
    made = Calibration.model_validate({**stated, "retrieval": way, **fitted})
    return store.save_json(CalibrationRef, made.model_dump(mode="json"))
