"""Topics named by a scripted model: what stands the test, and what does not."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.generators import LocalModel, ModelServer
from configs.represent import CTfIdf, Labels, Written
from tasks.data.documents import Document, DocumentsRef
from tasks.data.messages import ResponseFormat
from tasks.data.topics import LabelsRef, Topic, TopicsRef
from tasks.errors import ContractError
from tasks.represent import naming_by, write_topic_labels
from tasks.represent.counts import count_words
from tasks.represent.labels import label_topics, parts_of
from tasks.represent.words import put_into_words
from tasks.represent.written import REASONS, Writer, cleaned, read_naming_prompt, write_labels
from tasks.store import objects
from tasks.vectors.arithmetic import normalise
from tests.tasks.chain.scripted import Scripted
from tests.tasks.models.language_models import save_causal

NOUNS = ["lamp", "lens", "tide", "buoy", "pilot", "rope", "sail", "anchor"]
TRAINS = [f"The night train number {n} has sleeping cars at dawn, {NOUNS[n % 8]} and more" for n in range(40)]
BREAD = [f"A sour starter makes rye bread number {n} rise, says the baker at dawn" for n in range(30)]
TEXTS = [*TRAINS, *BREAD, "nothing alike"]
LABELS = np.array([0] * 40 + [1] * 30 + [-1])
VECTORS = normalise(np.random.default_rng(0).normal(size=(len(TEXTS), 5)))
CONFIG = Labels()
FREE = ResponseFormat("choice", choices=("night train",))  # what a scripted server says
OWN = label_topics(TEXTS, LABELS, put_into_words(count_words(TEXTS, 2), LABELS, VECTORS, CTfIdf(words=20)), CONFIG)
NAMES = {t.topic: t.label for t in OWN}


def count(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def said(
    trains: str, bread: str = "rye bread", prompt_budget: int = 2_000
) -> tuple[dict[int, Topic], dict[str, int], Scripted]:
    model = Scripted(lambda last, request: trains if "train" in last.partition("\n")[0] else bread)
    config = Written(generator=LocalModel(model="m"), wording="free")
    writer = Writer(model, count, prompt_budget, read_naming_prompt(config.prompt), config)
    topics, counted = write_labels(TEXTS, LABELS, OWN, writer, CONFIG)
    assert list(counted) == ["written", *REASONS]
    return {t.topic: t for t in topics}, {name: n for name, n in counted.items() if n}, model


def test_a_name_the_judges_bear_out_is_taken_and_judged_as_any_other() -> None:
    topics, counted, _ = said('"Sleeping Cars of Night Trains."')
    assert counted == {"written": 2}
    assert topics[0].label == "Sleeping Cars of Night Trains"
    assert (topics[0].support, topics[0].general) == (1.0, 0.0)
    assert topics[1].label == "rye bread"
    assert topics[-1].label == NAMES[-1]


def test_a_name_that_goes_round_is_not_taken() -> None:
    model = Scripted(lambda last, request: "night trains")
    round_and_round = lambda requests: [replace(reply, finish="repetition") for reply in model(requests)]  # noqa: E731
    config = Written(generator=LocalModel(model="m"), wording="free")
    writer = Writer(round_and_round, count, 2_000, read_naming_prompt(config.prompt), config)
    topics, counted = write_labels(TEXTS, LABELS, OWN, writer, CONFIG)
    assert {t.topic: t.label for t in topics} == NAMES
    assert (counted["repeated"], counted["written"]) == (2, 0)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [("", "empty"), (" \n**", "empty"), ("night trains that have sleeping cars and more", "too_long"),
     ("n" * 81, "too_long"), ("all of these", "stop_words"), (" of ".join(reversed(NAMES[1].split())), "duplicate"),
     ("Lighthouses", "not_held"), ("lens", "not_held"), ("1, 2", "stop_words")],
)  # fmt: skip
def test_a_name_that_does_not_stand_the_test_leaves_the_topics_own_words(reply: str, reason: str) -> None:
    topics, counted, _ = said(reply, bread="Sour starter")
    assert (topics[0].label, topics[0].support) == (NAMES[0], 1.0)
    assert counted[reason] == 1


def test_a_duplicate_of_a_name_that_was_just_taken_is_not_taken() -> None:
    topics, counted, _ = said("Dawn", bread="the dawn")
    assert counted == {"written": 1, "duplicate": 1}
    assert (topics[0].label, topics[0].general) == ("Dawn", 1.0)
    assert topics[1].label == NAMES[1]


def test_the_model_is_shown_members_that_do_not_judge_between_marks() -> None:
    _, _, model = said("night train")
    for topic, request in zip((0, 1), model.asked, strict=True):
        text = request.messages[-1].content
        shown = [TEXTS.index(found) for found in re.findall(r"<passage-\w+>\n(.*)\n</passage-\w+>", text)]
        makers, jury, _ = parts_of(OWN[topic + 1], LABELS, CONFIG)
        assert len(shown) == 4
        assert set(shown) <= set(makers.tolist())
        assert not set(shown) & set(jury.tolist())
        assert (LABELS[shown] == topic).all()


def test_members_are_cut_to_fit_and_a_prompt_without_room_is_refused() -> None:
    _, _, model = said("night train", prompt_budget=260)
    assert sum(count([m.content for m in model.asked[0].messages])) <= 260
    with pytest.raises(ContractError, match="may have 120 tokens but no document fits; raise prompt_tokens"):
        said("night train", prompt_budget=120)


@pytest.mark.parametrize(
    "generator", [LocalModel(model="m"), ModelServer(base_url="http://localhost:1/v1", model="m")]
)
def test_a_model_that_runs_here_chooses_among_phrases_of_members_that_do_not_judge(generator: Any) -> None:
    model = Scripted(lambda last, request: (request.response_format or FREE).choices[-1])
    writer = Writer(model, count, 2_000, read_naming_prompt("topic-label"), Written(generator=generator))
    write_labels(TEXTS, LABELS, OWN, writer, CONFIG)
    forms = [request.response_format for request in model.asked]
    if isinstance(generator, ModelServer):
        assert forms == [None, None]
        return
    for topic, form in zip((0, 1), forms, strict=True):
        makers, jury, _ = parts_of(OWN[topic + 1], LABELS, CONFIG)
        said_by = " ".join(TEXTS[row].lower() for row in sorted(set(makers.tolist()) - set(jury.tolist())))
        assert form is not None
        assert (form.kind, 1 <= len(form.choices) <= 12) == ("choice", True)
        assert all(part in said_by for choice in form.choices for part in choice.split(", "))


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ("Topic: Night trains\nThey are...", "Night trains"),
        ("\n- **Rye bread**.", "Rye bread"),
        ("a\u200bb\x07", "ab"),
    ],
)
def test_what_models_put_around_a_name_is_taken_off(reply: str, name: str) -> None:
    assert cleaned(reply) == name


@pytest.mark.usefixtures("home")
def test_a_real_model_is_asked_once_and_its_replies_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.runtime import steps

    recorded: list[dict[str, float]] = []
    monkeypatch.setattr(steps, "log_metrics", lambda **counted: recorded.append(counted))
    model = LocalModel(model=str(save_causal(tmp_path / "model")), precision="fp32", device="cpu")
    written = Written(generator=model, prompt=str(short_prompt(tmp_path)), members=1, prompt_tokens=400, max_tokens=16)
    documents = objects.save_rows(
        DocumentsRef, Document, [Document(str(n), t, "", "s", "f") for n, t in enumerate(TEXTS)]
    )
    labels, own = objects.save_array(LabelsRef, LABELS), objects.save_rows(TopicsRef, Topic, OWN)
    naming = naming_by(written), written
    first, again = (write_topic_labels.fn(documents, labels, own, naming, CONFIG) for _ in range(2))
    assert first.topics == again.topics
    assert sum(recorded[0][name] for name in ("written", *REASONS)) == 2
    assert recorded[0]["spent_tokens"] > 0
    assert (recorded[1]["spent_tokens"], recorded[1]["saved_tokens"]) == (0, recorded[0]["spent_tokens"])


def short_prompt(folder: Path) -> Path:
    (folder / "name.md").write_text("# user\n{keywords}\n{documents}\nName:")
    return folder / "name.md"
