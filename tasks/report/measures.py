"""What an evaluation has measured, as the pages about a collection show it."""

from tasks.data.evaluation import Evaluation, Measure
from tasks.store import objects

DIFFERENCE = " difference"  # ends the name of what is measured of two ways, which is no level


def measures_of(found: Evaluation) -> list[Measure]:
    """Return what an evaluation has measured, of rankings and of answers."""
    return [m for ref in (found.rankings, found.decisions) for m in objects.load_rows(ref, Measure)]
