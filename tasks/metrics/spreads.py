"""What repeats of one measurement come to. Source: ours."""

import statistics
from collections.abc import Iterable, Sequence

from tasks.data.evaluation import Spread


def spread_of(name: str, values: Sequence[float]) -> Spread:
    """Return median, mean, least and most of some values, at least one."""
    return Spread(
        name=name, median=statistics.median(values), mean=statistics.mean(values), least=min(values),
        most=max(values), count=len(values),
    )  # fmt: skip


def spreads_by_name(named: Iterable[tuple[str, float]]) -> tuple[Spread, ...]:
    """Return the spread of the values of each name, in the order names first appear."""
    grouped: dict[str, list[float]] = {}
    for name, value in named:
        grouped.setdefault(name, []).append(value)
    return tuple(spread_of(name, values) for name, values in grouped.items())


def ratio_of(name: str, over: Sequence[float], under: Sequence[float]) -> Spread:
    """Return how many times larger some values are than others: of medians, then over the pairs of repeats."""
    pairs = spread_of(name, [one / other for one, other in zip(over, under, strict=True)])
    return pairs.model_copy(update={"median": statistics.median(over) / statistics.median(under)})
