"""Tasks of `classify` that run a model: ready ones, the one that was kept, and how long encoding takes."""

import time
from collections.abc import Callable

import numpy as np

from configs.classify import Nli, Prompted, Ready
from configs.generators import LocalModel
from tasks.classify.files import Saved, read_classifier
from tasks.classify.model import Features
from tasks.classify.prompted import Asker, Labeller, LabelPrompts, LabelScorer, kept_way, read_label_prompt
from tasks.classify.task import LIBRARIES, features_of, save_classifier, texts_of
from tasks.data.chains import PromptUsage
from tasks.data.classes import (
    ClassifierRef,
    Divided,
    Identified,
    PredictionsRef,
    ProbabilitiesRef,
    Speed,
    Texts,
    Trial,
)
from tasks.data.documents import DocumentsRef
from tasks.data.labels import LabelCalibration, LabelLikelihoods, LikelihoodsRef
from tasks.data.models import Fingerprint
from tasks.data.prompts import Prompting
from tasks.errors import ContractError
from tasks.models import sequence_classifier
from tasks.models.encoders import load as encoders
from tasks.models.generators import client, scoring
from tasks.models.generators import load as generators
from tasks.runtime import accelerator, steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects

TIMED = 32  # texts that encoding is timed on
READY = ("torch", "transformers", "tokenizers", "llguidance")


def identify(method: Ready) -> Identified | Prompting:
    """Describe a ready model without loading it.

    Raises:
        ContractError: The precision or device asked for is not there, or a prompt lacks what it needs.
        ModelError: There is no such model, or it does not do what the way needs.
    """
    from tasks.classify.mapping import entailment_of

    if isinstance(method, Prompted):
        return Prompting(generator=generators.describe(method.generator), prompt=read_label_prompt(method.prompt))
    place = f"methods.{method.kind}"
    found = sequence_classifier.describe_classes(method.model, method.precision, method.device, place)
    if isinstance(method, Nli):
        entailment_of(method.model, found.labels)
    return found


@step(name="classify-ready", run_name="classify-ready {name}", libraries=READY, device_of=("model",))
def try_ready(divided: Divided, name: str, method: Ready, model: Identified | Prompting) -> Trial:
    """Let a ready model classify the texts kept back, and the training texts that ready models are tried on.

    Args:
        divided: Texts and labels; the labels have no part in it.
        name: What the way is called.
        method: The way.
        model: The model.

    Raises:
        ModelError: Its labels do not fit ours, or it gave no number for a text.
    """
    from tasks.classify.ready import describe_ready, thresholds_of

    ready = describe_ready(method, model, divided.classes, multiple=divided.multiple)
    thresholds = thresholds_of(divided.classes) if divided.multiple else None
    saved = Saved(name, divided.classes, 1.0, thresholds, ready=ready)
    tried = features_of(divided.train).take(objects.load_array(divided.tried))
    ask = _asker(saved)
    validation = ask(tried.texts)
    started = time.perf_counter()
    likely = ask(texts_of(divided.test.documents))
    seconds, asked = time.perf_counter() - started, _usage(ask)
    return Trial(
        name=name, kind=method.kind, learned=False, tried_only=True, setting=str(ready["model"]), asked=asked,
        seconds_per_1000=seconds * 1_000 / max(1, len(likely) if asked is None else asked.timed),
        validation=objects.save_array(ProbabilitiesRef, validation),
        test=objects.save_array(ProbabilitiesRef, likely), classifier=save_classifier(saved, None),
        thresholds=() if thresholds is None else tuple(map(float, thresholds)),
    )  # fmt: skip


@step(name="classify-likelihoods", run_name="classify-likelihoods {name}", libraries=READY, device_of=("model",))
def score_labels(divided: Divided, name: str, method: Prompted, model: Identified | Prompting) -> LabelLikelihoods:
    """Let a language model say how likely every label is, of the texts kept back, of training texts and of no content.

    Args:
        divided: Texts and labels; the labels have no part in it but by their names.
        name: What the model is called.
        method: The way, without a calibration, so that one result serves all.
        model: The model, and what it is told.

    Raises:
        ContractError: The model is not one of this machine, or the prompt has no room for a text.
        ModelError: It gave no number for a text.
    """
    from tasks.classify.ready import describe_ready

    ready = describe_ready(method, model, divided.classes, multiple=divided.multiple)
    tried = features_of(divided.train).take(objects.load_array(divided.tried)).texts
    held, saved = texts_of(divided.test.documents), Saved(name, divided.classes, 1.0, None, ready=ready)
    with progress("score labels", len(tried) + len(method.content_free) + len(held), "texts") as advance:
        ask = _scorer(saved, None, advance)
        training, content_free = ask(tried), ask(method.content_free)
        started = time.perf_counter()
        test = ask(held)
        seconds, usage = time.perf_counter() - started, ask.usage()
    steps.log_metrics(**usage.counted())
    return LabelLikelihoods(
        tried=objects.save_array(LikelihoodsRef, training), test=objects.save_array(LikelihoodsRef, test),
        content_free=objects.save_array(LikelihoodsRef, content_free), usage=usage,
        seconds_per_1000=seconds * 1_000 / len(test),
    )  # fmt: skip


