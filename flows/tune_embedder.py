"""Tune embedder: train an encoder on texts that belong together; release it if it is better, and no worse elsewhere.

Documents alone:  python -m flows tune-embedder source.kind=files source.path=~/notes
Labelled texts:   python -m flows tune-embedder source.kind=tables source.path=intents.csv examples.kind=labels
And swap it in:   python -m flows tune-embedder @demo
On a worker:      prefect deployment run 'tune-embedder/tune-embedder'
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from prefect import flow

from configs.evaluate import Evaluate
from configs.finetune_pairs import (
    Holdout,
    LabelColumn,
    PairFormat,
    ScoredColumns,
    Sections,
    Tsdae,
    WrittenQuestions,
)
from configs.flows import KnowledgeBase
from configs.flows_pairs import TuneEmbedder
from configs.generate import Extractive
from configs.ingest import Files, Hub, Ingest, PythonDocs, Source, Tables
from configs.models import CATALOGUE
from tasks.data.documents import PassagesRef, RejectedRef
from tasks.data.models import Encoder, Fingerprint
from tasks.data.pairs import JudgedSet, JudgedVectors, PairTable, SplitPairs, TextPairsRef, TrainingPairs, TuneVerdict
from tasks.data.run import Outcome
from tasks.data.silver import SilverRows
from tasks.data.training import TrainingResult, TunedModel
from tasks.data.vectors import VectorsRef
from tasks.embed import describe_encoder, embed_passages, embed_queries
from tasks.errors import ContractError, DataError
from tasks.evaluate import judge_tuned, load_questions, measure_both, questions_for, require_mteb
from tasks.finetune import (
    add_silver,
    ask_questions,
    asking_by,
    columns_for,
    describe_labeller,
    documents_of_questions,
    judged_questions,
    judged_set,
    label_pairs,
    look_at_pairs,
    loss_rows,
    mine_negatives,
    pairs_to_label,
    read_pairs,
    read_sections,
    require_decoder,
    require_training,
    sentences_to_write,
    split_pairs,
    texts_to_mine,
    train_embedder,
)
from tasks.ingest import ingest_documents, ingest_rows, list_items, name_of
from tasks.launch import events
from tasks.report.names import named
from tasks.report.tune_embedder import embedder_page, embedder_summary, rows_summary
from tasks.runtime import steps, tracking
from tasks.store import objects, tuned
from tasks.tokenize import whole_documents

ASKED: Literal["development"] = "development"  # split of the questions; the test split is kept to report on
ANY_SCORE = 1e6  # scores of general pairs: only their order counts
SIGNATURE = {"text": "string"}, {"vector": "double"}


def preflight(
    source: Source = PythonDocs(),
    test: Source | None = None,
    similarity: Source | None = None,
    retrieval: Source | None = None,
    name: str | None = None,
    config: TuneEmbedder = TuneEmbedder(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A source is not there or of the wrong kind, a model is not here or cannot be trained, a package is
            not installed.
    """
    require_training(config.training)
    if isinstance(config.examples, WrittenQuestions):
        asking_by(config.examples)  # its model is here
    base = describe_encoder(config.embed).encoder
    require_trainable(base, config.matryoshka)
    if isinstance(config.loss, Tsdae):
        require_decoder(base)
    if config.silver is not None:
        describe_labeller(config.silver.reranker, config.training.precision)
    tuned.require_task(encoder_name(source, name), "embedder")
    check_examples(source, test, config)
    if similarity is not None:
        scored = require_rows(similarity, "similarity")
        list_items(scored, (scored.text, config.general.other, config.general.score))
    require_mteb(config.general.mteb)
    if (general := documents_asked(retrieval, config)) is not None:
        list_items(general)
        questions_on(general, config)


def check_examples(source: Source, test: Source | None, config: TuneEmbedder) -> None:
    """Refuse sources that do not hold examples of the format asked for, and a collection of what is no document.

    Raises:
        ContractError: They do not.
    """
    form = config.examples
    for given in (one for one in (source, test) if one is not None):
        if of_documents(form):
            list_items(given)
        else:
            rows = require_rows(given, f"examples.kind {form.kind}")
            list_items(rows, columns_for(rows.text, form))
    if of_documents(form):
        name_of(source, config.collection)
    elif config.collection is not None:
        raise ContractError(f"a collection is of documents, not of {form.kind}; run knowledge-base for it")


def of_documents(form: PairFormat) -> bool:
    """Return whether examples are made of documents alone."""
    return isinstance(form, Sections | WrittenQuestions)


