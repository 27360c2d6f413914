"""Training survives kills, gradients that are no numbers, full memory; a resumed run equals the unbroken one."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback

from configs.finetune import Training
from tasks.errors import ContractError, DataError
from tasks.finetune import trainer as training
from tasks.finetune.callbacks import overfits, stale
from tasks.finetune.checkpoints import damage, newest, seal
from tasks.finetune.trainer import FinishedTraining, arguments, length_groups, train

pytestmark = pytest.mark.slow
CONFIG = Training(num_train_epochs=3, per_device_train_batch_size=4, eval_steps=5, device="cpu", learning_rate=1e-3)
ROWS = 40


class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Items of odd and even tokens; which of the two is their label."""

    def __init__(self, seed: int) -> None:
        drawn = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, 2, (ROWS,), generator=drawn)
        self.ids = 2 * torch.randint(1, 10, (ROWS, 8), generator=drawn) + self.labels[:, None]

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, at: int) -> dict[str, Any]:
        return {"input_ids": self.ids[at], "attention_mask": torch.ones(8, dtype=int), "labels": self.labels[at]}


class Grouped(Trainer):
    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return length_groups([8] * ROWS, 4, self.args.seed)


class Watching:
    """Remembers what it is told."""

    def __init__(self, folder: Path, patience: int = 100) -> None:
        self.folder, self.patience = folder, patience
        self.points: dict[int, dict[str, float]] = {}
        self.done = self.total = 0

    def begin(self, total: int, done: int) -> None:
        self.total, self.done = total, done

    def advance(self, steps: int) -> None:
        self.done += steps

    def point(self, step: int, numbers: Mapping[str, float]) -> None:
        self.points.setdefault(step, {}).update(numbers)


def model() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertForSequenceClassification(BertConfig(vocab_size=32, max_position_embeddings=16, **sizes))


def run(
    folder: Path, *more: TrainerCallback, made: Callable[[], Any] = model, config: Training = CONFIG, **changes: Any
) -> FinishedTraining:
    def make(given: Any, callbacks: list[TrainerCallback]) -> Trainer:
        return Grouped(made(), given, train_dataset=Rows(0), eval_dataset=Rows(1), callbacks=[*callbacks, *more])

    given = arguments(config, folder, rows=ROWS, remove_unused_columns=False, label_names=["labels"], **changes)
    return train(make, given, watch=Watching(folder))


def weights(found: FinishedTraining) -> dict[str, Any]:
    return dict(found.trainer.model.state_dict())


