"""Generate with a model of this machine: read its files, load it, run batches of prompts of like length.

A batch has a fixed shape, and one length of prompt always has one shape, so that a reply depends on its own request
alone. What many prompts begin with is read once, on a processor; where a prompt is cut for that depends on it alone
too. A GPU reads a batch of whole prompts in the time of one.
"""

import functools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from configs.generators import BATCH_SIZE, LocalModel, Sampling
from tasks import hardware
from tasks.data import digests
from tasks.data.messages import Generator, Keep, Reply, Request
from tasks.data.sampling import PENALTIES, OwnSampling, ResolvedSampling
from tasks.data.training import NOTE
from tasks.errors import ContractError, ModelError
from tasks.models import batching, chat_template, device
from tasks.models import files as model_files
from tasks.models.batching import Batch
from tasks.models.generators import four_bits, prefix_cache
from tasks.models.generators.decoding import Decoder, Row
from tasks.models.whole import load_whole
from tasks.store import durable, reply_cache, tuned

CAUSAL = ("ForCausalLM", "LMHeadModel")
TEXT_TO_TEXT = "ForConditionalGeneration"
GENERATION = "generation_config.json"
NOT_FOLLOWED = {  # of a generation config, with the values that change nothing
    "num_beams": 1, "min_p": 0, "typical_p": 1, "min_length": 0, "min_new_tokens": 0, "epsilon_cutoff": 0,
    "eta_cutoff": 0, "penalty_alpha": 0, "diversity_penalty": 0, "encoder_repetition_penalty": 1,
    "encoder_no_repeat_ngram_size": 0, "guidance_scale": 1, "bad_words_ids": [], "suppress_tokens": [],
    "begin_suppress_tokens": [], "sequence_bias": [], "forced_bos_token_id": None, "forced_eos_token_id": None,
    "exponential_decay_length_penalty": None,
}  # fmt: skip
EIGHT_BITS = "a scale a token"  # other replies than those kept while all tokens of a prompt had one scale
LIMITS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
_loading = threading.Lock()


def describe(config: LocalModel) -> Generator:
    """Read from its files what decides the replies of a model, without loading it; `tuned:NAME` is the live one.

    Raises:
        ContractError: The precision or device asked for is not there.
        MissingExtra: 4bit, and its package is not installed.
        ModelError: There is no such model, it cannot be trusted, or it does not generate text.
    """
    if config.model.startswith(tuned.PREFIX):
        config = config.model_copy(update={"model": tuned.locate(config.model)[0]})
    return _describe(config)


@functools.cache
def _describe(config: LocalModel) -> Generator:
    precision, engine = _choose(config)
    files = model_files.locate(config.model)
    stated = model_files.read_config(files.folder)
    generation = model_files.optional(files.folder / GENERATION)
    family = "text-to-text" if stated.get("is_encoder_decoder") else "causal"
    _require_generating(files.folder, stated)
    tokenizer_config = model_files.optional(files.folder / "tokenizer_config.json")
    template = _template_digest(files.folder, tokenizer_config)
    _require_template(files.folder, template)
    limits = _limits(files.folder, [*(stated.get(name) for name in LIMITS), tokenizer_config.get("model_max_length")])
    return Generator(
        kind="transformers",
        model=config.model,
        revision=files.revision,
        weights=model_files.weights_digest(files.folder),
        tokenizer=digests.of_path(model_files.tokenizer_file(config.model)),
        template=template,
        settings=durable.digest_of([stated, tokenizer_config, generation, *[EIGHT_BITS] * (precision == "int8")]),
        family=family,
        context=min([n for n in limits if n <= model_files.NO_LIMIT], default=0),
        precision=precision,
        engine=engine,
        sampling=_own_sampling(generation, files.folder),
    )


def _limits(folder: Path, stated: Sequence[Any]) -> list[int]:
    """Return the lengths that a model's files state; those left out are not among them.

    Raises:
        ModelError: One is no number.
    """
    try:
        return [int(value) for value in stated if value]
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{folder} states no number as its longest text ({error}); download the model again"
        ) from error


