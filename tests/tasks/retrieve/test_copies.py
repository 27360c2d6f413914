"""Of documents that say the same a search shows one, and names the others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.documents import copies_among, others_of
from tasks.retrieve.copies import one_of_each

FILES = [("a", "x/a.txt", "same"), ("b", "y/b.txt", "same"), ("Title", "z.md", "same"), ("c", "c.txt", "other")]


def test_a_copy_of_a_file_under_another_name_is_one_and_another_title_is_not() -> None:
    assert [(copy.row, copy.first) for copy in copies_among(FILES)] == [(0, 0), (1, 0)]
    assert others_of(copies_among(FILES)) == {0: [1], 1: [0]}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12))
def test_of_each_text_the_first_that_may_be_found_is_searched(rows: list[tuple[str, bool]]) -> None:
    copies = copies_among(("", f"{row}.txt", text) for row, (text, _) in enumerate(rows))
    allowed = np.array([may for _, may in rows], dtype=bool)
    first = {text: row for row, (text, may) in reversed(list(enumerate(rows))) if may}
    assert np.flatnonzero(one_of_each(allowed, copies)).tolist() == sorted(first.values())
