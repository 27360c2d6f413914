"""Run a trainer of transformers, sentence-transformers or peft so that a kill, a NaN or a full memory loses little.

`train` asks a function for a fresh trainer for each try: a try goes on from the newest checkpoint that verifies. The
loops are those of HF `Trainer` and its heirs. Source: Hugging Face `TrainingArguments`; micro-batches halved as in
accelerate's `find_executable_batch_size`, but with the global batch kept, so that the steps stay the same.
"""

import copy
import gc
import json
import logging
import math
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer import TRAINER_STATE_NAME

from configs.finetune import Training
from tasks import hardware
from tasks.data.training import StepLoss
from tasks.errors import ContractError, DataError, ModelError, StoreError, disk_refusal
from tasks.finetune.callbacks import (
    Diverged,
    GradientGuard,
    Reporting,
    Sealing,
    Signals,
    Stopping,
    TrainingWatch,
    curve_of,
)
from tasks.finetune.checkpoints import damage, newest

EVALUATIONS, APART = 10, 5  # of a run, and the steps between two at least, where nothing else is said
MOST_LOGGED = 5  # points of the curve from one evaluation to the next
KEPT = 3  # checkpoints, and the best beside them
FULL = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
Make = Callable[[TrainingArguments, list[TrainerCallback]], Trainer]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinishedTraining:
    """How training ended.

    Attributes:
        trainer: With the weights of the best step in its model.
        curve: Its curve.
        best_step: Step of the weights.
        steps: Steps run, those before a restart included.
        seconds: Of this call.
        tokens: Of training texts that were read by this call, padding left out; 0 where the arguments count none.
        peak_bytes: Most memory the process held by now; of a GPU, what torch held.
        stopped_because: Why it ended, in words.
        resumed_from: Step of the checkpoint this call began from; 0 where it began anew.
        halved: How often the rate was halved because gradients were no numbers.
        skipped: Steps that moved nothing for that reason.
        micro_batch: Items that went through the model at a time at the end.
    """

    trainer: Any
    curve: list[StepLoss]
    best_step: int
    steps: int
    seconds: float
    tokens: int
    peak_bytes: int
    stopped_because: str
    resumed_from: int
    halved: int
    skipped: tuple[int, ...]
    micro_batch: int


@dataclass
class _Tries:
    """What is known from one try to the next."""

    arguments: TrainingArguments
    halved: int = 0
    checkpointing: bool = False
    began: float = field(default_factory=time.monotonic)
    first: int | None = None
    tokens: int = 0