class Kill(TrainerCallback):
    """Ends the try in the middle of a step, as a kill would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise ZeroDivisionError


class AtStep(TrainerCallback):
    """Does something at the end of a step."""

    def __init__(self, step: int, does: Callable[[], Any]) -> None:
        self.step, self.does = step, does

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            self.does()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> FinishedTraining:
    return run(tmp_path_factory.mktemp("unbroken"))


def test_it_learns_and_says_how_it_went(unbroken: FinishedTraining) -> None:
    losses = [point.eval_loss for point in unbroken.curve if point.eval_loss is not None]
    assert unbroken.steps == 30
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert unbroken.best_step == 5 * (1 + losses.index(min(losses)))
    assert (unbroken.resumed_from, unbroken.halved, unbroken.skipped) == (0, 0, ())
    assert unbroken.peak_bytes > 1e6


@pytest.mark.parametrize("killed_at", [3, *(pytest.param(step, marks=pytest.mark.long) for step in (7, 13, 22, 29))])
def test_a_run_that_was_killed_and_resumed_equals_the_unbroken_one_bit_by_bit(
    killed_at: int, tmp_path: Path, unbroken: FinishedTraining
) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, Kill(killed_at))
    found = run(tmp_path)
    assert found.resumed_from == killed_at // 5 * 5
    assert found.curve == unbroken.curve
    assert all(torch.equal(value, weights(unbroken)[name]) for name, value in weights(found).items())


def test_told_to_stop_it_saves_its_step_and_goes_on_from_there(tmp_path: Path, unbroken: FinishedTraining) -> None:
    def told(number: int, frame: Any) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGTERM, told)
    try:
        with pytest.raises(InterruptedError):
            run(tmp_path, AtStep(8, lambda: os.kill(os.getpid(), signal.SIGTERM)))
        assert signal.getsignal(signal.SIGTERM) is told
    finally:
        signal.signal(signal.SIGTERM, before)
    last = newest(tmp_path)
    assert last is not None
    assert last.step in (8, 9)  # python hears a signal between two bytecodes, maybe of the next step
    found = run(tmp_path)
    assert found.resumed_from == last.step
    assert found.curve[-1].eval_loss == unbroken.curve[-1].eval_loss


def test_a_damaged_checkpoint_is_passed_over_and_none_holds_pickled_arguments(
    tmp_path: Path, unbroken: FinishedTraining, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, Kill(12))
    assert not list(tmp_path.rglob("training_args.bin"))
    with (tmp_path / "checkpoint-10" / "optimizer.pt").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    found = run(tmp_path)
    assert found.resumed_from == 5
    assert found.curve == unbroken.curve
    assert "checkpoint-10 is passed over: optimizer.pt does not have the sum it had" in caplog.text


def test_a_file_that_was_planted_in_a_checkpoint_makes_it_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-5"
    folder.mkdir()
    (folder / "trainer_state.json").write_text("{}")
    assert damage(folder) == "it was not finished"
    seal(folder, {"halved": 1})
    assert damage(folder) == ""
    (folder / "training_args.bin").write_bytes(b"x")
    assert "training_args.bin" in damage(folder)
    assert newest(tmp_path) is None
    assert not folder.exists()


class Poisoned(BertForSequenceClassification):
    """Gives a loss that is no number at some forward passes of training."""

    passes = 0
    poisoned: tuple[int, ...] = ()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        found = super().forward(*args, **kwargs)
        if self.training:
            type(self).passes += 1
            if self.passes in self.poisoned or self.poisoned == (-1,):
                found.loss = found.loss * float("nan")
        return found


def poisoned(*passes: int) -> Callable[[], Any]:
    class Mine(Poisoned):
        pass

    Mine.poisoned = passes

    def make() -> Any:
        made = model()
        made.__class__ = Mine
        return made

    return make


def test_one_step_without_numbers_moves_nothing_and_is_counted(tmp_path: Path) -> None:
    found = run(tmp_path, made=poisoned(7))
    assert found.skipped == (7,)
    assert found.halved == 0
    assert all(torch.isfinite(value).all() for value in weights(found).values())


@pytest.mark.long
def test_three_in_a_row_go_back_to_the_last_checkpoint_at_half_the_rate(tmp_path: Path) -> None:
    found = run(tmp_path, made=poisoned(12, 13, 14), warmup_steps=0)
    assert found.halved == 1
    rates = {point.step: point.learning_rate for point in found.curve if point.learning_rate is not None}
    assert rates[10] == pytest.approx(1e-3 * 20 / 30, rel=0.1)
    assert rates[15] == pytest.approx(5e-4 * 15 / 30, rel=0.1)
    assert newest(tmp_path).notes["halved"] == 1  # type: ignore[union-attr]


@pytest.mark.long
def test_a_second_time_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no finite numbers at steps .*, again after the rate was halved to 0\.0005"):
        run(tmp_path, made=poisoned(-1))


def full_above(most: int) -> Callable[[], Any]:
    """Return what makes a model that has no memory for larger batches."""

    class Mine(BertForSequenceClassification):
        def forward(self, input_ids: Any = None, **kwargs: Any) -> Any:
            if self.training and len(input_ids) > most:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
            return super().forward(input_ids=input_ids, **kwargs)

    def make() -> Any:
        made = model()
        made.__class__ = Mine
        return made

    return make


@pytest.mark.long
def test_where_memory_does_not_suffice_batches_are_halved_and_steps_stay_the_same(tmp_path: Path) -> None:
    still = Training(**{**CONFIG.model_dump(), "max_steps": 10})

    def quiet(made: Callable[[], Any]) -> Callable[[], Any]:
        def make() -> Any:
            found = made()
            for part in found.modules():
                if isinstance(part, torch.nn.Dropout):
                    part.p = 0.0
            return found

        return make

    whole = run(tmp_path / "whole", made=quiet(model), config=still)
    found = run(tmp_path / "halved", made=quiet(full_above(1)), config=still)
    assert found.micro_batch == 1
    assert found.steps == whole.steps
    assert found.curve[-1].eval_loss == pytest.approx(whole.curve[-1].eval_loss, abs=1e-5)


def test_one_item_that_does_not_fit_is_an_error_that_says_what_was_held(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"does not suffice for one item at a time.* GB held at most"):
        run(tmp_path, made=full_above(0))


def test_a_run_stops_when_validation_loss_rises_while_training_loss_falls() -> None:
    def history(validation: list[float]) -> list[dict[str, float]]:
        return [e for at, value in enumerate(validation) for e in ({"loss": 1 - at / 10}, {"eval_loss": value})]

    assert overfits(history([1.0, 0.5, 0.6, 0.7])) == ""
    assert overfits(history([0.5, 0.6, 0.7, 0.8])).startswith("validation loss rose 3 times in a row, 0.5 to 0.8,")
    assert overfits(history([0.5, 0.6, 0.5, 0.8, 0.9])) == ""
    ended = [{"eval_loss": value} for value in (0.5, 0.4, 0.6, 0.5)]
    assert stale(ended, "eval_loss", 2, greater_is_better=False) == "eval_loss got no better in 2 evaluations"
    assert stale(ended, "eval_loss", 3, greater_is_better=False) == ""
    assert stale([{"f1": 0.1}, {"f1": 0.2}], "f1", 1, greater_is_better=True) == ""
    flat = [{"f1": value} for value in (0.0, 0.0, 0.0, 0.0, 0.1)]
    assert stale(flat, "f1", 2, greater_is_better=True) == ""


def test_the_best_step_is_kept_when_a_run_stops_early(tmp_path: Path) -> None:
    fast = Training(**{**CONFIG.model_dump(), "learning_rate": 0.3, "num_train_epochs": 20})

    def make(given: Any, callbacks: list[TrainerCallback]) -> Trainer:
        return Grouped(model(), given, train_dataset=Rows(0), eval_dataset=Rows(1), callbacks=callbacks)

    found = train(make, arguments(fast, tmp_path, rows=ROWS), watch=Watching(tmp_path, patience=2))
    assert found.steps < 200
    assert found.best_step < found.steps
    assert "got no better" in found.stopped_because or "rose" in found.stopped_because
    best = min((p for p in found.curve if p.eval_loss is not None), key=lambda p: p.eval_loss or 0)
    assert best.step == found.best_step
    assert found.trainer.evaluate()["eval_loss"] == pytest.approx(best.eval_loss, abs=1e-6)


def test_items_of_like_length_share_a_batch_and_each_epoch_has_an_order_of_its_own() -> None:
    sampler = length_groups([5, 50] * 50, 10, 0)
    first, again = list(sampler), list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first == again != second
    assert sorted(first) == sorted(second) == list(range(100))
    mixed = sum(len({at % 2 for at in first[start : start + 10]}) > 1 for start in range(0, 100, 10))
    assert mixed <= 4


def test_how_often_is_logged_divides_how_often_is_evaluated() -> None:
    for every in range(1, 60):
        steps = training._logging_steps(every)
        assert every % steps == 0
        assert steps == every or every / steps <= 2 * training.MOST_LOGGED


def test_the_state_of_a_trainer_is_json(tmp_path: Path) -> None:
    run(tmp_path)
    last = newest(tmp_path)
    assert last is not None
    assert json.loads((last.folder / "trainer_state.json").read_text())["global_step"] == 30


@pytest.mark.parametrize(("steps", "warm"), [(1, 0), (9, 0), (10, 1), (35, 3)])
def test_few_steps_lose_none_to_warm_up(tmp_path: Path, steps: int, warm: int) -> None:
    config = Training(max_steps=steps, device="cpu", precision="fp32")
    assert arguments(config, tmp_path, rows=100).get_warmup_steps(steps) == warm


def test_tokens_that_were_read_before_a_restart_are_known_from_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"num_input_tokens_seen": 123}), "utf-8")
    assert training.tokens_read(tmp_path) == 123
