"""Tasks that find out when a collection answers nothing."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import configs
from configs.evaluate import Calibrate
from tasks.data.answers import Calibration, Signal, SignalsRef
from tasks.data.documents import Passage, PassagesRef
from tasks.data.evaluation import Question, QuestionSet, QuestionsRef
from tasks.data.search import CalibrationRef, Generation
from tasks.evaluate.task import question_set
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

ENGLISH = "en"
LEAST_SHARE = 0.25


def foreign_texts(documents: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the shipped questions on other subjects by language: of those of a quarter of documents, else English.

    Args:
        documents: How many are in each language. Questions in a language of few are far from most, and count for
            little: with them the threshold would let more of the others through.
    """
    folder = Path(configs.__file__).parent / "evaluation"
    enough = [name for name, count in documents.items() if count >= LEAST_SHARE * sum(documents.values())]
    shipped = [name for name in enough if (folder / f"foreign.{name}.txt").is_file()] or [ENGLISH]
    return {name: (folder / f"foreign.{name}.txt").read_text("utf-8").splitlines() for name in shipped}


@step(name="evaluate-draw")
def draw_calibration(
    own: QuestionsRef | None, passages: PassagesRef, foreign: Sequence[str], config: Calibrate
) -> QuestionSet:
    """Add what is missing to the questions a collection is calibrated by.

    Args:
        own: Of its user; None where there are none.
        passages: Of the collection, from which questions are made where its user's are too few.
        foreign: Texts of questions about other subjects, asked where its user names none that goes unanswered.
        config: How many are enough.
    """
    from tasks.evaluate.drawn import LOOKED_AT, foreign_questions, made_questions

    asked = [] if own is None else objects.load_rows(own, Question)
    if all(q.answers for q in asked):
        few = len(asked) < config.enough
        asked += foreign_questions(foreign)
        if few:
            some = random.Random(config.seed).sample(range(passages.rows), min(passages.rows, LOOKED_AT))
            asked += made_questions(list(objects.rows_at(passages, Passage, some).values()), config.seed)
    steps.log_metrics(questions=len(asked), of_user=0 if own is None else own.rows)
    return question_set(asked, 0)


@step(name="evaluate-calibrate", libraries=("numpy", "scipy", "scikit-learn"))
def calibrate_threshold(
    collection: Generation, questions: QuestionsRef, signals: SignalsRef, way: str, languages: Sequence[str],
    config: Calibrate,
) -> CalibrationRef:  # fmt: skip
    """Fit below which probability a collection answers nothing; where that makes no sense, keep the reason.

    Args:
        collection: What the answers come from.
        questions: Q questions, some of which it answers and some not.
        signals: What tells of each whether it is answered.
        way: Digest of how passages were found and read.
        languages: Of the questions about other subjects.
        config: What may go wrong, and what may not.
    """
    from tasks.evaluate.calibrate import calibrated

    fitted = calibrated(objects.load_rows(questions, Question), objects.load_rows(signals, Signal), config)
    stated = {"encoder": collection.fingerprint.encoder.identity, "passages": collection.passages.digest}
    ends = {"low": "auroc.low", "high": "auroc.high"}
    steps.log_metrics(**{ends.get(name, name): v for name, v in fitted.items() if isinstance(v, int | float)})
    if fitted.get("foreign"):
        stated["languages"] = ", ".join(languages)
    made = Calibration.model_validate({**stated, "retrieval": way, **fitted})
    return objects.save_json(CalibrationRef, made.model_dump(mode="json"))
