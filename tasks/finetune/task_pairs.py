"""Tasks of `finetune` that read examples, divide them, look at them, and make the sets a model is judged by."""

import json
from collections.abc import Sequence

from configs.finetune import Training
from configs.finetune_pairs import HardNegatives, Holdout, PairFormat, Sections
from tasks.data.cells import CellRow, CellsRef
from tasks.data.documents import Document, DocumentsRef, Passage, PassagesRef, Rejected, RejectedRef
from tasks.data.evaluation import Question, QuestionsRef
from tasks.data.models import Encoder
from tasks.data.pairs import (
    JudgedSet,
    MinedRows,
    PairsLook,
    PairTable,
    PairTexts,
    Role,
    SplitPairs,
    TextPair,
    TextPairsRef,
    Truth,
    TruthsRef,
)
from tasks.data.search import QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.errors import DataError
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


def columns_for(text: str, form: PairFormat) -> tuple[str, ...]:
    """Return the columns that a format reads, that of the first text first."""
    from tasks.finetune.formats import columns_of

    return columns_of(text, form)


@step(name="finetune-read")
def read_pairs(cells: CellsRef, text: str, form: PairFormat, most: float) -> PairTable:
    """Make examples of the cells of rows; rows that cannot be used are rejected.

    Args:
        cells: Rows.
        text: Column of the first text.
        form: What the other columns are.
        most: Share of the rows that may be rejected.

    Raises:
        DataError: No row can be used, or fewer than may be; or no relation is one of texts that belong together.
    """
    from tasks.finetune.formats import pair_of, require_same, rows_by_kind

    rows = objects.load_rows(cells, CellRow)
    pairs, rejected = rows_by_kind([pair_of(row.name, json.loads(row.cells), text, form) for row in rows])
    if not pairs:
        raise DataError(f"none of {len(rows)} rows is an example ({rejected[0].item} {rejected[0].detail})")
    if len(rejected) > most * len(rows):
        raise DataError(
            f"{len(rejected)} of {len(rows)} rows are no examples ({rejected[0].item} {rejected[0].detail}); correct "
            "them or what examples states of them, or raise ingest.max_rejected_share"
        )
    require_same(pairs, form)
    return _table(pairs, rejected)


@step(name="finetune-sections")
def read_sections(documents: DocumentsRef, form: Sections, seed: int) -> PairTable:
    """Make examples of documents alone, of their titles and sections.

    Args:
        documents: What to read.
        form: Which pairs.
        seed: Draws documents where there are too many.

    Raises:
        DataError: No document gives a pair.
    """
    from tasks.finetune.formats import section_pairs

    pairs = section_pairs(objects.load_rows(documents, Document), form, seed)
    if not pairs:
        raise DataError(f"{documents.rows} documents have no title and no second sentence, so they give no pairs")
    return _table(pairs, [])


@step(name="finetune-split", libraries=("numpy", "scipy"))
def split_pairs(
    pairs: TextPairsRef, test: TextPairsRef | None, general: Sequence[JudgedSet], kind: str, config: Holdout
) -> SplitPairs:
    """Divide examples so that nothing trained on repeats what is judged by.

    Args:
        pairs: Examples.
        test: Examples to judge by; None holds some out.
        general: What else is judged by.
        kind: Format of the examples.
        config: Shares, and from where on texts are nearly the same.
    """
    from tasks.finetune.parts import divide

    held = None if test is None else objects.load_rows(test, TextPair)
    guarded = [text for judged in general for text in guarded_texts(judged)]
    made = divide(objects.load_rows(pairs, TextPair), held, guarded, kind, config)
    steps.log_metrics(
        train=len(made.train), validation=len(made.validation), test=len(made.test), removed=len(made.removed),
        exact=made.exact, near=made.near,
    )  # fmt: skip
    return SplitPairs(
        train=_save(made.train), validation=_save(made.validation), test=_save(made.test),
        removed=objects.save_rows(RejectedRef, Rejected, made.removed), exact=made.exact, near=made.near,
    )  # fmt: skip


