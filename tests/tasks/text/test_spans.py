"""Strict spans as seqeval reads them, windows that cover every word, labels that are always allowed."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from tasks.text.spans import best_labels, label_names, labels_of, owners_of, spans_of, strays_of, windows_of, words_of

LABELS = st.lists(st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y"]), max_size=12)


@given(LABELS)
def test_spans_are_those_of_seqeval_in_strict_mode(labels: list[str]) -> None:
    theirs = [(e.start, e.end, e.tag) for e in Entities([labels], scheme=IOB2).entities[0]] if labels else []
    assert spans_of(labels) == theirs


@given(LABELS)
def test_labels_and_spans_say_the_same_and_strays_are_what_lenient_readers_add(labels: list[str]) -> None:
    assert spans_of(labels_of(spans_of(labels), len(labels))) == spans_of(labels)
    assert strays_of(labels) == sum(
        a != b for a, b in zip(labels, labels_of(spans_of(labels), len(labels)), strict=True)
    )
    if strays_of(labels) == 0:
        assert spans_of(labels) == [(a, b + 1, kind) for kind, a, b in get_entities(labels)]


@given(st.text(max_size=60))
def test_words_are_where_they_are_said_to_be(text: str) -> None:
    spots = words_of(text)
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in spots)
    assert "".join(text[a:b] for a, b in spots) == "".join(text.split())


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 10))
def test_windows_cover_every_word_and_each_word_has_one_owner_that_holds_it(
    pieces: list[int], most: int, shared: int
) -> None:
    windows = windows_of(pieces, most, min(shared, most // 2))
    assert sorted({at for a, b in windows for at in range(a, b)}) == list(range(len(pieces)))
    assert all(sum(pieces[a:b]) <= most or b - a == 1 for a, b in windows)
    assert all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(windows))
    owners = owners_of(windows, len(pieces))
    assert all(windows[owner][0] <= word < windows[owner][1] for word, owner in enumerate(owners.tolist()))


def test_a_word_that_two_windows_share_is_decided_where_more_text_surrounds_it() -> None:
    windows = windows_of([1] * 10, 6, 4)
    assert windows == [(0, 6), (2, 8), (4, 10)]
    assert owners_of(windows, 10).tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2]


@given(st.integers(0, 2**31), st.integers(1, 9))
def test_the_best_labels_are_allowed_and_no_allowed_sequence_is_more_probable(seed: int, words: int) -> None:
    labels = label_names(["x", "y"])
    likely = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(labels)), min(words, 4)))
    found = best_labels(likely, labels)
    assert strays_of(found) == 0
    column = {name: at for at, name in enumerate(labels)}
    best = -np.inf
    for number in range(len(labels) ** len(likely)):
        said = [labels[number // len(labels) ** at % len(labels)] for at in range(len(likely))]
        if strays_of(said) == 0:
            best = max(best, sum(likely[at, column[name]] for at, name in enumerate(said)))
    assert sum(likely[at, column[name]] for at, name in enumerate(found)) == pytest.approx(best)