@step(name="classify-speed", libraries=("torch",), device_of=("encoder",))
def time_encoding(documents: DocumentsRef, encoder: Fingerprint) -> Speed:
    """Measure how long encoding takes here, on a few texts.

    Args:
        documents: Texts.
        encoder: What encodes.
    """
    texts = texts_of(documents)
    rows = np.unique(np.linspace(0, len(texts) - 1, min(TIMED, len(texts))).astype(int)).tolist()
    engine = encoders.engine(encoder)
    engine.encode([texts[rows[0]]])  # loads
    started = time.perf_counter()
    engine.encode([encoder.encoder.passage_prompt + texts[row] for row in rows])
    return Speed(seconds_per_1000=(time.perf_counter() - started) * 1_000 / len(rows))


@step(name="classify-predict", libraries=LIBRARIES)
def classify_texts(texts: Texts, classifier: ClassifierRef) -> PredictionsRef:
    """Classify texts with a classifier that was kept.

    Args:
        texts: Documents, and their vectors where the classifier needs them.
        classifier: What predicts.
    """
    from tasks.classify.files import write_predictions

    saved = read_classifier(objects.path(classifier))
    known = objects.load_table(texts.documents, ["id", "text"])
    words = known["text"].to_pylist()
    vectors = None if texts.vectors is None else objects.load_array(texts.vectors)
    ask = _asker(saved) if saved.ready else None
    with accelerator.slot(saved.ready):
        likely = saved.probabilities(Features(words, vectors)) if ask is None else ask(words)
    _usage(ask)
    columns = {"id": known["id"].to_pylist(), "text": words,
               "label": saved.labels(likely), "probability": likely.max(axis=1).tolist()}  # fmt: skip
    steps.log_metrics(texts=len(words), probability=float(likely.max(axis=1).mean()))
    return objects.save_files(
        PredictionsRef, lambda folder: write_predictions(folder, columns, saved.classes, likely), shape=likely.shape
    )


def _asker(saved: Saved) -> Asker:
    """Return what gives probabilities (N, K) of texts by a ready model."""
    from tasks.classify.ready import ask_ready

    if "prompting" in saved.ready:
        return _language_model(saved)
    identified = Identified.model_validate(saved.ready["identified"])
    ask, size = sequence_classifier.engine(identified.scorer).outputs, len(saved.classes)
    return lambda texts: ask_ready(saved.ready, texts, ask, classes=size, multiple=saved.multiple)


def _language_model(saved: Saved) -> Labeller | LabelScorer:
    """Return what asks a language model: for probabilities where a calibration was kept with it, else for labels."""
    if (kept := saved.ready.get("calibration")) is not None:
        return _scorer(saved, LabelCalibration.model_validate(kept))
    method, prompting, sampling = kept_way(saved.ready)
    # fix=False: no label is counted
    replies = client.replies(prompting.generator, sampling, method.generator, fix=False).watched_by(progress)
    return Labeller(_prompts(saved), replies)


def _scorer(
    saved: Saved, calibration: LabelCalibration | None, advance: Callable[[int], None] | None = None
) -> LabelScorer:
    """Return what asks a model of this machine how likely labels are."""
    method, prompting, _ = kept_way(saved.ready)
    if not isinstance(method.generator, LocalModel):
        raise ContractError(
            f"{saved.way} is of kind {method.generator.kind} but likelihoods come from kind transformers; use that"
        )
    score = scoring.scorer(prompting.generator, method.generator, advance)
    return LabelScorer(_prompts(saved), score, calibration)


def _prompts(saved: Saved) -> LabelPrompts:
    method, prompting, sampling = kept_way(saved.ready)
    most = client.prompt_budget(prompting.generator, sampling, method.prompt_tokens)
    return LabelPrompts(saved.classes, prompting.prompt, method, client.text_counter(method.generator), most)


def _usage(ask: Asker | None) -> PromptUsage | None:
    """Record what a language model was asked; None of any other."""
    usage = ask.usage() if isinstance(ask, Labeller | LabelScorer) else None
    if usage is not None:
        steps.log_metrics(**usage.counted())
    return usage
