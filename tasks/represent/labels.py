"""Name topics by their own words and phrases, and let members that had no part in it judge the name.

Shapes: N documents, T topics.
Source: ours. A member bears a label out when its text has every word of it, in any form and order; of a label of
several parts, with commas between, every word of one part.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
    words is among those. The best is the one most members have and few other documents. Members held out judge it: a
    candidate they do not bear out is replaced by the next; where no single one holds, two or three stand side by
    side; if none of those is, the one borne out most is taken.

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
    makers, _, others = parts_of(topic, labels, config)
    found = list(_labels(_candidates(topic, stems, makers, others, config), stems, makers, others))
    return [label.text for label in found if stems.share(label.parts, makers) >= config.min_support]


def _named(topic: Topic, labels: Ints, stems: "Stems", taken: set[frozenset[str]], config: Labels) -> Topic:
    makers, jury, others = parts_of(topic, labels, config)
    best: tuple[float, _Label] | None = None
    for label in _labels(_candidates(topic, stems, makers, others, config), stems, makers, others):
        if label.stems in taken:
            continue
        support = stems.share(label.parts, jury)
        if best is None or support > best[0]:
            best = support, label
        if support >= config.min_support:
            break
    if best is None:
        return replace(topic, label=f"topic {topic.topic}")
    support, label = best
    taken.add(label.stems)
    return replace(topic, label=label.text, support=support, general=stems.share(label.parts, others))


def _labels(found: Sequence[_Candidate], stems: "Stems", makers: Ints, others: Ints) -> Iterator[_Label]:
    """Yield labels, best first: single candidates, then, where no single one holds, two and three side by side."""
    yield from (_Label(c.text, (c.stems,)) for c in found)
    for first in found[:STARTS]:
        parts = [first]
        while len(parts) < MOST_PARTS:
            keys = tuple(part.stems for part in parts)
            more = [c for c in found if not any(c.stems & key for key in keys)]
            if not more:
                break
            gain = [stems.share((*keys, c.stems), makers) - stems.share((*keys, c.stems), others) for c in more]
            parts.append(more[int(np.argmax(gain))])
            yield _Label(", ".join(part.text for part in parts), tuple(part.stems for part in parts))


def _candidates(topic: Topic, stems: "Stems", makers: Ints, others: Ints, config: Labels) -> list[_Candidate]:
    """List what the topic could be called, best first."""
    top = topic.words[:FROM_TOP]
    weight = {stems.of(word): w for word, w in reversed(list(zip(top, topic.weights, strict=False)))}
    texts: dict[frozenset[str], Counter[str]] = {}
    for word in top:
        texts.setdefault(frozenset([stems.of(word)]), Counter())[word] += 1
    for row in makers.tolist():
        for phrase in set(stems.phrases(row, config.words)):
            key = frozenset(map(stems.of, phrase.split()))
            if key & weight.keys() and len(key) == len(phrase.split()):
                texts.setdefault(key, Counter())[phrase] += 1
    said = Counter({key: sum(counter.values()) for key, counter in texts.items()})
    rare: dict[str, float] = {}
    found = []
    for key, _ in sorted(said.items(), key=lambda item: (-item[1] * len(item[0]), sorted(item[0])))[: 4 * TRIED]:
        inside, outside = stems.share((key,), makers), stems.share((key,), others)
        for stem in key - rare.keys():
            rare[stem] = 1.0 - stems.share((frozenset([stem]),), others)
        # What most members have and few others; a phrase says more than a word, but for words that stand everywhere;
        # weighty words more than others.
        told = sum(rare[stem] for stem in key) / len(key) ** 0.5
        weighty = sum(weight.get(stem, 0.0) for stem in key) / (max(weight.values(), default=1.0) or 1.0)
        score = (inside - outside) * told * (1.0 + weighty)
        wording = max(texts[key].items(), key=lambda item: (item[1], item[0]))[0]
        found.append(_Candidate(wording, key, score))
    return sorted(found, key=lambda c: (-c.score, c.text))[:TRIED]


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
        if not len(rows):
            return 0.0
        return sum(any(part <= self.has(int(row)) for part in parts) for row in rows) / len(rows)

    def phrases(self, row: int, most: int) -> Iterator[str]:
        """Yield what stands together in a document: two words or more, no stop word, sign or number between them."""
        for run in re.split(r"[^\w\s-]+|\d+", self.texts[row].lower()):
            words = re.findall(r"[^\W\d_]+", run)
            for length in range(2, most + 1):
                for at in range(len(words) - length + 1):
                    part = words[at : at + length]
                    if all(len(w) > 2 and w not in self.stop for w in part):
                        yield " ".join(part)


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
