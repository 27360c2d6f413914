"""Outputs of models that classify a text, or a pair of texts read together, through the batches that encoding uses.

Shapes: P texts or pairs, C outputs of the model, B rows of a batch, L padded tokens.
Source: Nogueira & Cho 2019, arXiv:1901.04085; batches of fixed shape are ours.
"""

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tasks.data import digests
from tasks.data.classes import Identified
from tasks.data.models import Numerics, Scorer
from tasks.errors import ModelError
from tasks.models import adapted, batching, device, fixed_shapes
from tasks.models import files as model_files
from tasks.models.encoders import padded as padded_forward
from tasks.models.encoders.base import Meter, padded
from tasks.models.fixed_shapes import PaddingProbe
from tasks.models.tokenizers import auto_tokenizer, read_tokenizer
from tasks.store import durable

BATCH_TOKENS = {"torch-cpu": padded_forward.CPU_BATCH_TOKENS, "torch-cuda": 32_768}
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Pair = tuple[str, str]
Input = Pair | str
FIRST_TOKEN = ("bert", "roberta", "xlm-roberta", "electra")  # model types whose head reads the first token alone
EXAMPLE = "cross-encoder/ms-marco-MiniLM-L6-v2"
VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt")
_loading = threading.Lock()


def describe(
    model: str,
    precision: Literal["auto", "fp32", "bf16"],
    where: Literal["auto", "cpu", "cuda"],
    field: str = "rerank.model",
) -> Scorer:
    """Read from its files what decides the scores of a cross-encoder, without loading it.

    Args:
        model: Id or folder.
        precision: As configured.
        where: Device, as configured.
        field: Where in a config the model stands; for messages.

    Raises:
        ContractError: The precision or device asked for is not there.
        ModelError: There is no such model, it cannot be trusted, or it does not give one score to a pair.
    """
    folder = model_files.locate(model).folder
    _require_one_score(model, model_files.read_config(folder), field)
    return described(model, device.choose(precision, where, "rerank"))


def describe_classes(
    model: str, precision: Literal["auto", "fp32", "bf16"], where: Literal["auto", "cpu", "cuda"], place: str
) -> Identified:
    """Read from its files what decides the outputs of a model that classifies, and what they are called.

    Args:
        model: Id or folder.
        precision: As configured.
        where: Device, as configured.
        place: Where in a config they stand; for messages.

    Raises:
        ContractError: The precision or device asked for is not there.
        ModelError: There is no such model, it cannot be trusted, or it does not classify.
    """
    folder = model_files.locate(model).folder
    config = model_files.read_config(folder)
    names = config.get("id2label") or {}
    kinds = [str(name) for name in config.get("architectures") or ["of no stated architecture"]]
    if not kinds[0].endswith("ForSequenceClassification") or len(names) == 1:
        raise ModelError(
            f"{model} is {kinds[0]} with {len(names)} labels but a model ForSequenceClassification with two or more "
            f"was needed; set {place}.model to one"
        )
    count = len(names) or int(config.get("num_labels", 2))
    return Identified(
        scorer=described(model, device.choose(precision, where, place)),
        labels=tuple(str(names.get(str(at), f"LABEL_{at}")) for at in range(count)),
        independent=config.get("problem_type") == "multi_label_classification",
    )


def described(model: str, numerics: Numerics) -> Scorer:
    """Read from its files what decides the outputs of a model with a head, run in a certain way."""
    files = model_files.locate(model)
    config = model_files.read_config(files.folder)
    return Scorer(
        model=files.model,
        revision=files.revision,
        weights=model_files.weights_digest(files.folder),
        tokenizer=_tokenizer_digest(files.folder),
        settings=durable.digest_of([config, model_files.optional(files.folder / "tokenizer_config.json")]),
        max_tokens=min(model_files.longest(files.folder, config), batching.LADDER[-1]),
        numerics=numerics,
    )


def _tokenizer_digest(folder: Path) -> str:
    """Return the digest of `tokenizer.json`, or of the older files that stand for it.

    Raises:
        ModelError: There are none.
    """
    if (folder / "tokenizer.json").is_file():
        return digests.of_path(folder / "tokenizer.json")
    found = [folder / name for name in VOCABULARIES if (folder / name).is_file()]
    if not found:
        raise ModelError(f"{folder} has no tokenizer.json; save the tokenizer with the model")
    return durable.digest_of([[path.name, digests.of_path(path)] for path in found])


def engine(wanted: Scorer) -> "PairEngine":
    """Return the loaded cross-encoder; a process loads it once.

    Raises:
        ModelError: The model is no longer the one that was described, or its files are not whole.
    """
    with _loading:
        return _engine(wanted)


@functools.lru_cache(maxsize=2)
def _engine(wanted: Scorer) -> "PairEngine":
    return PairEngine(wanted)


