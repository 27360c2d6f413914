"""What generates text: a model of this machine, or a server; and how replies are sampled."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from configs.addresses import plain_address
from configs.base import Common, Config, NotInCacheKey, Tabs
from configs.models import SMOLLM2


class Sampling(Config):
    """How a reply is drawn. What is left out is as the model's own generation config states it."""

    temperature: Annotated[float | None, Common] = Field(None, ge=0, le=5)
    """0: the most likely token each time, so that there is one reply. Larger: more varied. Left out: the model's own
    where it states sampling, else 0; of a server 0."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Tokens are drawn from the most likely ones that together have this probability. Left out: the model's own where
    it states sampling, else 1, which is all."""
    top_k: int | None = Field(None, ge=0, le=100_000)
    """Tokens are drawn from so many of the most likely ones; 0 for all. Left out: the model's own where it states
    sampling, else 0. Servers may not know it."""
    repetition_penalty: float | None = Field(None, gt=0, le=10)
    """Scores of tokens that prompt or reply hold are divided by it (CTRL); above 1: fewer repeats, and names and code
    suffer. Left out: the model's own, else 1, which changes nothing. A server needs `repetition_penalty_name`."""
    no_repeat_ngram_size: int | None = Field(None, ge=0, le=1_000)
    """So many tokens in a row never stand twice in prompt and reply together; 0: they may. Left out: the model's own,
    else 0. For `transformers` alone."""
    end_repetition: bool = True
    """End a reply that says the same over and over, and mark it; false where that is what was asked for."""
    max_tokens: Annotated[int, Common] = Field(256, ge=1, le=32_768)
    """Tokens of a reply at most; one that is cut there is marked."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Same seed, same reply, whatever else is asked for at once. A server may not keep to it."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field((), max_length=4)
    """Texts that end a reply; they are no part of it."""


BATCH_SIZE = 16  # prompts of a batch where a run puts many


class LocalModel(Config):
    """A causal or text-to-text model that runs on this machine."""

    kind: Literal["transformers"] = "transformers"
    model: Annotated[str, Common] = SMOLLM2
    """Name that `python -m flows models` lists, `tuned:NAME`, id on the hub, path of a folder with safetensors and
    tokenizer.json, or of a .gguf file."""
    precision: Annotated[Literal["auto", "fp32", "bf16", "int8", "4bit"], Common] = "auto"
    """What the model computes in; auto: bf16 where the hardware multiplies it, else fp32. int8: linear layers in 8
    bits, on a processor, a scale a token; not timed without VNNI. 4bit: needs the extra `4bit`. With AVX-512
    (two cores, models of 1 and 11 MB) 1.0 to 1.2 and 0.9 to 1.6 times as fast as fp32; SmolLM2 in int8 twice."""
    batch_size: int | None = Field(None, ge=1, le=1_024)
    """Prompts of a batch; short batches are filled up, so that no reply depends on what else is asked. Larger: faster
    with many prompts, slower with one. Left out: 1 where a run puts one question, else 16."""
    batch_tokens: int = Field(16_384, ge=256, le=4_194_304)
    """Tokens of a batch at most, padding and replies included; fewer prompts where they are long."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto takes a GPU that is there."""


class Prices(Config):
    """What a server charges."""

    prompt: float = Field(0.0, ge=0, le=1_000_000)
    """Money a million tokens of prompts."""
    completion: float = Field(0.0, ge=0, le=1_000_000)
    """Money a million tokens of replies."""


class ModelServer(Config):
    """A server that speaks OpenAI's chat protocol: prompts leave this machine.

    What a server changes behind the name of a model cannot be seen here; give what has changed another name. A key is
    taken from the environment variable LLM_FLOWS_GENERATOR_KEY alone, and sent to `base_url` and nowhere else.
    """

    kind: Literal["server"] = "server"
    base_url: str
    """Address without `/chat/completions`, as http://localhost:11434/v1."""
    model: str
    """Name the server has for the model."""
    concurrency: Annotated[int, NotInCacheKey] = Field(4, ge=1, le=256)
    """Requests at a time. Larger: faster until the server is busy."""
    timeout_s: Annotated[float, NotInCacheKey] = Field(120.0, gt=0, le=3_600)
    """Seconds a reply may take, after which it is asked for again."""
    retries: Annotated[int, NotInCacheKey] = Field(5, ge=0, le=20)
    """Times a request is repeated when the server is busy, fails or does not answer."""
    budget_tokens: Annotated[int | None, NotInCacheKey] = Field(None, ge=1)
    """Tokens of prompts and replies a run may cost; nothing is asked for that could cost more. Left out: no cap."""
    budget_money: Annotated[float | None, NotInCacheKey] = Field(None, gt=0, le=1_000_000_000)
    """Money a run may cost, by `prices`. Left out: no cap."""
    prices: Annotated[Prices, NotInCacheKey] = Prices()
    """What the server charges."""
    repetition_penalty_name: Literal["repeat_penalty", "repetition_penalty"] | None = None
    """What the server calls `sampling.repetition_penalty`: llama.cpp says repeat_penalty, vLLM repetition_penalty.
    Left out: a penalty is refused, for OpenAI's protocol has none."""

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, given: str) -> str:
        """Keep to addresses that hold no secret and lead where they seem to."""
        return plain_address(given, example="http://localhost:11434/v1", key="LLM_FLOWS_GENERATOR_KEY")


class VllmModel(Config):
    """A model run by vLLM in this process, on a GPU; not tried by us."""

    kind: Literal["vllm"] = "vllm"
    model: str
    """Id on the hub, or the path of a folder."""
    precision: Literal["auto", "bf16"] = "auto"
    """auto: as the model was saved."""
    memory: Annotated[float, NotInCacheKey] = Field(0.9, gt=0, le=1)
    """Share of the GPU's memory that vLLM takes."""


class LlamaCppModel(Config):
    """A quantised model in a GGUF file, run by llama.cpp on this machine's processor; needs the extra `gguf`.

    Requests are answered one after another: what shares a batch is rounded differently, and a reply must not depend on
    what else is asked. Threads are as many as OMP_NUM_THREADS says, else as there are processors.
    """

    kind: Literal["llama-cpp"] = "llama-cpp"
    model: Annotated[str, Common] = SMOLLM2
    """Path of a .gguf file, or `smollm2`."""
    context: int = Field(4_096, ge=256, le=1_048_576)
    """Tokens of a prompt and its reply at most, never more than the model was trained on. Larger: more memory, which
    is taken at the start."""


LanguageModel = Annotated[LocalModel | ModelServer | VllmModel | LlamaCppModel, Field(discriminator="kind"), Tabs]


def for_one_question(model: LanguageModel) -> LanguageModel:
    """Return a model as a run asks it that puts one question: in batches of one, unless their size is stated."""
    if isinstance(model, LocalModel) and model.batch_size is None:
        return model.model_copy(update={"batch_size": 1})
    return model
