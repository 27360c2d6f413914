"""What watches a trainer: gradients that are no numbers, validation, signals, checkpoints, the live curve.

Each is a `transformers.TrainerCallback`, so it works alike under `Trainer`, `SentenceTransformerTrainer` and
`CrossEncoderTrainer`. What they must know after a restart they read from the log of the trainer's state.
"""

import itertools
import logging
import math
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from transformers import TrainerCallback

from tasks.data.training import StepLoss
from tasks.finetune.checkpoints import seal

IN_A_ROW = 3  # steps without numbers that end a try, and evaluations that overfit
Logged = Sequence[Mapping[str, Any]]

log = logging.getLogger(__name__)


class TrainingWatch(Protocol):
    """What is told how training goes, and says where its checkpoints lie."""

    folder: Path
    patience: int

    def begin(self, total: int, done: int) -> None:
        """Training begins: steps in all, and those done before."""
        ...

    def advance(self, steps: int) -> None:
        """So many steps are newly done."""
        ...

    def point(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of the curve were measured at a step."""
        ...


class Diverged(Exception):
    """Several steps in a row had gradients that are no numbers."""


class GradientGuard(TrainerCallback):
    """Lets a step whose gradients are no numbers move nothing, counts it, and ends the try after three in a row.

    Attributes:
        skipped: Steps that moved nothing, of this try.
        factor: What the learning rate is multiplied by when the try begins from a checkpoint.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self.skipped: list[int] = []
        self.factor = factor
        self._row = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Lower the rate that a checkpoint has brought back."""
        if self.factor == 1.0:
            return
        schedule = kwargs["lr_scheduler"]
        schedule.base_lrs = [rate * self.factor for rate in schedule.base_lrs]
        for group in kwargs["optimizer"].param_groups:
            group["lr"] *= self.factor
            group["initial_lr"] = group.get("initial_lr", group["lr"]) * self.factor

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Drop gradients that are no numbers.

        Raises:
            Diverged: They were none for the third time in a row.
        """
        import torch

        moved = [p for p in kwargs["model"].parameters() if p.grad is not None]
        norms = torch._foreach_norm([p.grad for p in moved]) if moved else []
        if not norms or bool(torch.isfinite(torch.stack(list(norms))).all()):
            self._row = 0
            return
        step = state.global_step + 1
        self.skipped.append(step)
        self._row += 1
        log.warning("step %d has gradients that are no finite numbers; it moves nothing", step)
        for parameter in moved:
            parameter.grad = None
        if self._row == IN_A_ROW:
            raise Diverged(f"steps {self.skipped[-IN_A_ROW:]}")


class Stopping(TrainerCallback):
    """Ends a run whose validation gets no better, or whose validation loss rises while its training loss falls.

    Attributes:
        reason: Why it was ended; empty where it was not.
    """

    def __init__(self, metric: str, patience: int, *, greater_is_better: bool) -> None:
        self.metric, self.patience, self.greater = metric, patience, greater_is_better
        self.reason = ""

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at all evaluations so far."""
        self.reason = overfits(state.log_history) or stale(
            state.log_history, self.metric, self.patience, greater_is_better=self.greater
        )
        if self.reason:
            control.should_training_stop = True


class Signals(TrainerCallback):
    """Ends a run in order at the end of its step when the process is told to stop: it saves, then stops.

    A library may be told at any moment; only the main thread hears it. `heard` is the signal, 0 where there was none.
    """

    def __init__(self) -> None:
        self.heard = 0
        self._before: dict[int, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Listen."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._hear)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save and stop, if told to."""
        if self.heard:
            control.should_save = control.should_training_stop = True

    def restore(self) -> None:
        """Listen no more."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.heard = number


class Sealing(TrainerCallback):
    """Seals each checkpoint as soon as it is written, with what the try knows that the trainer does not."""

    def __init__(self, notes: Mapping[str, Any], guard: GradientGuard) -> None:
        self.notes, self.guard = notes, guard

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Seal what was just written."""
        skipped = [*self.notes.get("skipped", []), *self.guard.skipped]
        seal(Path(args.output_dir) / f"checkpoint-{state.global_step}", {**self.notes, "skipped": skipped})


class Reporting(TrainerCallback):
    """Tells a watch how far the run is, and every point of its curve."""

    def __init__(self, watch: TrainingWatch, metric: str) -> None:
        self.watch, self.metric = watch, metric

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say how many steps there are."""
        self.watch.begin(state.max_steps, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say that one more is done."""
        self.watch.advance(1)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Pass on what was measured."""
        named = {"loss": "loss", "eval_loss": "eval_loss", self.metric: "metric", "learning_rate": "learning_rate"}
        numbers = {to: float(value) for name, to in named.items()
                   if (value := (logs or {}).get(name)) is not None and math.isfinite(value)}  # fmt: skip
        if numbers:
            self.watch.point(state.global_step, numbers)


def curve_of(history: Logged, metric: str) -> list[StepLoss]:
    """Return the curve that a trainer has logged, a point a step."""
    points: dict[int, dict[str, Any]] = {}
    for entry in history:
        points.setdefault(int(entry["step"]), {}).update(entry)
    return [
        StepLoss(step, float(p.get("epoch") or 0.0),
                 *(_finite(p.get(name)) for name in ("loss", "eval_loss", metric, "learning_rate")))
        for step, p in sorted(points.items())
        if any(name in p for name in ("loss", "eval_loss", metric))
    ]  # fmt: skip


def overfits(history: Logged) -> str:
    """Say that validation loss has risen three times in a row while training loss fell; empty where it has not."""
    losses: list[float] = []
    pairs: list[tuple[float, float]] = []  # training loss since the evaluation before, validation loss
    for entry in history:
        if "loss" in entry:
            losses.append(float(entry["loss"]))
        elif "eval_loss" in entry and losses:
            pairs.append((sum(losses) / len(losses), float(entry["eval_loss"])))
            losses = []
    last = pairs[-IN_A_ROW - 1 :]
    if len(last) <= IN_A_ROW or not all(b[0] < a[0] and b[1] > a[1] for a, b in itertools.pairwise(last)):
        return ""
    return (
        f"validation loss rose {IN_A_ROW} times in a row, {last[0][1]:.4g} to {last[-1][1]:.4g}, while training loss "
        f"fell, {last[0][0]:.4g} to {last[-1][0]:.4g}"
    )


def stale(history: Logged, metric: str, patience: int, *, greater_is_better: bool) -> str:
    """Say that the metric has had no better value for some evaluations; empty where it has."""
    values = [float(entry[metric]) * (1 if greater_is_better else -1) for entry in history if metric in entry]
    while len(values) > 1 and values[0] == values[1]:  # a metric that has not moved yet says nothing
        values = values[1:]
    if not values:
        return ""
    best = max(range(len(values)), key=lambda at: values[at] if math.isfinite(values[at]) else -math.inf)
    if len(values) - 1 - best < patience:
        return ""
    return f"{metric} got no better in {patience} evaluations"


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