@step(name="finetune-rows")
def loss_rows(pairs: TextPairsRef, kind: str, loss: str, per_label: int, seed: int) -> TextPairsRef:
    """Make what a loss reads of examples.

    Args:
        pairs: Examples.
        kind: Their format.
        loss: Kind of the loss.
        per_label: Pairs of each label, where the format is labels.
        seed: Draws them.
    """
    from tasks.finetune.pairs import training_rows

    rows = training_rows(objects.load_rows(pairs, TextPair), kind, loss, per_label=per_label, seed=seed)
    steps.log_metrics(rows=len(rows))
    return _save(rows)


@step(name="finetune-judged", libraries=("tokenizers",))
def judged_set(
    name: str, role: Role, kind: str, held: TextPairsRef, memory: TextPairsRef | None, encoder: Encoder
) -> JudgedSet:
    """Make a set that a model is judged by of examples.

    Args:
        name: What pages call it.
        role: domain, what is trained for; general, what must not be lost.
        kind: Format of the examples.
        held: Examples.
        memory: Examples with labels whose nearest text decides; None for half of those held.
        encoder: Whose tokens are counted.
    """
    from tasks.finetune.judged import sides_of

    known = [] if memory is None else objects.load_rows(memory, TextPair)
    sides = sides_of(kind, objects.load_rows(held, TextPair), known)
    steps.log_metrics(left=len(sides.left), right=len(sides.right), truths=len(sides.truths))
    return JudgedSet(
        name=name, role=role, judged_as=sides.judged_as, left=_queries(sides.left),
        right=_passages(sides.right, encoder), truths=objects.save_rows(TruthsRef, Truth, sides.truths),
    )  # fmt: skip


@step(name="finetune-documents")
def documents_of_questions(questions: QuestionsRef, documents: DocumentsRef, limit: int, seed: int) -> DocumentsRef:
    """Return the documents that answer a question, and others drawn by seed, at most so many unless more answer.

    Args:
        questions: With the ids of the documents that answer them.
        documents: To draw from.
        limit: How many.
        seed: Same seed, same documents.
    """
    import random

    rows = objects.load_rows(documents, Document)
    answers = {name for q in objects.load_rows(questions, Question) for name in q.answers}
    others = [document.id for document in rows if document.id not in answers]
    spare = max(0, limit - (len(rows) - len(others)))
    kept = answers | set(random.Random(seed).sample(others, min(spare, len(others))))
    return objects.save_rows(DocumentsRef, Document, [document for document in rows if document.id in kept])


@step(name="finetune-questions")
def judged_questions(name: str, questions: QuestionsRef, passages: PassagesRef) -> JudgedSet:
    """Make a set that a model is judged by of questions and whole documents.

    Args:
        name: What pages call it.
        questions: With the ids of the documents that answer them.
        passages: One a document, as `whole_documents` makes them.

    Raises:
        DataError: No question is answered by one of the documents.
    """
    place = {name: row for row, name in enumerate(objects.load_table(passages, ["document"])["document"].to_pylist())}
    asked = [q for q in objects.load_rows(questions, Question) if any(a in place for a in q.answers)]
    if not asked:
        raise DataError(
            f"none of {questions.rows} questions is answered by the {passages.rows} documents; give others"
        )
    truths = [Truth(n, place[a], 1.0) for n, q in enumerate(asked) for a in q.answers if a in place]
    steps.log_metrics(questions=len(asked), passages=passages.rows)
    return JudgedSet(
        name=name, role="general", judged_as="retrieval", left=_queries([q.question for q in asked]),
        right=passages, truths=objects.save_rows(TruthsRef, Truth, truths),
    )  # fmt: skip