def encoder_name(source: Source, name: str | None) -> str:
    """Return what an encoder is called: the name given, else the source's with what it is."""
    return name_of(source, f"{name_of(source, None)}-encoder" if name is None else name)


def require_trainable(encoder: Encoder, matryoshka: tuple[int, ...] = ()) -> None:
    """Refuse an encoder that cannot be trained here, and lengths of vectors that it does not give.

    Raises:
        ContractError: It is not a transformer of this machine, or gives shorter vectors.
    """
    if encoder.architecture != "transformer":
        raise ContractError(f"{encoder.model} is {encoder.architecture}, a transformer of this machine was needed")
    if matryoshka and max(matryoshka) > encoder.width:
        raise ContractError(f"matryoshka is {matryoshka} but {encoder.model} gives {encoder.width} numbers")


def require_rows(source: Source, what: str) -> Tables | Hub:
    """Return a source that has columns.

    Raises:
        ContractError: It has none.
    """
    if isinstance(source, PythonDocs | Files):
        raise ContractError(f"{what} needs columns, which {source.kind} has not; give tables or hub, or sections")
    return source


def documents_asked(retrieval: Source | None, config: TuneEmbedder) -> Source | None:
    """Return the documents that the questions of general quality are about; None for no questions."""
    if retrieval is None and config.general.packaged:
        return PythonDocs()
    return retrieval


def questions_on(documents: Source, config: TuneEmbedder) -> Path:
    """Return the file of the questions on the documents of a source.

    Raises:
        ContractError: There is none.
    """
    found = questions_for(documents.kind, Evaluate(questions=config.general.questions, split=ASKED))
    if found is None:
        raise ContractError(f"there are no questions on documents of {documents.kind}; set general.questions")
    return found


def read_pairs_of(
    source: Source, form: PairFormat, limits: Ingest, encoder: Fingerprint, seed: int
) -> tuple[PairTable, RejectedRef]:
    """Return the examples of a source in a format, and what was rejected when it was read."""
    if isinstance(form, Sections | WrittenQuestions):
        ingested = ingest_documents(list_items(source), source, limits, encoder.encoder)
        if isinstance(form, Sections):
            return read_sections(ingested.documents, form, seed), ingested.rejected
        return ask_questions(ingested.documents, asking_by(form), form, seed), ingested.rejected
    rows = require_rows(source, f"examples.kind {form.kind}")
    read = ingest_rows(list_items(rows), rows, columns_for(rows.text, form), limits)
    return read_pairs(read.cells, rows.text, form, limits.max_rejected_share), read.rejected


def read_examples(source: Source, config: TuneEmbedder, encoder: Fingerprint) -> tuple[PairTable, RejectedRef]:
    """Return the examples of a source, and what was rejected when it was read."""
    return read_pairs_of(source, config.examples, config.ingest, encoder, config.holdout.seed)


def read_test(test: Source | None, config: TuneEmbedder, encoder: Fingerprint) -> TextPairsRef | None:
    """Return the examples of a source to judge by; None where some are held out instead."""
    if test is None:
        return None
    with steps.label("test"):
        return read_examples(test, config, encoder)[0].pairs


def general_sets(
    similarity: Source | None, retrieval: Source | None, config: TuneEmbedder, encoder: Fingerprint
) -> dict[str, JudgedSet]:
    """Return what general quality is judged by, by name."""
    found = {}
    if similarity is not None:
        pairs, general = require_rows(similarity, "similarity"), config.general
        form = ScoredColumns(other=general.other, score=general.score, low=-ANY_SCORE, high=ANY_SCORE)
        with steps.label("similarity"):
            rows = ingest_rows(list_items(pairs), pairs, columns_for(pairs.text, form), config.ingest)
            scored = read_pairs(rows.cells, pairs.text, form, config.ingest.max_rejected_share).pairs
            found["similarity"] = judged_set("similarity", "general", form.kind, scored, None, encoder.encoder)
    if (source := documents_asked(retrieval, config)) is not None:
        with steps.label("retrieval"):
            documents = ingest_documents(list_items(source), source, config.ingest, encoder.encoder).documents
            questions = load_questions(questions_on(source, config), ASKED, documents).questions
            few = documents_of_questions(questions, documents, config.general.documents, config.holdout.seed)
            found["retrieval"] = judged_questions("retrieval", questions, whole_documents(few, encoder.encoder))
    return found


