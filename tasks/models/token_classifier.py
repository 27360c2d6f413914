"""Labels of words by a model for token classification: windows of a long text, the first piece of a word decides.

Shapes: W words, K labels, B windows of a batch, L padded tokens.
"""

import functools
import threading
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tasks.data.classes import Identified
from tasks.errors import ModelError
from tasks.models import adapted, device, sequence_classifier
from tasks.models import files as model_files
from tasks.text.pieces import Frame, pieces_of
from tasks.text.spans import owners_of, windows_of

BATCH_TOKENS = {"torch-cpu": 1_024, "torch-cuda": 32_768}
Floats = npt.NDArray[np.float32]
_loading = threading.Lock()


def describe_tags(
    model: str, precision: Literal["auto", "fp32", "bf16"], where: Literal["auto", "cpu", "cuda"]
) -> Identified:
    """Read from its files what decides the labels of a model for token classification, and what they are called.

    Raises:
        ContractError: The precision or device asked for is not there.
        ModelError: There is no such model, it cannot be trusted, or it labels no words.
    """
    folder = model_files.locate(model).folder
    config = model_files.read_config(folder)
    kinds = [str(name) for name in config.get("architectures") or ["of no stated architecture"]]
    names = config.get("id2label") or {}
    if not kinds[0].endswith("ForTokenClassification") or len(names) < 2:
        raise ModelError(
            f"{model} is {kinds[0]} with {len(names)} labels but a model ForTokenClassification was needed; "
            "train one with tune-tagger"
        )
    scorer = sequence_classifier.described(model, device.choose(precision, where, "training"))
    return Identified(scorer=scorer, labels=tuple(str(names[str(at)]) for at in range(len(names))))


def engine(wanted: Identified) -> "WordTagger":
    """Return the loaded model; a process loads it once."""
    with _loading:
        return _engine(wanted)


@functools.lru_cache(maxsize=1)
def _engine(wanted: Identified) -> "WordTagger":
    return WordTagger(wanted)


class WordTagger:
    """A loaded model for token classification."""

    def __init__(self, wanted: Identified) -> None:
        import torch
        from transformers import AutoModelForTokenClassification

        scorer = wanted.scorer
        self.labels = wanted.labels
        self.device = scorer.numerics.engine.removeprefix("torch-")
        self.batch_tokens = BATCH_TOKENS[scorer.numerics.engine]
        dtype = torch.bfloat16 if scorer.numerics.precision == "bf16" else torch.float32
        folder = model_files.locate(scorer.model).folder
        self.model = adapted.load(AutoModelForTokenClassification, folder, dtype=dtype).eval().to(self.device)
        self.tokenizer = sequence_classifier.load_tokenizer(scorer.model)
        self.frame = Frame.of(self.tokenizer, scorer.max_tokens)

    def log_probabilities(self, texts: Sequence[Sequence[str]], shared: int) -> list[Floats]:
        """Return (W, K) log-probabilities of the labels of the words of each text.

        Args:
            texts: The words of each text; a word of no token is surely O.
            shared: Tokens that two windows of a long text share.
        """
        room = self.frame.room
        pieces = [pieces_of(self.tokenizer, words) for words in texts]
        cut = [windows_of([len(ids) for ids in mine], room, min(shared, room // 2)) for mine in pieces]
        jobs = [(at, window) for at, windows in enumerate(cut) for window in windows]
        found: list[Floats] = [self._nothing(len(words)) for words in texts]
        owners = [owners_of(windows, len(words)) for windows, words in zip(cut, texts, strict=True)]
        sizes = [min(room, sum(len(ids) for ids in pieces[at][a:b])) for at, (a, b) in jobs]
        for batch in _batches(sizes, self.batch_tokens):
            rows = [pieces[jobs[job][0]][slice(*jobs[job][1])] for job in batch]
            for job, likely in zip(batch, self._run(rows), strict=True):
                at, (start, end) = jobs[job]
                mine = np.flatnonzero(owners[at][start:end] == cut[at].index((start, end)))
                known = [word for word in mine.tolist() if word in likely]
                for word in known:
                    found[at][start + word] = likely[word]
        return found

    def _run(self, rows: Sequence[Sequence[Sequence[int]]]) -> list[dict[int, Floats]]:
        """Return for each window the log-probabilities of the words whose first piece was read."""
        import torch

        built = [self.frame.built(words) for words in rows]
        width = max(len(ids) for ids, _ in built)
        tokens, mask = np.zeros((len(built), width), dtype=np.int64), np.zeros((len(built), width), dtype=np.int64)
        for row, (ids, _) in enumerate(built):
            tokens[row, : len(ids)], mask[row, : len(ids)] = ids, 1
        given = {"input_ids": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}
        with torch.inference_mode():
            logits = self.model(**{name: part.to(self.device) for name, part in given.items()}).logits.float()
            likely = torch.log_softmax(logits, dim=-1).cpu().numpy()
        return [{word: likely[row, place] for word, place in places.items()} for row, (_, places) in enumerate(built)]

    def _nothing(self, words: int) -> Floats:
        """Return log-probabilities that are surely O, for words that no token stands for."""
        made = np.full((words, len(self.labels)), -30.0, dtype=np.float32)
        made[:, self.labels.index("O") if "O" in self.labels else 0] = 0.0
        return made


def _batches(sizes: Sequence[int], tokens: int) -> list[list[int]]:
    """Return numbers of windows in batches of like length."""
    order = sorted(range(len(sizes)), key=lambda at: sizes[at])
    found: list[list[int]] = []
    for at in order:
        if found and (len(found[-1]) + 1) * sizes[at] <= tokens:
            found[-1].append(at)
        else:
            found.append([at])
    return found
