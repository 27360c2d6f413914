from collections.abc import Sequence

from tasks.tokenize.coverage import cover_words


def pieces(words: Sequence[str]) -> list[list[str]]:
    """Cut words into pairs of letters; capital ones are not known."""
    return [["[UNK]"] if w.isupper() else [w[i : i + 2] for i in range(0, len(w), 2)] for w in words]


def test_pieces_and_unknown_words_are_counted_as_often_as_they_are_said() -> None:
    found = cover_words(["cats, cats and XYZ 12", "a cat"], pieces)
    assert found.words == 6
    assert found.pieces_per_word == (2 + 2 + 2 + 1 + 1 + 2) / 6
    assert found.unknown_share == 1 / 6


def test_words_cut_up_most_are_shown_if_they_are_said_often_enough() -> None:
    found = cover_words(["lighthouse " * 3 + "harbour " * 4 + "cat " * 9 + "extraordinary"], pieces)
    assert found.cut_up == ("harbour", "lighthouse")


def test_documents_without_words_have_nothing_unknown() -> None:
    found = cover_words(["12 3", ""], pieces)
    assert (found.words, found.pieces_per_word, found.unknown_share) == (0, 0.0, 0.0)
