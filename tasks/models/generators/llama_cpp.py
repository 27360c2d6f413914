"""Generate with llama.cpp: a GGUF file, in the bits it was quantised to, on this machine's processor.

Prompts are rendered and cut into tokens here, by the tokenizer in the file, as for every model of this machine; the
library is given tokens, and its own tokenizer is held against ours when it starts. It runs in a process of its own
(`llama_cpp_process`) and answers one request at a time, read anew: slots that share a batch, and prompts that are
kept, change the rounding, and so now and then a reply.

Source: github.com/ggml-org/llama.cpp, tools/server; its Python package is xllamacpp.
"""

import contextlib
import functools
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx

from configs.generators import LlamaCppModel
from configs.models import SMOLLM2
from tasks import hardware
from tasks.data import digests
from tasks.data.messages import Finish, Generator, Keep, Reply, Request, ResponseFormat
from tasks.data.sampling import OwnSampling, ResolvedSampling
from tasks.errors import ContractError, MissingExtra, ModelError
from tasks.models import chat_template, gguf
from tasks.models import files as model_files
from tasks.models.generators import llama_cpp_process
from tasks.models.generators.constrained import Grammars, grammar_of
from tasks.models.generators.sampling import before_stop
from tasks.store import durable, reply_cache

PACKAGES = ("xllamacpp",)
LACKS = (("no_repeat_ngram_size", "llama.cpp has no such setting; leave it out, or use generator.kind=transformers"),)
ROOT = Path(__file__).parents[3]
LONGEST_SOCKET = 100  # bytes of the path of a Unix socket; the system takes 107, macOS 103
SEEDS = 2**32 - 1  # the largest of 32 bits stands for a seed that is drawn
PROBE = "It's 1984:  two\n\n5 apples,  12345.67!\tÜnïcode ½ 日本 🙂 WE'LL\r\n  don't \n stop... "
LAST_WORDS = 300  # characters of what the process said before it ended
_loading = threading.Lock()


@functools.cache
def describe(config: LlamaCppModel) -> Generator:
    """Read from its file what decides the replies of a model, without loading it.

    Raises:
        MissingExtra: llama.cpp is not installed.
        ModelError: There is no such file, it is not whole, or its tokenizer cannot be read.
    """
    if lacking := hardware.missing(PACKAGES):
        raise MissingExtra(
            f"kind is llama-cpp but {' and '.join(lacking)} is not installed; run: pip install 'llm-flows[gguf]'"
        )
    file = model_files.gguf_file(config.model)
    read = gguf.tokenizer_of(file)
    folder = read.folder
    template = folder / "chat_template.jinja"
    return Generator(
        kind="llama-cpp",
        model=config.model,
        revision="embedded" if config.model == SMOLLM2 else "local",
        weights=digests.of_path(file),
        tokenizer=digests.of_path(folder / "tokenizer.json"),
        template=digests.of_path(template) if template.is_file() else "",
        settings=durable.digest_of([metadata.version("xllamacpp")]),
        family="causal",
        context=min(config.context, read.context or config.context),
        precision="gguf",
        engine="llama.cpp-cpu",
        sampling=OwnSampling(unused=read.unused, lacks=LACKS),
    )


def engine(wanted: Generator, config: LlamaCppModel) -> "LlamaCppEngine":
    """Return the loaded model; a process keeps the last one.

    Raises:
        ModelError: The file is no longer the one that was described, or llama.cpp does not load it.
    """
    with _loading:
        return _engine(wanted, config)


@functools.lru_cache(maxsize=1)
def _engine(wanted: Generator, config: LlamaCppModel) -> "LlamaCppEngine":
    return LlamaCppEngine(wanted, config)


