from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from configs.generate import Generated
from configs.generators import LocalModel, Sampling
from configs.retrieve import Dense
from tasks.data.answers import Answer, AnswersRef
from tasks.data.documents import Document, Passage
from tasks.data.messages import Reply, Request, ResponseFormat
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.generate import answer_grounded, describe_generator, load_answers, read_prompt
from tasks.generate.answering import AnswerSettings, ground_answers
from tasks.generate.grounded import cited_format
from tasks.retrieve import retrieve
from tasks.store import objects
from tests.tasks.models import language_models

PETS = "Which pet purrs?"


def quoted(question: str, abstained: str = "") -> Answer:
    return Answer(question=question, text="", citations=(), abstained=abstained, score=0.9, threshold=0.5)


def found(shelf: Generation, *questions: str) -> HitsRef:
    queries = objects.save_rows(QueriesRef, Query, [Query(str(n), text) for n, text in enumerate(questions)])
    towards = objects.save_array(VectorsRef, np.tile(np.eye(3, dtype=np.float32)[:1], (len(questions), 1)))
    return retrieve.fn(shelf, queries, towards, Dense(k=3))


def ground(shelf: Generation, said: dict[str, str | Reply], *answers: Answer, show: bool = False) -> list[Answer]:
    """Answer with what a model would have said to each question."""
    asked: list[str] = []

    def replies(requests: Sequence[Request]) -> list[Reply]:
        texts = [request.messages[-1].content for request in requests]
        asked.extend(texts)
        found = [next(said[q] for q in said if q in text) for text in texts]
        return [one if isinstance(one, Reply) else Reply(one, "stop", 1, 1, "g") for one in found]

    hits = objects.load_rows(found(shelf, *(a.question for a in answers)), Hit)
    passages = dict(enumerate(objects.load_rows(shelf.passages, Passage)))
    documents = dict(enumerate(objects.load_rows(shelf.documents, Document)))
    asking = AnswerSettings(
        replies, lambda texts: [len(text.split()) for text in texts], read_prompt("grounded"), 2_000, show=show
    )
    made = ground_answers(answers, hits, passages, documents, asking)
    assert len(asked) == sum(not a.abstained for a in answers)
    return made


def test_a_grounded_reply_becomes_an_answer_with_citations_numbered_anew(shelf: Generation) -> None:
    ranked = [h.passage for h in objects.load_rows(found(shelf, PETS), Hit)]
    dogs = ranked.index(1) + 1
    (made,) = ground(
        shelf, {PETS: f"Dogs bark at the postman [{dogs}]. Cats purr when they are warm [1]."}, quoted(PETS)
    )
    assert made.text == "Dogs bark at the postman. [1] Cats purr when they are warm. [2]"
    assert [c.document for c in made.citations] == ["dogs", "cats"]
    assert (made.citations[1].path, made.citations[1].line, made.unsupported) == ("cats.txt", 3, 0)
    assert (made.score, made.threshold, made.abstained) == (0.9, 0.5, "")


def test_what_a_citation_does_not_hold_is_counted(shelf: Generation) -> None:
    (made,) = ground(shelf, {PETS: "Cats purr [1]. There are 4,711 of them [1]. They are old [9]."}, quoted(PETS))
    assert made.unsupported == 2
    assert made.text.endswith("They are old.")


def test_a_refusal_and_a_reply_that_cites_nothing_are_no_answers(shelf: Generation) -> None:
    refused, loose = ground(
        shelf, {"moon": "NO ANSWER", "purrs": "Cats purr."}, quoted("How far is the moon?"), quoted(PETS)
    )
    assert refused.abstained == "no answer in this collection: the model finds no answer in the passages"
    assert loose.abstained == "no answer in this collection: the model cites no passage in its reply"
    assert (refused.text, loose.text, loose.citations) == ("", "", ())


