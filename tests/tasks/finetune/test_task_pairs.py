"""Steps that make examples and judged sets, on a temporary store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.embed import Embed
from configs.finetune import Training
from configs.finetune_pairs import HardNegatives, Holdout, RelationColumns, ScoredColumns, Sections
from tasks.data.cells import CellRow, CellsRef
from tasks.data.documents import Document, DocumentsRef, Rejected
from tasks.data.evaluation import Question, QuestionsRef
from tasks.data.models import Encoder
from tasks.data.pairs import TextPair, TextPairsRef, Truth
from tasks.data.vectors import VectorsRef
from tasks.embed import describe_encoder
from tasks.errors import DataError
from tasks.finetune import (
    documents_of_questions,
    judged_questions,
    look_at_pairs,
    loss_rows,
    mine_negatives,
    read_pairs,
    read_sections,
    split_pairs,
    texts_to_mine,
)
from tasks.models.encoders import load as encoders
from tasks.store import objects
from tasks.tokenize import whole_documents

WORDS = ("cat", "dog", "sat", "ran", "far", "mat", "night", "train")


@pytest.fixture
def small(home: Path, tiny_encoder: Callable[..., Path]) -> Encoder:
    return describe_encoder(Embed(model=str(tiny_encoder()), precision="fp32", device="cpu")).encoder


def pairs(count: int) -> TextPairsRef:
    made = [
        TextPair(f"r{n}", f"{WORDS[n % 8]} a {n}", f"the {WORDS[n % 8]} d {n * 7}", group=f"g{n}")
        for n in range(count)
    ]
    return objects.save_rows(TextPairsRef, TextPair, made)


def questions() -> tuple[QuestionsRef, DocumentsRef]:
    documents = [Document(f"d{n}", f"the {WORDS[n % 8]} sat far {n}", "", "notes", f"d{n}.txt") for n in range(30)]
    asked = [Question("q1", "the night train", ("d6", "gone"), ""), Question("q2", "nothing", ("gone",), "")]
    return objects.save_rows(QuestionsRef, Question, asked), objects.save_rows(DocumentsRef, Document, documents)


def test_documents_that_answer_are_kept_whatever_the_limit(small: Encoder) -> None:
    asked, documents = questions()
    few = documents_of_questions.fn(asked, documents, 5, 0)
    kept = objects.load_table(few, ["id"])["id"].to_pylist()
    assert len(kept) == 5
    assert "d6" in kept
    judged = judged_questions.fn("retrieval", asked, whole_documents.fn(few, small))
    assert (judged.role, judged.left.rows, judged.right.rows) == ("general", 1, 5)
    assert [t.right for t in objects.load_rows(judged.truths, Truth)] == [kept.index("d6")]


def test_questions_that_no_document_answers_are_an_error_in_words(small: Encoder) -> None:
    _, documents = questions()
    none = objects.save_rows(QuestionsRef, Question, [Question("q", "who?", ("gone",), "")])
    with pytest.raises(DataError, match="none of 1 questions is answered"):
        judged_questions.fn("retrieval", none, whole_documents.fn(documents, small))


def test_a_question_of_general_quality_leaves_the_training_data_and_its_documents_stay(small: Encoder) -> None:
    asked, documents = questions()
    judged = judged_questions.fn("retrieval", asked, whole_documents.fn(documents, small))
    made = [
        TextPair(f"r{n}", f"anchor number {n} of many", f"partner {n * 31} of it", group=f"g{n}") for n in range(40)
    ]
    made.append(TextPair("leak", "The NIGHT train!", "an answer", group="leak"))
    made.append(TextPair("document", "some anchor", "the night sat far 6", group="document"))
    rows = objects.save_rows(TextPairsRef, TextPair, made)
    split = split_pairs.fn(rows, None, (judged,), "pairs", Holdout(near_duplicate=0.95))
    removed = {r.item: r.detail for r in objects.load_rows(split.removed, Rejected)}
    trained = {row.id for ref in (split.train, split.validation) for row in objects.load_rows(ref, TextPair)}
    held = {row.id for row in objects.load_rows(split.test, TextPair)}
    assert "leak" in removed or "leak" in held
    assert "leak" not in trained
    assert "document" in trained | held


def test_a_look_counts_tokens_steps_and_refuses_too_little(small: Encoder) -> None:
    split = split_pairs.fn(pairs(120), None, (), "pairs", Holdout(near_duplicate=1.0))
    rows = loss_rows.fn(split.train, "pairs", "multiple-negatives", 0, 0)
    look = look_at_pairs.fn(rows, split, small, "pairs", "multiple-negatives", Training(per_device_train_batch_size=8))
    assert look.pairs == rows.rows
    assert look.steps == -(-rows.rows // 8)
    assert look.median_tokens >= 5
    assert look.tokens >= look.median_tokens * rows.rows
    assert look.seconds > 0
    assert look.memory > 16 * 2 * (4 * 32**2)
    few = split_pairs.fn(pairs(30), None, (), "pairs", Holdout(near_duplicate=1.0, test_share=0.5))
    with pytest.raises(DataError, match="at least 16 are needed"):
        look_at_pairs.fn(few.train, few, small, "pairs", "multiple-negatives", Training())


def test_hard_negatives_are_mined_with_the_encoder(small: Encoder) -> None:
    encoder = describe_encoder(Embed(model=small.model, precision="fp32", device="cpu"))
    rows = pairs(40)
    texts = texts_to_mine.fn(rows, small)
    engine = encoders.engine(encoder)
    vectors = [
        objects.save_array(VectorsRef, engine.encode(objects.load_table(ref, ["text"])["text"].to_pylist()))
        for ref in (texts.anchors, texts.texts)
    ]
    found = mine_negatives.fn(rows, texts.texts, *vectors, HardNegatives(among=40))
    mined = objects.load_rows(found.rows, TextPair)
    assert mined
    assert all(row.negative not in ("", row.positive) for row in mined)
    assert len(mined) + found.without == 40


def test_documents_without_titles_and_sentences_are_an_error_in_words(home: Path) -> None:
    documents = objects.save_rows(DocumentsRef, Document, [Document("a", "One.", "", "notes", "a.txt")])
    with pytest.raises(DataError, match="give no pairs"):
        read_sections.fn(documents, Sections(), 0)


def cells(*rows: dict[str, object]) -> CellsRef:
    kept = [CellRow(f"f#{n}", json.dumps(row)) for n, row in enumerate(rows, start=1)]
    return objects.save_rows(CellsRef, CellRow, kept)


def test_scores_outside_of_what_is_stated_are_said_where_most_rows_have_one(home: Path) -> None:
    rows = cells(*({"text": f"a {n}", "sentence2": "b", "score": n} for n in range(5)))
    with pytest.raises(DataError, match=r"3 of 5 rows are no examples \(f#3 .*raise ingest.max_rejected_share"):
        read_pairs.fn(rows, "text", ScoredColumns(), 0.5)
    assert read_pairs.fn(rows, "text", ScoredColumns(), 0.6).pairs.rows == 2


def test_relations_none_of_which_belongs_together_are_said_with_those_there_are(home: Path) -> None:
    rows = cells(*({"text": f"a {n}", "hypothesis": "b", "label": "gleich" if n % 2 else "anders"} for n in range(4)))
    with pytest.raises(DataError, match=r"one of examples.same \(entailment, 1, true\); there are 'anders', 'gleich'"):
        read_pairs.fn(rows, "text", RelationColumns(), 0.5)
    assert read_pairs.fn(rows, "text", RelationColumns(same=("gleich",)), 0.5).pairs.rows == 4
