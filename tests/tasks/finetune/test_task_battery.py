"""Held-out rows that do not fit into a model are left out before anything is trained, counted and named."""

from pathlib import Path

import pytest

from configs.finetune import Training
from configs.finetune_generator import Battery
from tasks.data.messages import Generator
from tasks.data.prompt_rows import PromptRow, PromptRowsRef
from tasks.errors import DataError
from tasks.finetune import describe_generator, hold_out, try_generator
from tasks.report.tune_generator import held_out_remarks
from tasks.store import objects
from tests.tasks.finetune.tiny_generator import animal_rows, make_generator

BATTERY = Battery(prompts=6, max_tokens=8)


@pytest.fixture
def base(workspace: Path, tmp_path: Path) -> Generator:
    folder = make_generator(tmp_path / "model", context=128)
    return describe_generator(str(folder), Training(device="cpu", precision="fp32"))


def saved(*more: PromptRow) -> PromptRowsRef:
    return objects.save_rows(PromptRowsRef, PromptRow, [*animal_rows(6), *more])


def test_rows_that_do_not_fit_are_left_out_named_and_cost_nothing(base: Generator) -> None:
    asks, answers = PromptRow("a.csv#7", "how long " * 400, "yes"), PromptRow("a.csv#8", "why?", "because " * 400)
    held = hold_out.fn(saved(asks, answers), base, "", BATTERY)
    assert (held.rows.rows, held.left_out, held.first) == (6, 2, "a.csv#7")
    assert held_out_remarks(held)[0] == (
        "2 of 8 held-out rows are not measured, for they do not fit into 128 tokens with room for a reply "
        "(first: a.csv#7)"
    )
    trial = try_generator.fn(held.rows, "base", base, "", BATTERY)
    assert trial.losses.rows == trial.replies.rows == 6
    with pytest.raises(DataError, match=r"none of 1 held-out rows fits into 128 tokens.*first: a\.csv#7"):
        hold_out.fn(objects.save_rows(PromptRowsRef, PromptRow, [asks]), base, "", BATTERY)


def test_a_prompt_without_room_for_a_reply_is_left_out(base: Generator) -> None:
    rows = saved()
    whole = hold_out.fn(rows, base, "", BATTERY)
    assert whole.left_out == 0
    assert hold_out.fn(rows, base, "", Battery(prompts=6, max_tokens=4)).rows == whole.rows
    with pytest.raises(DataError, match=r"room for a reply of 127 \(battery\.max_tokens"):
        hold_out.fn(rows, base, "", Battery(prompts=6, max_tokens=127))


def test_a_row_that_has_most_of_the_tokens_of_the_loss_is_named(base: Generator) -> None:
    held = hold_out.fn(saved(PromptRow("a.csv#9", "why?", "so " * 24)), base, "", BATTERY)
    assert held.longest == "a.csv#9"
    assert held_out_remarks(held)[0].startswith(
        f"a.csv#9 has {held.share:.0%} of the tokens that the loss is measured by"
    )
    assert held_out_remarks(held.model_copy(update={"share": 0.2})) == []
