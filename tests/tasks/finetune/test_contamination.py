"""Training texts that repeat a text that is judged by are found; others are left."""

import random

import pytest

from tasks.finetune.contamination import plain, repeats

TOPICS = ("the card", "my account", "a transfer", "the exchange rate", "this payment", "a refund", "the new phone")
ASKED = ("How long does it take until", "Why has nobody told me that", "Can I find out whether", "Please explain how")
ENDS = ("arrives at my new address", "is blocked after three attempts", "was declined in a shop abroad yesterday")


def sentences(count: int) -> list[str]:
    drawn = [f"{a} {t} {e}, reference {n * 7919 % 10007}?" for n, (a, t, e) in enumerate(
        (a, t, e) for a in ASKED for t in TOPICS for e in ENDS)]  # fmt: skip
    return random.Random(3).sample(drawn, count)


def swap_word(text: str, draw: random.Random) -> str:
    words = text.split()
    words[draw.randrange(len(words))] = "truly"
    return " ".join(words)


def drop_word(text: str, draw: random.Random) -> str:
    words = text.split()
    del words[draw.randrange(len(words))]
    return " ".join(words)


def typo(text: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(text) - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


PLANTS = {
    "same": lambda text, draw: text,
    "case": lambda text, draw: text.upper(),
    "spacing": lambda text, draw: "  " + text.replace(" ", "\n ") + "!",
    "typo": typo,
    "one word changed": swap_word,
    "one word dropped": drop_word,
    "a word added": lambda text, draw: f"Hello, {text}",
}


def test_a_hundred_planted_near_copies_are_all_found() -> None:
    judged, draw = sentences(80), random.Random(11)
    kinds = list(PLANTS)
    planted = [PLANTS[kinds[n % len(kinds)]](judged[n % len(judged)], draw) for n in range(100)]
    found = repeats(planted, judged, near=0.7)
    assert [repeat.text for repeat in found] == list(range(100))
    assert all(
        repeat.kind == "exact" for repeat in found if kinds[repeat.text % len(kinds)] in ("same", "case", "spacing")
    )


def test_texts_of_the_same_kind_with_another_content_are_left() -> None:
    judged = ["How do I change the PIN of my card?", "Where does the money of a refund go?"]
    train = ["My transfer to Spain has not arrived", "Which currencies can I hold?", "How do I close my account?"]
    assert repeats(train, judged, near=0.7) == []


def test_the_closest_judged_text_is_named_with_its_share() -> None:
    judged = ["completely different words here", "the quick brown fox jumps over the lazy dog"]
    (found,) = repeats(["the quick brown fox jumped over the lazy dog"], judged, near=0.5)
    ours, theirs = (
        {plain(t)[i : i + 4] for i in range(len(t) - 3)}
        for t in ("the quick brown fox jumped over the lazy dog", judged[1])
    )
    assert found.of == 1
    assert found.kind == "near"
    assert found.share == pytest.approx(len(ours & theirs) / len(ours | theirs))


def test_at_a_share_of_one_only_equal_texts_are_found() -> None:
    assert [
        r.text for r in repeats(["One two three.", "one, TWO three", "one two four"], ["one two three"], near=1)
    ] == [0, 1]


def test_texts_without_a_letter_are_equal_only_to_themselves() -> None:
    assert [r.text for r in repeats([":-)", ":-("], [":-("], near=1)] == [1]


def test_nothing_is_judged_by_nothing_repeats() -> None:
    assert repeats(["a text"], [], near=0.7) == []
    assert repeats([], ["a text"], near=0.7) == []
