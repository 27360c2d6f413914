"""Tune classifier: train an encoder to put texts into classes, and keep it if it beats frozen ones for sure.

Here:          python -m flows tune-classifier source.kind=tables source.path=reviews.csv labels.column=label
Few labels:    python -m flows tune-classifier source.kind=tables source.path=few.csv methods='[{"kind": "setfit"}]'
On a worker:   prefect deployment run 'tune-classifier/tune-classifier'
"""

from prefect import flow
from prefect.logging import get_run_logger

from configs.classify import Embeddings, TaskModel, TfIdf
from configs.finetune import LastBlocks
from configs.finetune_classifier import SetFit
from configs.flows import TextClassifier, TuneClassifier
from configs.ingest import PythonDocs, Source
from flows.text_classifier import SIGNATURE, chosen_of, read_examples, try_labelled
from tasks.classify import column_of, columns_of, identify, names_of, try_ready, try_trained
from tasks.data.class_tuning import ClassVerdict, PreparedClasses, PretrainedEncoder, TrainedWays, TunedWay, TuningBase
from tasks.data.classes import Classifier, Trial, Verdict
from tasks.data.models import Fingerprint
from tasks.data.run import Outcome
from tasks.data.training import TunedModel
from tasks.embed import describe_encoder, embed_passages, pool_documents
from tasks.errors import ContractError
from tasks.evaluate import evaluate_classes, judge_classifiers
from tasks.finetune import (
    describe_base,
    prepare_classes,
    pretrain_encoder,
    require_masked,
    require_training,
    train_classifier,
    train_setfit,
)
from tasks.ingest import list_items, name_of
from tasks.launch import events
from tasks.report.names import named
from tasks.report.pretraining import head_in_words
from tasks.report.tune_classifier import tuned_page, tuned_summary
from tasks.runtime import steps, tracking
from tasks.store import classifiers, objects, tuned
from tasks.tokenize import whole_documents

FROZEN: tuple[TfIdf | Embeddings, ...] = (TfIdf(), Embeddings())


