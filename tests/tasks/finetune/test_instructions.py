"""Cells become prompts and completions, what cannot be learned is rejected, and no part repeats another's rows."""

import json
import random
from pathlib import Path

import pytest

from configs.finetune_generator import InstructionColumns, PreferenceColumns
from configs.finetune_pairs import Holdout
from tasks.data.cells import CellRow, CellsRef
from tasks.data.documents import Document, Rejected
from tasks.data.prompt_rows import PromptRow, PromptRowsRef
from tasks.errors import DataError
from tasks.finetune.contamination import plain, repeats
from tasks.finetune.instructions import columns_of, divide_prompts, documented_rows, held_out, row_of
from tasks.finetune.task_prompts import read_prompts, split_prompts
from tasks.store import objects

WORDS = [
    a + b for a in ("ka", "lo", "mi", "ru", "te", "vo") for b in ("ban", "dir", "fel", "gos", "hun", "jat", "pim")
]
TOLD, PREFERRED = InstructionColumns(), PreferenceColumns()


def rows(count: int, seed: int) -> list[PromptRow]:
    draw = random.Random(seed)
    return [PromptRow(f"s{seed}r{n}", " ".join(draw.sample(WORDS, 9)), " ".join(draw.sample(WORDS, 6)))
            for n in range(count)]  # fmt: skip


def test_an_input_stands_below_its_instruction_and_may_be_missing() -> None:
    given = {"instruction": " Count. ", "input": "a b", "output": "two"}
    assert row_of("r", given, TOLD) == PromptRow("r", "Count.\n\na b", "two")
    assert row_of("r", {**given, "input": "  "}, TOLD) == PromptRow("r", "Count.", "two")
    assert row_of("r", {"instruction": "Count.", "output": "two"}, TOLD) == PromptRow("r", "Count.", "two")
    named = InstructionColumns(instruction="q", input=None, output="a")
    assert row_of("r", {"q": "Count.", "input": "left out", "a": "two"}, named) == PromptRow("r", "Count.", "two")


def test_the_columns_that_are_read_are_those_named_the_prompt_first() -> None:
    assert columns_of(TOLD) == ("instruction", "input", "output")
    assert columns_of(PREFERRED) == ("prompt", "chosen", "rejected")
    assert columns_of(PreferenceColumns(prompt="p", input="i")) == ("p", "i", "chosen", "rejected")


@pytest.mark.parametrize(
    ("cells", "columns", "reason", "said"),
    [
        ({"instruction": "Count.", "output": " \n "}, TOLD, "empty", "column 'output' is empty"),
        ({"instruction": "", "output": "two"}, TOLD, "empty", "column 'instruction' is empty"),
        ({"instruction": "Count.", "output": "\u200b"}, TOLD, "empty", "no visible character"),
        ({"instruction": "Count.", "output": 2}, TOLD, "bad-row", "'output' holds int, text was needed"),
        ({"instruction": "Count."}, TOLD, "bad-row", "'output' holds no text (missing, null or a list), text was"),
        ({"instruction": "a\x00", "output": "b"}, TOLD, "binary", "NUL byte"),
        ({"instruction": "a", "input": "\ud800", "output": "b"}, TOLD, "lone-surrogate", "'input' holds half"),
        ({"prompt": "a", "chosen": "x  y", "rejected": "x\ny"}, PREFERRED, "contradiction", "nothing is preferred"),
        ({"prompt": "a", "chosen": "x", "rejected": ""}, PREFERRED, "empty", "'rejected' is empty"),
    ],
    ids=["empty completion", "empty prompt", "nothing visible", "a number", "no cell", "NUL", "half a character",
         "chosen is rejected but for spacing", "no rejected"],
)  # fmt: skip
def test_what_cannot_be_learned_is_rejected_with_its_reason(
    cells: dict[str, object], columns: InstructionColumns | PreferenceColumns, reason: str, said: str
) -> None:
    found = row_of("r", cells, columns)
    assert isinstance(found, Rejected)
    assert found.reason == reason
    assert said in found.detail