def training_data(
    split: SplitPairs, general: Mapping[str, JudgedSet], config: TuneEmbedder, encoder: Fingerprint
) -> tuple[TrainingPairs, SilverRows | None, tuple[RejectedRef, ...]]:
    """Return what is trained with, the pairs that a cross-encoder labelled, and sentences that were removed."""
    with steps.label("validation"):
        judged = judged_set("validation", "domain", config.examples.kind, split.validation, None, encoder.encoder)
    if isinstance(config.loss, Tsdae):
        rows, stop, removed = texts_alone(split, general, config.holdout)
        return TrainingPairs(rows=rows, validation=stop, judged=judged), None, removed
    silver = labelled_more(split, config, encoder)
    rows, stop = rows_of_loss(silver.rows if silver else split.train, split.validation, config, encoder)
    return TrainingPairs(rows=rows, validation=stop, judged=judged), silver, ()


def rows_of_loss(
    train: TextPairsRef, validation: TextPairsRef, config: TuneEmbedder, encoder: Fingerprint
) -> tuple[TextPairsRef, TextPairsRef]:
    """Return the rows of both parts as the loss reads them, with hard negatives where asked for."""
    kind, per_label = config.examples.kind, 0
    if isinstance(config.examples, LabelColumn):
        per_label = config.examples.pairs_per_label
    made = {}
    for part, pairs in (("train", train), ("validation", validation)):
        with steps.label(part):
            made[part] = loss_rows(pairs, kind, config.loss.kind, per_label, config.holdout.seed)
            if config.negatives is not None:
                texts, anchors, vectors = encoded_sides(made[part], config, encoder)
                made[part] = mine_negatives(made[part], texts, anchors, vectors, config.negatives).rows
    return made["train"], made["validation"]


def encoded_sides(
    rows: TextPairsRef, config: TuneEmbedder, encoder: Fingerprint
) -> tuple[PassagesRef, VectorsRef, VectorsRef]:
    """Return the different second texts of rows, and the vectors of the anchors, one a row, and of those texts."""
    texts = texts_to_mine(rows, encoder.encoder)
    anchors = embed_queries(texts.anchors, encoder)
    return texts.texts, anchors, embed_passages(texts.texts, encoder, config.embed.shards, config.runner).vectors


def texts_alone(
    split: SplitPairs, general: Mapping[str, JudgedSet], held: Holdout
) -> tuple[TextPairsRef, TextPairsRef, tuple[RejectedRef, ...]]:
    """Return the sentences that a decoder writes, of both parts, and those that repeat what is judged by."""
    judged = tuple(general.values())
    with steps.label("train"):
        train = sentences_to_write(split.train, (split.test, split.validation), judged, None, held)
    with steps.label("validation"):
        stop = sentences_to_write(split.validation, (split.test,), judged, held.max_validation, held)
    return train.rows, stop.rows, (train.removed, stop.removed)


def labelled_more(split: SplitPairs, config: TuneEmbedder, encoder: Fingerprint) -> SilverRows | None:
    """Return the training rows with those that a cross-encoder labels; None where none shall."""
    asked = config.silver
    if asked is None:
        return None
    with steps.label("silver"):
        texts, anchors, vectors = encoded_sides(split.train, config, encoder)
        pairs = pairs_to_label(split.train, texts, anchors, vectors, asked)
        scorer = describe_labeller(asked.reranker, config.training.precision)
        found = label_pairs(pairs, scorer)
        with steps.label("validation"):
            known = split.validation, label_pairs(split.validation, scorer)
        return add_silver(split.train, pairs, found, known, scorer, (config.examples.kind, asked.same_above))


def encode_sets(
    sets: Mapping[str, JudgedSet], which: str, encoder: Fingerprint, config: TuneEmbedder
) -> dict[str, JudgedVectors]:
    """Return the vectors of every set by one encoder.

    Raises:
        DataError: A text cannot be encoded.
    """
    made = {}
    for name, judged in sets.items():
        with steps.label(which, name):
            left = embed_queries(judged.left, encoder)
            right = embed_passages(judged.right, encoder, config.embed.shards, config.runner)
        if right.vectors.rows != judged.right.rows:
            raise DataError(f"{right.rejected.rows} texts of {name} cannot be encoded by {which}; take them out")
        made[name] = JudgedVectors(left=left, right=right.vectors)
    return made


