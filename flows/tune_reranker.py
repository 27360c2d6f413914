"""Tune reranker: train a model that reads question and text together; release it if it ranks better than the search.

Questions:     python -m flows tune-reranker source.kind=tables source.path=qa.csv examples.kind=pairs
Documents:     python -m flows tune-reranker source.kind=files source.path=~/notes examples.kind=sections
On a worker:   prefect deployment run 'tune-reranker/tune-reranker'
"""

from prefect import flow

from configs.finetune_pairs import HardNegatives, WrittenQuestions
from configs.flows_pairs import TuneReranker
from configs.ingest import PythonDocs, Source
from flows.tune_embedder import of_documents, read_pairs_of, require_rows, require_trainable
from tasks.data.class_tuning import TuningBase
from tasks.data.documents import RejectedRef
from tasks.data.models import Fingerprint
from tasks.data.pairs import (
    JudgedSet,
    JudgedVectors,
    PairTable,
    SplitPairs,
    TextPairsRef,
    TrainingPairs,
    TuneVerdict,
)
from tasks.data.run import Outcome
from tasks.data.training import TrainingResult, TunedModel
from tasks.embed import describe_encoder, embed_passages, embed_queries
from tasks.evaluate import judge_reranker
from tasks.finetune import (
    asking_by,
    columns_for,
    describe_reranker,
    describe_reranker_base,
    judged_set,
    look_at_pairs,
    loss_rows,
    mine_negatives,
    pairs_to_score,
    require_training,
    score_judged,
    split_pairs,
    texts_to_mine,
    train_reranker,
)
from tasks.ingest import list_items, name_of
from tasks.launch import events
from tasks.report.names import named
from tasks.report.tune_reranker import reranker_page, reranker_summary
from tasks.runtime import steps, tracking
from tasks.store import objects, tuned

SIGNATURE = {"query": "string", "text": "string"}, {"score": "double"}
RELATIONS = "relations"  # the format that rows with their negatives have
RANKED = "ranked"  # how they are judged: each anchor ranks the texts of its rows


