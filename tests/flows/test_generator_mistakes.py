"""The seven mistakes that end a tuning in silence: each from the shell, refused in one sentence before training."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.finetune.tiny_generator import animal_rows, make_generator

pytestmark = [pytest.mark.long, pytest.mark.flow]
ROOT = Path(__file__).parents[2]
SILENT = "{% for m in messages if m['role'] != 'assistant' %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
BEGIN = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
ENDLESS = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}!{% endfor %}"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("tiny") / "model", context=512)


def rows(count: int = 40, **changes: Any) -> list[dict[str, str]]:
    """Return instructions; a value that is callable makes the cell of the row."""
    made = [asdict(row) for row in animal_rows(count)]
    told = [{"instruction": r["prompt"], "output": r["completion"], "rejected": r["rejected"]} for r in made]
    return [{**row, **{name: change(row) for name, change in changes.items()}} for row in told]


def write(path: Path, held: Sequence[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in held), "utf-8")
    return str(path)


def tuned(home: Path, model: Path, *words: str) -> tuple[int, str, dict[str, Any]]:
    """Run the flow in a plain shell; return exit status, what it said on the side, and the last line."""
    stated = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "flows", "tune-generator", "source.kind=tables", f"model={model}", *words]
    done = subprocess.run(
        [*command, "training.device=cpu", "parameters.kind=full"],
        cwd=ROOT,
        env=stated,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr, json.loads(done.stdout.splitlines()[-1])


def with_template(tiny: Path, folder: Path, template: str) -> Path:
    shutil.copytree(tiny, folder)
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("equal", "none of 40 rows can be used (preferred.jsonl#1 the chosen answer is the rejected one"),
        (
            "empty",
            "none of 40 rows can be used (asked.jsonl#1 column 'output' is empty, so there is nothing to learn)",
        ),
        ("cut", "no row has a token to learn within 8 tokens: prompts fill them; raise training.max_seq_length"),
        ("silent", "the chat template leaves out what the assistant says, so nothing can be learned; correct it"),
        ("endless", "the chat template ends an answer by '!' but generation stops at '<|end|>'"),
        ("end", "completions begin or end with '<|end|>', which is written around each of them; take it out"),
    ],
)
def test_a_mistake_is_refused_in_one_sentence_and_nothing_is_trained(
    tiny: Path, tmp_path: Path, mistake: str, said: str
) -> None:
    model, words = tiny, []
    asked = write(tmp_path / "asked.jsonl", rows())
    match mistake:
        case "equal":
            equal = write(tmp_path / "preferred.jsonl", rows(rejected=lambda row: row["output"]))
            columns = ["prompt=instruction", "chosen=output"]
            words = ["pairs.kind=tables", f"pairs.path={equal}", *(f"preference.columns.{c}" for c in columns)]
        case "empty":
            asked = write(tmp_path / "asked.jsonl", rows(output=lambda _: " "))
        case "cut":
            words = ["training.max_seq_length=8"]
        case "silent":
            model = with_template(tiny, tmp_path / "model", SILENT + BEGIN)
        case "endless":
            model = with_template(tiny, tmp_path / "model", ENDLESS + BEGIN)
        case "end":
            asked = write(tmp_path / "asked.jsonl", rows(output=lambda row: row["output"] + "<|end|>"))
    status, aside, last = tuned(tmp_path, model, f"source.path={asked}", "training.max_steps=2", *words)
    assert (status, last["state"]) == (1, "Failed")
    assert said in last["result"]["error"]
    assert "Traceback" not in aside
    assert not [name for name in last["metrics"] if name.startswith("training.")]


def test_a_model_whose_padding_is_its_end_still_learns_to_end(tiny: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny, tmp_path / "model")
    for name, key, value in (("tokenizer_config.json", "pad_token", "<|end|>"), ("config.json", "pad_token_id", 0)):
        stated = json.loads((model / name).read_text("utf-8"))
        (model / name).write_text(json.dumps({**stated, key: value}), "utf-8")
    asked = write(tmp_path / "asked.jsonl", rows())
    steps = ["training.max_steps=120", "training.learning_rate=0.01"]
    _, aside, last = tuned(tmp_path, model, f"source.path={asked}", *steps)
    assert last["state"] == "Completed", aside[-800:]
    measures = last["result"]["measures"]
    assert measures["stop rate base"]["value"] < measures["stop rate SFT"]["value"]


def test_pairs_of_which_some_are_equal_are_rejected_and_counted(tiny: Path, tmp_path: Path) -> None:
    asked = write(tmp_path / "asked.jsonl", rows(120))
    some = rows(120, rejected=lambda row: row["output"] if "cat" in row["instruction"] else row["rejected"])
    pairs = write(tmp_path / "preferred.jsonl", some)
    columns = ["preference.columns.prompt=instruction", "preference.columns.chosen=output"]
    words = ["pairs.kind=tables", f"pairs.path={pairs}", *columns, "preference.training.max_steps=2",
             "training.max_steps=2", "preference.parameters.r=2"]  # fmt: skip
    _, aside, last = tuned(tmp_path, tiny, f"source.path={asked}", *words)
    assert last["state"] == "Completed", aside[-800:]
    equal = sum(row["output"] == row["rejected"] for row in some)
    assert equal > 0
    assert last["result"]["rejected"]["contradiction"] == equal
