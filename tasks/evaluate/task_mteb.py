"""Task of `evaluate` that measures an encoder on tasks of MTEB, by their names.

The data are fetched from the hub, at the revisions that the package states; results that it keeps by the names of
models are neither read nor written, for a trained model has the name of the last one.

Source: MTEB, Muennighoff et al. 2022, arXiv:2210.07316.
"""

from collections.abc import Sequence
from typing import Any

from tasks import hardware
from tasks.data.benchmarks import TaskScore, TaskScoresRef
from tasks.data.models import Fingerprint
from tasks.errors import ContractError, DataError, MissingExtra
from tasks.models import files as model_files
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


def require_mteb(names: Sequence[str]) -> None:
    """Check that the package is installed and knows these tasks.

    Raises:
        ContractError: There is no such task, or it is not of texts.
        MissingExtra: The package is not installed.
    """
    if not names:
        return
    if hardware.missing(("mteb",)):
        raise MissingExtra(
            "general.mteb names tasks of MTEB but mteb is not installed; run: pip install 'llm-flows[mteb]'"
        )
    for task in _tasks(names):
        if list(task.metadata.modalities) != ["text"]:
            raise ContractError(f"general.mteb names {task.metadata.name}, which is not of texts alone; name others")


def measure_both(before: Fingerprint, after: Fingerprint, names: tuple[str, ...]) -> tuple[TaskScoresRef, ...]:
    """Return what two encoders reach on the same tasks of MTEB; nothing where none are named."""
    found = []
    for which, encoder in (("before", before), ("after", after)) if names else ():
        with steps.label(which):
            found.append(measure_mteb(encoder, names))
    return tuple(found)


@step(
    name="evaluate-mteb", libraries=("mteb", "sentence-transformers", "torch", "transformers"), device_of=("encoder",)
)
def measure_mteb(encoder: Fingerprint, names: tuple[str, ...]) -> TaskScoresRef:
    """Measure an encoder on tasks of MTEB: the score each is ranked by, of the splits it is judged on.

    Args:
        encoder: As it is described; texts longer than it reads are cut, as sentence-transformers does.
        names: Of the tasks.

    Raises:
        DataError: The data of a task cannot be fetched or read.
    """
    import mteb

    model, found = _model(encoder), []
    for task in _tasks(names):
        name = task.metadata.name
        try:
            result = mteb.evaluate(model, [task], cache=None, show_progress_bar=False, co2_tracker=False)
        except Exception as error:  # whatever fetching and reading may raise
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise DataError(f"MTEB's {name} cannot be run ({why}); its data come from the hub") from error
        score = float(result.task_results[0].get_score())
        found.append(TaskScore(name, str(task.metadata.main_score), score))
        steps.log_metrics("", **{f"{name}.{task.metadata.main_score}": score})
    return objects.save_rows(TaskScoresRef, TaskScore, found)


def _tasks(names: Sequence[str]) -> Any:
    import mteb

    try:
        return mteb.get_tasks(tasks=list(names))
    except KeyError as error:
        raise ContractError(f"general.mteb: {str(error.args[0]).removeprefix('KeyError: ')}") from error


def _model(encoder: Fingerprint) -> Any:
    """Return what MTEB asks for vectors; it is given the prompts of queries and of passages."""
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ModelMeta
    from sentence_transformers import SentenceTransformer

    device = "cuda" if encoder.numerics.engine.endswith("cuda") else "cpu"
    loaded = SentenceTransformer(
        str(model_files.locate(encoder.encoder.model).folder), device=device, trust_remote_code=False,
        local_files_only=True,
    )  # fmt: skip

    class OwnEncoder(AbsEncoder):
        mteb_model_meta = ModelMeta.create_empty({"name": "llm-flows/encoder", "revision": encoder.encoder.weights})

        def __init__(self) -> None:
            """Hold nothing but the model."""

        def encode(self, inputs: Any, *, prompt_type: Any = None, **given: Any) -> Any:
            asked = prompt_type is not None and str(getattr(prompt_type, "value", prompt_type)) == "query"
            prompt = encoder.encoder.query_prompt if asked else encoder.encoder.passage_prompt
            texts = [prompt + text for batch in inputs for text in batch["text"]]
            return loaded.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    return OwnEncoder()
