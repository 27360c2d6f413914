"""`word-vectors` on lists of items: better than popularity, and a defined answer for what is unknown."""

from pathlib import Path

import pytest

from configs.flows import WordVectors
from configs.ingest import Events, Files
from configs.word2vec import Recommended, Related, Word2Vec
from flows.word_vectors import preflight, word_vectors
from tasks.errors import ContractError

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]


def events(folder: Path) -> Events:
    """Write lists of users, each of one of five families of items that follow each other."""
    rows = [f"u{user},f{user % 5}-{(user + step) % 6},{step}" for user in range(60) for step in range(5)]
    (folder / "plays.csv").write_text("\n".join(["user,item,time", *rows]), "utf-8")
    return Events(path=str(folder / "plays.csv"))


def test_next_items_are_predicted_and_unknown_items_answered(workspace: Path, tmp_path: Path) -> None:
    config = WordVectors(
        train=Word2Vec(vector_size=16, epochs=60, min_count=1, sample=0), ask=Related(words=("f1-1", "<b>nope</b>")),
        recommend=Recommended(k=3, resamples=100), senses=None,
    )  # fmt: skip
    found = word_vectors(events=events(tmp_path), after=["zzz"], config=config)
    assert found.result["measures"]["hit@3 difference word2vec - popularity"]["low"] > 0
    assert found.result["after"][1] == {"unknown": "no item is known; the most popular items are shown"}
    assert "has no vector" in found.result["neighbours"]["<b>nope</b>"][0]["unknown"]
    assert "<b>nope" not in Path(found.report).read_text("utf-8")


def test_two_origins_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="source and events are given but vectors come from one of them"):
        preflight(Files(path="."), events(tmp_path))
    with pytest.raises(ContractError, match="after names 1 items but there are no events"):
        preflight(after=["a"])
