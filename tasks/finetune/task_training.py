"""What every task that trains shares: where its checkpoints lie, who watches it, how its model is stored."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configs.finetune import Training
from tasks import environment, hardware
from tasks.data.training import NOTE, StepLoss, StepLossRef, TrainingResult, TunedRef, TunedTask
from tasks.errors import ContractError, MissingExtra
from tasks.runtime import code, steps, tracking
from tasks.runtime.progress import progress
from tasks.store import durable, objects, workspace

if TYPE_CHECKING:
    from tasks.finetune.trainer import FinishedTraining  # importing a task loads no transformers

NEEDED = ("accelerate", "datasets", "peft", "sentence_transformers")
TRAINERS = ("torch", "transformers", "accelerate")

log = logging.getLogger(__name__)


class Watched:
    """A `TrainingWatch` that shows progress in terminal and Prefect, and the curve in MLflow while it is drawn."""

    def __init__(self, folder: Path, patience: int, label: str, open_now: ExitStack) -> None:
        self.folder, self.patience, self.label = folder, patience, label
        self._open, self._advance = open_now, lambda amount: None  # type: Any, Callable[[int], None]

    def begin(self, total: int, done: int) -> None:
        """Show how many steps there are; a second try goes on in a bar of its own."""
        self._open.close()
        self._advance = self._open.enter_context(progress(self.label, total, "steps"))
        if done:
            self._advance(done)

    def advance(self, amount: int) -> None:
        """Show that steps are done."""
        self._advance(amount)

    def point(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log numbers of the curve."""
        tracking.log_point(step, {f"training.{name}": value for name, value in numbers.items()})


@contextmanager
def watched_training(step: str, config: Training, *inputs: Any) -> Iterator[Watched]:
    """Lend what watches a run of training; its checkpoints are deleted when the context ends without an error.

    What was killed goes on from them, as long as step, inputs, code and libraries are the same.

    Args:
        step: Name of the step.
        config: How it is trained.
        inputs: What else decides the result, as JSON.
    """
    modules = [f"tasks.finetune.{path.stem}" for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))]
    parts = [step, steps.labelled(step), config.model_dump(mode="json"), [code.digest(name) for name in modules],
             environment.versions(TRAINERS), list(inputs)]  # fmt: skip
    folder = workspace.folder("training", durable.digest_of(parts))
    with ExitStack() as open_now:
        yield Watched(folder, config.early_stopping_patience, steps.labelled("train"), open_now)
    shutil.rmtree(folder, ignore_errors=True)


def save_tuned(
    task: TunedTask | Literal["reward"], fill: Callable[[Path], Any], base: str, more: Mapping[str, Any] | None = None
) -> TunedRef:
    """Store a trained model with a note of what it is; pickled files are none of it.

    Args:
        task: What it does.
        fill: Writes the files of its library into an empty folder.
        base: Id of what it was trained from.
        more: JSON that is noted too.
    """

    def filled(folder: Path) -> None:
        fill(folder)
        for path in folder.rglob("*.bin"):
            path.unlink()
        named = Path(base).name if Path(base).is_absolute() else base  # a folder's place is no part of what a model is
        note = {"task": task, "base": named, **(more or {})}
        (folder / NOTE).write_text(json.dumps(note, ensure_ascii=False, sort_keys=True, indent=1), "utf-8")

    return objects.save_files(TunedRef, filled, shape=(1,))


def result_of(finished: "FinishedTraining", model: TunedRef, counted: tuple[int, int]) -> TrainingResult:
    """Return what training came to, its curve stored; the running step logs its numbers.

    Args:
        finished: How it ended.
        model: The stored model.
        counted: Weights that moved, and weights in all, before anything was merged.
    """
    arguments = finished.trainer.args
    found = TrainingResult(
        model=model, curve=objects.save_rows(StepLossRef, StepLoss, finished.curve), best_step=finished.best_step,
        steps=finished.steps, seconds=finished.seconds, tokens=finished.tokens, peak_bytes=finished.peak_bytes,
        trainable=counted[0], parameters=counted[1], stopped_because=finished.stopped_because,
        resumed_from=finished.resumed_from, halved=finished.halved, skipped=len(finished.skipped),
        micro_batch=finished.micro_batch, precision="bf16" if arguments.bf16 else "fp32",
        device="cpu" if arguments.use_cpu else "cuda",
    )  # fmt: skip
    counts = ("best_step", "steps", "trainable", "parameters", "halved", "skipped", "micro_batch")
    steps.log_metrics("training", **{name: getattr(found, name) for name in counts})
    return found


def require_training(config: Training) -> None:
    """Check before any work that this machine can train as asked.

    Raises:
        MissingExtra: A package of the extra `train` is not installed.
        ContractError: The precision or device asked for is not there.
    """
    if lacking := hardware.missing(NEEDED):
        raise MissingExtra(f"training needs {' and '.join(lacking)}; run: pip install 'llm-flows[train]'")
    if config.device == "cuda" and not hardware.has_gpu():
        raise ContractError("training.device is cuda but torch sees no GPU here; use auto or cpu")
    on_gpu = config.device != "cpu" and hardware.has_gpu()
    if config.precision == "bf16" and not (on_gpu or hardware.processor_has_bf16()):
        raise ContractError(
            "training.precision is bf16 but this processor has no bfloat16 arithmetic; use auto or fp32"
        )


def parameters_of(finished: "FinishedTraining") -> tuple[int, int]:
    """Return how many weights moved, and how many there are."""
    from tasks.finetune.trainer import count_parameters

    return count_parameters(finished.trainer.model)