def _own_sampling(generation: dict[str, Any], folder: Path) -> OwnSampling:
    """Return what a generation config states of sampling; what it leaves out counts as changing nothing.

    Raises:
        ModelError: A value is none that replies can be drawn by.
    """
    stated = {name: generation.get(name) for name in PENALTIES}
    if generation.get("do_sample"):
        stated |= {name: generation.get(name) for name in ("temperature", "top_p", "top_k")}
        stated["temperature"] = 1.0 if stated["temperature"] is None else stated["temperature"]
    try:
        Sampling.model_validate(stated)
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelError(
            f"{folder / GENERATION} states {first['loc'][0]} {first['input']!r}: {first['msg']}; correct the file"
        ) from error
    unused = [n for n, neutral in NOT_FOLLOWED.items() if generation.get(n) not in (None, neutral)]
    return OwnSampling(**stated, unused=tuple(unused))


def _choose(config: LocalModel) -> tuple[Any, str]:
    """Return precision and engine."""
    if config.precision == "4bit":
        four_bits.require_four_bits("precision is 4bit")
        return "4bit", device.choose("fp32", config.device, "generator").engine
    if config.precision == "int8":
        if config.device == "cuda":
            raise ContractError("precision is int8 but device is cuda; int8 runs on the cpu, a GPU takes bf16 or 4bit")
        return "int8", "torch-cpu"
    on_gpu = config.device == "cuda" or (config.device == "auto" and hardware.has_gpu())
    if config.precision == "bf16" and not on_gpu and not hardware.processor_has_bf16():
        raise ContractError("precision is bf16 but this processor has no bfloat16 arithmetic; use auto or fp32")
    chosen = device.choose(config.precision, config.device, "generator")
    return chosen.precision, chosen.engine


def _require_generating(folder: Path, config: dict[str, Any]) -> None:
    """Refuse a model that does not generate text.

    Raises:
        ModelError: Its architecture is another.
    """
    kinds = [str(name) for name in config.get("architectures") or ["of no stated architecture"]]
    wanted = (TEXT_TO_TEXT,) if config.get("is_encoder_decoder") else CAUSAL
    if not kinds[0].endswith(wanted):
        raise ModelError(f"{folder} is {kinds[0]} but one of {', '.join(wanted)} was needed; use a generating model")


def _template_digest(folder: Path, tokenizer_config: dict[str, Any]) -> str:
    """Return the sha256 of a chat template, wherever it stands; empty where there is none."""
    apart = folder / "chat_template.jinja"
    if apart.is_file():
        return digests.of_path(apart)
    return durable.digest_of(tokenizer_config["chat_template"]) if tokenizer_config.get("chat_template") else ""


def _require_template(folder: Path, template: str) -> None:
    """Refuse a model that was trained here with another chat template: it would be asked as it never was.

    Raises:
        ModelError: Its note names another.
    """
    noted = model_files.optional(folder / NOTE).get("template")
    if noted is not None and noted != template:
        raise ModelError(
            f"{folder} was trained with the chat template {str(noted)[:12] or 'none'} but holds "
            f"{template[:12] or 'none'}; bring the template back, or train again with this one"
        )


def engine(wanted: Generator, config: LocalModel) -> "LocalEngine":
    """Return the loaded model; a process keeps the last one.

    Raises:
        ModelError: The model is no longer the one that was described, or its files are not whole.
    """
    with _loading:
        return _engine(wanted, config)


@functools.lru_cache(maxsize=1)
def _engine(wanted: Generator, config: LocalModel) -> "LocalEngine":
    return LocalEngine(wanted, config)