def test_a_reply_of_which_nothing_is_supported_gives_way_to_the_quote_that_is_labelled_so(shelf: Generation) -> None:
    quote = quoted(PETS).model_copy(update={"text": "Cats purr when they are warm. [1]"})
    said: dict[str, str | Reply] = {PETS: "Cats weigh 9 kg [1]. There are 4,711 of them."}
    (made,) = ground(shelf, said, quote)
    assert (made.text, made.abstained) == (quote.text, "")
    assert made.quoted == made.support == "2 of 2 sentences are unsupported by the passages they cite"
    assert (made.withheld, made.marked) == ("Cats weigh 9 kg . There are 4,711 of them.", quote.text)
    (bare,) = ground(shelf, said, quoted(PETS))
    assert (bare.text, bare.citations, bare.abstained) == ("", (), f"no answer in this collection: {made.support}")
    (shown,) = ground(shelf, said, quote, show=True)
    assert shown.text == "Cats weigh 9 kg. [1] There are 4,711 of them."
    assert shown.marked == "Cats weigh 9 kg. [1] (unsupported) There are 4,711 of them. (unsupported)"


def test_of_a_reply_supported_in_part_the_other_sentences_are_marked(shelf: Generation) -> None:
    (made,) = ground(shelf, {PETS: "Cats purr [1]. There are 4,711 of them [1]."}, quoted(PETS))
    assert made.marked == "Cats purr. [1] There are 4,711 of them. [1] (unsupported)"
    assert (made.support, made.quoted) == ("1 of 2 sentences is unsupported by the passages they cite", "")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (
            Reply("", "length", 1, 1, "g", reasoning="Well"),
            "the model was still reasoning at the limit of tokens; raise answer.sampling.max_tokens",
        ),
        (Reply("", "stop", 1, 1, "g"), "the model gave an empty reply"),
        (Reply("No.", "refused", 1, 1, "g"), "the server refuses to answer: No."),
    ],
    ids=["cut", "empty", "refused"],
)
def test_a_reply_without_a_text_is_no_answer_and_the_reason_is_said(shelf: Generation, reply: Reply, why: str) -> None:
    (made,) = ground(shelf, {PETS: reply}, quoted(PETS).model_copy(update={"text": "Cats purr. [1]"}))
    assert made.abstained.startswith(f"no answer: {why}")
    assert (made.text, made.reasoning) == ("", reply.reasoning)


def test_a_constrained_question_is_asked_with_the_form_of_its_passages_and_a_cut_reply_is_no_refusal(
    shelf: Generation,
) -> None:
    forms: list[ResponseFormat | None] = []

    def replies(requests: Sequence[Request]) -> list[Reply]:
        forms.extend(request.response_format for request in requests)
        return [Reply("NO ANSWER", "length", 1, 1, "g") for _ in requests]

    hits = objects.load_rows(found(shelf, PETS), Hit)
    passages = dict(enumerate(objects.load_rows(shelf.passages, Passage)))
    documents = dict(enumerate(objects.load_rows(shelf.documents, Document)))
    asking = AnswerSettings(
        replies, lambda texts: [len(text.split()) for text in texts], read_prompt("grounded"), 2_000, constrained=True
    )
    (made,) = ground_answers([quoted(PETS)], hits, passages, documents, asking)
    assert forms == [cited_format(3)]
    assert made.abstained.startswith("no answer: the reply reached its limit before its first sentence ended")
    assert made.abstained.endswith("; raise answer.sampling.max_tokens")


def test_what_was_withheld_is_not_asked(shelf: Generation) -> None:
    withheld = quoted("How far is the moon?", "no answer in this collection: too far")
    made, _ = ground(shelf, {PETS: "Cats purr [1]."}, withheld, quoted(PETS))
    assert made == withheld


def test_the_step_asks_a_real_model_once_and_keeps_what_it_said(shelf: Generation, tmp_path: Path) -> None:
    folder = language_models.save_causal(tmp_path / "chat", context=1_024)
    config = Generated(
        generator=LocalModel(model=str(folder), precision="fp32", batch_size=2),
        sampling=Sampling(max_tokens=8),
        prompt_tokens=900,
    )
    generator, prompt = describe_generator(config), read_prompt(config.prompt)
    answers = objects.save_json(AnswersRef, [quoted(PETS).model_dump(mode="json")], rows=1)
    first = answer_grounded.fn(shelf, found(shelf, PETS), answers, generator, prompt, config)
    (made,) = load_answers(first)
    assert made.abstained  # its weights are drawn: it says nothing that rests on a passage
    assert len(list((Path(objects.path(first)).parents[1] / ".." / "replies" / generator.digest).glob("[!.]*"))) == 1
    assert answer_grounded.fn(shelf, found(shelf, PETS), answers, generator, prompt, config) == first
