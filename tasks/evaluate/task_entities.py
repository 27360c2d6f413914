"""Task of `evaluate` that judges taggers, chooses one, and says whether it is released."""

from collections.abc import Sequence

from configs.finetune_tagger import TaggerGate
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.tagging import (
    EntityError,
    EntityErrorsRef,
    EntityScore,
    EntityScoresRef,
    MarkedRef,
    MarkedSentence,
    PreparedTags,
    TagTrial,
    TagVerdict,
)
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="evaluate-entities", libraries=("numpy",))
def judge_taggers(
    prepared: PreparedTags, tuned: Sequence[TagTrial], listed: TagTrial, config: TaggerGate
) -> TagVerdict:
    """Judge taggers on the held-out sentences; the one with the best validation is chosen and put to the gate.

    Args:
        prepared: Sentences with their labels.
        tuned: What the trained ways mark.
        listed: What a list of the training entities marks.
        config: What must be gained.
    """
    from tasks.evaluate import entities
    from tasks.metrics.entities import entity_counts, micro_f1

    options = {"resamples": config.resamples, "seed": config.seed}
    test = objects.load_rows(prepared.test, MarkedSentence)
    given, stop = [row.labels for row in test], _labels(prepared.validation)
    types = sorted({kind for row in (*given, *stop, prepared.labels) for kind in (label[2:] for label in row) if kind})
    counts = entities.counted(given, {t.name: _labels(t.test) for t in (*tuned, listed)}, types)
    tried = {t.name: micro_f1(entity_counts(stop, _labels(t.validation), types)) for t in tuned}
    chosen = max(tuned, key=lambda trial: tried[trial.name])
    scores = entities.scores_of(counts, types, **options)
    measures = entities.measures_of(scores, len(test))
    measures += [
        Measure("validation entity F1", name, value, value, value, len(stop)) for name, value in tried.items()
    ]
    found = entities.gain(chosen.name, listed.name, counts, **options)
    measures.append(Measure("entity F1 gained over the list", chosen.name, *found, len(test)))
    reached = next(s.f1 for s in scores if s.way == chosen.name and s.label == entities.ALL)
    released, why = entities.release(
        chosen.name, listed.name, reached, found, config.least_gain, config.least_f1
    )  # fmt: skip
    steps.log_measures("tags", measures)
    errors = entities.errors_of(test, objects.load_rows(chosen.test, MarkedSentence))
    return TagVerdict(
        measures=objects.save_rows(MeasuresRef, Measure, measures), chosen=chosen.name, released=released, why=why,
        scores=objects.save_rows(EntityScoresRef, EntityScore, scores),
        errors=objects.save_rows(EntityErrorsRef, EntityError, errors),
    )  # fmt: skip


def _labels(ref: MarkedRef) -> list[tuple[str, ...]]:
    return [row.labels for row in objects.load_rows(ref, MarkedSentence)]
