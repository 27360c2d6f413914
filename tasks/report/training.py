"""What every page of training shows: the curve, what training took, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.data.class_tuning import TunedWay
from tasks.data.training import StepLoss, TrainingResult
from tasks.report.charts import plain
from tasks.report.page import Figure, Table

LINES = {"loss": ("training loss", "solid"), "eval_loss": ("validation loss", "dash")}


def loss_curves(section: str, curves: Mapping[str, Sequence[StepLoss]]) -> list[Figure]:
    """Return training and validation loss over steps, two lines a run; none where nothing was measured."""
    data: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    for name, points in curves.items():
        for field, (said, dash) in LINES.items():
            known = [(p.step, value) for p in points if (value := getattr(p, field)) is not None]
            if known:
                data.append({"type": "scatter", "mode": "lines+markers", "name": plain(f"{name}: {said}"),
                             "x": [step for step, _ in known], "y": [value for _, value in known],
                             "line": {"dash": dash}})  # fmt: skip
        rows += [(name, f"{p.step:,}", f"{p.epoch:.2f}", *map(_number, (p.loss, p.eval_loss, p.metric)))
                 for p in points]  # fmt: skip
    if not data:
        return []
    layout = {"xaxis": {"title": {"text": "steps"}, "rangemode": "tozero"}, "yaxis": {"title": {"text": "loss"}},
              "showlegend": True, "legend": {"orientation": "h", "y": -0.25}}  # fmt: skip
    columns = ("run", "step", "epoch", "training loss", "validation loss", "validation metric")
    return [Figure(section, "loss over steps", data, layout, 380, columns, rows)]


def metric_curves(section: str, metric: str, curves: Mapping[str, Sequence[StepLoss]]) -> list[Figure]:
    """Return what the best step is chosen by over steps, a line a run; none where it was not measured."""
    known = {name: [(p.step, p.metric) for p in points if p.metric is not None] for name, points in curves.items()}
    data = [
        {"type": "scatter", "mode": "lines+markers", "name": plain(name), "x": [step for step, _ in line],
         "y": [value for _, value in line]}
        for name, line in known.items() if line
    ]  # fmt: skip
    layout = {"xaxis": {"title": {"text": "steps"}, "rangemode": "tozero"}, "yaxis": {"title": {"text": metric}},
              "showlegend": len(data) > 1, "legend": {"orientation": "h", "y": -0.25}}  # fmt: skip
    return [Figure(section, f"{metric} of the validation texts", data, layout, 320)] if data else []


def cost_table(results: Mapping[str, TrainingResult]) -> Table:
    """Return what each run of training took, and how it ended."""
    rows = [
        (name, f"{r.trainable:,}", f"{r.trainable / max(r.parameters, 1):.1%}", f"{r.steps:,}", f"{r.best_step:,}",
         f"{r.seconds:.0f}", _rate(r), f"{r.peak_bytes / 1e9:.2f}", f"{r.precision}, {r.device}", r.micro_batch,
         r.stopped_because)
        for name, r in results.items()
    ]  # fmt: skip
    columns = ("method", "weights that move", "of all", "steps", "best step", "seconds", "tokens a second",
               "peak memory, GB", "computed in", "items at a time", "ended because")  # fmt: skip
    note = "Peak memory is that of the process, so what ran before counts too. Seconds include every evaluation."
    return Table("What training took", columns, rows, note)


def remarks(results: Mapping[str, TrainingResult]) -> list[str]:
    """Say what went otherwise than asked for while models were trained."""
    told = []
    for name, r in results.items():
        if r.resumed_from:
            told.append(f"{name} went on from step {r.resumed_from:,}; seconds count from there.")
        if r.skipped:
            told.append(f"{r.skipped} steps of {name} had gradients that are no numbers and moved nothing.")
        if r.halved:
            told.append(f"The learning rate of {name} was halved, for gradients were no numbers three times in a row.")
    return told


def stated(result: TrainingResult) -> dict[str, Any]:
    """Return what training took, for the result of a run."""
    return {
        "best_step": result.best_step,
        "steps": result.steps,
        "seconds": round(result.seconds, 1),
        "tokens_a_second": round(result.tokens / result.seconds) if result.tokens and result.seconds else None,
        "peak_memory_gb": round(result.peak_bytes / 1e9, 2),
        "trainable_parameters": result.trainable,
        "parameters": result.parameters,
        "precision": result.precision,
        "device": result.device,
        "stopped_because": result.stopped_because,
        "resumed_from": result.resumed_from,
        "halved": result.halved,
        "skipped": result.skipped,
        "micro_batch": result.micro_batch,
    }


def ways_stated(ways: Sequence[TunedWay]) -> dict[str, Any]:
    """Return what each way took, and its learning rate, for the result of a run."""
    return {way.name: {"learning_rate": way.learning_rate, **stated(way.result)} for way in ways}


def _rate(result: TrainingResult) -> str:
    return f"{result.tokens / result.seconds:,.0f}" if result.tokens and result.seconds else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
