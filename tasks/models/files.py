"""Find a model's files, check that they may be trusted, and describe what decides its output. Loads no torch."""

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.models import CATALOGUE, REVISIONS, SMOLLM2
from tasks.data import digests, retries
from tasks.data.models import Encoder
from tasks.errors import ModelError
from tasks.models import batching, gguf
from tasks.models.sizes import require_sizes
from tasks.store import durable, objects, packages, tuned, workspace

POOLINGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
}
NAMING = ("_name_or_path", "transformers_version")
NO_LIMIT = 1_000_000  # tokenizers without a limit state an absurd one
COUNT_FROM_PADDING = ("roberta", "xlm-roberta", "camembert")  # their first position comes after the padding token's
MODEL2VEC = "model2vec"
STATIC_TABLES = ("embedding.weight", "embeddings")  # as sentence-transformers and model2vec name it
FILES = (
    "*.json",
    "*.safetensors",
    "*/*.json",
    "*/*.safetensors",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.jinja",
    "README.md",
)
TOKENIZER_FILES = ("tokenizer*.json", "special_tokens_map.json", "vocab.*", "merges.txt", "*.model")  # no weights


@dataclass(frozen=True)
class ModelFiles:
    """Where the files of a model are, and which revision they are of.

    Attributes:
        model: Id; of a trained model the one with its number, which stays when another is released.
        folder: Folder.
        revision: Commit on the hub, `embedded`, `local` or `tuned`.
    """

    model: str
    folder: Path
    revision: str


def locate(model: str, patterns: tuple[str, ...] = FILES) -> ModelFiles:
    """Find the files of a model: a folder, one trained here, an embedded package, or the hub's copy in the workspace.

    Args:
        model: Id or folder.
        patterns: Names of the files to fetch from the hub.

    Raises:
        ModelError: There is no such model, or its weights are not the published ones.
    """
    if model.startswith(tuned.PREFIX):
        stays, found = tuned.locate(model)
        return ModelFiles(stays, objects.path(found), "tuned")
    path = Path(os.path.expanduser(model))
    if path.is_dir():
        return ModelFiles(model, path.resolve(), "local")
    if path.suffix == gguf.SUFFIX:
        return ModelFiles(model, gguf.converted(path.resolve()), "local")
    card = CATALOGUE.get(model)
    if card is not None and card.package:
        weights = packages.weights_of(card)
        folder = gguf.converted(weights) if weights.suffix == gguf.SUFFIX else weights.parent
        return ModelFiles(model, folder, "embedded")
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise ModelError(
            f"model {model!r} is not a folder; give the path of one, or an id such as {next(iter(CATALOGUE))}"
        )
    return _from_hub(model, card.revision if card else REVISIONS.get(model), patterns)


def gguf_file(model: str) -> Path:
    """Return the GGUF file of a model: a path, or what comes with an installed package.

    Raises:
        ModelError: There is none, or it is not the published one.
    """
    card, path = CATALOGUE.get(model), Path(os.path.expanduser(model))
    if card is not None and card.file.endswith(gguf.SUFFIX):
        return packages.weights_of(card)
    if path.suffix != gguf.SUFFIX:
        raise ModelError(
            f"{model!r} is no {gguf.SUFFIX} file, which llama.cpp needs; give the path of one, or {SMOLLM2}"
        )
    return path.resolve()


def describe(model: str) -> Encoder:
    """Read from its files what decides the vectors of an encoder; of a trained model, under the id with its number.

    Raises:
        ModelError: A file is missing, unsafe, or asks for something this project does not do.
    """
    return _describe(tuned.locate(model)[0] if model.startswith(tuned.PREFIX) else model)


@functools.cache
def _describe(model: str) -> Encoder:
    files = locate(model)
    folder = files.folder
    if (static := static_folder(folder)) is not None:
        return _describe_static(files, static)
    config = read_config(folder)
    pooling, normalize = _modules(folder)
    prompts = optional(folder / "config_sentence_transformers.json").get("prompts") or _known_prompts(model)
    return Encoder(
        model=model,
        revision=files.revision,
        weights=weights_digest(folder),
        tokenizer=digests.of_path(_required(folder / "tokenizer.json")),
        pooling=pooling,
        normalize=normalize,
        max_tokens=longest(folder, config),
        width=_width(folder, config),
        settings="" if files.revision == "embedded" else _settings(config),
        query_prompt=str(prompts.get("query", "")),
        passage_prompt=str(prompts.get("document", prompts.get("passage", ""))),
    )


