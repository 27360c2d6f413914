"""Messages to a language model, its replies, and what decides them: what flows and verbs that generate share.

A core that generates is handed `Replies`, a plain callable, and knows nothing of models, servers or caches.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from configs.generators import Prices
from tasks.data.base import Value
from tasks.data.sampling import OwnSampling

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "refused", "repetition"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: Who speaks.
        content: What is said.
    """

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """What a reply must look like.

    Attributes:
        kind: schema, a JSON Schema; choice, one of some texts; regex, a regular expression that all of it matches.
        text: The schema as JSON, or the expression; empty for choices.
        choices: The texts to choose from, for a choice.
        known: Short texts of this form, where its maker knows some: a reply at its limit is closed as they end, and
            no others are looked for.
    """

    kind: Literal["schema", "choice", "regex"]
    text: str = ""
    choices: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model.

    Attributes:
        messages: The conversation so far, oldest first.
        form: What the reply must look like; None for free text.
        draw: Number of the sample, where one conversation is sampled more than once; counts for nothing when greedy.
    """

    messages: tuple[Message, ...]
    response_format: ResponseFormat | None = None
    draw: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    Attributes:
        text: The reply, without what stopped it.
        finish: stop, it came to its end; length, the limit cut it; refused, the server would not answer; repetition,
            it says the same over and over, and its text ends with the first repeat of that.
        prompt_tokens: Tokens of the rendered prompt, special ones included.
        completion_tokens: Tokens generated, the closing one included, and those of repeats that the text leaves out.
        model: Digest of the generator.
        seconds: From its request to its end, that of its batch for a local model; 0 from the reply cache.
        cached: Whether it was paid for before.
        attempts: Times it was asked for until it came; 0 from the reply cache.
        reasoning: What the model thought before it, kept apart: no part of the text, and never sent back.
        estimated: Whether its tokens are estimated from above, for the server does not state them.
        notes: What a reader must know of how it was drawn, as settings the server refuses.
    """

    text: str
    finish: Finish
    prompt_tokens: int
    completion_tokens: int
    model: str
    seconds: float = 0.0
    cached: bool = False
    attempts: int = 1
    reasoning: str = ""
    estimated: bool = False
    notes: tuple[str, ...] = ()

    @property
    def silence(self) -> str:
        """Why there is no text, in words that end a sentence; empty where there is one."""
        return self.silence_in("sampling")

    def silence_in(self, sampling: str) -> str:
        """Return why there is no text, in words that end a sentence; empty where there is one.

        Args:
            sampling: What a user of the flow types for the settings of sampling.
        """
        if self.finish == "refused":
            return f"the server refuses to answer{': ' * bool(self.text.strip())}{' '.join(self.text.split())[:200]}"
        if self.text.strip():
            return ""
        if self.finish == "length":
            doing = "was still reasoning" if self.reasoning else "had written nothing"
            return f"the model {doing} at the limit of tokens; raise {sampling}.max_tokens"
        if self.reasoning:
            return "the model reasoned and gave an empty reply; ask it not to reason, or use another model"
        return "the model gave an empty reply; use another model or prompt"


Replies = Callable[[Sequence[Request]], list[Reply]]
Keep = Callable[[dict[int, Reply]], None]  # told of replies as they come, by the position of their request


class Generator(Value):
    """What decides a reply, sampling apart: the identity of a generator and how it is run.

    Attributes:
        kind: transformers, a model of this machine; server, one behind OpenAI's protocol; vllm, one run by vLLM;
            llama-cpp, one run by llama.cpp.
        model: Id, folder, or the name a server has for it; counts only for a server.
        revision: Commit on the hub, `local` or `server`; counts for nothing.
        weights: sha256 over the weight files; of a server over address and name, all that can be seen of it.
        tokenizer: sha256 of the tokenizer file; empty for a server.
        template: sha256 of the chat template; empty where there is none.
        settings: sha256 of the files that say how the model is run.
        family: causal, continues its prompt; text-to-text, reads one text and writes another; remote, not known.
        context: Tokens of prompt and reply together; 0 where not known.
        precision: fp32, bf16, int8, 4bit; gguf, as its file was quantised; server, not known here.
        engine: Library and device, as `torch-cpu`; `openai-api` for a server.
        base_url: Address of the server, else empty.
        sampling: How its replies are drawn where that is left open; counts by what is made of it.
    """

    kind: Literal["transformers", "server", "vllm", "llama-cpp"]
    model: str
    revision: str
    weights: str
    tokenizer: str = ""
    template: str = ""
    settings: str = ""
    family: Literal["causal", "text-to-text", "remote"] = "causal"
    context: int = 0
    precision: Literal["fp32", "bf16", "int8", "4bit", "gguf", "server"] = "fp32"
    engine: str = "torch-cpu"
    base_url: str = ""
    sampling: OwnSampling = OwnSampling()

    @property
    def digest(self) -> str:
        """Name of the reply cache that holds its replies."""
        return hashlib.sha256(self.model_dump_json(exclude={"model", "revision", "sampling"}).encode()).hexdigest()

    def cache_key(self) -> str:
        """Count by what decides a reply, not by names."""
        return self.digest


MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens of a prompt and of its reply."""

    prompt: int
    completion: int

    @property
    def tokens(self) -> int:
        """Of both."""
        return self.prompt + self.completion

    def money(self, prices: Prices) -> float:
        """Return what they cost."""
        return (self.prompt * prices.prompt + self.completion * prices.completion) / MILLION