class LocalEngine:
    """A loaded model."""

    def __init__(self, wanted: Generator, config: LocalModel) -> None:
        _describe.cache_clear()
        if config.model.startswith(tuned.PREFIX):
            config = config.model_copy(update={"model": wanted.model})  # another may be live by now
        if describe(config).digest != wanted.digest:
            raise ModelError(f"{wanted.model} has changed since it was described; run the flow again")
        folder = model_files.locate(config.model).folder
        self.generator, self.config = wanted, config
        self.tokenizer = chat_template.load_tokenizer(folder)
        self.decoder = Decoder(load(folder, wanted), self.tokenizer, wanted.family, wanted.engine)
        self.opening = chat_template.opened_thought(self.tokenizer)
        takes = {"position_ids", "logits_to_keep"} <= self.decoder.takes
        causal = wanted.family == "causal" and wanted.engine == "torch-cpu"
        self.reuses = causal and takes and self.decoder.prefixes.usable()

    def prompt(self, request: Request) -> list[int]:
        """Return the tokens of a request's prompt."""
        return chat_template.tokens_of(self.tokenizer, chat_template.render(self.tokenizer, request.messages))

    def prompts(self, requests: Sequence[Request]) -> list[list[int]]:
        """Return the tokens of each request's prompt."""
        return [self.prompt(request) for request in requests]

    def answer(self, requests: Sequence[Request], sampling: ResolvedSampling, keep: Keep) -> None:
        """Answer requests, a batch at a time.

        Args:
            requests: In any order; each is answered as if it were alone.
            sampling: How replies are drawn.
            keep: Told the replies of each batch, by position.

        Raises:
            ContractError: A prompt leaves no tokens for a reply, or a form cannot be kept to within the limit.
        """
        prompts = self.prompts(requests)
        rows = [self._row(r, p, sampling) for r, p in zip(requests, prompts, strict=True)]
        known: dict[Any, list[int]] = {}
        for row, request in zip(rows, requests, strict=True):
            row.prefix = prefix_cache.cut(request, row.prompt, self.prompt, known) if self.reuses else 0
        for batch in self._batches(rows, sampling.max_tokens):
            started = time.perf_counter()
            members = [rows[position] for position in batch.rows]
            self.decoder.run(members, sampling, width=batch.width, height=batch.height)
            seconds = (time.perf_counter() - started) / len(members)  # each has its share: sums are what was waited
            keep({int(p): self._reply(rows[p], seconds) for p in batch.rows})

    def _row(self, request: Request, prompt: list[int], sampling: ResolvedSampling) -> Row:
        context = self.generator.context
        causal = self.generator.family == "causal"
        left = context - len(prompt) if context and causal else sampling.max_tokens
        if left < 1 or (context and len(prompt) > context):
            raise ContractError(
                f"a prompt has {len(prompt)} tokens but {self.generator.model} reads {context}, reply included; "
                f"shorten it ({request.messages[-1].content[:60]!r})"
            )
        limit = min(left, sampling.max_tokens)
        row = Row(prompt, limit, reply_cache.key_of(request, sampling), request.draw, sampling.seed)
        if request.response_format is not None:
            row.grammar = self.decoder.grammars.start(request.response_format, limit)
        return row

    def _batches(self, rows: Sequence[Row], new: int) -> list[Batch]:
        """Cut prompts into batches, those of one length of prefix together, the shortest first."""
        sizes = np.array([max(1, len(row.prompt) - row.prefix) for row in rows], dtype=np.int64)
        reply = new if self.generator.family == "causal" else 0
        tokens, most = self.config.batch_tokens, self.config.batch_size or BATCH_SIZE
        read, batches = np.array([row.prefix for row in rows], dtype=np.int64), []
        for length in np.unique(read):
            own, more = np.flatnonzero(read == length), reply + int(length)
            made = batching.cut(sizes[own], tokens=tokens, room=more, rows_at_most=most, ladder=batching.COARSE)
            batches += [Batch(own[batch.rows], batch.width, batch.height) for batch in made]
        return batches

    def _reply(self, row: Row, seconds: float) -> Reply:
        text = row.text if row.grammar is not None else self.opening + row.text
        return Reply(text, row.finish, len(row.prompt), len(row.tokens), self.generator.digest, seconds)


def load(folder: Path, wanted: Generator, *, training: bool = False) -> Any:
    """Load a generating model from its files; no code of the model's own is run.

    Args:
        folder: Its files.
        wanted: As described.
        training: Whether what is not held in 4 bits is kept and computed in fp32 on a GPU too.

    Raises:
        ContractError: 4bit, and no layer can be held so.
        ModelError: Its weights are not those that its config asks for.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind: Any = AutoModelForSeq2SeqLM if wanted.family == "text-to-text" else AutoModelForCausalLM
    where = wanted.engine.removeprefix("torch-")
    half = wanted.precision == "bf16" or (wanted.precision == "4bit" and where == "cuda" and not training)
    dtype = torch.bfloat16 if half else torch.float32
    options: dict[str, Any] = {}
    if wanted.precision == "4bit":
        options = four_bits.options(kind, folder, where, dtype)
    loaded = load_whole(kind, folder, dtype=dtype, **options)
    loaded = loaded.eval()
    if wanted.precision == "int8":
        from tasks.models.generators import eight_bits  # of torch, which describing a model does not load

        return eight_bits.quantised(loaded)
    return four_bits.as_packed(loaded) if wanted.precision == "4bit" else loaded.to(where)