def _settings(config: Mapping[str, Any]) -> str:
    """Return the digest of what a config states of a model, but for its name and who wrote the file."""
    return durable.digest_of({name: value for name, value in config.items() if name not in NAMING})


def _known_prompts(model: str) -> dict[str, str]:
    """Return the prompts of a model whose files state none, though its authors do."""
    card = CATALOGUE.get(model)
    return {} if card is None else {"query": card.query_prompt, "passage": card.passage_prompt}


def tokenizer_file(model: str) -> Path:
    """Return where the tokenizer of a model is.

    Raises:
        ModelError: It is not there.
    """
    folder = locate(model).folder
    return _required((static_folder(folder) or folder) / "tokenizer.json")


def tokenizer_place(name: str) -> Path:
    """Return where a tokenizer is: a file, a folder, or the hub's copy, of which no weights are fetched.

    Raises:
        ModelError: It is not there.
    """
    path = Path(os.path.expanduser(name))
    return path.resolve() if path.is_file() else locate(name, TOKENIZER_FILES).folder


def static_folder(folder: Path) -> Path | None:
    """Return where the token vectors of a static encoder lie; None where a model is of another kind."""
    listed = _json(folder / "modules.json") if (folder / "modules.json").is_file() else []
    first = listed[0] if isinstance(listed, list) and listed else {}
    if str(first.get("type", "")).rpartition(".")[2] == "StaticEmbedding":
        return folder / str(first.get("path", ""))
    return folder if optional(folder / "config.json").get("model_type") == MODEL2VEC else None


def static_table(folder: Path) -> tuple[str, int]:
    """Return the name of the tensor that holds the token vectors, and their width.

    Raises:
        ModelError: The weights have no such tensor.
    """
    from safetensors import SafetensorError, safe_open

    path = _required(folder / "model.safetensors")
    try:
        with safe_open(path, framework="numpy") as weights:
            found = [
                (name, int(weights.get_slice(name).get_shape()[1]))
                for name in STATIC_TABLES
                if name in weights.keys()  # noqa: SIM118
            ]
    except SafetensorError as error:
        raise ModelError(f"{path} cannot be read ({error}); download the model again") from error
    if not found:
        raise ModelError(f"{path} has none of the tensors {list(STATIC_TABLES)}; a static encoder was needed")
    return found[0]


