"""Name topics by their own words and phrases, and let members that had no part in it judge the name.

Shapes: N documents, T topics.
Source: ours. A member bears a label out when its text has every word of it, in any form and order; of a label of
several parts, with commas between, every word of one part.
"""

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from operator import and_

import numpy as np
import numpy.typing as npt

from configs.represent import Labels
from tasks.data.topic_names import TopicNaming
from tasks.data.topics import Topic
from tasks.represent.counts import LEAST, find_languages, main_of, stop_words
from tasks.text.scripts import letter_words
from tasks.text.terms import stemmer

Ints = npt.NDArray[np.int64]
FROM_TOP = 20  # words of a topic that may name it
TRIED = 60  # candidates judged before the best of them is taken
STARTS = 8  # of them that others are put beside
MOST_PARTS = 3  # of a label
OUTSIDERS = 500  # documents of other topics that a label is held against
SPECIFIC = 0.1  # of the share of members a name is true of: it is true of less of others' documents
ONE_OF_SEVERAL = 0.2  # the same of what may be tried at all, where there is any
TOGETHER = 0.4  # of the members that have all words of a phrase, at least so many have them side by side
SEEN = 0.1  # of the members have a phrase at least
# Of the places of a candidate, from which on one and the same word before it, the same word after it, or any word
# after it shows that it is cut from a longer expression.
CUT_BEFORE, CUT_AFTER, OPEN = 0.6, 0.5, 0.9


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    stems: frozenset[str]
    score: float


@dataclass(frozen=True, slots=True)
class _Label:
    text: str
    parts: tuple[frozenset[str], ...]

    @property
    def stems(self) -> frozenset[str]:
        return frozenset(stem for part in self.parts for stem in part)


def label_topics(
    texts: Sequence[str], labels: Ints, topics: Sequence[Topic], config: Labels, language: str = "auto"
) -> list[Topic]:
    """Give every topic a short name of its own.

    Candidates are the topic's first twenty words and the phrases of its members nearest the centre, one of whose
    words is among those. A fragment is none: a phrase that few members have side by side, or that one word nearly
    always completes. The best is the one most members have and few other documents. Members held out judge it: a
    candidate they do not bear out is replaced by the next; where no single one holds, two or three stand side by
    side; if none of those is, the one is taken that is borne out most and is least true of others' documents.

    Args:
        texts: N documents.
        labels: (N,) topic of each, -1 for noise.
        topics: The topics in words, twenty words each at best, members nearest the centre first in `documents`.
        config: How long a name may be, who judges.
        language: Whose stop words and stems: auto, none or a code.

    Returns:
        The topics with label, `support` and `general`; no two have a label of the same stems.
    """
    stems = Stems(texts, language)
    taken: set[frozenset[str]] = set()
    named: dict[int, Topic] = {}
    for topic in sorted(topics, key=lambda t: (-t.size, t.topic)):
        named[topic.topic] = topic if topic.topic < 0 else _named(topic, labels, stems, taken, config)
    return [named[topic.topic] for topic in topics]


