"""Trained models by name: what was released is live, what was refused is kept, and ids find both."""

import json
from pathlib import Path

import pytest

from tasks.data.training import TunedModel, TunedRef
from tasks.errors import ModelError, StoreError
from tasks.launch import housekeeping
from tasks.models import files
from tasks.store import objects, tuned

pytestmark = pytest.mark.usefixtures("home")


def made(content: str, why: str = "") -> TunedModel:
    def fill(folder: Path) -> None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(content))

    ref = objects.save_files(TunedRef, fill, shape=(1,))
    return TunedModel(name="mail", task="classifier", model=ref, base="b", base_weights="w", why=why)


def test_a_released_model_is_live_and_the_same_one_makes_no_new_record() -> None:
    assert tuned.keep(made("one"), release=True).number == 1
    assert tuned.keep(made("one"), release=True).number == 1
    assert tuned.keep(made("two"), release=True).number == 2
    assert tuned.live("mail").model == made("two").model
    assert tuned.find("tuned:mail").id == "tuned:mail@2"
    assert tuned.names() == ["mail"]


def test_a_model_that_takes_the_place_of_another_says_so_and_one_that_is_refused_or_the_same_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert tuned.keep(made("one"), release=True).replaced == ""
    assert tuned.keep(made("one"), release=True).replaced == ""
    assert tuned.keep(made("two", "worse"), release=False).replaced == ""
    assert not caplog.records
    assert tuned.keep(made("three"), release=True).replaced == "tuned:mail@1"
    assert "tuned:mail@3 is live now in place of tuned:mail@1" in caplog.text
    assert "models use tuned:mail@1" in caplog.text


def test_a_refused_model_is_kept_with_its_reason_and_the_pointer_stays() -> None:
    tuned.keep(made("one"), release=True)
    refused = tuned.keep(made("two", "worse"), release=False)
    assert (refused.number, refused.released, refused.why) == (2, False, "worse")
    assert tuned.keep(made("two", "worse"), release=False).number == 2
    assert tuned.live("mail").number == 1
    assert tuned.find("tuned:mail@2").why == "worse"


def test_where_none_was_released_the_error_names_what_is_kept() -> None:
    tuned.keep(made("one", "worse"), release=False)
    with pytest.raises(ModelError, match=r"no model 'mail' was released; kept are tuned:mail@1: name one of them"):
        tuned.find("tuned:mail")


@pytest.mark.parametrize(
    "model", ["tuned:", "tuned:post", "tuned:post@1", "tuned:../x", "tuned:mail@x", "tuned:mail@9"]
)
def test_an_id_that_leads_nowhere_is_an_error(model: str) -> None:
    tuned.keep(made("one"), release=True)
    with pytest.raises(ModelError):
        files.locate(model)


def test_an_older_model_can_be_pointed_at_again() -> None:
    first = tuned.keep(made("one"), release=True)
    tuned.keep(made("two"), release=True)
    assert tuned.point("mail", 1) == first
    assert tuned.live("mail") == first
    assert files.locate("tuned:mail").model == "tuned:mail@1"


def test_its_files_lie_in_folders_are_verified_and_survive_pruning() -> None:
    kept = tuned.keep(made("one"), release=True)
    assert housekeeping.main(["store", "prune", "days=0"]) == 0
    found = files.locate("tuned:mail")
    assert json.loads((found.folder / "1_Pooling" / "config.json").read_text()) == "one"
    assert found.revision == "tuned"
    (found.folder / "1_Pooling" / "config.json").write_text('"two"')
    objects._verified.clear()
    with pytest.raises(StoreError, match=r"config\.json"):
        files.locate(kept.id)


def test_pruning_removes_the_checkpoints_of_killed_runs(home: Path) -> None:
    (home / "training" / "key" / "checkpoint-5").mkdir(parents=True)
    (home / "training" / "key" / "checkpoint-5" / "model.safetensors").write_bytes(b"x")
    assert housekeeping.main(["store", "prune", "days=1"]) == 0
    assert (home / "training" / "key").exists()
    assert housekeeping.main(["store", "prune", "days=0"]) == 0
    assert not (home / "training" / "key").exists()
