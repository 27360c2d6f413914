"""Tune tagger: train an encoder to mark names and other places in texts, judge it entity by entity, mark new texts.

Here:          python -m flows tune-tagger source.kind=conll source.path=train.conll
New texts:     python -m flows tune-tagger tagger=tuned:train predict.kind=tables predict.path=new.csv
On a worker:   prefect deployment run 'tune-tagger/tune-tagger'
"""

from prefect import flow

from configs.embed import Embed
from configs.finetune import LastBlocks
from configs.finetune_tagger import MarkedDocs, MarkedSource
from configs.flows import TuneTagger
from configs.ingest import PythonDocs, Source
from tasks.data.class_tuning import TunedWay, TuningBase
from tasks.data.documents import Ingested
from tasks.data.run import Outcome
from tasks.data.tagging import FoundEntitiesRef, MarkedTexts, PreparedTags, TagTrial, TagVerdict
from tasks.data.training import TunedModel
from tasks.embed import describe_encoder
from tasks.errors import ContractError
from tasks.evaluate import judge_taggers
from tasks.finetune import (
    describe_base,
    find_entities,
    identify_tagger,
    prepare_tags,
    require_training,
    train_tagger,
    try_list,
    try_tagger,
)
from tasks.ingest import ingest_documents, ingest_marked, list_items, list_marked, mark_documentation
from tasks.launch import events
from tasks.report.names import named
from tasks.report.tune_tagger import TrainedTagger, found_page, tagger_page, tagger_summary
from tasks.runtime import steps, tracking
from tasks.store import collections, objects, tuned

LISTED = "list of training entities"
SIGNATURE = {"text": "string"}, {"start": "long", "end": "long", "label": "string", "probability": "double"}


