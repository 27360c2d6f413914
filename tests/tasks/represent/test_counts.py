import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from tasks.represent import counts as counting
from tasks.represent.counts import commonest_shares, count_words, stop_words, without_wordless
from tasks.text.scripts import letter_words

SHIPS = ["The ship left the harbour.", "A harbour with one ship.", "Ships and a harbour.", "The harbour is full."]
BREAD = ["Bread from the oven.", "An oven for bread.", "Rye bread again.", "Bread, warm."]
RUBBISH = ["qxz jkvw 77", "wpbf #mt zzq", "vkj qqx pfw", "bmf 0101 xkx"]
LABELS = np.repeat([0, 1, 2], 4)


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs", "Co", "Cn"))), min_size=1),
    st.integers(1, 3),
    st.integers(1, 3),
)
@example(["Cat cat cat_2 3cat the of CAT's", "x\u00b2y na\u00efve \u0130STANBUL \u039f\u0394\u039f\u03a3 cat"], 1, 1)
def test_words_are_those_that_scikit_learn_counts(texts: list[str], least: int, part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "PART", part)
        found = count_words(texts, least)
    least = min(least, len(texts))
    stop = stop_words()
    theirs = CountVectorizer(
        analyzer=lambda text: [w for w in letter_words(text.lower(), 3) if w not in stop], min_df=least
    )
    try:
        expected = theirs.fit_transform(texts).toarray()
    except ValueError:
        assert found.words == ()
        return
    assert found.words == tuple(theirs.get_feature_names_out())
    np.testing.assert_array_equal(found.matrix.toarray(), expected)


def test_the_commonest_word_of_a_cluster_is_counted_by_documents() -> None:
    counts = count_words([*SHIPS, "bread bread bread", *BREAD[1:]], 1)
    assert commonest_shares(counts, LABELS[:8]) == {0: 1.0, 1: 1.0}
    assert commonest_shares(count_words(["one ship", "a tree", "harbour"], 1), np.array([0, 0, -1])) == {0: 0.5}


@pytest.mark.parametrize("least", [1, 2])
def test_a_cluster_without_common_words_is_noise_beside_those_that_have_them(least: int) -> None:
    counts = count_words([*SHIPS, *BREAD, *RUBBISH], least)
    found = without_wordless(counts, LABELS, 0.3)
    assert found.tolist() == [0] * 4 + [1] * 4 + [-1] * 4
    assert without_wordless(counts, LABELS, 0.0).tolist() == LABELS.tolist()


def test_clusters_stay_where_no_words_can_be_counted_or_all_are_alike() -> None:
    unread = [f"\u6f22\u5b57{chr(0x4E00 + n)}\u8a9e\u6587" for n in range(12)]  # no spaces: every text one word
    for texts in (unread, RUBBISH * 3, ["12 34"] * 12):
        assert without_wordless(count_words(texts, 1), LABELS, 0.3).tolist() == LABELS.tolist()
    assert without_wordless(count_words(SHIPS, 1), np.full(4, -1), 0.3).tolist() == [-1] * 4


def test_words_of_other_scripts_keep_their_marks_or_stand_in_pairs() -> None:
    texts = ["\u0130STANBUL caf\u0065\u0301s", "मरम्मत का", "番茄种2019"]
    assert count_words(texts, 1).words == ("caf\u00e9s", "i\u0307stanbul", "मरम्मत", "番茄", "茄种")
