"""What is asked of classification, read off its config: columns, names, sentences, models that would do."""

from collections.abc import Sequence

from configs.classify import Labelled, Method, Nli, Prompted, TaskModel, ZeroShot
from configs.generators import LocalModel
from configs.ingest import Files, PythonDocs, Source
from configs.models import TaskCard
from tasks.classify.mapping import described, fitting_models

OWN_COLUMNS = ("source", "kind", "folder")  # what every document has, whatever its source


def column_of(source: Source, config: Labelled) -> str:
    """Return the column that holds the labels of a source: the one named, else the usual one of its kind."""
    if config.column is not None:
        return config.column
    match source:
        case PythonDocs():
            return "source"
        case Files():
            return "folder"
    return "label"


def columns_of(source: Source, column: str) -> tuple[str, ...]:
    """Return the column if the tables of a source must have it: not one that every document has."""
    return () if isinstance(source, PythonDocs | Files) or column in OWN_COLUMNS else (column,)


def with_column(source: Source, column: str) -> Source:
    """Return a source that keeps the column with its documents."""
    if isinstance(source, PythonDocs | Files) or column in source.keep or not columns_of(source, column):
        return source
    return source.model_copy(update={"keep": (*source.keep, column)})


def names_of(methods: Sequence[Method]) -> tuple[str, ...]:
    """Return a name for each way: its kind, the model where it has one, and a number where two are alike."""
    plain = [f"{m.kind} {model}" if (model := _model_of(m)) else m.kind for m in methods]
    return tuple(
        f"{name} {plain[:at].count(name) + 1}" if name in plain[:at] else name for at, name in enumerate(plain)
    )


def models_that_fit(classes: Sequence[str]) -> tuple[TaskCard, ...]:
    """Return the ready models of the catalogue whose labels include all of these."""
    return fitting_models(classes)


def phrases_of(classes: Sequence[str], method: ZeroShot) -> list[str]:
    """Return the sentence of every class in every wording, wording by wording."""
    return [phrase for wording in described(classes, method.descriptions, method.wordings) for phrase in wording]


def gives_likelihoods(method: Method) -> bool:
    """Return whether a way is a language model that says how likely every label is: one of this machine, enforced."""
    return isinstance(method, Prompted) and isinstance(method.generator, LocalModel) and method.enforced


def _model_of(method: Method) -> str:
    match method:
        case TaskModel() | Nli():
            return method.model
        case Prompted(generator=generator):
            return generator.model
    return ""
