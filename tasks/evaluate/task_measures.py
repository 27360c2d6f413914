"""Keep measures of `evaluate`: as a table that pages read, and as metrics that runs are compared by."""

from collections.abc import Sequence

from tasks.data.evaluation import Measure, MeasuresRef
from tasks.runtime import steps
from tasks.store import objects


def save_measures(group: str, measures: Sequence[Measure]) -> MeasuresRef:
    """Store measures, and log each as a metric of the run; one without an interval has no `.low` and no `.high`."""
    log_measures(group, measures)
    return objects.save_rows(MeasuresRef, Measure, measures)


def log_measures(group: str, measures: Sequence[Measure]) -> None:
    """Log measures as `<group>.<of what>.<measure>`, with `.low`, `.high` and `.n` of it where they are known."""
    steps.log_measures(group, [measure for measure in measures if measure.has_interval])
    for measure in measures:
        if not measure.has_interval:
            name = measure.metric.removeprefix(f"{group}.")
            steps.log_metrics(group, **{name: measure.value, f"{name}.n": measure.n})