@step(name="finetune-look", libraries=("tokenizers", "numpy"))
def look_at_pairs(
    rows: TextPairsRef, split: SplitPairs, encoder: Encoder, kind: str, loss: str, config: Training
) -> PairsLook:
    """Look at what would be trained on: lengths, labels, repeats, contradictions, and what training takes.

    Args:
        rows: As the loss reads them.
        split: All parts.
        encoder: That is trained.
        kind: Format of the examples.
        loss: Kind of the loss.
        config: How it is trained.

    Raises:
        DataError: It cannot be learned from, or judged by.
    """
    from tasks.finetune import look, pairs

    train = objects.load_rows(split.train, TextPair)
    mine = objects.load_rows(rows, TextPair)
    labels = look.label_counts([row.label for row in train])
    look.require_enough(len(mine), split.test.rows, len(labels), loss, kind)
    lengths = encoder_base.count_tokens(encoder, [text for row in mine for text in row.texts])
    limit = config.max_seq_length or encoder.max_tokens
    median, longest, cut = look.lengths_of(lengths, limit)
    length, batch = min(longest, limit), config.per_device_train_batch_size
    tokens = int(sum(min(n, limit) for n in lengths) * config.num_train_epochs)
    total = look.steps_of(len(mine), batch, config.num_train_epochs, config.max_steps)
    if config.max_steps:
        tokens = int(tokens * total / look.steps_of(len(mine), batch, config.num_train_epochs, None))
    size = look.model_size(model_files.read_config(model_files.locate(encoder.model).folder))
    passed, texts = tokens * look.passes_of(loss), batch * len(mine[0].texts)
    seconds, memory = look.estimate(size, passed, texts, length, look.product_rate())
    against = len(pairs.contradictions(train))
    repeated = sum(r.detail.startswith("says what") for r in objects.load_rows(split.removed, Rejected))
    return PairsLook(
        pairs=len(mine), labels=labels, median_tokens=median, longest_tokens=longest, truncated=cut, repeated=repeated,
        contradictions=against, steps=total, tokens=tokens, seconds=seconds, memory=memory,
        warnings=tuple(look.warnings_of(labels, cut, repeated, against, len(train))),
    )  # fmt: skip


@step(name="finetune-texts", libraries=("tokenizers",))
def texts_to_mine(rows: TextPairsRef, encoder: Encoder) -> PairTexts:
    """Return the anchors of rows, one a row, and the different texts that belong to them, to be encoded.

    Args:
        rows: As the loss reads them.
        encoder: Whose tokens are counted.
    """
    mine = objects.load_rows(rows, TextPair)
    return PairTexts(
        anchors=_queries([row.anchor for row in mine]),
        texts=_passages(list(dict.fromkeys(row.positive for row in mine)), encoder),
    )


@step(name="finetune-mine", libraries=("numpy",))
def mine_negatives(
    rows: TextPairsRef, texts: PassagesRef, anchors: VectorsRef, vectors: VectorsRef, config: HardNegatives
) -> MinedRows:
    """Give rows negatives that an encoder takes for partners.

    Args:
        rows: As the loss reads them.
        texts: That negatives are drawn from; the partner of every row is among them.
        anchors: (N, D) unit-length rows, one a row.
        vectors: (M, D) unit-length rows, one a text.
        config: How near they may be, and how many.

    Raises:
        DataError: No row has any.
    """
    from tasks.finetune.mining import mine

    found, filtered, without = mine(
        objects.load_rows(rows, TextPair), objects.load_array(anchors),
        objects.load_table(texts, ["text"])["text"].to_pylist(), objects.load_array(vectors), config,
    )  # fmt: skip
    if not found:
        raise DataError(f"none of {rows.rows} rows has a hard negative; raise negatives.among or set negatives=null")
    steps.log_metrics(rows=len(found), filtered=filtered, without=without)
    return MinedRows(rows=_save(found), filtered=filtered, without=without)


def guarded_texts(judged: JudgedSet) -> list[str]:
    """Return the texts of a set that must not be trained on; the documents of a retrieval set may be."""
    texts = objects.load_table(judged.left, ["text"])["text"].to_pylist()
    if judged.judged_as in ("similarity", "listed"):
        texts += objects.load_table(judged.right, ["text"])["text"].to_pylist()
    return list(texts)


def _table(pairs: Sequence[TextPair], rejected: Sequence[Rejected]) -> PairTable:
    steps.log_metrics(rows=len(pairs), rejected=len(rejected))
    return PairTable(pairs=_save(pairs), rejected=objects.save_rows(RejectedRef, Rejected, rejected))


def _save(rows: Sequence[TextPair]) -> TextPairsRef:
    return objects.save_rows(TextPairsRef, TextPair, rows)


def _queries(texts: Sequence[str]) -> QueriesRef:
    return objects.save_rows(QueriesRef, Query, [Query(str(row), text) for row, text in enumerate(texts)])


def _passages(texts: Sequence[str], encoder: Encoder) -> PassagesRef:
    counted = zip(texts, encoder_base.count_tokens(encoder, texts), strict=True)
    rows = [Passage(f"t{n}", f"t{n}", n, 0, len(text), "", text, tokens) for n, (text, tokens) in enumerate(counted)]
    return objects.save_rows(PassagesRef, Passage, rows)
