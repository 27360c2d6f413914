"""Train a model of transformers to label words: the first token of a word bears its label, the others none.

Shapes: S sentences, K labels, B windows of a batch, L padded tokens.
Source: alignment as in Devlin et al. 2019, arXiv:1810.04805; HF `Trainer`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import Trainer, TrainerCallback, TrainingArguments

from configs.finetune import Parameters
from tasks.data.tagging import MarkedSentence
from tasks.finetune.adapters import move
from tasks.finetune.classifier import GroupedTrainer
from tasks.finetune.padding import IGNORED, collator
from tasks.metrics.entities import entity_counts, micro_f1
from tasks.text.pieces import Frame, pieces_of
from tasks.text.spans import best_labels, windows_of

SHOWN = "eval_entity_f1"


@dataclass(frozen=True)
class TagWindow:
    """A window as it is trained on: L tokens, and the number of a label for each, or none."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class TaggerRecipe:
    """What a trainer of a tagger is made of.

    Attributes:
        load: Returns a fresh model with a new head.
        train: Trained on.
        validation: What the best step is chosen by.
        labels: K names.
        parameters: Which weights move.
        head: Names of the modules of the head.
        padding: The padding token.
    """

    load: Callable[[], Any]
    train: Sequence[TagWindow]
    validation: Sequence[TagWindow]
    labels: Sequence[str]
    parameters: Parameters
    head: Sequence[str]
    padding: int


class Windows:
    """Windows as a trainer reads them, one at a time."""

    def __init__(self, windows: Sequence[TagWindow]) -> None:
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, at: int) -> dict[str, list[int]]:
        return {"input_ids": self.windows[at].ids, "labels": self.windows[at].labels}


def cut_windows(
    sentences: Sequence[MarkedSentence], labels: Sequence[str], tokenizer: Any, frame: Frame, shared: int
) -> list[TagWindow]:
    """Return the windows of sentences; of a word that two windows share, both learn.

    Args:
        sentences: S sentences.
        labels: K names; a label that is none of them counts as O.
        tokenizer: Of the library tokenizers; it must neither pad nor cut.
        frame: What stands around a window.
        shared: Tokens that two windows share.
    """
    number = {name: at for at, name in enumerate(labels)}
    found = []
    for sentence in sentences:
        pieces = pieces_of(tokenizer, sentence.words)
        for start, end in windows_of([len(ids) for ids in pieces], frame.room, min(shared, frame.room // 2)):
            ids, places = frame.built(pieces[start:end])
            given = [IGNORED] * len(ids)
            for word, place in places.items():
                given[place] = number.get(sentence.labels[start + word], 0)
            found.append(TagWindow(ids, given))
    return found


def trainer_of(recipe: TaggerRecipe, arguments: TrainingArguments, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a trainer with a fresh model in it."""
    model = recipe.load()
    move(model, recipe.parameters, recipe.head)
    made = GroupedTrainer(
        model=model,
        args=arguments,
        train_dataset=Windows(recipe.train),
        eval_dataset=Windows(recipe.validation),
        data_collator=collator(recipe.padding),
        compute_metrics=lambda predicted: entity_f1(predicted.predictions, predicted.label_ids, recipe.labels),
        callbacks=callbacks,
    )
    made.lengths = [len(window.ids) for window in recipe.train]
    return made


def entity_f1(logits: Any, given: Any, labels: Sequence[str]) -> dict[str, float]:
    """Return F1 of the entities in windows, of (B, L, K) outputs and (B, L) labels."""
    types = [name[2:] for name in labels if name.startswith("B-")]
    there, found = [], []
    for row, truth in zip(np.asarray(logits, dtype=np.float64), np.asarray(given), strict=True):
        known = truth != IGNORED
        there.append([labels[at] for at in truth[known]])
        found.append(best_labels(row[known], labels))
    return {"entity_f1": micro_f1(entity_counts(there, found, types))}