class LlamaCppEngine:
    """A model that llama.cpp has loaded."""

    def __init__(self, wanted: Generator, config: LlamaCppModel) -> None:
        describe.cache_clear()
        if describe(config).digest != wanted.digest:
            raise ModelError(f"{wanted.model} has changed since it was described; run the flow again")
        file = model_files.gguf_file(config.model)
        read = gguf.tokenizer_of(file)
        self.generator = wanted
        self.tokenizer = chat_template.load_tokenizer(read.folder)
        self.opening = chat_template.opened_thought(self.tokenizer)
        self.ends = {int(t) for t in (self.tokenizer.eos_token_id, *read.ends) if t is not None}
        self.process = LlamaCppProcess(file, wanted.context)
        self._require_same_tokens()

    @functools.cached_property
    def grammars(self) -> Grammars:
        """Forms as this model's tokens can keep to them."""
        return Grammars(self.tokenizer, self.ends)

    def answer(self, requests: Sequence[Request], sampling: ResolvedSampling, keep: Keep) -> None:
        """Answer requests, one after another.

        Args:
            requests: In any order; each is answered as if it were alone.
            sampling: How replies are drawn.
            keep: Told of each reply as it comes, by position.

        Raises:
            ContractError: A prompt leaves no tokens for a reply, or a form cannot be kept to within the limit.
            ModelError: The process of llama.cpp has ended; what came is kept.
        """
        tokenizer = self.tokenizer
        prompts = [chat_template.tokens_of(tokenizer, chat_template.render(tokenizer, r.messages)) for r in requests]
        limits = [self._limit(r, p, sampling) for r, p in zip(requests, prompts, strict=True)]
        for position, (request, prompt, limit) in enumerate(zip(requests, prompts, limits, strict=True)):
            started = time.perf_counter()
            stated = self._ask("/completion", self.body(request, prompt, limit, sampling))
            text, finish, tokens = self._read(stated, request.response_format, sampling.stop, limit)
            seconds = time.perf_counter() - started
            keep({position: Reply(text, finish, len(prompt), tokens, self.generator.digest, seconds)})

    def _limit(self, request: Request, prompt: Sequence[int], sampling: ResolvedSampling) -> int:
        """Return the tokens a reply may have; refuse what cannot be answered before anything is generated."""
        left = self.generator.context - len(prompt)
        if left < 1:
            raise ContractError(
                f"a prompt has {len(prompt)} tokens but {self.generator.model} reads {self.generator.context}, reply "
                f"included; shorten it ({request.messages[-1].content[:60]!r}) or raise generator.context"
            )
        limit = min(left, sampling.max_tokens)
        if request.response_format is not None:
            self.grammars.start(request.response_format, limit)
        return limit

    def body(self, request: Request, prompt: Sequence[int], limit: int, sampling: ResolvedSampling) -> dict[str, Any]:
        """Return what llama.cpp is asked: the samplers named here, in the order of the local model, and no others."""
        key = f"{sampling.seed} {reply_cache.key_of(request, sampling)}"
        body: dict[str, Any] = {
            "prompt": list(prompt),
            "n_predict": limit,
            "samplers": ["penalties", "temperature", *(["top_k", "top_p"] if sampling.temperature else [])],
            "repeat_penalty": sampling.repetition_penalty,
            "repeat_last_n": self.generator.context,  # over prompt and reply
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "seed": int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % SEEDS,
            "cache_prompt": False,
            "return_tokens": True,
        }
        if request.response_format is not None:
            body["grammar"] = llama_grammar(request.response_format)
        elif sampling.stop:
            body["stop"] = list(sampling.stop)
        return body

    def _read(
        self, stated: Mapping[str, Any], wanted: ResponseFormat | None, stop: Sequence[str], limit: int
    ) -> tuple[str, Finish, int]:
        """Return text, finish and tokens of a reply; one of a form that was cut is closed, as the local model does."""
        tokens, finish = list(stated["tokens"]), "length" if stated["stop_type"] == "limit" else "stop"
        said = tokens[:-1] if stated["stop_type"] == "eos" and tokens else tokens
        if wanted is None:
            text = str(self.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False))
            return self.opening + before_stop(text, stop), finish, len(tokens)  # type: ignore[return-value]
        if finish == "length":
            said = tokens = self.grammars.closed(self.grammars.start(wanted, limit), tokens, limit)
        return self.grammars.text(said), finish, len(tokens)  # type: ignore[return-value]

    def _require_same_tokens(self) -> None:
        """Refuse a file whose tokenizer is read here in another way than llama.cpp reads it: prompts would differ."""
        ours = self.tokenizer(PROBE, add_special_tokens=False)["input_ids"]
        theirs = self._ask("/tokenize", {"content": PROBE, "add_special": False, "parse_special": False})["tokens"]
        if ours != theirs:
            self.process.end()
            raise ModelError(
                f"the tokenizer of {self.generator.model} is not read here as llama.cpp reads it ({len(ours)} tokens "
                f"and {len(theirs)} of one text); use another model, or kind=server with a server of llama.cpp"
            )

    def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self.process.ask(path, body)
        except ModelError:
            _engine.cache_clear()  # the next request starts another process
            raise