def arguments(
    config: Training, folder: Path, kind: type[TrainingArguments] = TrainingArguments, *, rows: int, **more: Any
) -> Any:
    """Return the arguments of a trainer: what is asked for, and defaults that lose nothing in silence.

    Args:
        config: What is asked for.
        folder: Where checkpoints lie.
        kind: Class of the arguments, that of the trainer.
        rows: Items of the training data; how often is evaluated follows from them.
        more: Further arguments, which win over all others.
    """
    steps = total_steps(config, rows)
    every = min(steps, config.eval_steps or max(APART, steps // EVALUATIONS))
    on_gpu = config.device != "cpu" and hardware.has_gpu()
    native = on_gpu or hardware.processor_has_bf16()
    stated: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": config.num_train_epochs,
        "max_steps": config.max_steps or -1,
        "per_device_train_batch_size": config.per_device_train_batch_size,
        "per_device_eval_batch_size": 2 * config.per_device_train_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "learning_rate": config.learning_rate,
        "warmup_steps": math.floor(config.warmup_ratio * steps),  # a first step at rate 0 would be one of few
        "weight_decay": config.weight_decay,
        "seed": config.seed,
        "data_seed": config.seed,
        "bf16": config.precision == "bf16" or (config.precision == "auto" and native),
        "use_cpu": not on_gpu,
        "logging_nan_inf_filter": False,
        "logging_steps": _logging_steps(every),
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": KEPT,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        "report_to": [],
        "disable_tqdm": True,
        "push_to_hub": False,
        "dataloader_pin_memory": on_gpu,
    }
    return kind(**{**stated, **more})


def total_steps(config: Training, rows: int) -> int:
    """Return the steps of a run over so many items."""
    batches = max(1, math.ceil(rows / config.per_device_train_batch_size))
    each = max(1, math.ceil(batches / config.gradient_accumulation_steps))
    return config.max_steps or max(1, math.ceil(each * config.num_train_epochs))


def train(make: Make, made: TrainingArguments, *, watch: TrainingWatch, shown: str = "") -> FinishedTraining:
    """Train until the end, an early stop or a signal; go on from the newest checkpoint that verifies.

    Args:
        make: Returns a fresh trainer, its model new too, for arguments and callbacks.
        made: The arguments.
        watch: Told how it goes; its folder is that of the arguments.
        shown: Metric of the curve, as the trainer logs it; left out, the one that the best step is chosen by.

    Returns:
        The trainer with the weights of the best step, its curve, and what happened.

    Raises:
        DataError: Gradients were no numbers again after the rate was halved.
        ContractError: One item at a time does not fit into memory.
        ModelError: The best checkpoint was damaged before it was read.
        StoreError: The disk is full or refuses; checkpoints that were whole stay.
        SystemExit: The process was told to stop; a checkpoint is saved. KeyboardInterrupt, likewise.
    """
    tries = _Tries(copy.copy(made))
    while True:
        try:
            return _try(make, tries, watch, shown)
        except Diverged as error:
            if tries.halved:
                raise DataError(
                    f"the gradients are no finite numbers at {error}, again after the rate was halved to "
                    f"{made.learning_rate / 2:g}; lower learning_rate, or look for broken items in the data"
                ) from error
            tries.halved += 1
            log.warning("gradients were no numbers at %s; going on from the last checkpoint at half the rate", error)
        except (MemoryError, RuntimeError, OSError, SafetensorError) as error:
            if (what := disk_refusal(error)) and not isinstance(error, FileNotFoundError):
                raise StoreError(
                    f"writing a checkpoint below {watch.folder} failed: {what}; make room, then run again to continue"
                ) from error
            if not isinstance(error, MemoryError) and not any(sign in str(error).lower() for sign in FULL):
                raise
            _make_smaller(tries, error)
        _free()


def _try(make: Make, tries: _Tries, watch: TrainingWatch, shown: str) -> FinishedTraining:
    """Make a trainer and run it from the newest checkpoint, or from the start."""
    last = newest(watch.folder)
    tries.halved = max(tries.halved, int(last.notes.get("halved", 0)) if last else 0)
    if tries.first is None:
        tries.first, tries.tokens = (last.step, tokens_read(last.folder)) if last else (0, 0)
    given = copy.copy(tries.arguments)
    factor = 0.5 ** (tries.halved - int(last.notes.get("halved", 0))) if last else 1.0
    if last is None:
        given.learning_rate *= 0.5**tries.halved
    metric = str(given.metric_for_best_model or "eval_loss")
    guard, signals = GradientGuard(factor), Signals()
    stopping = Stopping(metric, watch.patience, greater_is_better=bool(given.greater_is_better))
    notes = {"halved": tries.halved, "skipped": list(last.notes.get("skipped", [])) if last else []}
    set_seed(given.seed)  # a head and updates are drawn before the trainer sets it
    trainer = make(given, [guard, stopping, signals, Sealing(notes, guard), Reporting(watch, shown or metric)])
    for printing in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(printing)
    try:
        trainer.train(resume_from_checkpoint=str(last.folder) if last else None)
    finally:
        signals.restore()
    if signals.heard:
        _stop(signals.heard, trainer.state.global_step)
    _require_whole(trainer)
    state = trainer.state
    return FinishedTraining(
        trainer=trainer, curve=curve_of(state.log_history, shown or metric), steps=state.global_step,
        best_step=int(state.best_global_step or state.global_step),
        seconds=time.monotonic() - tries.began, tokens=int(state.num_input_tokens_seen) - tries.tokens,
        peak_bytes=peak_bytes(), stopped_because=stopping.reason or "all steps were run",
        resumed_from=tries.first, halved=tries.halved, skipped=(*notes["skipped"], *guard.skipped),  # type: ignore[misc]
        micro_batch=given.per_device_train_batch_size,
    )  # fmt: skip


def _make_smaller(tries: _Tries, error: BaseException) -> None:
    """Halve the micro-batch and keep the global one; of one item, compute activations anew instead of keeping them.

    Raises:
        ContractError: Nothing is left to make smaller.
    """
    given, held = tries.arguments, peak_bytes()
    size = given.per_device_train_batch_size
    if size > 1:
        given.per_device_train_batch_size = size // 2 if size % 2 == 0 else 1
        given.gradient_accumulation_steps *= size // given.per_device_train_batch_size
        given.per_device_eval_batch_size = max(1, given.per_device_eval_batch_size // 2)
        log.warning(
            "memory does not suffice for %d items at a time (%.1f GB held at most); %d are taken, %d times a step",
            size, held / 1e9, given.per_device_train_batch_size, given.gradient_accumulation_steps,
        )  # fmt: skip
    elif not tries.checkpointing:
        tries.checkpointing = True
        given.gradient_checkpointing = given.activation_checkpointing = True  # TRL reads the old name, Trainer the new
        log.warning("memory does not suffice for one item; activations are computed anew in the backward pass")
    else:
        raise ContractError(
            f"memory does not suffice for one item at a time, activations computed anew ({held / 1e9:.1f} GB held at "
            "most); set a smaller max_seq_length, train fewer blocks, or use a machine with more"
        ) from error


def _stop(number: int, step: int) -> None:
    """Do what the signal would have done, now that a checkpoint is saved.

    Raises:
        SystemExit: Whoever listened before did not end the process.
    """
    log.warning("told to stop; step %d is saved, run again to go on from it", step)
    signal.raise_signal(number)
    raise SystemExit(128 + number)


def _require_whole(trainer: Any) -> None:
    """Check that the best checkpoint is what it was when it was written.

    Raises:
        ModelError: It is not.
    """
    best = trainer.state.best_model_checkpoint
    if trainer.args.load_best_model_at_end and best is not None and (reason := damage(Path(best))):
        raise ModelError(f"the best checkpoint {Path(best).name} is damaged ({reason}); train again")


def tokens_read(checkpoint: Path) -> int:
    """Return the tokens that a run had read when it wrote a checkpoint; 0 where it counts none."""
    state = json.loads((checkpoint / TRAINER_STATE_NAME).read_text("utf-8"))
    return int(state.get("num_input_tokens_seen") or 0)


def _logging_steps(every: int) -> int:
    """Return a divisor, so that no mean of losses spans a checkpoint: what is summed up is not saved."""
    return next(n for n in range(max(1, every // MOST_LOGGED), every + 1) if every % n == 0)


def peak_bytes() -> int:
    """Return the most memory this process has held; on a GPU, what torch has held there."""
    if hardware.has_gpu():
        import torch

        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def count_parameters(model: Any) -> tuple[int, int]:
    """Return how many weights move, and how many there are."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, moves in sizes if moves), sum(n for n, _ in sizes)


def length_groups(lengths: Sequence[int], batch: int, seed: int) -> Any:
    """Return a sampler that puts items of like length into one batch; each epoch has an order of its own.

    The order follows from seed and epoch alone, so that a run that was resumed sees what it would have seen. HF's own
    sampler draws from the global generator, whose state is another after a restart.

    Args:
        lengths: Of the items, in tokens.
        batch: Items of a step.
        seed: Of the run.
    """
    import torch
    from torch.utils.data import Sampler
    from transformers.trainer_pt_utils import get_length_grouped_indices

    class LengthGroups(Sampler[int]):
        epoch = 0

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def __len__(self) -> int:
            return len(lengths)

        def __iter__(self) -> Any:
            drawn = torch.Generator().manual_seed(seed * 1_000_003 + self.epoch)
            found: Any = get_length_grouped_indices
            return iter(found(list(lengths), batch, generator=drawn))

    return LengthGroups()


@contextmanager
def quiet() -> Iterator[None]:
    """Let transformers and sentence-transformers warn of nothing until the context ends."""
    from transformers.utils import logging as transformers_logging

    mine, before = logging.getLogger("sentence_transformers"), transformers_logging.get_verbosity()
    level = mine.level
    mine.setLevel(logging.ERROR)
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        mine.setLevel(level)
        transformers_logging.set_verbosity(before)


def _free() -> None:
    gc.collect()
    if hardware.has_gpu():
        import torch

        torch.cuda.empty_cache()