def preflight(
    source: Source = PythonDocs(),
    test: Source | None = None,
    name: str | None = None,
    config: TuneClassifier = TuneClassifier(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A source is not there, a model is not here or cannot be trained, a package is not installed.
    """
    require_training(config.training)
    base = describe_base(config.model, config.training)
    if config.pretraining is not None:
        require_masked(config.model, base, config.pretraining)
    describe_encoder(config.embed)
    if any(method.kind == "setfit" for method in config.methods):
        describe_encoder(config.embed.model_copy(update={"model": config.model, "server": None}))
    tuned.require_task(name_of(source, name), "classifier")
    for given in (source, test):
        if given is not None:
            list_items(given, columns_of(given, column_of(given, config.labels)))


def frozen_methods(config: TuneClassifier) -> TextClassifier:
    """Return what `text-classifier` is asked for to compare with: nothing of it is trained but a linear model."""
    return TextClassifier(
        ingest=config.ingest, labels=config.labels, embed=config.embed, methods=FROZEN, fit=config.fit, curve=None,
        label_issues=None, measured=config.measured, runner=config.runner,
    )  # fmt: skip


def way_names(config: TuneClassifier) -> tuple[str, ...]:
    """Return a name for each way to train: its kind, how many blocks, and a number where two are alike."""
    plain = [f"last-{m.blocks}" if isinstance(m, LastBlocks) else m.kind for m in config.methods]
    return tuple(
        f"tuned {name} {plain[:at].count(name) + 1}" if name in plain[:at] else f"tuned {name}"
        for at, name in enumerate(plain)
    )


def pretrained_first(
    prepared: PreparedClasses, base: TuningBase, config: TuneClassifier
) -> tuple[TuneClassifier, PretrainedEncoder | None]:
    """Let the model go on learning from texts alone, where that is asked for, and return what training starts from."""
    if config.pretraining is None:
        return config, None
    near = config.tuning.near_duplicate
    with steps.label("pretraining"):
        made = pretrain_encoder(prepared, prepared.spare, base, config.pretraining, config.training, near)
    names = ("loss_before", "loss_after", "accuracy_before", "accuracy_after", "guessed", "texts")
    steps.log_metrics("pretraining", **{name: getattr(made, name) for name in names})
    get_run_logger().info(
        "pretraining: loss of a masked token %.3f before, %.3f after; head: %s",
        made.loss_before, made.loss_after, head_in_words(made),
    )  # fmt: skip
    return config.model_copy(update={"model": tuned.by_content(made.result.model)}), made


def train_ways(
    prepared: PreparedClasses, base: TuningBase, config: TuneClassifier
) -> tuple[tuple[TunedWay, ...], tuple[Trial, ...]]:
    """Train every way that is asked for, and let each classify the validation and the held-out texts."""
    ways, trials = [], []
    for name, method in zip(way_names(config), config.methods, strict=True):
        with steps.label(name):
            if isinstance(method, SetFit):
                encoder = describe_encoder(config.embed.model_copy(update={"model": config.model, "server": None}))
                way = train_setfit(prepared, name, method, encoder.encoder, config.training)
                trials.append(try_setfit(prepared, way, config))
            else:
                way = train_classifier(prepared, name, method, base, config.tuning, config.training)
                trials.append(try_tuned(prepared, way, config))
            ways.append(way)
    return tuple(ways), tuple(trials)


def tuned_encoder(way: TunedWay, config: TuneClassifier) -> Fingerprint:
    """Describe an encoder that was just trained."""
    model = tuned.by_content(way.result.model)
    return describe_encoder(config.embed.model_copy(update={"model": model, "server": None}))


def try_setfit(prepared: PreparedClasses, way: TunedWay, config: TuneClassifier) -> Trial:
    """Fit a logistic regression on the vectors of an encoder that was just trained, and classify held-out texts."""
    encoder, divided = tuned_encoder(way, config), prepared.divided
    parts = {}
    for label, examples in (("train", divided.train), ("test", divided.test)):
        with steps.label(label):
            passages = whole_documents(examples.documents, encoder.encoder)
            embedded = embed_passages(passages, encoder, config.embed.shards, config.runner)
            pooled = pool_documents(embedded.passages, embedded.vectors, examples.documents)
        if pooled.documents.digest != examples.documents.digest:
            raise ContractError(
                f"{examples.documents.rows - pooled.documents.rows} texts have no vector; take them out"
            )
        parts[label] = examples.model_copy(update={"vectors": pooled.vectors})
    trial = try_trained(divided.model_copy(update=parts), way.name, Embeddings(), config.fit, encoder)
    seconds = trial.fit_seconds + way.result.seconds
    return trial.model_copy(update={"kind": way.kind, "fit_seconds": seconds})


def try_tuned(prepared: PreparedClasses, way: TunedWay, config: TuneClassifier) -> Trial:
    """Classify texts with a model that was just trained, as it will be used."""
    asked = TaskModel(
        model=tuned.by_content(way.result.model), precision=config.training.precision, device=config.training.device
    )
    trial = try_ready(prepared.divided, way.name, asked, identify(asked))
    return trial.model_copy(update={"learned": True, "kind": way.kind, "fit_seconds": way.result.seconds})


def judge_ways(
    prepared: PreparedClasses, trials: tuple[Trial, ...], config: TuneClassifier, encoder: Fingerprint
) -> tuple[Verdict, ClassVerdict]:
    """Compare the trained ways with frozen ones on the same held-out texts, and ask the gate."""
    divided, asked = prepared.divided, frozen_methods(config)
    names = names_of(FROZEN)
    frozen = tuple(
        try_labelled(divided, name, method, asked, encoder) for name, method in zip(names, FROZEN, strict=True)
    )
    judgement = evaluate_classes(divided, (*trials, *frozen), config.measured)
    gate = judge_classifiers(judgement, tuple(trial.name for trial in trials), names, config.gate)
    return Verdict(divided=divided, trials=(*trials, *frozen), judgement=judgement, chosen=gate.chosen), gate


def keep_model(
    run: tracking.Run, name: str, way: TunedWay, found: Verdict, gate: ClassVerdict, config: TuneClassifier
) -> TunedModel:
    """Keep the model that was chosen, live if the gate released it, and register it; a plan keeps nothing."""
    divided, base = found.divided, describe_base(config.model, config.training)
    few = way.kind == "setfit"
    made = TunedModel(
        name=name, task="classifier", model=way.result.model, base=base.model,
        base_weights=base.weights, why=gate.why,
        data={"train": divided.train.documents.digest, "test": divided.test.documents.digest},
    )  # fmt: skip
    if steps.planning() is None:
        classifier = Classifier(
            name=name, way=found.chosen, classifier=chosen_of(found.trials, found.chosen).classifier,
            encoder=tuned_encoder(way, config) if few else None,
        )  # fmt: skip
        made = made.model_copy(update={"classifier": classifier.model_dump(mode="json")})
        made = tuned.keep(made, release=gate.released)
        if not gate.released:
            events.gate_refused(f"tuned.{name}", gate.why)
        if gate.released:
            classifiers.commit(classifier)
    alias = "champion" if gate.released else ""
    run.register(f"tuned-{name}", objects.path(made.model), made.model.digest, SIGNATURE, alias)
    return made


@flow(name="tune-classifier", flow_run_name=named("name", "source"))
def tune_classifier(
    source: Source = PythonDocs(),
    test: Source | None = None,
    name: str | None = None,
    config: TuneClassifier = TuneClassifier(),
) -> Outcome:
    """Train an encoder to classify; release it if it beats frozen ones on held-out texts.

    Args:
        source: Labelled texts to learn from.
        test: Labelled texts to judge by; left out, some of each class are held out.
        name: What the model is called: `tuned:NAME`; left out, after the source.
        config: Which weights move, how long, and what must be gained.
    """
    with tracking.run("tune-classifier", config, source=source, test=test, name=name) as run:
        preflight(source, test, name, config)
        encoder, base = describe_encoder(config.embed), describe_base(config.model, config.training)
        divided, ingested = read_examples(source, test, frozen_methods(config), encoder)
        prepared = prepare_classes(divided, base, config.tuning, config.training)
        start, first = pretrained_first(prepared, base, config)
        ways, trials = train_ways(prepared, describe_base(start.model, config.training), start)
        trained = TrainedWays(ways=ways, pretrained=first)
        found, gate = judge_ways(prepared, trials, config, encoder)
        chosen = next(way for way in ways if way.name == gate.chosen)
        kept = keep_model(run, name_of(source, name), chosen, found, gate, config)
        run.publish(
            model=kept.model,
            curve=chosen.result.curve,
            pretraining=first,
            measures=found.judgement.measures,
            paired=found.judgement.paired,
            rejected=prepared.divided.rejected,
        )
        page = tuned_page(run, kept, found, trained, prepared.look, ingested)
        return run.outcome(tuned_summary(kept, found, trained, prepared.look, ingested), page)
