"""The gate of trained models: better in the domain for sure, and nowhere else worse by more than a little.

Each set is encoded before and after training; both are judged on the same items, and the difference is resampled item
by item (paired bootstrap). A correlation is computed anew on every resample.

Source: paired bootstrap, Efron & Tibshirani 1993.
"""

from collections.abc import Sequence

from configs.finetune_pairs import TuneGate
from tasks.data.pairs import Role, TuneCheck
from tasks.errors import ContractError
from tasks.metrics.intervals import Interval, drawn_rows, paired_interval, percentile_interval
from tasks.metrics.judged import Performance, spearman


def compare(name: str, role: Role, before: Performance, after: Performance, config: TuneGate) -> TuneCheck:
    """Compare a model before and after training on one set, and say whether the gate lets the difference through.

    Raises:
        ContractError: The two were not measured on the same items.
    """
    if before.metric != after.metric or len(before.values) != len(after.values):
        raise ContractError(
            f"{name} was measured as {before.metric} on {len(before.values)} items before and as {after.metric} on "
            f"{len(after.values)} after; both must be measured on the same"
        )
    low, high = _interval(before, after, config)
    difference = after.mean - before.mean
    if role == "domain":
        passed = low > config.least_gain
        needed = f"the lower end must be above {config.least_gain:g}"
    else:
        passed = difference >= -config.tolerance
        needed = f"it may fall by {config.tolerance:g}"
    return TuneCheck(
        name, role, before.metric, len(before.values), before.mean, after.mean, low, high, passed, needed
    )  # fmt: skip


def _interval(before: Performance, after: Performance, config: TuneGate) -> Interval:
    if before.scores is None:
        ours, theirs = after.values.tolist(), before.values.tolist()
        return paired_interval(ours, theirs, resamples=config.resamples, seed=config.seed)[1]
    samples = [
        spearman(after.values[rows], before.scores[rows]) - spearman(before.values[rows], before.scores[rows])
        for rows in drawn_rows(len(before.values), resamples=config.resamples, seed=config.seed)
    ]
    return percentile_interval(samples)


def judge(checks: Sequence[TuneCheck]) -> tuple[bool, str]:
    """Return whether a model is released, and why or why not, in words.

    Raises:
        ContractError: It was not measured in its domain.
    """
    if not any(check.role == "domain" for check in checks):
        raise ContractError("a model is released by what it was trained for; judge it on a set of its domain")
    if failed := [check for check in checks if not check.passed]:
        return False, "refused: " + "; ".join(f"{check.words}: {check.why}" for check in failed)
    general = sum(check.role == "general" for check in checks)
    beside = f"no worse on {general} other" if general else "what it may have lost elsewhere was not measured"
    return True, f"released: {next(c for c in checks if c.role == 'domain').words}; {beside}"
