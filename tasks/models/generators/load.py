"""Find a language model and load what runs it."""

from typing import assert_never

from configs.generators import LanguageModel, LlamaCppModel, LocalModel, ModelServer, VllmModel
from tasks.data.messages import Generator
from tasks.errors import ContractError
from tasks.models.generators.base import GenerationEngine


def describe(config: LanguageModel) -> Generator:
    """Read what decides the replies of a generator, without loading it; a server is not asked.

    Raises:
        ContractError: The precision or device asked for is not there.
        MissingExtra: It needs a package that is not installed.
        ModelError: There is no such model, or it cannot be trusted.
    """
    match config:
        case LocalModel():
            from tasks.models.generators import local as local_model

            return local_model.describe(config)
        case ModelServer():
            from tasks.models.generators import server as model_server

            return model_server.describe(config)
        case VllmModel():
            from tasks.models.generators import vllm as vllm_model

            return vllm_model.describe(config)
        case LlamaCppModel():
            from tasks.models.generators import llama_cpp

            return llama_cpp.describe(config)
        case _:
            assert_never(config)


def _engine(generator: Generator, config: LanguageModel) -> GenerationEngine:
    """Return what answers: loaded, or connected.

    Raises:
        ContractError: The config is of another generator.
    """
    if generator.kind != config.kind:
        raise ContractError(f"the generator is of kind {generator.kind} but its config is {config.kind}; give its own")
    match config:
        case LocalModel():
            from tasks.models.generators import local as local_model

            return local_model.engine(generator, config)
        case ModelServer():
            from tasks.models.generators import server as model_server

            return model_server.ServerEngine(generator, config)
        case VllmModel():
            from tasks.models.generators import vllm as vllm_model

            return vllm_model.engine(generator, config)
        case LlamaCppModel():
            from tasks.models.generators import llama_cpp

            return llama_cpp.engine(generator, config)
        case _:
            assert_never(config)