def parts_of(topic: Topic, labels: Ints, config: Labels) -> tuple[Ints, Ints, Ints]:
    """Return the members that make a label, those that judge it, and documents of other topics it is held against."""
    random = np.random.default_rng([config.seed, topic.topic])
    members = random.permutation(np.flatnonzero(labels == topic.topic))
    judges = members[: min(config.holdout, len(members) // 2)]
    makers = members[len(judges) :][: config.candidate_documents]
    others = random.permutation(np.flatnonzero((labels != topic.topic) & (labels >= 0)))[:OUTSIDERS]
    return makers, judges if len(judges) else makers, others


def candidate_labels(topic: Topic, labels: Ints, stems: "Stems", config: Labels) -> list[str]:
    """Return what a topic could be called, best first: what enough of the members that do not judge bear out."""
    makers, _, others = (Among(stems, rows) for rows in parts_of(topic, labels, config))
    found = list(_labels(_candidates(topic, stems, makers, others, config), makers, others))
    return [label.text for label in found if makers.share(label.parts) >= config.min_support]


def _named(topic: Topic, labels: Ints, stems: "Stems", taken: set[frozenset[str]], config: Labels) -> Topic:
    makers, jury, others = (Among(stems, rows) for rows in parts_of(topic, labels, config))
    best: tuple[float, float, _Label] | None = None
    for label in _labels(_candidates(topic, stems, makers, others, config), makers, others):
        if label.stems in taken:
            continue
        support, general = jury.share(label.parts), others.share(label.parts)
        worth = support - general, makers.share(label.parts)
        enough = support >= config.min_support and general <= SPECIFIC * support
        if best is None or enough or worth > best[:2]:
            best = *worth, label
        if enough:
            break
    if best is None:
        return replace(topic, label=f"topic {topic.topic}")
    label = best[2]
    taken.add(label.stems)
    return replace(topic, label=label.text, support=jury.share(label.parts), general=others.share(label.parts))


def _labels(found: Sequence[_Candidate], makers: "Among", others: "Among") -> Iterator[_Label]:
    """Yield labels, best first: single candidates, then, where no single one holds, two and three side by side."""
    own = [c for c in found if others.share((c.stems,)) <= ONE_OF_SEVERAL * makers.share((c.stems,))] or found
    yield from (_Label(c.text, (c.stems,)) for c in own)
    for first in own[:STARTS]:
        parts = [first]
        while len(parts) < MOST_PARTS:
            keys = tuple(part.stems for part in parts)
            more = [c for c in own if not any(c.stems & key for key in keys)]
            if not more:
                break
            gain = [makers.share((*keys, c.stems)) - others.share((*keys, c.stems)) for c in more]
            parts.append(more[int(np.argmax(gain))])
            yield _Label(", ".join(part.text for part in parts), tuple(part.stems for part in parts))


def _candidates(topic: Topic, stems: "Stems", makers: "Among", others: "Among", config: Labels) -> list[_Candidate]:
    """List what the topic could be called, best first."""
    top = topic.words[:FROM_TOP]
    weight = {stems.of(word): w for word, w in reversed(list(zip(top, topic.weights, strict=False)))}
    said = _said(stems, makers, weight, config.words)
    for key, word in ((frozenset([stems.of(word)]), word) for word in top):  # pairs of letters are no word of a text
        said.setdefault(key, _Uses(Counter([word]), documents=makers.count((key,))))
    enough = max(2, SEEN * len(makers.rows))
    kept = {key: uses for key, uses in said.items() if not uses.is_fragment(makers.count((key,)), enough)}
    rare: dict[str, float] = {}
    found = []
    order = sorted((kept or said).items(), key=lambda item: (-item[1].documents * len(item[0]), sorted(item[0])))
    for key, uses in order[: 4 * TRIED]:
        inside, outside = makers.share((key,)), others.share((key,))
        for stem in key - rare.keys():
            rare[stem] = 1.0 - others.share((frozenset([stem]),))
        # What most members have and few others; a phrase says more than a word, but for words that stand everywhere;
        # weighty words more than others.
        told = sum(rare[stem] for stem in key) / len(key) ** 0.5
        weighty = sum(weight.get(stem, 0.0) for stem in key) / (max(weight.values(), default=1.0) or 1.0)
        found.append(_Candidate(uses.wording, key, (inside - outside) * told * (1.0 + weighty)))
    return sorted(found, key=lambda c: (-c.score, c.text))[:TRIED]


@dataclass(slots=True)
class _Uses:
    """How some documents use a word or a phrase: in which forms, and which stems stand before and after it."""

    forms: Counter[str] = field(default_factory=Counter)
    last: Counter[str] = field(default_factory=Counter)  # forms at places where no word follows
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    documents: int = 0

    @property
    def wording(self) -> str:
        """Return the form that is used most, where none follows: there a noun stands as it is named."""
        return max((self.last or self.forms).items(), key=lambda item: (item[1], item[0]))[0]

    def is_fragment(self, have_all: int, enough: float) -> bool:
        """Say whether this is no expression of its own.

        Args:
            have_all: Documents that have all its words, side by side or not.
            enough: Documents that must have a phrase.
        """
        places = self.forms.total()
        if places > 1 and (
            self.after.total() >= OPEN * places
            or max([0, *self.before.values()]) >= CUT_BEFORE * places
            or max([0, *self.after.values()]) > CUT_AFTER * places
        ):
            return True
        return " " in self.wording and self.documents < max(enough, TOGETHER * have_all)


def _said(stems: "Stems", makers: "Among", weight: Mapping[str, float], most: int) -> dict[frozenset[str], _Uses]:
    """Return the weighty words and the phrases with one of them that documents have, by their stems."""
    found: dict[frozenset[str], _Uses] = defaultdict(_Uses)
    for row in makers.rows:
        here = set()
        for before, phrase, after in stems.phrases(row, most):
            words = phrase.split()
            key = frozenset(map(stems.of, words))
            if key & weight.keys() and len(key) == len(words):
                here.add(key)
                uses = found[key]
                uses.forms[phrase] += 1
                uses.last.update([phrase] if not after else ())
                uses.before.update(map(stems.of, before))
                uses.after.update(map(stems.of, after))
        for key in here:
            found[key].documents += 1
    return found


class Stems:
    """Which stems each document has, looked up when they are first asked for.

    Stems are those of the language most documents are in; stop words those of all their languages.
    """

    def __init__(self, texts: Sequence[str], language: str = "auto") -> None:
        self.texts = texts
        spoken = find_languages(texts, language)
        self.stop = frozenset[str]().union(*(stop_words(code) for code in set(spoken) if code))
        self._stem = stemmer(main_of(spoken))
        self._of: dict[str, str] = {}
        self._has: dict[int, frozenset[str]] = {}

    def of(self, word: str) -> str:
        """Return the stem of a word."""
        if word not in self._of:
            self._of[word] = self._stem(word)
        return self._of[word]

    def has(self, row: int) -> frozenset[str]:
        """Return the stems of a document's words."""
        if row not in self._has:
            self._has[row] = frozenset(self.of(w) for w in set(letter_words(self.texts[row].lower(), LEAST)))
        return self._has[row]

    def said(self, label: str) -> tuple[frozenset[str], ...]:
        """Return the stems of each part of a label, stop words left out; none of a label without another word."""
        parts = ([w for w in letter_words(part, LEAST) if w not in self.stop] for part in label.lower().split(","))
        return tuple(frozenset(map(self.of, words)) for words in parts if words)

    def share(self, parts: Sequence[frozenset[str]], rows: Ints) -> float:
        """Return the share of documents that have all stems of one of the parts; 0 of no documents."""
        return Among(self, rows).share(parts)

    def phrases(self, row: int, most: int) -> Iterator[tuple[list[str], str, list[str]]]:
        """Yield what stands together in a document, with the word before it and the word after it, if there is one.

        Those are words without a stop word, a sign or a number between them.
        """
        for run in re.split(r"[^\w\s-]+|\d+", self.texts[row].lower()):
            words = ["" if w in self.stop else w for w in re.findall(r"[^\W\d_]+", run)]
            for at, length in product(range(len(words)), range(1, most + 1)):
                part = words[at : at + length]
                if len(part) == length and all(len(w) >= LEAST for w in part):
                    beside = (words[max(0, at - 1) : at], words[at + length : at + length + 1])
                    yield list(filter(None, beside[0])), " ".join(part), list(filter(None, beside[1]))


class Among:
    """How many of some documents have stems: a bit a document, kept for each stem that was asked for."""

    def __init__(self, stems: Stems, rows: Ints) -> None:
        self.rows: list[int] = rows.tolist()
        self._stems = stems
        self._of: dict[str, int] = {}

    def count(self, parts: Sequence[frozenset[str]]) -> int:
        """Return how many of the documents have all stems of one of the parts."""
        found = 0
        for part in parts:
            found |= functools.reduce(and_, map(self._with, part), (1 << len(self.rows)) - 1)
        return found.bit_count()

    def share(self, parts: Sequence[frozenset[str]]) -> float:
        """Return the share of the documents that have all stems of one of the parts; 0 of no documents."""
        return self.count(parts) / len(self.rows) if self.rows else 0.0

    def _with(self, stem: str) -> int:
        if stem not in self._of:
            self._of[stem] = sum(1 << at for at, row in enumerate(self.rows) if stem in self._stems.has(row))
        return self._of[stem]


def label_measures(topics: Sequence[Topic], least: float) -> TopicNaming:
    """Return how far labels are borne out: the mean share of members, the share of labels borne out well enough.

    `too_general` is the share of labels that say too little: half as true of others' documents as of the topic's own.
    """
    named = [t for t in topics if t.topic >= 0]
    if not named:
        return TopicNaming(topics=0)
    return TopicNaming(
        topics=len(named),
        support=float(np.mean([t.support for t in named])),
        supported=float(np.mean([t.support >= least for t in named])),
        too_general=float(np.mean([t.general >= 0.5 * t.support for t in named])),
    )
