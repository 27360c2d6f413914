"""The gate of classifiers: a trained one is released if it is better than every frozen one for sure.

Source: paired bootstrap over the held-out texts, as `tasks.evaluate.classes` has it.
"""

from collections.abc import Mapping, Sequence

from tasks.data.classes import Paired


def best_of(names: Sequence[str], validation: Mapping[str, float]) -> str:
    """Return the name with the best validation; of equals the first."""
    return max(names, key=lambda name: validation[name])


def release(chosen: str, frozen: Sequence[str], paired: Sequence[Paired], least_gain: float) -> tuple[bool, str]:
    """Return whether a trained way is better than every frozen one, and why or why not, in words.

    Args:
        chosen: Name of the trained way.
        frozen: Names of what it is compared with.
        paired: Comparisons of two ways on the same texts, in either order.
        least_gain: What the lower end of each difference must lie above.
    """
    passed, told = True, []
    for name in frozen:
        difference, low, high = _difference(chosen, name, paired)
        better = low > least_gain
        passed &= better
        needed = "" if better else f", and the lower end must be above {least_gain:g}"
        told.append(f"{difference:+.3f} ({low:+.3f} to {high:+.3f}) against {name}{needed}")
    said = f"macro-F1 of {chosen} is {'; '.join(told)}"
    return passed, f"{'released' if passed else 'refused'}: {said}"


def _difference(ours: str, theirs: str, paired: Sequence[Paired]) -> tuple[float, float, float]:
    """Return ours less theirs in macro-F1, with its interval, whichever of the two stands first."""
    for p in paired:
        if p.metric == "macro-F1" and (p.ours, p.theirs) == (ours, theirs):
            return p.difference, p.low, p.high
        if p.metric == "macro-F1" and (p.ours, p.theirs) == (theirs, ours):
            return -p.difference, -p.high, -p.low
    raise KeyError(f"{ours} was not compared with {theirs}")
