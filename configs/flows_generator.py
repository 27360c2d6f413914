"""Config of the flow that trains a generator."""

from typing import Annotated

from pydantic import Field

from configs.base import Common, Config
from configs.chain import SmallModel
from configs.finetune import Training
from configs.finetune_generator import (
    Battery,
    GeneratorGate,
    GeneratorLora,
    GeneratorWeights,
    InstructionColumns,
    PairwiseJudge,
    Preference,
)
from configs.finetune_pairs import Holdout
from configs.ingest import Ingest
from configs.models import SMOLLM2


class TuneGenerator(Config):
    """Everything `tune-generator` can be asked to do."""

    ingest: Ingest = Ingest(duplicates="drop")
    """What may go wrong with the sources."""
    columns: InstructionColumns = InstructionColumns()
    """Where instruction, input and output stand."""
    system: str = Field("", max_length=10_000)
    """System message before every prompt; empty for the template's own."""
    model: Annotated[str, Common] = SMOLLM2
    """Causal model to start from: a name that `python -m flows models` lists, a folder, or `tuned:NAME`."""
    small: SmallModel | None = None
    """A tiny model made on the spot in place of `model`. It tries the whole way, and its words mean nothing. Null for
    none."""
    holdout: Holdout = Holdout(near_duplicate=0.8, max_test=500, max_validation=100)
    """What is held out of instructions and of preferences, and how."""
    parameters: GeneratorWeights = GeneratorLora()
    """Which weights learn from instructions."""
    packing: bool = False
    """Several instructions share a row. Rows have `training.max_seq_length` tokens, so a batch holds more of them,
    and there are fewer steps. Where the model lets one read another, which is tried first, rows of like length stand
    side by side as without it, and the result says so."""
    training: Training = Training(num_train_epochs=2, per_device_train_batch_size=8, learning_rate=3e-4)
    """How long instructions are learned, and how fast; all weights take a tenth of the rate of updates."""
    preference: Preference | None = Preference()
    """How preferences are learned from `pairs`; null where none may be."""
    battery: Battery = Battery()
    """What is measured on held-out prompts."""
    judge: PairwiseJudge | None = None
    """Language model that compares the replies; null for none. `{}` has its defaults: a win rate stands beside the
    other measures."""
    gate: GeneratorGate = GeneratorGate()
    """When the model goes live."""
