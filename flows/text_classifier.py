"""Text classifier: which way of classifying suits labelled texts, which labels are wrong, and what new texts are.

Here:          python -m flows text-classifier source.kind=tables source.path=reviews.csv labels.column=label
New texts:     python -m flows text-classifier classifier=reviews predict.kind=tables predict.path=new.csv
On a worker:   prefect deployment run 'text-classifier/text-classifier'
"""

import logging
from typing import assert_never

from prefect import flow

from configs.classify import (
    Centroid,
    Combined,
    Embeddings,
    Method,
    Neighbours,
    Nli,
    Prompted,
    Ready,
    TaskModel,
    TfIdf,
    Trained,
    ZeroShot,
)
from configs.flows import TextClassifier
from configs.ingest import PythonDocs, Source
from tasks.classify import (
    calibrate_labels,
    classify_texts,
    column_of,
    columns_of,
    divide_examples,
    find_label_issues,
    gives_likelihoods,
    identify,
    label_documents,
    learning_curve,
    models_that_fit,
    names_of,
    phrases_of,
    score_labels,
    time_encoding,
    try_combined,
    try_ready,
    try_trained,
    try_wordings,
    with_column,
)
from tasks.data.classes import Classifier, Divided, LabelIssuesRef, PredictionsRef, Texts, Trial, Verdict
from tasks.data.curves import LearningCurve
from tasks.data.documents import DocumentsRef, Ingested
from tasks.data.models import Fingerprint
from tasks.data.reading import ReadingReport
from tasks.data.run import Outcome
from tasks.embed import describe_encoder, embed_passages, embed_queries, pool_documents
from tasks.errors import ContractError
from tasks.evaluate import evaluate_classes
from tasks.ingest import ingest_documents, ingest_queries, list_items, name_of
from tasks.models.encoders import load as encoders
from tasks.report.languages import reading_summary
from tasks.report.names import named
from tasks.report.text_classifier import class_page, class_summary, predictions_page
from tasks.runtime import steps, tracking
from tasks.store import classifiers, objects
from tasks.tokenize import chunk_documents, report_languages, whole_documents

WITHOUT_VECTORS = TfIdf | Ready
log = logging.getLogger(__name__)
SIGNATURE = {"text": "string"}, {"label": "string", "probability": "double"}