def _describe_static(files: ModelFiles, folder: Path) -> Encoder:
    """Describe an encoder that is a table of token vectors, by the rules of the library that wrote it."""
    listed = _json(files.folder / "modules.json") if (files.folder / "modules.json").is_file() else []
    kinds = {str(entry["type"]).rpartition(".")[2] for entry in listed}
    if unknown := kinds - {"StaticEmbedding", "Normalize"}:
        raise ModelError(
            f"{files.folder} has modules {sorted(unknown)}, which this version does not run; use another encoder"
        )
    config = optional(folder / "config.json")
    by_model2vec = config.get("model_type") == MODEL2VEC
    tokenizer = _required(folder / "tokenizer.json")
    if by_model2vec:
        longest = config.get("max_length", 512)
    else:
        longest = (_object(tokenizer).get("truncation") or {}).get("max_length")
    prompts = optional(files.folder / "config_sentence_transformers.json").get("prompts") or {}
    return Encoder(
        model=files.model,
        revision=files.revision,
        architecture="static",
        weights=weights_digest(folder),
        tokenizer=digests.of_path(tokenizer),
        pooling="mean_known" if by_model2vec else "mean",
        normalize="Normalize" in kinds or bool(config.get("normalize")),
        max_tokens=min(int(longest or batching.LADDER[-1]), batching.LADDER[-1]),
        width=static_table(folder)[1],
        query_prompt=str(prompts.get("query", "")),
        passage_prompt=str(prompts.get("document", prompts.get("passage", ""))),
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Read `config.json` of a model and refuse one that brings its own code.

    Raises:
        ModelError: The file is missing or not JSON, names Python code to run, or states sizes that its weights lack.
    """
    config = _object(_required(folder / "config.json"))
    if "auto_map" in config:
        raise ModelError(
            f"{folder} asks to run its own Python code (auto_map), which this project never does; use another model"
        )
    require_sizes(folder, config)
    return config


def longest(folder: Path, config: Mapping[str, Any]) -> int:
    """Return how long a text may be: as sentence-transformers states it, old or new, never past the positions."""
    stated = optional(folder / "sentence_bert_config.json").get("max_seq_length")
    stated = stated or optional(folder / "tokenizer_config.json").get("model_max_length")
    positions = config.get("max_position_embeddings")
    if positions and config.get("model_type") in COUNT_FROM_PADDING:
        positions = int(positions) - int(config.get("pad_token_id") or 1) - 1
    try:
        limits = [int(n) for n in (stated, positions) if n]
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{folder} states no number as its longest text ({error}); download the model again"
        ) from error
    return min([n for n in limits if n <= NO_LIMIT], default=512)


def optional(path: Path) -> dict[str, Any]:
    """Read a JSON object that may be missing.

    Raises:
        ModelError: It is there and is no JSON object.
    """
    return _object(path) if path.is_file() else {}


def weights_digest(folder: Path) -> str:
    """Return one sha256 over the names and contents of all weight files.

    Raises:
        ModelError: There are no safetensors.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(f"{folder} has no *.safetensors; pickled weights are never loaded, convert them first")
    return durable.digest_of([[path.name, digests.of_path(path)] for path in weights])


def _from_hub(model: str, revision: str | None, patterns: tuple[str, ...]) -> ModelFiles:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
    try:
        folder = retries.tried(
            lambda: snapshot_download(
                model,
                revision=revision,
                cache_dir=workspace.folder("models"),
                allow_patterns=list(patterns),
                local_files_only=offline,
            ),
            "hub",
            lambda error: None if offline else retries.of_hub(error),
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"model {model!r} is not on this machine and cannot be downloaded ({reason}); connect to the network "
            "once, or give a folder"
        ) from error
    return ModelFiles(model, Path(folder), Path(folder).name)


def _width(folder: Path, config: Mapping[str, Any]) -> int:
    """Return the numbers in a vector, by whatever name the architecture states them."""
    stated = [config[name] for name in ("hidden_size", "dim", "d_model") if config.get(name)]
    if not stated:
        raise ModelError(f"{folder / 'config.json'} states no width (hidden_size); use another encoder")
    return int(stated[0])


def _modules(folder: Path) -> tuple[str, bool]:
    """Read the pooling, and whether vectors are normalised; a plain model without modules is pooled by mean."""
    listed = _json(folder / "modules.json") if (folder / "modules.json").is_file() else []
    if optional(folder / "sentence_bert_config.json").get("do_lower_case"):
        raise ModelError(
            f"{folder} lowercases its texts outside the tokenizer, which this version does not support; use another"
        )
    if not isinstance(listed, list):
        raise ModelError(f"{folder / 'modules.json'} is not a list of modules; download the model again")
    kinds = {str(entry["type"]).rpartition(".")[2]: entry for entry in listed}
    unknown = set(kinds) - {"Transformer", "Pooling", "Normalize"}
    if unknown:
        raise ModelError(
            f"{folder} has modules {sorted(unknown)}, which this version does not run; use another encoder"
        )
    if "Pooling" not in kinds:
        return "mean", "Normalize" in kinds
    config = _object(_required(folder / str(kinds["Pooling"].get("path", "")) / "config.json"))
    return _pooling(config, folder), "Normalize" in kinds


def _pooling(config: Mapping[str, Any], folder: Path) -> str:
    if config.get("include_prompt") is False:
        raise ModelError(
            f"{folder} excludes the prompt from the pooling, which this version does not support; use another"
        )
    mode = str(config.get("pooling_mode", "")).removesuffix("_tokens")
    chosen = [name for field, name in POOLINGS.items() if config.get(field)] or [mode]
    if len(chosen) != 1 or chosen[0] not in POOLINGS.values():
        raise ModelError(f"{folder} pools by {chosen}; this version supports one of {sorted(POOLINGS.values())}")
    return chosen[0]


def _required(path: Path) -> Path:
    if not path.is_file():
        raise ModelError(
            f"{path} is missing; a folder of a model with config.json, safetensors and tokenizer.json was needed"
        )
    return path


def _object(path: Path) -> dict[str, Any]:
    content = _json(path)
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object; download the model again")
    return content


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); give a model that you may read") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON ({error}); download the model again") from error