def preflight(
    source: Source = PythonDocs(),
    test: Source | None = None,
    name: str | None = None,
    config: TuneReranker = TuneReranker(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A source is not there or of the wrong kind, a model is not here or cannot be trained, a package is
            not installed.
    """
    require_training(config.training)
    if isinstance(config.examples, WrittenQuestions):
        asking_by(config.examples)  # its model is here
    describe_reranker_base(config.model)
    require_trainable(describe_encoder(config.embed).encoder)
    tuned.require_task(reranker_name(source, name), "reranker")
    for given in (source, test):
        if given is not None:
            if of_documents(config.examples):
                list_items(given)
            else:
                rows = require_rows(given, f"examples.kind {config.examples.kind}")
                list_items(rows, columns_for(rows.text, config.examples))


def reranker_name(source: Source, name: str | None) -> str:
    """Return what a reranker is called: the name given, else the source's with what it is."""
    return name_of(source, f"{name_of(source, None)}-reranker" if name is None else name)


def mined(pairs: TextPairsRef, config: TuneReranker, encoder: Fingerprint, wanted: HardNegatives) -> TextPairsRef:
    """Return rows with what the first stage takes for answers as negatives."""
    rows = loss_rows(pairs, "pairs", "multiple-negatives", 0, config.holdout.seed)
    texts = texts_to_mine(rows, encoder.encoder)
    anchors = embed_queries(texts.anchors, encoder)
    vectors = embed_passages(texts.texts, encoder, config.embed.shards, config.runner).vectors
    return mine_negatives(rows, texts.texts, anchors, vectors, wanted).rows


def training_data(split: SplitPairs, config: TuneReranker, encoder: Fingerprint) -> TrainingPairs:
    """Return pairs with a score of 1 or 0 to train on, and what the best step is chosen by."""
    made, ranked = {}, {}
    for part, pairs in (("train", split.train), ("validation", split.validation)):
        with steps.label(part):
            ranked[part] = pairs
            if config.examples.kind != RELATIONS and config.negatives is not None:
                ranked[part] = mined(pairs, config, encoder, config.negatives)
            made[part] = pairs_to_score(ranked[part])
    with steps.label("validation"):
        judged = judged_set("validation", "domain", RANKED, ranked["validation"], None, encoder.encoder)
    return TrainingPairs(rows=made["train"], validation=made["validation"], judged=judged)


def test_set(split: SplitPairs, config: TuneReranker, encoder: Fingerprint) -> JudgedSet:
    """Return what is judged by: of each held-out question its own texts and the nearest others."""
    with steps.label("test"):
        rows = split.test
        if config.examples.kind != RELATIONS:
            count = config.candidates
            all_near = HardNegatives(per_anchor=count - 1, among=count, relative_margin=None, seed=config.holdout.seed)
            rows = mined(split.test, config, encoder, all_near)
        return judged_set("held-out", "domain", RANKED, rows, None, encoder.encoder)


def judge_trained(
    judged: JudgedSet, trained: TrainingResult, untrained: bool, config: TuneReranker, encoder: Fingerprint
) -> TuneVerdict:
    """Let the trained model, and the one it was started from if it can, rank the held-out texts; ask the gate."""
    with steps.label("held-out"):
        left = embed_queries(judged.left, encoder)
        right = embed_passages(judged.right, encoder, config.embed.shards, config.runner).vectors
    models = {"cross": tuned.by_content(trained.model)} | ({"untrained": config.model} if untrained else {})
    scores = {}
    for name, model in models.items():
        with steps.label(name):
            scores[name] = score_judged(judged, describe_reranker(model, config.training.precision))
    return judge_reranker(judged, JudgedVectors(left=left, right=right), scores, config.gate)


def keep_reranker(
    run: tracking.Run, name: str, trained: TrainingResult, base: TuningBase, split: SplitPairs, found: TuneVerdict
) -> TunedModel:
    """Keep a trained reranker, live if the gate released it, and register it; a plan keeps nothing."""
    made = TunedModel(
        name=name, task="reranker", model=trained.model, base=base.model, base_weights=base.weights,
        data={"train": split.train.digest, "test": split.test.digest}, why=found.why,
    )  # fmt: skip
    if steps.planning() is None:
        made = tuned.keep(made, release=found.released)
        if not found.released:
            events.gate_refused(f"tuned.{name}", found.why)
    alias = "champion" if found.released else ""
    run.register(f"tuned-{name}", objects.path(made.model), made.model.digest, SIGNATURE, alias)
    return made


def read_parts(
    source: Source, test: Source | None, config: TuneReranker, encoder: Fingerprint
) -> tuple[SplitPairs, PairTable, RejectedRef]:
    """Return examples in their parts, how they were read, and what was rejected."""
    form, seed = config.examples, config.holdout.seed
    examples, rejected = read_pairs_of(source, form, config.ingest, encoder, seed)
    held = None
    if test is not None:
        with steps.label("test"):
            held = read_pairs_of(test, form, config.ingest, encoder, seed)[0].pairs
    return split_pairs(examples.pairs, held, (), form.kind, config.holdout), examples, rejected


@flow(name="tune-reranker", flow_run_name=named("name", "source"))
def tune_reranker(
    source: Source = PythonDocs(),
    test: Source | None = None,
    name: str | None = None,
    config: TuneReranker = TuneReranker(),
) -> Outcome:
    """Train a cross-encoder on questions and texts; release it if it ranks better for sure than the first stage.

    Args:
        source: What to learn from: rows of questions and texts that belong to them, or documents.
        test: Examples to judge by; left out, some are held out.
        name: Of `tuned:NAME`; left out, `SOURCE-reranker`.
        config: What is learned, which weights move, and what must be gained.
    """
    preflight(source, test, name, config)
    with tracking.run("tune-reranker", config, source=source, test=test, name=name) as run:
        encoder, (base, scores) = describe_encoder(config.embed), describe_reranker_base(config.model)
        split, examples, rejected = read_parts(source, test, config, encoder)
        data = training_data(split, config, encoder)
        look = look_at_pairs(data.rows, split, encoder.encoder, RELATIONS, "binary", config.training)
        judged = test_set(split, config, encoder)
        trained = train_reranker(data, base, config.parameters, config.training)
        found = judge_trained(judged, trained, scores, config, encoder)
        kept = keep_reranker(run, reranker_name(source, name), trained, base, split, found)
        run.publish(model=kept.model, curve=trained.curve, checks=found.checks, removed=split.removed)
        shown = (kept, found, trained, look, split)
        head = "its own" if scores else "new"
        page = reranker_page(run, shown, (examples.rejected, rejected), config, head)
        return run.outcome({**reranker_summary(*shown), "head": head}, page)