class LlamaCppProcess:
    """llama.cpp in a process that ends with this one, or with this object; threads may share it."""

    def __init__(self, file: Path, context: int) -> None:
        """Start it, and wait until the model is loaded.

        Raises:
            ModelError: It does not load the file.
        """
        self.file, self.folder = file, Path(tempfile.mkdtemp(prefix="llama-"))  # that its owner alone can enter
        self.key, socket, held = secrets.token_urlsafe(32), self.folder / "llama.sock", contextlib.ExitStack()
        self.end = weakref.finalize(self, held.close)
        held.callback(shutil.rmtree, self.folder, ignore_errors=True)
        if len(os.fsencode(socket)) > LONGEST_SOCKET:
            self.end()
            raise ModelError(f"{socket} is too long a path for a socket; set TMPDIR to a shorter one")
        self.errors = held.enter_context((self.folder / "errors").open("w+b"))
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        self.process = held.enter_context(
            subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-P", "-m", llama_cpp_process.__name__],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0,
                env={"GGML_NO_BACKTRACE": "1", **os.environ, "PYTHONPATH": path},
            )
        )  # fmt: skip
        held.callback(self.process.kill)
        transport = httpx.HTTPTransport(uds=str(socket))
        headers = {"Authorization": f"Bearer {self.key}"}
        client = httpx.Client(base_url="http://llama.cpp", transport=transport, timeout=None, headers=headers)  # noqa: S113
        self.http = held.enter_context(client)
        settings = {"model": str(file), "socket": str(socket), "key": self.key, "context": context}
        self._start({**settings, "threads": threads()})

    def _start(self, settings: Mapping[str, Any]) -> None:
        pipes: Any = self.process
        with contextlib.suppress(BrokenPipeError):
            pipes.stdin.write(json.dumps(settings).encode() + b"\n")
        line = pipes.stdout.readline()
        if not line or json.loads(line)["said"] != llama_cpp_process.DONE:
            raise self._ended("was loading")

    def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request; how long it takes is limited by its tokens alone.

        Raises:
            ContractError: llama.cpp refuses what is asked.
            ModelError: The process has ended, or answers with something else.
        """
        try:
            response = self.http.post(path, json=dict(body))
            stated = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._ended("was answering") from error
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise ContractError(f"llama.cpp refuses a request ({_reason(stated)}); change the prompt or its form")
        if response.status_code != httpx.codes.OK or not isinstance(stated, dict):
            raise ModelError(f"llama.cpp answers {response.status_code} ({_reason(stated)}); run the flow again")
        return stated

    def _ended(self, doing: str) -> ModelError:
        """Return why the process is gone, with its last words; what is left of it is removed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        code, said = self.process.poll(), b""
        with contextlib.suppress(ValueError):  # closed by a thread that was told the same
            self.errors.seek(0)
            said = self.errors.read()
        words = " ".join(said.decode("utf-8", "replace").split())[-LAST_WORDS:]
        self.end()
        how = "without a word" if code is None else f"with signal {-code}" if code < 0 else f"with {code}"
        return ModelError(
            f"llama.cpp ended {how} while it {doing} {self.file} ({words or 'it said nothing'}); the file "
            "may be damaged, made for another version, or larger than the memory; use another model or a smaller "
            "generator.context"
        )


def _reason(stated: Any) -> str:
    error = stated.get("error") if isinstance(stated, dict) else None
    return str(error.get("message") if isinstance(error, dict) else stated)[:LAST_WORDS]


def threads() -> int:
    """Return the threads a model may take: as torch, by OMP_NUM_THREADS, else the processors that are free to us."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdecimal() and int(stated):
        return int(stated)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def llama_grammar(response_format: ResponseFormat) -> str:
    """Return a form in the words of llama.cpp, which hands them to the library that keeps to forms here as well."""
    import llguidance

    text = grammar_of(llguidance.LLMatcher, response_format)
    if text.startswith("{"):
        (stated,) = json.loads(text)["grammars"]
        schema = stated.get("json_schema")
        text = stated["lark_grammar"] if schema is None else f"start: %json {json.dumps(schema)}"
    return f"%llguidance {{}}\n{text}"