class PairEngine:
    """A loaded cross-encoder, or another model that classifies."""

    def __init__(self, wanted: Scorer) -> None:
        import torch

        numerics = wanted.numerics
        found = described(wanted.model, numerics)
        if found.cache_key() != wanted.cache_key():
            raise ModelError(f"{wanted.model} has changed since it was described; run the flow again")
        self.max_tokens = wanted.max_tokens
        self.device = numerics.engine.removeprefix("torch-")
        self.batch_tokens = BATCH_TOKENS[numerics.engine]
        self.singles, self.couples = load_tokenizer(wanted.model), load_tokenizer(wanted.model)
        self.couples.enable_truncation(wanted.max_tokens, strategy="longest_first")
        self.filler = next(iter(self.couples.encode("", "").ids), 0)
        dtype = torch.bfloat16 if numerics.precision == "bf16" else torch.float32
        self.model, self.takes_types = _load(wanted.model, dtype)
        self.model.to(self.device)
        self.fixed_shapes = PaddingProbe(fixed_shapes.path_for(wanted.weights, numerics))

    def score(self, pairs: Sequence[Pair], meter: Meter | None = None) -> Floats:
        """Score pairs of query and passage.

        Args:
            pairs: P pairs.
            meter: Told what it took.

        Returns:
            (P,) scores in the order given, as the model gives them, before any sigmoid; NaN where the model gave none.
            No score depends on the other pairs.
        """
        return self.outputs(pairs, meter)[:, 0]

    def outputs(self, inputs: Sequence[Input], meter: Meter | None = None) -> Floats:
        """Return what the model gives for texts, or for pairs of texts.

        Args:
            inputs: P texts or pairs.
            meter: Told what it took.

        Returns:
            (P, C) outputs in the order given, before any softmax; NaN where the model gave none. No row depends on the
            others.
        """
        meter = meter or Meter()
        encodings = self._tokenised(inputs)
        lengths = np.array([len(e.ids) for e in encodings], dtype=np.int64)
        found = np.full((len(inputs), self.model.config.num_labels), np.nan, dtype=np.float32)
        for batch in batching.cut(np.maximum(lengths, 1), tokens=self.batch_tokens):
            width = min(batch.width, self.max_tokens)
            found[batch.rows], read = self._run([encodings[row] for row in batch.rows], batch.height, width)
            meter.padded += read
        meter.tokens += int(lengths.sum())
        meter.truncated += sum(bool(e.overflowing) for e in encodings)
        return np.where(np.isfinite(found), found, np.nan)

    def _tokenised(self, inputs: Sequence[Input]) -> list[Any]:
        """Return the encodings of texts or pairs; each text is tokenised once, however many pairs it is in."""
        parts = [(given,) if isinstance(given, str) else given for given in inputs]
        texts = list({text: None for part in parts for text in part})
        single = dict(zip(texts, self.singles.encode_batch(texts, add_special_tokens=False), strict=True))
        return [self.couples.post_process(*(single[text] for text in part)) for part in parts]

    def _run(self, encodings: Sequence[Any], height: int, width: int) -> tuple[Floats, int]:
        """Return the outputs (B, C) of one batch, and the tokens that were read."""
        pad = self.model.config.pad_token_id or 0
        tokens, mask = padded([e.ids for e in encodings], height, width, self.filler, pad)
        types = [padded([e.type_ids for e in encodings], height, width, 0)[0]] if self.takes_types else []
        return self.fixed_shapes.run(self._forward, len(encodings), tokens, mask, *types)

    def _forward(self, tokens: Ints, mask: Ints, *types: Ints) -> Floats:
        """Return the outputs (B, C) for (B, L) tokens, mask and, where the model takes them, types."""
        import torch

        names = ("input_ids", "attention_mask", "token_type_ids")
        arrays = zip(names, (tokens, mask, *types), strict=False)
        given = {name: torch.from_numpy(array).to(self.device) for name, array in arrays}
        with torch.inference_mode():
            logits = self.model(**given).logits
        return np.asarray(logits.float().cpu().numpy(), dtype=np.float32)


def _require_one_score(model: str, config: dict[str, Any], field: str) -> None:
    """Refuse a model that does not give one score to a pair.

    Raises:
        ModelError: It is no classifier, or has more labels than one.
    """
    kinds = [str(name) for name in config.get("architectures") or ["of no stated architecture"]]
    if not kinds[0].endswith("ForSequenceClassification"):
        raise ModelError(
            f"{model} is {kinds[0]} but a model ForSequenceClassification was needed; "
            f"set {field} to a cross-encoder such as {EXAMPLE}"
        )
    labels = len(config["id2label"]) if config.get("id2label") else int(config.get("num_labels", 2))
    if labels != 1:
        raise ModelError(
            f"{model} gives {labels} labels but one score was needed; set {field} to a cross-encoder such as {EXAMPLE}"
        )


def load_tokenizer(model: str) -> Any:
    """Return a model's tokenizer, which neither pads nor cuts; what looks like a special token stays text."""
    folder = model_files.locate(model).folder
    if (folder / "tokenizer.json").is_file():
        made = read_tokenizer(folder / "tokenizer.json")
    else:
        made = auto_tokenizer(folder).backend_tokenizer
    made.no_padding()
    made.no_truncation()
    made.encode_special_tokens = True
    return made


def _load(model: str, dtype: Any) -> tuple[Any, bool]:
    """Load a cross-encoder from its files, for inference; no code of the model's own is run.

    Returns:
        The model, and whether it is told which tokens are the passage's.

    Raises:
        ModelError: Its weights are not those that its config asks for.
    """
    from transformers import AutoModelForSequenceClassification

    folder = model_files.locate(model).folder
    loaded = adapted.load(AutoModelForSequenceClassification, folder, dtype=dtype, attn_implementation="sdpa")
    names = auto_tokenizer(folder).model_input_names
    if loaded.config.model_type in FIRST_TOKEN:
        _only_first_token(loaded)
    return loaded.eval(), "token_type_ids" in names and getattr(loaded.config, "type_vocab_size", 0) > 1


def _only_first_token(model: Any) -> None:
    """Let the last layer compute nothing that the head does not read: after attention, the first token is left."""
    last = model.base_model.encoder.layer[-1].attention.output
    last.register_forward_pre_hook(lambda _, inputs: tuple(states[:, :1] for states in inputs))
