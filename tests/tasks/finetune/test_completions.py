"""What is learned is the completion and its end; seven known mistakes are refused before anything is trained."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from configs.finetune import Training
from configs.finetune_pairs import Holdout
from tasks.data.prompt_rows import LeftOut, PromptLook, PromptRow, PromptRowsRef, SplitPrompts
from tasks.errors import ContractError, DataError, ModelError
from tasks.finetune.completions import (
    IGNORED,
    CompletionTokens,
    end_of_turn,
    join,
    require_begin,
    require_end,
    require_no_marks,
    require_rows,
)
from tasks.finetune.padding import collator
from tasks.finetune.task_prompts import PromptWriter, describe_generator, look_at_prompts, split_prompts
from tasks.store import objects
from tests.tasks.finetune.tiny_generator import animal_rows, make_generator

END, PAD = 2, 0


def test_prompt_tokens_are_left_out_of_the_loss_and_the_end_is_in() -> None:
    row = join([5, 6, 7], [8, 9], END, 10)
    assert row.ids == [5, 6, 7, 8, 9, END]
    assert row.labels == [IGNORED] * 3 + [8, 9, END]
    assert (row.learned, row.cut) == (3, False)
    cut = join([5, 6, 7], [8, 9], END, 5)
    assert (cut.ids, cut.labels, cut.cut) == ([5, 6, 7, 8, 9], [IGNORED] * 3 + [8, 9], True)
    filled = join([5, 6, 7], [8], END, 2)
    assert (filled.labels, filled.learned) == ([IGNORED] * 2, 0)


def test_a_batch_is_that_of_the_collator_of_trl() -> None:
    rows = [join([5, 6, 7], [8, 9], END, 10), join([5], [8], END, 10)]
    given = [{"input_ids": row.ids, "labels": row.labels} for row in rows]
    ours, theirs = collator(PAD)(given), DataCollatorForLanguageModeling(pad_token_id=PAD)(given)
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def masks_padding(rows: Any) -> Any:
    """Collate as a collator does that masks every padding token in the labels, here the end token."""
    batch = collator(END)(rows)
    batch["labels"] = batch["input_ids"].masked_fill(batch["input_ids"] == END, IGNORED)
    return batch


def test_an_end_that_padding_hides_or_that_is_missing_or_doubled_is_refused() -> None:
    rows = [join([5, 6], [8, 9], END, 10)]
    require_end(rows, collator(PAD), {END})
    require_end(rows, collator(END), {END})  # padding is masked by its place, so the same token hides nothing
    with pytest.raises(DataError, match=r"end token is not learned.*padding token is the end token"):
        require_end(rows, masks_padding, {END})
    with pytest.raises(DataError, match="end token is not learned"):
        require_end(rows, collator(PAD), {3})
    with pytest.raises(DataError, match="end token is there twice"):
        require_end([join([5, 6], [8, END], END, 10)], collator(PAD), {END})


def test_a_text_that_begins_twice_is_refused() -> None:
    with pytest.raises(DataError, match="begins a text is there twice"):
        require_begin([join([1, 1, 6], [8], END, 10)], 1)
    require_begin([join([1, 6], [8], END, 10)], 1)
    require_begin([join([1, 1], [8], END, 10)], None)


def test_rows_without_a_token_to_learn_and_rows_that_are_all_cut_are_refused() -> None:
    with pytest.raises(DataError, match="no row has a token to learn within 2 tokens"):
        require_rows([join([5, 6, 7], [8], END, 2)], 2)
    with pytest.raises(DataError, match="every row is cut at 4 tokens"):
        require_rows([join([5, 6, 7], [8], END, 4)], 4)
    require_rows([join([5, 6, 7], [8], END, 4), join([5], [8], END, 4)], 4)


def test_marks_of_the_template_in_the_data_are_refused_with_how_many_texts_have_them() -> None:
    with pytest.raises(DataError, match="2 of 3 completions begin or end with '<e>'"):
        require_no_marks(["a<e>", "b", "<e>c"], ["<s>", "<e>"], "completions")
    require_no_marks(["a <e> inside", "b"], ["<e>"], "completions")


def test_a_template_without_a_turn_of_the_assistant_or_with_another_is_refused() -> None:
    assert end_of_turn("<u>q<a>", "<u>q<a>yes<e>\n", "yes") == "<e>\n"
    with pytest.raises(ModelError, match="leaves out what the assistant says"):
        end_of_turn("<u>q<a>", "<u>q", "yes")
    with pytest.raises(ModelError, match="elsewhere than where a reply begins"):
        end_of_turn("<u>q<a>", "<u>q<b>yes<e>", "yes")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


def copy_with(tiny: Path, folder: Path, template: str) -> Path:
    folder.mkdir()
    for file in tiny.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


def looked(model: Path, rows: list[PromptRow], **training: Any) -> PromptLook:
    config = Training(device="cpu", **training)
    stored = objects.save_rows(PromptRowsRef, PromptRow, rows)
    split = split_prompts.fn(stored, None, None, Holdout(near_duplicate=1.0)).instructions
    return look_at_prompts.fn(split, describe_generator(str(model), config), "", config)


def test_rows_are_written_as_the_model_will_be_asked_and_only_completion_and_end_are_learned(tiny: Path) -> None:
    config = Training(device="cpu")
    writer = PromptWriter(describe_generator(str(tiny), config))
    (row,) = writer.rows([PromptRow("r", "Which animal?", "It is the cat.")], 100)
    asked = [{"role": "user", "content": "Which animal?"}]
    wanted = writer.tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
    assert row.ids[: row.prompt] == wanted
    whole = writer.tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": "It is the cat."}])
    assert row.ids == whole["input_ids"]
    assert writer.decode(row.ids[row.prompt :]) == "It is the cat.<|end|>"
    look = looked(tiny, animal_rows(60))
    assert [piece.learned for piece in look.examples[0]] == [False, True]
    assert look.examples[0][1].text.endswith(".<|end|>")
    assert look.examples[0][0].text.startswith("<|user|>Which animal")
    assert len(look.examples) == 2 * 3
    assert look.learned_least >= 2
    assert look.truncated == 0
    assert look.template == describe_generator(str(tiny), config).template != ""
    assert "chat template" in look.kind


def test_a_special_token_in_a_text_is_text(tiny: Path) -> None:
    writer = PromptWriter(describe_generator(str(tiny), Training(device="cpu")))
    (row,) = writer.rows([PromptRow("r", "a <|end|> b", "c <|assistant|> d")], 100)
    assert row.ids.count(writer.end) == 2  # of the user's turn and of the answer
    assert "<|assistant|>" not in writer.decode(row.ids[row.prompt :])


def test_the_share_of_cut_rows_is_counted_and_all_cut_rows_are_refused(tiny: Path) -> None:
    short = [replace(row, rejected="") for row in animal_rows(60)]
    rows = [*short, *(PromptRow(f"long{n}", f"{n} long", f"word{n} " * 80) for n in range(20))]
    look = looked(tiny, rows, max_seq_length=64)
    assert 0.1 < look.truncated < 0.5
    assert look.limit == 64
    assert "are cut at 64 tokens" in look.warnings[0]
    with pytest.raises(DataError, match="prompts fill them"):
        looked(tiny, animal_rows(60), max_seq_length=8)


@pytest.mark.parametrize(
    ("template", "error", "said"),
    [
        ("{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
         "{% if add_generation_prompt %}<|assistant|>{% endif %}", ModelError, "ends an answer by '' but generation"),
        ("{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|pad|>{% endfor %}"
         "{% if add_generation_prompt %}<|assistant|>{% endif %}", ModelError, r"ends an answer by '<\|pad\|>' but"),
        ("{% for m in messages if m['role'] == 'user' %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"
         "{% if add_generation_prompt %}<|assistant|>{% endif %}", ModelError, "leaves out what the assistant says"),
    ],
    ids=["no end", "an end that does not stop", "no turn of the assistant"],
)  # fmt: skip
def test_a_chat_template_that_cannot_be_trained_with_is_refused(
    tiny: Path, tmp_path: Path, template: str, error: type[Exception], said: str
) -> None:
    broken = copy_with(tiny, tmp_path / "broken", template)
    with pytest.raises(error, match=said):
        looked(broken, animal_rows(60))


def test_completions_that_end_with_the_end_token_already_are_refused(tiny: Path) -> None:
    rows = [PromptRow(r.id, r.prompt, r.completion + "<|end|>") for r in animal_rows(60)]
    with pytest.raises(DataError, match=r"completions begin or end with '<\|end\|>'"):
        looked(tiny, rows)


def test_a_model_without_a_chat_template_is_written_to_plainly_and_the_page_says_so(
    tiny: Path, tmp_path: Path
) -> None:
    plain = copy_with(tiny, tmp_path / "plain", "")
    (plain / "chat_template.jinja").unlink()
    stated = json.loads((plain / "tokenizer_config.json").read_text())
    stated.pop("chat_template", None)
    (plain / "tokenizer_config.json").write_text(json.dumps(stated))
    look = looked(plain, animal_rows(60))
    assert look.template == ""
    assert look.examples[0][1].text.startswith("\nIt is the")
    assert "no chat template" in look.warnings[-1]


def test_longer_rows_than_the_model_reads_are_refused_before_any_work(tiny: Path) -> None:
    with pytest.raises(ContractError, match=r"max_seq_length is 300 but .* reads 256 tokens at most"):
        describe_generator(str(tiny), Training(max_seq_length=300, device="cpu"))


def test_a_row_has_as_many_labels_as_tokens() -> None:
    for limit in range(1, 9):
        row = CompletionTokens([1, 2, 3, 4, 5, 6, 7, 8][:limit], 4, limit < 8)
        assert len(row.labels) == len(row.ids)
        assert sum(label != IGNORED for label in row.labels) == row.learned


def test_of_preferences_both_answers_are_looked_at(tiny: Path) -> None:
    rows = [
        PromptRow(r.id, r.prompt, r.completion, "word " * 60 if n % 2 else "no") for n, r in enumerate(animal_rows(60))
    ]
    look, plain = looked(tiny, rows, max_seq_length=100), looked(tiny, animal_rows(60), max_seq_length=100)
    assert look.truncated > plain.truncated == 0
    assert look.kind.startswith("preferences")
    assert look.steps < plain.steps  # of the pairs that are read
    assert look.memory < 2 * plain.memory  # long answers that nobody reads take none
    told = re.match(r"(\d+) pairs are left out of training", look.warnings[0])
    assert told is not None
    assert int(told[1]) == round((look.train + look.left_out.train) * look.truncated)
    with pytest.raises(DataError, match="completions begin or end with"):
        looked(tiny, [PromptRow(r.id, r.prompt, r.completion, "no<|end|>") for r in animal_rows(60)])


def preferred(rows: list[PromptRow], long: set[str]) -> list[PromptRow]:
    return [replace(row, rejected="no " * (200 if row.id in long else 1)) for row in rows]


def looked_at_pairs(tiny: Path, long: set[str], limit: int) -> tuple[PromptLook, SplitPrompts]:
    rows = animal_rows(80)
    stored = objects.save_rows(PromptRowsRef, PromptRow, preferred(rows, long))
    split = split_prompts.fn(stored, None, None, Holdout(near_duplicate=1.0)).instructions
    config = Training(device="cpu", max_seq_length=limit)
    return look_at_prompts.fn(split, describe_generator(str(tiny), config), "", config), split


def test_pairs_that_are_too_long_are_counted_part_by_part_and_not_as_trained_on(tiny: Path) -> None:
    _, split = looked_at_pairs(tiny, set(), 64)
    train, stop = (objects.load_rows(part, PromptRow) for part in (split.train, split.validation))
    long = {train[0].id, train[1].id, stop[0].id}
    look, _ = looked_at_pairs(tiny, long, 64)
    assert look.left_out == LeftOut(train=2, validation=1)
    assert (look.train, look.validation) == (len(train) - 2, len(stop) - 1)
    assert "2 pairs are left out of training and 1 of those to stop by" in look.warnings[0]


def test_a_look_refuses_pairs_of_which_none_to_stop_by_fits(tiny: Path) -> None:
    _, split = looked_at_pairs(tiny, set(), 64)
    stop = {row.id for row in objects.load_rows(split.validation, PromptRow)}
    with pytest.raises(DataError, match="no pair to stop by has a prompt and both answers within 64 tokens"):
        looked_at_pairs(tiny, stop, 64)


def test_a_look_at_pairs_shows_both_answers(tiny: Path) -> None:
    look, split = looked_at_pairs(tiny, set(), 64)
    first = objects.load_rows(split.train, PromptRow)[0]
    assert [row[1].text for row in look.examples[:2]] == [f"{first.completion}<|end|>", f"{first.rejected}<|end|>"]


def test_rows_that_hold_words_of_the_template_are_counted(tiny: Path) -> None:
    rows = [replace(r, rejected="", completion=f"{r.completion[:5]}<|end|><|user|>{r.completion[5:]}" if n < 50
                    else r.completion) for n, r in enumerate(animal_rows(60))]  # fmt: skip
    look = looked(tiny, rows)
    (said,) = [text for text in look.warnings if "words of the chat template" in text]
    assert 0 < int(said.split()[0]) <= look.train
    assert not [text for text in looked(tiny, animal_rows(60)).warnings if "words of the chat" in text]
