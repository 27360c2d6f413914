"""Which weights of a model move: all, the last blocks, the head alone, or low-rank updates beside frozen weights.

Updates are put into the model in place, so that its own trainer and its own way to save work as without them; at the
end they are merged into the weights, and the model is one of its class again.
Source: LoRA, Hu et al. 2021, arXiv:2106.09685, as `peft` has it; frozen lower blocks, Lee et al. 2019,
arXiv:1911.03090.
"""

from collections.abc import Iterator, Sequence
from typing import Any, assert_never

from configs.finetune import FullWeights, HeadOnly, LastBlocks, Lora, Parameters
from tasks.errors import ContractError

POOLERS = ("pooler",)  # after the last block, so they move with a head, or with the last blocks


def move(model: Any, parameters: Parameters, head: Sequence[str] = ()) -> None:
    """Let the weights of a model move that are asked for, and hold the others; the model is changed in place.

    Args:
        model: Of transformers.
        parameters: Which weights.
        head: Names of the modules of its head, which move in any case.

    Raises:
        ContractError: It has fewer blocks, no head, or no layers of the names given.
    """
    if isinstance(parameters, HeadOnly) and not head:
        raise ContractError("parameters.kind is head but what is trained has none; use last-blocks, lora or full")
    model.requires_grad_(isinstance(parameters, FullWeights))
    poolers: tuple[str, ...] = POOLERS
    match parameters:
        case FullWeights() | HeadOnly():
            pass
        case LastBlocks(blocks=count):
            for block in blocks_of(model)[-_at_most(count, model) :]:
                block.requires_grad_(True)
        case Lora():
            _inject(model, parameters)
            poolers = ()
        case _:
            assert_never(parameters)
    for name, module in model.named_modules():
        if name in head or name.rpartition(".")[2] in poolers:
            module.requires_grad_(True)


def merge(model: Any) -> None:
    """Add the low-rank updates of a model to its weights and take them out; without any, nothing changes.

    Args:
        model: Of transformers, changed in place.
    """
    for parent, name, layer in list(_updated(model)):
        layer.merge()
        setattr(parent, name, layer.get_base_layer())
    model.requires_grad_(True)


def has_updates(model: Any) -> bool:
    """Return whether a model has low-rank updates in it."""
    return any(True for _ in _updated(model))


def blocks_of(model: Any) -> list[Any]:
    """Return the blocks of a transformer, first to last.

    Raises:
        ContractError: None can be told apart.
    """
    from torch.nn import ModuleList

    count = next((n for name in ("num_hidden_layers", "n_layers", "num_layers", "n_layer")
                  if (n := getattr(model.config, name, None))), 0)  # fmt: skip
    lists = [module for module in model.modules() if isinstance(module, ModuleList) and len(module) == count]
    if not lists:
        raise ContractError(
            f"the blocks of {type(model).__name__} cannot be told apart; set parameters.kind to full or lora"
        )
    return list(lists[0])


def _at_most(count: int, model: Any) -> int:
    """Return the count if the model has so many blocks.

    Raises:
        ContractError: It has not.
    """
    if count > (there := len(blocks_of(model))):
        raise ContractError(f"blocks is {count} but {type(model).__name__} has {there}; set at most {there}, or full")
    return count


def _inject(model: Any, parameters: Lora) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    asked = LoraConfig(
        r=parameters.r,
        lora_alpha=parameters.lora_alpha,
        lora_dropout=parameters.lora_dropout,
        target_modules=list(parameters.target_modules),
    )
    try:
        inject_adapter_in_model(asked, model)
    except ValueError as error:
        linear = sorted({name.rpartition(".")[2] for name, m in model.named_modules() if type(m).__name__ == "Linear"})
        raise ContractError(
            f"target_modules are {list(parameters.target_modules)} but the linear layers of {type(model).__name__} "
            f"are called {', '.join(linear)}; name some of them"
        ) from error


def _updated(model: Any) -> Iterator[tuple[Any, str, Any]]:
    """Yield (parent, name, layer) of the layers that have an update."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in model.named_modules():
        if isinstance(layer, BaseTunerLayer):
            parent, _, last = name.rpartition(".")
            yield model.get_submodule(parent), last, layer