def preflight(
    source: Source = PythonDocs(),
    test: Source | None = None,
    predict: Source | None = None,
    classifier: str | None = None,
    config: TextClassifier = TextClassifier(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A source is not there, a model is not here or does not do what it should, a name is none of a way.
    """
    if classifier is not None:
        if predict is None:
            raise ContractError(
                f"classifier {classifier!r} has nothing to classify; set predict.kind and predict.path"
            )
        classifiers.live(classifier)
    else:
        check_ways(config)
        name_of(source, None)
    if classifier is None:
        list_items(source, columns_of(source, column_of(source, config.labels)))
    if test is not None:
        list_items(test, columns_of(test, column_of(test, config.labels)))
    if predict is not None:
        list_items(predict)


def check_ways(config: TextClassifier) -> None:
    """Check that the ways asked for can be tried.

    Raises:
        FlowError: A model is not here or does not do what it should, or a name is none of a way.
    """
    describe_encoder(config.embed)
    for method in config.methods:
        if isinstance(method, Ready):
            identify(method)
    names = names_of(config.methods)
    for field, name in (
        ("choose", config.choose),
        ("label_issues.method", config.label_issues and config.label_issues.method),
    ):
        if name is not None and name not in names:
            raise ContractError(f"{field} is {name!r} but the methods are: {', '.join(names)}")


def read_texts(
    source: Source, config: TextClassifier, encoder: Fingerprint, *, vectors: bool
) -> tuple[Texts, Ingested]:
    """Return the documents of a source, with a vector each where that is asked for, and what was rejected."""
    ingested = ingest_documents(list_items(source), source, config.ingest, encoder.encoder)
    if not vectors:
        return Texts(documents=ingested.documents), ingested
    if config.chunk is None:
        passages = whole_documents(ingested.documents, encoder.encoder)
    else:
        passages = chunk_documents(ingested.documents, encoder.encoder, config.chunk)
    embedded = embed_passages(passages, encoder, config.embed.shards, config.runner)
    pooled = pool_documents(embedded.passages, embedded.vectors, ingested.documents)
    return Texts(documents=pooled.documents, vectors=pooled.vectors), ingested


def read_examples(
    source: Source, test: Source | None, config: TextClassifier, encoder: Fingerprint
) -> tuple[Divided, tuple[Ingested, ...]]:
    """Return labelled texts to learn from and to judge by, and what was rejected when they were read."""
    vectors = needs_vectors(config)
    read, ingested = [], []
    for label, given in (("source", source), ("test", test)):
        if given is not None:
            column = column_of(given, config.labels)
            with steps.label(label):
                texts, found = read_texts(with_column(given, column), config, encoder, vectors=vectors)
                read.append(label_documents(texts, column, config.labels))
            ingested.append(found)
    held = read[1] if test is not None else None
    return divide_examples(read[0], held, config.labels, config.fit), tuple(ingested)


def read_languages(documents: DocumentsRef, encoder: Fingerprint, config: TextClassifier) -> ReadingReport:
    """Return the languages of texts, and how much of them the encoder reads."""
    with steps.label("languages"):
        whole = whole_documents(documents, encoder.encoder)
    return report_languages(documents, whole, encoder.encoder, config.embed.readable)


def needs_vectors(config: TextClassifier) -> bool:
    """Return whether a way needs vectors."""
    return not all(isinstance(method, WITHOUT_VECTORS) for method in config.methods)


def try_labelled(divided: Divided, name: str, method: Method, config: TextClassifier, encoder: Fingerprint) -> Trial:
    """Try one way to classify, its steps labelled by its name."""
    with steps.label(name):
        return try_method(divided, name, method, config, encoder)


def try_method(divided: Divided, name: str, method: Method, config: TextClassifier, encoder: Fingerprint) -> Trial:
    """Try one way to classify."""
    match method:
        case TfIdf():
            return try_trained(divided, name, method, config.fit, None)
        case Embeddings() | Centroid() | Neighbours():
            return try_trained(divided, name, method, config.fit, encoder)
        case Combined():
            by_words, by_vector = (try_labelled(divided, p.kind, p, config, encoder) for p in method.parts)
            return try_combined(divided, name, method, by_words, by_vector, encoder)
        case ZeroShot():
            phrases = embed_queries(ingest_queries(phrases_of(divided.classes, method)), encoder)
            return try_wordings(divided, name, method, phrases, encoder)
        case Prompted() if gives_likelihoods(method):
            return try_calibrated(divided, name, method, config)
        case TaskModel() | Nli() | Prompted():
            return try_ready(divided, name, method, identify(method))
        case _:
            assert_never(method)


def try_calibrated(divided: Divided, name: str, method: Prompted, config: TextClassifier) -> Trial:
    """Try a language model that says how likely labels are; another calibration of it asks for nothing again."""
    model, bare = identify(method), method.model_copy(update={"calibration": "none"})
    likelihoods = score_labels(divided, method.generator.model, bare, model)
    return calibrate_labels(divided, name, method, model, likelihoods, config.fit)


def draw_curves(divided: Divided, config: TextClassifier) -> tuple[LearningCurve, ...]:
    """Return what the ways that learn reach with fewer labels; nothing where that was not asked for."""
    if config.curve is None:
        return ()
    named = zip(names_of(config.methods), config.methods, strict=True)
    curves = []
    for name, method in named:
        if isinstance(method, Trained):
            with steps.label(name):
                curves.append(learning_curve(divided, name, method, config.fit, config.curve))
    return tuple(curves)


def list_label_issues(
    divided: Divided, trials: tuple[Trial, ...], ranked: tuple[str, ...], config: TextClassifier
) -> LabelIssuesRef | None:
    """Return labels that are probably wrong; None where that was not asked for, or cannot be known."""
    by_name = {trial.name: trial for trial in trials}
    learned = [name for name in ranked if by_name[name].learned and not by_name[name].tried_only]
    if config.label_issues is None or not learned or divided.multiple:
        return None
    return find_label_issues(divided, by_name[config.label_issues.method or learned[0]], config.label_issues)


def judge_ways(divided: Divided, predict: Source | None, config: TextClassifier, encoder: Fingerprint) -> Verdict:
    """Try every way, judge them all, choose one by training texts, and classify new texts by it."""
    named = zip(names_of(config.methods), config.methods, strict=True)
    trials = tuple(try_labelled(divided, name, method, config, encoder) for name, method in named)
    judgement = evaluate_classes(divided, trials, config.measured)
    best = chosen_of(trials, config.choose or judgement.ranked[0])
    predictions: PredictionsRef | None = None
    if predict is not None:
        with steps.label("predict"):
            texts, _ = read_texts(predict, config, encoder, vectors=best.encodes)
            predictions = classify_texts(texts, best.classifier)
    timed = needs_vectors(config) and encoder.encoder.architecture != "remote"
    return Verdict(
        divided=divided,
        trials=trials,
        judgement=judgement,
        chosen=best.name,
        speed=time_encoding(divided.test.documents, encoder) if timed else None,
        curve=draw_curves(divided, config),
        label_issues=list_label_issues(divided, trials, judgement.ranked, config),
        predictions=predictions,
    )


def chosen_of(trials: tuple[Trial, ...], name: str) -> Trial:
    """Return the way of a name."""
    return next(trial for trial in trials if trial.name == name)


def keep_classifier(run: tracking.Run, name: str, trial: Trial, encoder: Fingerprint) -> None:
    """Keep the way that was chosen for later runs, and register it; a plan keeps nothing."""
    if steps.planning() is None:
        used = encoder if trial.encodes else None
        classifiers.commit(Classifier(name=name, way=trial.name, classifier=trial.classifier, encoder=used))
    run.register(f"classifier-{name}", objects.path(trial.classifier), trial.classifier.digest, SIGNATURE)


def predict_kept(run: tracking.Run, name: str, source: Source, config: TextClassifier) -> Outcome:
    """Classify the texts of a source with a classifier that was kept."""
    kept = classifiers.live(name)
    encoder = encoders.runnable(kept.encoder) if kept.encoder is not None else describe_encoder(config.embed)
    texts, ingested = read_texts(source, config, encoder, vectors=kept.encoder is not None)
    ingested = ingested.model_copy(update={"reading": read_languages(texts.documents, encoder, config)})
    predictions = classify_texts(texts, kept.classifier)
    run.publish(predictions=predictions, rejected=ingested.rejected)
    return run.outcome(*predictions_page(run, kept, predictions, ingested))


@flow(name="text-classifier", flow_run_name=named("classifier", "source"))
def text_classifier(
    source: Source = PythonDocs(),
    test: Source | None = None,
    predict: Source | None = None,
    classifier: str | None = None,
    config: TextClassifier = TextClassifier(),
) -> Outcome:
    """Try ways to classify labelled texts in one table, find wrong labels, keep the best way, and classify new texts.

    Args:
        source: Labelled texts to learn from.
        test: Labelled texts to judge by; left out, some of each class are held out.
        predict: New texts to classify, by the way that is chosen.
        classifier: Name of a classifier that an earlier run has kept; nothing is learned then, predict is classified.
        config: Which ways are tried, and how.
    """
    with tracking.run(
        "text-classifier", config, source=source, test=test, predict=predict, classifier=classifier
    ) as run:
        preflight(source, test, predict, classifier, config)
        if classifier is not None and predict is not None:
            return predict_kept(run, classifier, predict, config)
        encoder = describe_encoder(config.embed)
        divided, ingested = read_examples(source, test, config, encoder)
        reading = read_languages(divided.train.documents, encoder, config)
        ingested = (ingested[0].model_copy(update={"reading": reading}), *ingested[1:])
        offers = models_that_fit(divided.classes)
        for card in offers:
            log.info("trained models for these labels: %s (%s)", card.id, card.licence or "licence not stated")
        found = judge_ways(divided, predict, config, encoder)
        name = name_of(source, None)
        keep_classifier(run, name, chosen_of(found.trials, found.chosen), encoder)
        run.publish(
            classifier=chosen_of(found.trials, found.chosen).classifier,
            measures=found.judgement.measures,
            paired=found.judgement.paired,
            label_issues=found.label_issues,
            predictions=found.predictions,
            rejected=divided.rejected,
        )
        page = class_page(run, name, found, ingested, offers, config)
        return run.outcome({**class_summary(name, found, offers, config), **reading_summary(reading)}, page)
