"""Task of `finetune` that trains an encoder."""

from configs.finetune import Parameters, Training
from configs.finetune_pairs import EmbedderLoss
from tasks.data.models import Encoder
from tasks.data.pairs import JudgedSet, TextPair, TrainingPairs, Truth
from tasks.data.training import TrainingResult
from tasks.finetune.judged import Sides
from tasks.finetune.task_training import parameters_of, result_of, save_tuned, watched_training
from tasks.models import files as model_files
from tasks.runtime.steps import step
from tasks.store import objects

LIBRARIES = ("torch", "transformers", "sentence-transformers", "accelerate", "peft")


@step(name="finetune-embedder", libraries=LIBRARIES, device_of=("config",))
def train_embedder(
    data: TrainingPairs,
    encoder: Encoder,
    loss: EmbedderLoss,
    matryoshka: tuple[int, ...],
    parameters: Parameters,
    config: Training,
) -> TrainingResult:
    """Train an encoder; the step with the best validation is kept.

    Args:
        data: Trained on, and stopped by.
        encoder: To start from.
        loss: Which loss.
        matryoshka: Lengths of vectors that must work as well; none for the whole alone.
        parameters: Which weights move.
        config: How long, how fast, how many at a time.
    """
    from tasks.finetune import embedder, trainer

    recipe = embedder.EmbedderRecipe(
        base=model_files.locate(encoder.model).folder, loss=loss, matryoshka=matryoshka,
        rows=objects.load_rows(data.rows, TextPair), validation=objects.load_rows(data.validation, TextPair),
        sides=_sides(data.judged), prompts=embedder.Prompts(encoder.query_prompt, encoder.passage_prompt),
        max_seq_length=min(config.max_seq_length or encoder.max_tokens, encoder.max_tokens), parameters=parameters,
    )  # fmt: skip
    inputs = (data.model_dump(), encoder.identity, loss.model_dump(), matryoshka, parameters.model_dump())
    with watched_training("finetune-embedder", config, *inputs) as watch:
        made = trainer.arguments(
            config, watch.folder, embedder.Arguments, rows=data.rows.rows, **embedder.stated(recipe)
        )
        finished = trainer.train(lambda *given: embedder.trainer_of(recipe, *given), made, watch=watch)
        counted = parameters_of(finished)
        model = finished.trainer.model
        tuned = save_tuned("embedder", lambda f: embedder.save(model, f, encoder.max_tokens), encoder.model)
        return result_of(finished, tuned, counted)


def _sides(judged: JudgedSet) -> Sides:
    """Return the texts of a stored set."""
    left, right = (objects.load_table(ref, ["text"])["text"].to_pylist() for ref in (judged.left, judged.right))
    return Sides(judged.judged_as, left, right, objects.load_rows(judged.truths, Truth))
