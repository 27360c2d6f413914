"""The gate of trained models: better in the domain for sure, and nowhere else worse by more than a little.

Each set is encoded before and after training; both are judged on the same items, and the difference is resampled item
by item (paired bootstrap). A correlation is computed anew on every resample.

Source: paired bootstrap, Efron & Tibshirani 1993.
"""

from collections.abc import Mapping, Sequence

from configs.finetune_pairs import PairedGate, TuneGate
from tasks.data.benchmarks import TaskScore
from tasks.data.pairs import Role, Truth, TuneCheck
from tasks.errors import ContractError
from tasks.metrics.intervals import Interval, drawn_rows, paired_interval, percentile_interval
from tasks.metrics.judged import Performance, Values, fused_scores, listed, spearman


def compare(
    name: str, role: Role, before: Performance, after: Performance, config: PairedGate, tolerance: float = 0.0
) -> TuneCheck:
    """Compare a model before and after training on one set, and say whether the gate lets the difference through.

    Args:
        name: Of the set.
        role: What it is for: only its domain must gain, general quality may fall a little.
        before: How the model did.
        after: How the trained one did, on the same items.
        config: What it must gain.
        tolerance: How much general quality may fall.

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
    elif role == "general":
        passed = difference >= -tolerance
        needed = f"it may fall by {tolerance:g}"
    else:
        passed, needed = True, "shown beside"
    return TuneCheck(
        name, role, before.metric, len(before.values), before.mean, after.mean, low, high, passed, needed
    )  # fmt: skip


def compare_scores(before: Sequence[TaskScore], after: Sequence[TaskScore], config: TuneGate) -> list[TuneCheck]:
    """Compare a model before and after training on tasks of a benchmark, which gives a score and no interval."""
    needed, found = f"it may fall by {config.tolerance:g}", []
    for old, new in zip(before, after, strict=True):
        apart = new.score - old.score
        passed = apart >= -config.tolerance
        found.append(TuneCheck(new.task, "general", new.metric, 0, old.score, new.score, apart, apart, passed, needed))
    return found


def _interval(before: Performance, after: Performance, config: PairedGate) -> Interval:
    if before.scores is None:
        ours, theirs = after.values.tolist(), before.values.tolist()
        return paired_interval(ours, theirs, resamples=config.resamples, seed=config.seed)[1]
    samples = [
        spearman(after.values[rows], before.scores[rows]) - spearman(before.values[rows], before.scores[rows])
        for rows in drawn_rows(len(before.values), resamples=config.resamples, seed=config.seed)
    ]
    return percentile_interval(samples)


def compare_rankings(truths: Sequence[Truth], scores: Mapping[str, Values], config: PairedGate) -> list[TuneCheck]:
    """Compare rankings of the same listed texts: a trained cross-encoder decides, what else there is is shown.

    Args:
        truths: P pairs.
        scores: (P,) scores by name: `dense`, of the first stage; `cross`, of the trained model; `untrained`, of a
            cross-encoder it was started from, where there is one.
        config: What must be gained.

    Returns:
        cross over dense, and over untrained, which decide; fused over dense and cross, and all by the rank of the
        first relevant text, which are shown.
    """
    named = {**scores, "fused": fused_scores(truths, scores["dense"], scores["cross"])}
    found = {name: {metric: listed(truths, mine, metric) for metric in ("MAP", "MRR")} for name, mine in named.items()}
    decided = [("cross over dense", "dense", "cross")]
    decided += [("cross over untrained", "untrained", "cross")] if "untrained" in scores else []
    shown = [("fused over dense", "dense", "fused"), ("fused over cross", "cross", "fused")]
    checks = [compare(name, "domain", found[a]["MAP"], found[b]["MAP"], config) for name, a, b in decided]
    checks += [compare(name, "shown", found[a]["MAP"], found[b]["MAP"], config) for name, a, b in shown]
    first = [(f"{name}, first hit", a, b) for name, a, b in (decided[0], shown[0])]
    return checks + [compare(name, "shown", found[a]["MRR"], found[b]["MRR"], config) for name, a, b in first]


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
    ranks = any(check.role == "shown" for check in checks)
    beside = f"no worse on {general} other" if general else "what it may have lost elsewhere was not measured"
    beside = "it only orders what was found before" if ranks else beside
    return True, f"released: {next(c for c in checks if c.role == 'domain').words}; {beside}"
