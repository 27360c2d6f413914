"""Checkpoints of the trainers of sentence-transformers, with the weights that theirs lack.

Theirs hold the model as a user opens it. So a loss that has weights, as a decoder or a classifier, would go on with
new ones after a kill. And low-rank updates are written under names that a fresh model does not know: the library says
so in its log and keeps the last step in place of the best.
"""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from tasks.finetune import adapters

OWN = "own.safetensors"  # in a checkpoint


class OwnWeights:
    """Beside a trainer of sentence-transformers: its checkpoints hold all that moves."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        trainer: Any = super()
        trainer._save(output_dir, state_dict)
        if own := own_weights(self):
            save_file({name: weight.contiguous() for name, weight in own.items()}, Path(str(output_dir)) / OWN)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        trainer: Any = super()
        if not adapters.has_updates(self.model):  # type: ignore[attr-defined]
            trainer._load_from_checkpoint(resume_from_checkpoint)
        if own := own_weights(self):
            for name, weight in load_file(Path(resume_from_checkpoint) / OWN).items():
                own[name].copy_(weight)


def own_weights(trainer: Any) -> dict[str, Any]:
    """Return the weights that a checkpoint of the library lacks, by name; to change them in place changes the model.

    Args:
        trainer: Its loss holds the model.
    """
    model = {id(weight) for weight in trainer.model.parameters()}
    beside = adapters.has_updates(trainer.model)
    return {
        name: weight.detach()
        for name, weight in trainer.loss.named_parameters()
        if id(weight) not in model or (beside and weight.requires_grad)
    }
