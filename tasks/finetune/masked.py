"""Go on training a model to guess hidden tokens: what goes in, what is measured, what it fills in.

Shapes: N texts, L tokens of a text, B texts of a batch, V tokens of the vocabulary.
Source: Gururangan et al. 2020, arXiv:2004.10964; HF `Trainer`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from tasks.finetune.masking import HELD_OUT, Masking, hide
from tasks.finetune.padding import IGNORED, collator
from tasks.finetune.trainer import length_groups

AROUND = 12  # tokens shown on either side of a hidden one
SHORTEST = 3  # letters of a word that is shown
PREFIXES = "Ġ▁"  # of the first piece of a word, in some vocabularies


@dataclass(frozen=True)
class MaskedRecipe:
    """What a trainer of a model that guesses is made of.

    Attributes:
        load: Returns a fresh model, its head too.
        padding: Token that fills a batch.
        masking: How tokens are hidden.
        train: Tokens of the N texts that are learnt from.
        validation: Of those that the best step is chosen by.
    """

    load: Callable[[], Any]
    padding: int
    masking: Masking
    train: Sequence[Sequence[int]]
    validation: Sequence[Sequence[int]]


@dataclass(frozen=True)
class GuessScore:
    """How well a model guesses.

    Attributes:
        loss: Mean cross-entropy of a hidden token.
        accuracy: Share of the hidden tokens whose likeliest guess is right.
        guessed: Hidden tokens.
        guesses: By row and place, the likeliest token.
    """

    loss: float
    accuracy: float
    guessed: int
    guesses: dict[tuple[int, int], int] = field(repr=False)


class MaskedRows:
    """Texts with hidden tokens, as a trainer reads them; the key of a text is `epoch * N + row`.

    So what is hidden hangs on no state: a run that was resumed sees what it would have seen.
    """

    def __init__(self, ids: Sequence[Sequence[int]], masking: Masking, *, fixed: bool = False) -> None:
        self.ids, self.masking, self.fixed = ids, masking, fixed

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: int) -> dict[str, list[int]]:
        epoch, row = divmod(key, len(self.ids))
        hidden, truth = hide(self.ids[row], self.masking, HELD_OUT if self.fixed else epoch, row)
        return {"input_ids": hidden.tolist(), "labels": truth.tolist()}


class EpochKeys(Sampler[int]):
    """Keys of texts, in batches of like length, that say of which epoch they are."""

    def __init__(self, groups: Any) -> None:
        self.groups = groups

    def set_epoch(self, epoch: int) -> None:
        """Tell which epoch comes."""
        self.groups.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[int]:
        """Yield the keys of the epoch."""
        first = self.groups.epoch * len(self.groups)
        return (first + row for row in self.groups)


class MaskedTrainer(Trainer):
    """A `Trainer` whose masks and order are those of seed and epoch."""

    lengths: Sequence[int] = ()

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochKeys(length_groups(self.lengths, batch, self.args.seed))


def trainer_of(recipe: MaskedRecipe, arguments: TrainingArguments, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a trainer with a fresh model in it; every weight moves."""
    model = recipe.load()
    model._keys_to_ignore_on_save = list(model.all_tied_weights_keys)  # a checkpoint without copies lacks nothing
    made = MaskedTrainer(
        model=model,
        args=arguments,
        train_dataset=MaskedRows(recipe.train, recipe.masking),
        eval_dataset=MaskedRows(recipe.validation, recipe.masking, fixed=True),
        data_collator=collator(recipe.padding),
        compute_loss_func=guessing_loss,
        callbacks=callbacks,
    )
    made.lengths = [len(ids) for ids in recipe.train]
    return made


def stated(batch: int) -> dict[str, Any]:
    """Return the arguments of the trainer that guessing decides.

    Args:
        batch: Texts at a time, of an evaluation too: their outputs are as wide as the vocabulary.
    """
    return {
        "include_num_input_tokens_seen": "non_padding",
        "label_names": ["labels"],
        "per_device_eval_batch_size": batch,
    }


def guessing_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Return the mean cross-entropy of the hidden tokens; 0 where none is hidden, which transformers calls no number.

    Args:
        outputs: Of the model, with (B, L, V) logits.
        labels: (B, L) what stood there.
        num_items_in_batch: Hidden tokens of the step, of all its micro-batches; left out, of these texts.
    """
    from torch.nn import functional

    hidden = labels != IGNORED
    total = functional.cross_entropy(outputs.logits[hidden].float(), labels[hidden], reduction="sum")
    count = int(hidden.sum()) if num_items_in_batch is None else int(num_items_in_batch)
    return total / max(1, count)


def score(model: Any, texts: Sequence[Sequence[int]], masking: Masking, padding: int, batch: int) -> GuessScore:
    """Measure how well a model guesses hidden tokens; the same tokens whichever model is asked.

    Args:
        model: Of transformers, with a head that guesses.
        texts: Tokens of N texts.
        masking: How they are hidden.
        padding: Token that fills a batch.
        batch: Texts at a time.
    """
    import torch

    rows, collate = MaskedRows(texts, masking, fixed=True), collator(padding)
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
    total, guesses, right = 0.0, dict[tuple[int, int], int](), 0
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            given = {name: value.to(model.device) for name, value in collate([rows[row] for row in part]).items()}
            truth = given.pop("labels")
            hidden = truth != IGNORED
            logits = model(**given).logits[hidden].float()
            total += float(torch.nn.functional.cross_entropy(logits, truth[hidden], reduction="sum"))
            likeliest = logits.argmax(dim=-1)
            right += int((likeliest == truth[hidden]).sum())
            places = hidden.nonzero().tolist()
            guesses |= {(part[at], place): int(g) for (at, place), g in zip(places, likeliest.tolist(), strict=True)}
    count = len(guesses)
    return GuessScore(total / max(1, count), right / max(1, count), count, guesses)


def examples(
    tokenizer: Any, texts: Sequence[Sequence[int]], masking: Masking, before: GuessScore, after: GuessScore
) -> list[tuple[str, str, str, str]]:
    """Return for a masked word of each text: what stands around it, the word, and what was filled in before and after.

    Texts without a masked word of letters are left out.
    """
    found = []
    for row, ids in enumerate(texts):
        hidden, truth = hide(ids, masking, HELD_OUT, row)
        for place in np.flatnonzero((truth != IGNORED) & (hidden == masking.mask)).tolist():
            word = _word(tokenizer, truth[place])
            if word.isalpha() and len(word) >= SHORTEST:
                first, then = (_word(tokenizer, scored.guesses[row, place]) for scored in (before, after))
                found.append((_around(tokenizer, hidden, masking, place), word, first, then))
                break
    return found


def _word(tokenizer: Any, token: int) -> str:
    return str(tokenizer.convert_ids_to_tokens(int(token))).lstrip(PREFIXES)


def _around(tokenizer: Any, hidden: Any, masking: Masking, place: int) -> str:
    """Return what stands around a place, the place as `[?]`, others as the model saw them."""
    unseen = masking.special - {masking.mask}
    sides = (hidden[max(0, place - AROUND) : place], hidden[place + 1 : place + 1 + AROUND])
    left, right = (tokenizer.decode([int(i) for i in side if int(i) not in unseen]) for side in sides)
    return f"{left} [?] {right}".strip()
