from pathlib import Path

import pytest

from tasks.data.classes import Classifier, ClassifierRef
from tasks.errors import ContractError, StoreError
from tasks.launch import housekeeping
from tasks.store import classifiers, objects

pytestmark = pytest.mark.usefixtures("home")


def made(content: str) -> Classifier:
    kept = objects.save_json(ClassifierRef, content)
    return Classifier(name="mail", way="tf-idf", classifier=kept)


def test_the_newest_classifier_of_a_name_is_found_and_the_same_one_makes_no_new_record() -> None:
    assert classifiers.commit(made("one")).number == 1
    assert classifiers.commit(made("one")).number == 1
    assert classifiers.commit(made("two")).number == 2
    assert classifiers.live("mail").classifier == made("two").classifier
    assert classifiers.names() == ["mail"]


def test_a_name_under_which_nothing_is_kept_is_an_error_that_lists_the_others() -> None:
    classifiers.commit(made("one"))
    with pytest.raises(ContractError, match=r"there is no classifier 'post' in .*, there are: mail; run"):
        classifiers.live("post")


def test_a_damaged_record_is_an_error_and_pruning_leaves_kept_classifiers(home: Path) -> None:
    kept = classifiers.commit(made("one"))
    assert housekeeping.main(["store", "prune", "days=0"]) == 0
    assert objects.path(kept.classifier).exists()
    (home / "classifiers" / "mail" / "records" / "0001.json").write_text("{}")
    with pytest.raises(StoreError):
        classifiers.live("mail")
