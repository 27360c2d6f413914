"""A causal model of some ten thousand weights with a chat template, made on the spot, and rows it can learn."""

import random
from pathlib import Path

from configs.chain import SmallModel
from tasks.data.prompt_rows import PromptRow
from tasks.models.tiny import make_small_model

ANIMALS = ("cat", "dog", "fish", "bird", "horse", "snail")
COLOURS = ("red", "blue", "green", "grey")


def animal_rows(count: int, seed: int = 0) -> list[PromptRow]:
    """Return prompts that each name an animal, what answers them, and an answer that was not preferred."""
    draw, rows = random.Random(seed), []
    for number in range(count):
        animal, colour = draw.choice(ANIMALS), draw.choice(COLOURS)
        prompt = f"Which animal, {seed}{number}?\n\na {colour} {animal} {draw.randrange(10**6)}"
        rows.append(PromptRow(f"{seed}#{number}", prompt, f"It is the {animal}.", "I do not know."))
    return rows


def make_generator(folder: Path, steps: int = 1, context: int = 256, width: int = 32) -> Path:
    """Write a small model into a folder; return the folder."""
    text = "\n".join(f"<|user|>{r.prompt}<|end|><|assistant|>{r.completion}<|end|>" for r in animal_rows(40))
    make_small_model(text, SmallModel(vocabulary=400, width=width, layers=2, steps=steps, context=context), folder)
    return folder
