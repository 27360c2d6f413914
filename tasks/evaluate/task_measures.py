"""Keep measures of `evaluate`: as a table that pages read, and as metrics that runs are compared by."""

from collections.abc import Sequence

from tasks.data.evaluation import Measure, MeasuresRef
from tasks.runtime import steps
from tasks.store import objects


def save_measures(group: str, measures: Sequence[Measure]) -> MeasuresRef:
    """Store measures, and log each as the metric `<group>.<of what>.<measure>` of the run."""
    steps.log_measures(group, measures)
    return objects.save_rows(MeasuresRef, Measure, measures)
