"""Generate with vLLM in this process, on a GPU: the same files and prompts as the local model, its own batches."""

import functools
import importlib.util
import time
from collections.abc import Sequence
from typing import Any

from configs.generators import LocalModel, VllmModel
from tasks.data.messages import Generator, Keep, Reply, Request, ResponseFormat
from tasks.data.sampling import ResolvedSampling
from tasks.errors import ContractError, MissingExtra
from tasks.models import chat_template
from tasks.models import files as model_files
from tasks.models.generators import local as local_model

LACKS = (("no_repeat_ngram_size", "vLLM has no such setting; set it to 0, or use generator.kind=transformers"),)


def describe(config: VllmModel) -> Generator:
    """Read from its files what decides the replies of a model, without loading it.

    Raises:
        ContractError: There is no GPU.
        MissingExtra: vLLM is not installed.
        ModelError: There is no such model, or it cannot be trusted.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra("kind is vllm but vllm is not installed; run: pip install 'llm-flows[vllm]'")
    described = local_model.describe(LocalModel(model=config.model, precision="bf16", device="cuda"))
    own = described.sampling.model_copy(update={"lacks": LACKS})
    return described.model_copy(update={"kind": "vllm", "engine": "vllm-cuda", "sampling": own})


@functools.lru_cache(maxsize=1)
def engine(generator: Generator, config: VllmModel) -> "VllmEngine":
    """Return the loaded model; a process keeps the last one."""
    return VllmEngine(generator, config)


class VllmEngine:
    """A model that vLLM has loaded."""

    def __init__(self, generator: Generator, config: VllmModel) -> None:
        import vllm

        folder = model_files.locate(config.model).folder
        self.generator, self.vllm = generator, vllm
        self.tokenizer = chat_template.load_tokenizer(folder)
        self.opening = chat_template.opened_thought(self.tokenizer)
        self.model = vllm.LLM(
            model=str(folder), dtype="auto" if config.precision == "auto" else "bfloat16",
            gpu_memory_utilization=config.memory, trust_remote_code=False,
        )  # fmt: skip

    def answer(self, requests: Sequence[Request], sampling: ResolvedSampling, keep: Keep) -> None:
        """Answer requests, all at once; `keep` is told of the replies when the last has come."""
        tokenizer = self.tokenizer
        prompts = [chat_template.tokens_of(tokenizer, chat_template.render(tokenizer, r.messages)) for r in requests]
        longest, context = max(map(len, prompts), default=0), self.generator.context
        if context and longest >= context:
            raise ContractError(
                f"a prompt has {longest} tokens but {self.generator.model} reads {context}; shorten it"
            )
        started = time.perf_counter()
        made = self.model.generate(
            [{"prompt_token_ids": prompt} for prompt in prompts], [self._drawn(r, sampling) for r in requests]
        )
        seconds = (time.perf_counter() - started) / max(1, len(made))  # each has its share: sums are what was waited
        free = [self.opening * (request.response_format is None) for request in requests]
        keep({n: self._reply(one, before, seconds) for n, (one, before) in enumerate(zip(made, free, strict=True))})

    def _reply(self, made: Any, before: str, seconds: float) -> Reply:
        out = made.outputs[0]
        finish: Any = "length" if out.finish_reason == "length" else "stop"
        counts = len(made.prompt_token_ids), len(out.token_ids)
        return Reply(before + out.text, finish, *counts, self.generator.digest, seconds)

    def _drawn(self, request: Request, sampling: ResolvedSampling) -> Any:
        return self.vllm.SamplingParams(
            temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k, stop=list(sampling.stop),
            repetition_penalty=sampling.repetition_penalty, max_tokens=sampling.max_tokens,
            seed=sampling.seed + request.draw,
            structured_outputs=self._structured(request.response_format),
        )  # fmt: skip

    def _structured(self, response_format: ResponseFormat | None) -> Any:
        if response_format is None:
            return None
        from vllm.sampling_params import StructuredOutputsParams

        match response_format.kind:
            case "schema":
                return StructuredOutputsParams(json=response_format.text)
            case "choice":
                return StructuredOutputsParams(choice=list(response_format.choices))
            case "regex":
                return StructuredOutputsParams(regex=response_format.text)