def keep_model(
    run: tracking.Run, name: str, trained: TrainingResult, encoder: Fingerprint, split: SplitPairs, found: TuneVerdict
) -> TunedModel:
    """Keep a trained encoder, live if the gate released it, and register it; a plan keeps nothing."""
    made = TunedModel(
        name=name, task="embedder", model=trained.model, base=encoder.encoder.model,
        base_weights=encoder.encoder.weights, data={"train": split.train.digest, "test": split.test.digest},
        why=found.why,
    )  # fmt: skip
    if steps.planning() is None:
        made = tuned.keep(made, release=found.released)
        if not found.released:
            events.gate_refused(f"tuned.{name}", found.why)
    alias = "champion" if found.released else ""
    run.register(f"tuned-{name}", objects.path(made.model), made.model.digest, SIGNATURE, alias)
    return made


def rebuild(source: Source, kept: TunedModel, config: TuneEmbedder) -> dict[str, Any]:
    """Build the next generation of a collection with a released encoder; it goes live if it finds no worse."""
    collection = config.collection
    if collection is None or steps.planning() is not None:
        return {}
    if not kept.released:
        return {"collection": {"name": collection, "swapped": False, "why": "the encoder was not released"}}
    from flows.knowledge_base import knowledge_base  # with three flows behind it, which cost a second

    encoder = config.embed.model_copy(update={"model": kept.id})
    card = CATALOGUE.get(config.embed.model)  # until the collection has a threshold of its own, that of the base
    answer = Extractive(no_answer_below=card.no_answer_below if card else None)
    asked = KnowledgeBase(ingest=config.ingest, embed=encoder, answer=answer, topics=None, runner=config.runner)
    try:
        made = knowledge_base(source=source, collection=collection, config=asked).result
    except DataError as error:
        return {"collection": {"name": collection, "swapped": False, "why": str(error)}}
    told = {name: made[name] for name in ("generation", "passages", "gate") if name in made}
    return {"collection": {"name": collection, "swapped": True, **told}}


@flow(name="tune-embedder", flow_run_name=named("name", "source"))
def tune_embedder(
    source: Source = PythonDocs(),
    test: Source | None = None,
    similarity: Source | None = None,
    retrieval: Source | None = None,
    name: str | None = None,
    config: TuneEmbedder = TuneEmbedder(),
) -> Outcome:
    """Train an encoder on texts that belong together; release it if it is better for sure, and no worse elsewhere.

    Args:
        source: What to learn from: documents, or rows of texts that belong together.
        test: Examples to judge by; left out, some are held out.
        similarity: Scored pairs that general quality is judged by.
        retrieval: Documents of general questions; left out, see `general.packaged`.
        name: Of `tuned:NAME`; left out, `SOURCE-encoder`.
        config: What is learned, which weights move, and what must be gained.
    """
    given = {"test": test, "similarity": similarity, "retrieval": retrieval, "name": name}
    with tracking.run("tune-embedder", config, source=source, **given) as run:
        preflight(source, test, similarity, retrieval, name, config)
        base, kind = describe_encoder(config.embed), config.examples.kind
        general = general_sets(similarity, retrieval, config, base)
        examples, rejected = read_examples(source, config, base)
        held = read_test(test, config, base)
        split = split_pairs(examples.pairs, held, tuple(general.values()), kind, config.holdout)
        data, silver, repeats = training_data(split, general, config, base)
        look = look_at_pairs(data.rows, split, base.encoder, kind, config.loss.kind, config.training)
        known = split.train if kind == "labels" else None
        sets = {"held-out": judged_set("held-out", "domain", kind, split.test, known, base.encoder), **general}
        before = encode_sets(sets, "before", base, config)  # a base that cannot be loaded whole is refused here
        trained = train_embedder(
            data, base.encoder, config.loss, config.matryoshka, config.parameters, config.training
        )
        after = describe_encoder(config.embed.model_copy(update={"model": tuned.by_content(trained.model)}))
        ended = encode_sets(sets, "after", after, config)
        found = judge_tuned(sets, before, ended, measure_both(base, after, config.general.mteb), config.gate)
        kept = keep_model(run, encoder_name(source, name), trained, base, split, found)
        run.publish(model=kept.model, curve=trained.curve, checks=found.checks, removed=split.removed)
        shown = (kept, found, trained, look, split)
        page = embedder_page(run, shown, (*repeats, examples.rejected, rejected), config, silver)
        more = {**rows_summary(silver, repeats), **rebuild(source, kept, config)}
        return run.outcome({**embedder_summary(*shown, silver), **more}, page)
