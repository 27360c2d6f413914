"""Labelled texts read from the folder named by `LLM_FLOWS_DATA`, those to learn from and those to judge by.

Rotten Tomatoes is one latin-1 file a class; the split of the hub is, of each class, the first 4,265 to train on, the
next 533 to validate and the last 533 to test.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from tasks.launch.book_tables import TEST, TRAIN


@dataclass(frozen=True)
class Labels:
    """Texts with one label each.

    Attributes:
        train: Text and label of those to learn from.
        test: Of those to judge by.
    """

    train: list[tuple[str, str]]
    test: list[tuple[str, str]]


def rotten_tomatoes(data: Path) -> Labels:
    """Return the sentences of the hub's train and test split; those to validate by are left alone."""
    train, test = [], []
    for name, label in (("neg", "negative"), ("pos", "positive")):
        path = data / "rotten_tomatoes" / f"rt-polarity.{name}"
        lines = [(line.strip(), label) for line in path.read_text("latin-1").rstrip("\n").split("\n")]
        train += lines[:TRAIN]
        test += lines[-TEST:]
    return Labels(train, test)


def banking77(data: Path) -> Labels:
    """Return the questions of customers and what they want."""
    found = []
    for split in ("train", "test"):
        with (data / "banking77" / f"{split}.csv").open(newline="", encoding="utf-8") as file:
            found.append([(row["text"], row["category"]) for row in csv.DictReader(file)])
    return Labels(*found)
