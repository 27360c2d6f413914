"""`python -m flows models`: what is here is told from what is absent or changed; what cannot be fetched is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from configs.models import CATALOGUE, SMOLLM2
from configs.resolve import WrongCall
from flows.__main__ import main
from tasks.data.training import TunedModel, TunedRef
from tasks.launch import models
from tasks.store import objects, tuned


@pytest.mark.usefixtures("home")
def test_every_model_of_the_catalogue_is_listed_with_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    stated = json.loads(said.splitlines()[-1])["models"]
    assert [row["id"] for row in stated] == list(CATALOGUE)
    assert {row["state"] for row in stated} <= {"here", "absent", "damaged"}
    assert all(card.licence in said and str(card.megabytes) in said for card in CATALOGUE.values())


def test_an_absent_and_a_changed_package_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = CATALOGUE[SMOLLM2].model_copy(update={"package": "a_changed_model"})
    assert models._state(card) == "absent"
    (tmp_path / "a_changed_model").mkdir()
    (tmp_path / "a_changed_model" / "__init__.py").touch()
    (tmp_path / "a_changed_model" / card.file).write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path)
    assert models._state(card) == "damaged"


def test_a_name_that_is_none_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WrongCall, match=r"there is no model 'smollm' to add; there are: smollm2"):
        models.main(["models", "add", "smollm"])
    assert main(["models", "remove", "smollm2"]) == 2
    assert "there are: models, models add NAME" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_cannot_be_fetched_is_one_line_from_the_shell(tmp_path: Path) -> None:
    program = (
        "import configs.models as m, sys; c = m.CATALOGUE['smollm2'];"
        "m.CATALOGUE['smollm2'] = c.model_copy(update={'package': 'no_such_package', 'install': 'no-such-thing==1'});"
        "from flows.__main__ import main; sys.exit(main(['models', 'add', 'smollm2']))"
    )
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_INDEX": "1"}
    environment = {**os.environ, **nowhere, "PIP_FIND_LINKS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("smollm2 cannot be fetched (")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.usefixtures("home")
def test_trained_models_are_listed_and_any_of_them_can_be_put_live(capsys: pytest.CaptureFixture[str]) -> None:
    for content, release in (("one", True), ("two", True), ("three", False)):
        ref = objects.save_json(TunedRef, content)
        made = TunedModel(name="mail", task="classifier", model=ref, base="b", base_weights="w")
        tuned.keep(made, release=release)
    assert main(["models"]) == 0
    stated = json.loads(capsys.readouterr().out.splitlines()[-1])["trained"]
    assert [(row["id"], row["state"]) for row in stated] == [
        ("tuned:mail@3", "refused"), ("tuned:mail@2", "live"), ("tuned:mail@1", "released"),
    ]  # fmt: skip
    assert main(["models", "use", "tuned:mail@1"]) == 0
    assert "tuned:mail is number 1 now, 2 was" in capsys.readouterr().out
    assert tuned.live("mail").number == 1
    assert main(["models", "use", "tuned:mail@3"]) == 0
    assert "the gate had refused it" in capsys.readouterr().out
    assert main(["models", "use", "tuned:mail@7"]) == 1
    assert "of 'mail' there are numbers 1, 2, 3" in capsys.readouterr().err
    assert main(["models", "use", "tuned:mail"]) == 2