def preflight(
    source: MarkedSource = MarkedDocs(),
    test: MarkedSource | None = None,
    predict: Source | None = None,
    tagger: str | None = None,
    name: str | None = None,
    config: TuneTagger = TuneTagger(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A source is not there, a model is not here or cannot be trained, a package is not installed.
    """
    if predict is not None:
        list_items(predict)
    if tagger is not None:
        if predict is None:
            raise ContractError(f"tagger {tagger!r} has nothing to mark; set predict.kind and predict.path")
        identify_tagger(tagger, config.training)
        return
    require_training(config.training)
    describe_base(config.model, config.training)
    tuned.require_task(name_of_model(source, name), "tagger")
    for given in (source, config.tuning.validation, test):
        if isinstance(given, MarkedDocs):
            list_items(PythonDocs(packages=given.packages))
        elif given is not None:
            list_marked(given)


def name_of_model(source: MarkedSource, name: str | None) -> str:
    """Return what the model is called: the name given, else one made of that of the file.

    Raises:
        ContractError: The name given is no name.
    """
    if name is not None:
        return collections.checked_name(name)
    if isinstance(source, MarkedDocs):
        return "api-names"
    return collections.name_from(source.path.rpartition("/")[2].partition(".")[0])


def read_parts(source: MarkedSource, test: MarkedSource | None, base: TuningBase, config: TuneTagger) -> PreparedTags:
    """Return marked sentences to learn from, to stop by and to judge by, kept apart from each other."""
    tuning = config.tuning
    learned = read_marked(source, "source", config)
    stop = None if tuning.validation is None else read_marked(tuning.validation, "validation", config)
    held = None if test is None else read_marked(test, "test", config)
    return prepare_tags(learned, stop, held, base, tuning, config.training)


def read_marked(source: MarkedSource, label: str, config: TuneTagger) -> MarkedTexts:
    """Return the marked sentences of a source."""
    with steps.label(label):
        if not isinstance(source, MarkedDocs):
            return ingest_marked(list_marked(source), source, config.tuning.max_bad_share)
        docs = PythonDocs(packages=source.packages, max_tokens=source.max_tokens)
        return mark_documentation(read_texts(docs, config).documents)


def read_texts(source: Source, config: TuneTagger) -> Ingested:
    """Return the documents of a source, and what was rejected."""
    return ingest_documents(list_items(source), source, config.ingest, describe_encoder(Embed()).encoder)


def way_names(config: TuneTagger) -> tuple[str, ...]:
    """Return a name for each way to train: its kind, how many blocks, and a number where two are alike."""
    plain = [f"last-{m.blocks}" if isinstance(m, LastBlocks) else m.kind for m in config.methods]
    return tuple(
        f"tuned {name} {plain[:at].count(name) + 1}" if name in plain[:at] else f"tuned {name}"
        for at, name in enumerate(plain)
    )


def train_ways(
    prepared: PreparedTags, base: TuningBase, config: TuneTagger
) -> tuple[tuple[TunedWay, ...], tuple[TagTrial, ...]]:
    """Train every way that is asked for, and let each mark the validation and the held-out sentences."""
    ways, trials = [], []
    for name, method in zip(way_names(config), config.methods, strict=True):
        with steps.label(name):
            way = train_tagger(prepared, name, method, base, config.tuning, config.training)
            model = identify_tagger(tuned.by_content(way.result.model), config.training)
            ways.append(way)
            trials.append(try_tagger(prepared, name, model, config.tuning.stride))
    return tuple(ways), tuple(trials)


def keep_tagger(
    run: tracking.Run, name: str, way: TunedWay, prepared: PreparedTags, base: TuningBase, found: TagVerdict
) -> TunedModel:
    """Keep the model that was chosen, live if the gate released it, and register it; a plan keeps nothing."""
    made = TunedModel(
        name=name, task="tagger", model=way.result.model, base=base.model, base_weights=base.weights,
        data={"train": prepared.train.digest, "test": prepared.test.digest}, why=found.why,
    )  # fmt: skip
    if steps.planning() is None:
        made = tuned.keep(made, release=found.released)
        if not found.released:
            events.gate_refused(f"tuned.{name}", found.why)
    alias = "champion" if found.released else ""
    run.register(f"tuned-{name}", objects.path(made.model), made.model.digest, SIGNATURE, alias)
    return made


def mark_new(source: Source | None, model: str, config: TuneTagger) -> tuple[FoundEntitiesRef | None, Ingested | None]:
    """Return the entities of new texts; None where there are no texts."""
    if source is None:
        return None, None
    with steps.label("predict"):
        texts = read_texts(source, config)
        return find_entities(texts.documents, identify_tagger(model, config.training), config.tuning.stride), texts


@flow(name="tune-tagger", flow_run_name=named("name", "tagger", "source"))
def tune_tagger(
    source: MarkedSource = MarkedDocs(),
    test: MarkedSource | None = None,
    predict: Source | None = None,
    tagger: str | None = None,
    name: str | None = None,
    config: TuneTagger = TuneTagger(),
) -> Outcome:
    """Train an encoder to mark entities, judge it on held-out sentences, release it if it is better, mark new texts.

    Args:
        source: Marked sentences to learn from.
        test: Marked sentences to judge by; left out, some of the source.
        predict: New texts to mark.
        tagger: Id of a tagger that was trained before; nothing is trained then, predict is marked.
        name: What the model is called: `tuned:NAME`; left out, after the source.
        config: Which weights move, how long, and what must be gained.
    """
    given = {"source": source, "test": test, "predict": predict, "tagger": tagger, "name": name}
    with tracking.run("tune-tagger", config, **given) as run:
        preflight(source, test, predict, tagger, name, config)
        if tagger is not None:
            marked, texts = mark_new(predict, tagger, config)
            run.publish(entities=marked)
            return run.outcome(*found_page(run, tagger, marked, texts))
        base = describe_base(config.model, config.training)
        prepared = read_parts(source, test, base, config)
        ways, trials = train_ways(prepared, base, config)
        found = judge_taggers(prepared, trials, try_list(prepared, LISTED), config.gate)
        chosen = next(way for way in ways if way.name == found.chosen)
        kept = keep_tagger(run, name_of_model(source, name), chosen, prepared, base, found)
        marked, _ = mark_new(predict, tuned.by_content(kept.model), config)
        run.publish(model=kept.model, curve=chosen.result.curve, measures=found.measures, scores=found.scores,
                    errors=found.errors, entities=marked, rejected=prepared.rejected)  # fmt: skip
        made = TrainedTagger(kept, ways, prepared, found, marked)
        return run.outcome(tagger_summary(made), tagger_page(run, made))