def test_no_part_repeats_a_row_of_another_and_planted_copies_are_removed() -> None:
    own = rows(200, 1)
    held = held_out(own, None, Holdout(test_share=0.2))
    near = [PromptRow(f"near{n}", row.prompt, row.completion.replace(row.completion.split()[0], "other"))
            for n, row in enumerate(held[:10])]  # fmt: skip
    same = [PromptRow(f"same{n}", row.prompt.upper(), "an answer of its own") for n, row in enumerate(held[:10])]
    twice = [PromptRow(f"twice{n}", row.prompt, row.completion + "!") for n, row in enumerate(own[:5])]
    made = divide_prompts([*own, *near, *same, *twice], held, [], Holdout(near_duplicate=0.8))
    gone = {row.item for row in made.removed}
    assert {row.id for row in (*near, *same, *twice)} <= gone
    assert made.repeated == 5
    texts = [[f"{row.prompt}\n{row.completion}" for row in part] for part in (made.train, made.validation, made.test)]
    assert repeats(texts[0], [*texts[1], *texts[2]], near=0.8) == repeats(texts[1], texts[2], near=0.8) == []
    prompts = [{plain(row.prompt) for row in part} for part in (made.train, made.validation, made.test)]
    assert not prompts[0] & prompts[2]
    assert not prompts[1] & prompts[2]


def test_parts_follow_from_seed_and_prompt_so_two_files_of_the_same_prompts_hold_out_the_same() -> None:
    one = rows(100, 2)
    other = [PromptRow(f"p{n}", row.prompt, row.completion, "worse") for n, row in enumerate(reversed(one))]
    held, also = (held_out(part, None, Holdout(test_share=0.2)) for part in (one, other))
    assert {row.prompt for row in held} == {row.prompt for row in also}
    assert len(held) == 20
    assert {row.prompt for row in held_out(one, None, Holdout(test_share=0.2, seed=1))} != {r.prompt for r in held}


def test_the_same_completion_of_other_prompts_is_no_repeat() -> None:
    yes = [PromptRow(row.id, row.prompt, "Yes.") for row in rows(60, 3)]
    made = divide_prompts(yes, None, [], Holdout())
    assert made.removed == []
    assert len(made.train) + len(made.validation) + len(made.test) == 60


def test_too_few_rows_and_rows_to_judge_by_that_are_those_to_learn_from_are_refused_in_words() -> None:
    with pytest.raises(DataError, match=r"\d rows to train on, 1 to stop by and 2 to judge by are left of 9"):
        divide_prompts(rows(9, 4), None, [], Holdout())
    same = rows(40, 5)
    with pytest.raises(DataError, match=r"0 rows to train on.* 40 repeat what is judged by"):
        divide_prompts(same, same, [], Holdout())


def test_the_tasks_store_parts_and_count_what_was_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path))
    cells = [{"prompt": r.prompt, "chosen": r.completion, "rejected": "no"} for r in rows(80, 6)]
    cells += [{"prompt": "x", "chosen": "y", "rejected": " y"}, {"prompt": "x", "chosen": "", "rejected": "y"}]
    stored = objects.save_rows(CellsRef, CellRow, [CellRow(f"f#{n}", json.dumps(c)) for n, c in enumerate(cells)])
    table = read_prompts.fn(stored, PREFERRED)
    assert [(r.item, r.reason) for r in objects.load_rows(table.rejected, Rejected)] == [
        ("f#80", "contradiction"), ("f#81", "empty")
    ]  # fmt: skip
    told = objects.save_rows(PromptRowsRef, PromptRow, rows(80, 6))
    made = split_prompts.fn(told, None, table.rows, Holdout())
    assert made.pairs is not None
    trained = {
        r.prompt for ref in (made.instructions.train, made.pairs.train) for r in objects.load_rows(ref, PromptRow)
    }
    judged = {r.prompt for ref in (made.instructions.test, made.pairs.test) for r in objects.load_rows(ref, PromptRow)}
    assert judged
    assert not trained & judged
    assert split_prompts.fn(told, None, None, Holdout()).pairs is None


def test_a_table_of_which_no_row_can_be_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path))
    stored = objects.save_rows(CellsRef, CellRow, [CellRow("f#1", '{"instruction": "a", "output": ""}')])
    with pytest.raises(DataError, match=r"none of 1 rows can be used \(f#1 column 'output' is empty"):
        read_prompts.fn(stored, TOLD)


def test_no_documented_function_is_lost_where_the_drawn_answer_says_the_same() -> None:
    same = "Return the larger of two numbers."
    texts = [same, same, same, "Return the smaller of two numbers.", "Open a file and return a stream."]
    documents = [
        Document(id=f"made.f{n}", text=text, path="made.py", title="", source="made", kind="function")
        for n, text in enumerate(texts)
    ]
    for seed in range(20):
        rows = documented_rows(documents, preferred=True, seed=seed)
        assert [row.id for row in rows] == [d.id for d in documents]
        assert all(row.completion != row.rejected for row in rows)
