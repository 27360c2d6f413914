"""What a caption names, by hand; controls that know nothing are found to know nothing."""

import numpy as np
import pytest

from tasks.caption.measures import (
    JudgedPictures,
    judged,
    must_name,
    names_it,
    nearest,
    others,
)
from tasks.data.captions import Caption, DescribedPicture
from tasks.text.lines import one_line

DOG = DescribedPicture("one.jpg", "a photo of a dog", "dog")


@pytest.mark.parametrize(
    ("caption", "named", "right"),
    [("a photo of a dog", "dog", True), ("A Dog!", "dog", True), ("a hotdog", "dog", False), ("", "dog", False),
     ("a fire truck", "fire truck", True), ("a truck", "fire truck", False)],
)  # fmt: skip
def test_what_must_be_named_stands_in_the_caption_as_whole_words(caption: str, named: str, right: bool) -> None:
    assert names_it(caption, DescribedPicture("a", "whatever", named)) is right


def test_without_a_column_the_words_of_the_description_count_that_say_something() -> None:
    plain = DescribedPicture("a", "two dogs on the beach", "")
    assert must_name(plain) >= {"dog", "beach"}
    assert "the" not in must_name(plain)
    assert names_it("the beach, and two dogs", plain) is names_it("beach with two dog", plain) is True
    assert not names_it("two dogs", plain)
    assert must_name(DescribedPicture("a", "the", "")) == {"the"}


def test_a_caption_is_one_line_of_what_can_be_seen() -> None:
    assert one_line(" a\n dog\x07\u202e  <|im_end|>\u200b ") == "a dog < |im_end|>"


@pytest.mark.parametrize("count", [2, 3, 50])
def test_every_picture_is_taken_for_another_once(count: int) -> None:
    found = others(count, 0)
    assert sorted(found) == list(range(count))
    assert (found != np.arange(count)).all()
    assert (found == others(count, 0)).all()


def test_the_nearest_is_that_of_the_largest_cosine() -> None:
    known = np.array([[1, 0], [0, 5], [3, 3]], np.float32)
    assert nearest(np.array([[0.1, 9], [4, 3.9], [2, 0]], np.float32), known).tolist() == [1, 2, 0]


def said(texts: list[str], loss: float) -> list[Caption]:
    return [Caption(f"{at}.jpg", text, "stop", 4, loss) for at, text in enumerate(texts)]


def test_captions_are_measured_beside_those_of_other_pictures_and_the_nearest_description() -> None:
    things = ["dog", "cat", "ship", "frog"] * 10
    pictures = [DescribedPicture(f"{at}.jpg", f"a photo of a {thing}", thing) for at, thing in enumerate(things)]
    right = [picture.text for picture in pictures]
    wrong = [*right[1:], right[0]]
    found = {
        (m.name, m.what): m for m in judged(JudgedPictures(pictures, said(right, 0.5), said(wrong, 2.0), wrong), 0)
    }
    assert found["named", "captions"].value == 1
    assert found["named", "shuffled pictures"].value == found["named", "nearest description"].value == 0
    assert found["token F1", "shuffled pictures"].value == pytest.approx(0.8)
    gained = found["named difference", "captions - shuffled pictures"]
    assert (gained.value, gained.n) == (1, 40)
    assert 0.5 < gained.low <= 1
    assert found["loss a token difference", "captions - shuffled pictures"].value == pytest.approx(-1.5)
    same = judged(JudgedPictures(pictures, said(right, 0.5), said(right, 0.5), right), 0)
    assert [m.value for m in same if "difference" in m.name] == [0] * 5
