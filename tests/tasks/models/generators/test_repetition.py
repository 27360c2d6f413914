"""What goes round is found, as a search over everything finds it; what writers repeat is not."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.generators import LocalModel, Sampling
from tasks.data.messages import Message, Reply, Request, ResponseFormat
from tasks.models.generators import client, repetition
from tasks.models.generators import load as generators
from tasks.models.generators.repetition import LONGEST, REPEATS_OF_SIGNS, Loop, Tail, in_words, marked
from tests.tasks.models import language_models

TITLE = "The Last Light of the Keeper\n"
PARAGRAPH = (
    "The keeper lit the lamp at dusk, and the ships that came from the south could see it for twenty miles. Nobody "
    "knew his name, though he had lived there for as long as anyone could say.\n\n"
)
ROUND = {
    "words": "Sim. " + "N\u00e3o! " * 80,
    "title": TITLE * 40,
    "paragraph": "Once upon a time. " + PARAGRAPH * 6,
    "lines": "A gentle rain, a gentle rain, a gentle rain\n" * 16,
    "list": "Snacks:\n- Dip\n" + "- Apples and cheese\n- Apples and dip\n" * 9,
    "signs": "Well" + "!" * 300,
    "Japanese": "\u306f\u3044\u3002" + "\u308f\u304b\u308a\u307e\u305b\u3093\u3002" * 40,
    "Hindi": "\u0928\u092e\u0938\u094d\u0924\u0947 " * 90,
}
FINE = {
    "laugh": "Ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha, he said.",
    "rule": "-" * 110 + "\n" + "=" * 110,
    "table": "| a | b | c |\n" + "| --- | --- | --- |\n" + "|  |  |  |\n" * 12,
    "ones": "1" * 100,
    "indentation": "def f():\n" + " " * 120 + "return 1",
    "zeros": "[" + "[0, 0, 0, 0, 0, 0, 0, 0],\n " * 8 + "]",
    "no": "[" + "[False, False, False, False, False, False, False, False],\n " * 8 + "]",
    "cells": "<table>\n" + "<tr><td></td><td></td><td></td></tr>\n" * 12 + "</table>",
    "braces": "}\n" * 60,
    "emoji": "\U0001f600" * 60,
    "refrain": ("Row, row, row your boat,\nGently down the stream.\n" + "Merrily, merrily, merrily, merrily,\n") * 3,
    "beginnings": "".join(f"- The best way to learn number {n} is to count to {n}.\n" for n in range(40)),
    "counted": "".join(f"{n}. Apples and cheese\n" for n in range(60)),
    "same twice": PARAGRAPH * 2,
    "board": ("[True, False, True, False, True, False, True, False],\n[False, True, False, True, False, True],\n") * 4,
    "addresses": "Name:\nStreet:\nTown:\nPost code:\nCountry:\n\n" * 3,
}  # fmt: skip


def written(units: Sequence[int]) -> str:
    return "".join(map(chr, units))


def tail_of(units: Sequence[int]) -> list[Loop | None]:
    tail = Tail(written)
    return [tail.take(unit) for unit in units]


def searched(units: Sequence[int]) -> Loop | None:
    """Look through every period of what is there."""
    for period in range(1, LONGEST + 1):
        covered = period
        while covered < len(units) and units[-covered - 1] == units[-covered - 1 + period]:
            covered += 1
        if (covered >= 64 and covered >= 4 * period) or (covered >= 128 and covered >= 3 * period):
            enough = covered >= REPEATS_OF_SIGNS * period or in_words(written(units[-period:]))
            return Loop(len(units) - covered, period) if enough else None
    return None


def reply(text: str, finish: str = "stop") -> Reply:
    return replace(Reply(text, "stop", 3, 4, "g"), finish=finish)


parts = st.tuples(st.text("abc .", min_size=1, max_size=40), st.integers(1, 90))


@given(st.lists(parts, min_size=1, max_size=4), st.text("abc", max_size=5))
def test_what_is_found_step_by_step_is_what_a_search_of_every_period_finds(
    some: list[tuple[str, int]], last: str
) -> None:
    units = [ord(letter) for letter in "".join(text * times for text, times in some)[:500] + last]
    found = tail_of(units)
    for length in {*range(64, len(units), 31), len(units)}:
        assert found[length - 1] == searched(units[:length])


@pytest.mark.parametrize("text", ROUND.values(), ids=ROUND.keys())
def test_what_goes_round_is_marked_and_shown_up_to_its_first_repeat(text: str) -> None:
    made = marked(reply(text, "length"), whole=False)
    assert made.finish == "repetition"
    assert text.startswith(made.text)
    assert 2 <= len(made.text) < len(text) / 2
    assert marked(reply(text), whole=True) == reply(text, "repetition")
    assert marked(made, whole=False) == made


@pytest.mark.parametrize("text", FINE.values(), ids=FINE.keys())
def test_what_writers_repeat_is_left_alone(text: str) -> None:
    assert marked(reply(text), whole=False) == reply(text)


def test_a_reader_sees_what_goes_round_and_that_it_does() -> None:
    assert marked(reply("Sim. " + "N\u00e3o! " * 80), whole=False).text == "Sim. N\u00e3o! N\u00e3o!"
    assert marked(reply(TITLE * 40), whole=False).text == TITLE * 2
    assert marked(reply("Once. " + PARAGRAPH * 6), whole=False).text.rstrip() == "Once. " + (PARAGRAPH * 2).rstrip()


def test_a_reply_that_goes_on_to_something_else_keeps_its_text() -> None:
    text = TITLE * 40 + "That is all there is to say about it."
    assert marked(reply(text), whole=False) == reply(text, "repetition")


def test_a_reply_that_was_refused_or_is_marked_stays_as_it_is() -> None:
    for finish in ("refused", "repetition"):
        assert marked(reply(TITLE * 40, finish), whole=False) == reply(TITLE * 40, finish)


@given(st.lists(parts, min_size=1, max_size=4))
def test_the_quick_look_through_a_text_passes_over_no_loop(some: list[tuple[str, int]]) -> None:
    units = [ord(letter) for letter in "".join(text * times for text, times in some)[:600]]
    assert repetition._may_loop(units) or not any(tail_of(units))


@pytest.fixture(scope="module")
def looping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_looping(tmp_path_factory.mktemp("looping"), "The lamp", " baker said\u00e3 no.")


def ask(folder: Path, *requests: Request, **sampling: object) -> tuple[list[Reply], client.CachedGenerator]:
    config = LocalModel(model=str(folder), precision="fp32", batch_size=4)
    options = Sampling.model_validate({"max_tokens": 300, **sampling})
    made = client.replies(generators.describe(config), options, config, use_cache=False, fix=False)
    return made(requests), made


def test_a_reply_is_ended_as_soon_as_it_goes_round_and_counted(looping: Path) -> None:
    request = Request((Message("user", "Hi"),))
    (whole,), never = ask(looping, request, end_repetition=False)
    assert (whole.finish, whole.completion_tokens) == ("length", 300)
    assert whole.text.startswith("The lamp baker said\u00e3 no. baker said\u00e3 no. baker")
    assert never.spent.repeated == 0
    (made,), spent = ask(looping, request)
    assert made.text == "The lamp baker said\u00e3 no. baker said\u00e3 no."
    assert (made.finish, spent.spent.repeated, spent.spent.truncated) == ("repetition", 1, 0)
    assert made.completion_tokens < 100
    assert whole.text.startswith(made.text)


def test_a_reply_that_is_ended_ends_alike_whoever_shares_its_batch(looping: Path) -> None:
    requests = [Request((Message("user", text),)) for text in ("Hi", "the lamp was lit at dusk", "a", "yes or no?")]
    together, _ = ask(looping, *requests)
    alone = [ask(looping, request)[0][0] for request in requests]
    assert [(r.text, r.completion_tokens) for r in together] == [(r.text, r.completion_tokens) for r in alone]


def test_a_reply_that_may_end_by_its_form_ends_where_it_goes_round(looping: Path) -> None:
    form = ResponseFormat("regex", text=r"(The lamp)?( baker said\u00e3 no\.){1,90} END")
    (whole,), _ = ask(looping, Request((Message("user", "Hi"),), form), end_repetition=False)
    (made,), spent = ask(looping, Request((Message("user", "Hi"),), form))
    assert re.fullmatch(form.text, made.text)
    assert (made.finish, spent.spent.repeated) == ("repetition", 1)
    assert made.text.count("baker") == 2 < whole.text.count("baker")


def test_a_form_that_asks_for_repeats_gets_all_of_them(looping: Path) -> None:
    form = ResponseFormat("regex", text=r"(The lamp)?( baker said\u00e3 no\.){30}")
    (made,), spent = ask(looping, Request((Message("user", "Hi"),), form))
    assert made.text.count("baker") == 30
    assert (made.finish, spent.spent.repeated) == ("repetition", 1)


def test_a_stop_text_comes_first(looping: Path) -> None:
    (made,), _ = ask(looping, Request((Message("user", "Hi"),)), stop=["no."])
    assert (made.text, made.finish) == ("The lamp baker said\u00e3 ", "stop")


@pytest.mark.parametrize("times", [4, 14])
def test_a_sentence_of_figures_goes_round_as_any_sentence_and_rows_of_figures_do_not(times: int) -> None:
    def ends(text: str) -> str:
        return marked(Reply(text, "stop", 1, 200, "d"), whole=True).finish

    assert ends("So. " + "18% of 2,350 is 423. And 18% of 2,350 is 423 as was found. " * times) == "repetition"
    assert ends("| 12 | 15 | 18 |\n" * times) == "stop"
    assert ends('{"a": 1, "b": 2},\n' * times) == "stop"
