"""How a reply is drawn once nothing is left open: as asked for, else as the model's own generation config states."""

from configs.generators import Sampling
from tasks.data.base import Value
from tasks.errors import ContractError

NEUTRAL = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
PENALTIES = ("repetition_penalty", "no_repeat_ngram_size")


class ResolvedSampling(Sampling):
    """How a reply is drawn, nothing left open; the defaults are greedy."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0

    @property
    def penalises(self) -> bool:
        """Whether tokens that were there are made less likely."""
        return any(getattr(self, name) != NEUTRAL[name] for name in PENALTIES)


class OwnSampling(Value):
    """What a model's own generation config states of how its replies are drawn, and what it cannot be asked for.

    Attributes:
        temperature: None, like the next two, where the config does not say that replies are sampled.
        top_p: As stated.
        top_k: As stated.
        repetition_penalty: As stated, sampled or not.
        no_repeat_ngram_size: As stated, sampled or not.
        unused: Settings of the config that decide replies elsewhere and are not followed here.
        lacks: Settings that what generates does not know, and what to do about each.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    unused: tuple[str, ...] = ()
    lacks: tuple[tuple[str, str], ...] = ()

    def resolve(self, asked: Sampling) -> ResolvedSampling:
        """Return how a reply is drawn: what was asked for, else what the model states, else greedily.

        Raises:
            ContractError: What generates does not know a setting.
        """
        values = {name: getattr(asked, name) for name in NEUTRAL}
        values = {name: getattr(self, name) if value is None else value for name, value in values.items()}
        values = {name: NEUTRAL[name] if value is None else value for name, value in values.items()}
        for name, way_out in self.lacks:
            if values[name] != NEUTRAL[name]:
                raise ContractError(f"sampling.{name} is {values[name]:g} but {way_out}")
        return ResolvedSampling.model_validate({**asked.model_dump(), **values})

    def stated(self, asked: Sampling) -> str:
        """Say how a reply is drawn, and what of that is the model's own."""
        made = self.resolve(asked)
        names = PENALTIES if made.temperature == 0 else tuple(NEUTRAL)
        said: dict[bool, list[str]] = {False: [] if made.temperature else ["greedy"], True: []}
        for name in names:
            if (value := getattr(made, name)) != NEUTRAL[name]:
                said[getattr(asked, name) is None].append(f"{name} {value:g}")
        own = f"{', '.join(said[True])} (the model's own)" if said[True] else ""
        unused = f"not followed of the model's own: {', '.join(self.unused)}" if self.unused else ""
        return "; ".join(filter(None, (", ".join(said[False]), own, unused)))
