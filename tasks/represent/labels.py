"""Name topics by their own words and phrases, and let members that had no part in it judge the name.

Shapes: N documents, T topics.
Source: ours. A member bears a label out when its text has every word of it, in any form and order.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from configs.represent import Labels
from tasks.represent.counts import TERM, stop_words
from tasks.rows import Topic

Ints = npt.NDArray[np.int64]
WORD = re.compile(TERM)
FROM_TOP = 20  # words of a topic that may name it
TRIED = 60  # candidates judged before the best of them is taken
OUTSIDERS = 500  # documents of other topics that a label is held against


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    stems: frozenset[str]
    score: float


def label_topics(texts: Sequence[str], labels: Ints, topics: Sequence[Topic], config: Labels) -> list[Topic]:
    """Give every topic a short name of its own.

    Candidates are the topic's first twenty words and the phrases of its members nearest the centre, one of whose
    words is among those. The best is the one most members have and few other documents. Members put aside judge it: a
    candidate they do not bear out is replaced by the next; if none is borne out, the one borne out most is taken.

    Args:
        texts: N documents.
        labels: (N,) topic of each, -1 for noise.
        topics: The topics in words, twenty words each at best, members nearest the centre first in `documents`.
        config: How long a name may be, who judges.

    Returns:
        The topics with label, `held` and `general`; no two have a label of the same stems.
    """
    stems = _Stems(texts)
    taken: set[frozenset[str]] = set()
    named: dict[int, Topic] = {}
    for topic in sorted(topics, key=lambda t: (-t.size, t.topic)):
        named[topic.topic] = topic if topic.topic < 0 else _named(topic, labels, stems, taken, config)
    return [named[topic.topic] for topic in topics]


def _named(topic: Topic, labels: Ints, stems: "_Stems", taken: set[frozenset[str]], config: Labels) -> Topic:
    random = np.random.default_rng([config.seed, topic.topic])
    members = random.permutation(np.flatnonzero(labels == topic.topic))
    judges = members[: min(config.judges, len(members) // 2)]
    makers = members[len(judges) :][: config.made_of]
    others = random.permutation(np.flatnonzero((labels != topic.topic) & (labels >= 0)))[:OUTSIDERS]
    best: tuple[float, float, _Candidate] | None = None
    for candidate in _candidates(topic, stems, makers, others, config):
        if candidate.stems in taken:
            continue
        held = stems.share(candidate.stems, judges if len(judges) else makers)
        if best is None or held > best[0]:
            best = held, stems.share(candidate.stems, others), candidate
        if held >= config.held_by:
            best = held, stems.share(candidate.stems, others), candidate
            break
    if best is None:
        return replace(topic, label=f"topic {topic.topic}")
    taken.add(best[2].stems)
    return replace(topic, label=best[2].text, held=best[0], general=best[1])


def _candidates(topic: Topic, stems: "_Stems", makers: Ints, others: Ints, config: Labels) -> list[_Candidate]:
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
    found = []
    for key, _ in sorted(said.items(), key=lambda item: (-item[1] * len(item[0]), sorted(item[0])))[: 4 * TRIED]:
        inside, outside = stems.share(key, makers), stems.share(key, others)
        # What most members have and few others; a phrase says more than a word, weighty words more than others.
        weighty = sum(weight.get(stem, 0.0) for stem in key) / (max(weight.values(), default=1.0) or 1.0)
        score = (inside - outside) * (len(key) ** 0.5) * (1.0 + weighty)
        wording = max(texts[key].items(), key=lambda item: (item[1], item[0]))[0]
        found.append(_Candidate(wording, key, score))
    return sorted(found, key=lambda c: (-c.score, c.text))[:TRIED]


class _Stems:
    """Which stems each document has, looked up when they are first asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        import Stemmer

        self.texts = texts
        self.stop = stop_words()
        self._stem = Stemmer.Stemmer("english").stemWord
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
            self._has[row] = frozenset(self.of(w) for w in set(WORD.findall(self.texts[row].lower())))
        return self._has[row]

    def share(self, key: frozenset[str], rows: Ints) -> float:
        """Return the share of documents that have all of some stems; 0 of no documents."""
        return sum(key <= self.has(int(row)) for row in rows) / len(rows) if len(rows) else 0.0

    def phrases(self, row: int, most: int) -> Iterator[str]:
        """Yield what stands together in a document: two words or more, no stop word, sign or number between them."""
        for run in re.split(r"[^\w\s-]+|\d+", self.texts[row].lower()):
            words = re.findall(r"[^\W\d_]+", run)
            for length in range(2, most + 1):
                for at in range(len(words) - length + 1):
                    part = words[at : at + length]
                    if all(len(w) > 2 and w not in self.stop for w in part):
                        yield " ".join(part)


def label_measures(topics: Sequence[Topic], least: float) -> Mapping[str, float]:
    """Return how far labels are borne out: the mean share of members, the share of labels borne out well enough.

    `too_general` is the share of labels that say too little: half as true of others' documents as of the topic's own.
    """
    named = [t for t in topics if t.topic >= 0]
    if not named:
        return {}
    return {
        "held": float(np.mean([t.held for t in named])),
        "held_enough": float(np.mean([t.held >= least for t in named])),
        "too_general": float(np.mean([t.general >= 0.5 * t.held for t in named])),
    }
