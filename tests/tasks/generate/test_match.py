import numpy as np
import pytest

from tasks.data.documents import Passage
from tasks.generate.match import ReadSentences, match_sentences, surroundings


def read(
    words: list[set[str]], cosines: list[float], stated: list[bool], rows: list[int] | None = None
) -> ReadSentences:
    """Return sentences one after another, each in a passage of its own."""
    places = [0] * len(words) if rows is None else rows
    passages = [Passage(f"d{row}#{n}.0", f"d{row}", row, n, n + 1, "", "x", 0) for n, row in enumerate(places)]
    near = np.zeros(len(words), dtype=np.float32)
    return ReadSentences(passages, words, np.array(stated, bool), np.array(cosines, dtype=np.float32), near)


def scores(found: ReadSentences, asked: set[str], words: float = 0.5, question: str = "lamp") -> list[float]:
    owners = {row.id.rpartition(".")[0]: set[str]() for row in found.rows}
    return [float(score) for score in match_sentences(question, asked, found, owners, words)]


def test_the_best_that_can_be_is_one() -> None:
    row = Passage("d#0.0", "d", 0, 0, 9, "", "In 1820 it was built.", 0)
    one = np.ones(1, dtype=np.float32)
    found = ReadSentences([row], [{"lamp", "a", "b", "c", "d"}], np.ones(1, bool), one, one)
    assert match_sentences("When was the lamp built?", {"lamp"}, found, {"d#0": {"lamp"}}, 0.5)[0] == pytest.approx(1)


def test_a_sentence_below_a_heading_gains_by_the_words_and_meaning_of_the_heading() -> None:
    found = read([{"lamp"}, {"oil"}, {"rope"}], [0.9, 0.2, 0.2], [False, True, True])
    context = surroundings(found, np.array([1, 0, 0], dtype=np.float32))
    assert context.above.tolist() == pytest.approx([0.9, 0.9, 0.9])
    assert context.shared.tolist() == [1, 1, 1]
    assert context.before.tolist() == pytest.approx([0.9, 0.9, 0.2])
    assert context.after.tolist() == pytest.approx([0.2, 0.2, 0.2])


def test_a_heading_reaches_to_the_next_one_and_not_into_another_document() -> None:
    found = read([set()] * 5, [0.9, 0.1, 0.5, 0.1, 0.1], [False, True, False, True, True], [0, 0, 0, 0, 1])
    above = surroundings(found, np.zeros(5, dtype=np.float32)).above
    assert above.tolist() == pytest.approx([0.9, 0.9, 0.5, 0.5, 0.1])


def test_words_that_the_question_lacks_count_and_its_own_words_count_by_their_weight() -> None:
    found = read([{"lamp"}, {"lamp", "a", "b", "c", "d"}], [0.5, 0.5], [True, True])
    plain, fresh = scores(found, {"lamp"})
    assert fresh - plain == pytest.approx(0.2 / (2.9 + 3.5 * 0.5 + 0.6), abs=1e-6)
    without, held = scores(read([{"a"}, {"lamp"}], [0.5, 0.5], [True, True]), {"lamp"}, words=0)
    assert without > held


def test_the_order_in_which_sentences_were_read_does_not_matter() -> None:
    found = read([{"lamp"}, {"oil"}, {"rope"}], [0.9, 0.2, 0.3], [False, True, True])
    turned = ReadSentences(found.rows[::-1], found.words[::-1], found.stated[::-1], found.cosines[::-1], found.near)
    assert scores(turned, {"lamp"})[::-1] == pytest.approx(scores(found, {"lamp"}))
