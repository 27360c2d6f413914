"""Ask a language model for the label of texts, or how likely it takes every label to be.

What it says is one of the labels, or no label at all. A text stands between marks that it cannot know.
Shapes: N texts, K classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.classify import Prompted
from tasks.classify.calibration import calibrated
from tasks.data.chains import PromptUsage
from tasks.data.labels import LabelCalibration, Likelihoods
from tasks.data.messages import Message, Replies, Reply, Request, ResponseFormat
from tasks.data.prompts import Prompting, Template
from tasks.data.sampling import ResolvedSampling
from tasks.errors import ContractError, ModelError
from tasks.text.prompts import Count, fill, messages_of, neutralise, nonce_of, read_for, shortened

Score = Callable[[Sequence[Request], Sequence[str]], Likelihoods]
Asker = Callable[[Sequence[str]], npt.NDArray[np.float32]]  # gives (N, K) probabilities of N texts
PLACES = ("labels", "nonce", "text")
STORED_NAMES = {"dtype": "precision", "rows": "batch_size"}  # of a generator's fields in older classifiers
# Ways in which a reply may be a label, the closest first.
SAME = (str, str.strip, lambda said: said.strip().casefold())


def read_label_prompt(name: str) -> Template:
    """Read the prompt that a model is asked for labels by.

    Raises:
        ContractError: There is no such prompt, or its places are not those of a label.
    """
    return read_for(name, "a label", PLACES, ("labels", "text"))


def kept_way(ready: Mapping[str, Any]) -> tuple[Prompted, Prompting, ResolvedSampling]:
    """Return how a model is asked, read from what was kept of it; labels are greedy, whatever a model states."""
    method = Prompted.model_validate(_renamed(ready["method"]))
    return method, Prompting.model_validate(ready["prompting"]), ResolvedSampling(max_tokens=method.max_tokens)


def _renamed(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept method with the names that its generator's fields have now."""
    generator = {STORED_NAMES.get(name, name): value for name, value in stored["generator"].items()}
    return {**stored, "generator": generator}


def label_of(reply: str, classes: Sequence[str]) -> int | None:
    """Return which label a reply is, None where it is none, or could be several that differ by case alone."""
    for same in SAME:
        found = [at for at, name in enumerate(classes) if same(name) == same(reply)]
        if len(found) == 1:
            return found[0]
    return None


def listed(classes: Sequence[str], descriptions: Mapping[str, str]) -> str:
    """Return the labels a line each, with what they mean where that is said."""
    return "\n".join(f"{name}: {descriptions[name]}" if name in descriptions else name for name in classes)


@dataclass
class LabelPrompts:
    """Puts texts into the prompt that asks for their label.

    Attributes:
        classes: K labels.
        prompt: What the model is told.
        method: What the labels mean.
        count: Counts tokens as the model does.
        prompt_budget: Tokens of a prompt at most.
        cut: How many texts were cut to fit.
    """

    classes: tuple[str, ...]
    prompt: Template
    method: Prompted
    count: Count
    prompt_budget: int
    cut: int = 0

    def messages(self, texts: Sequence[str]) -> list[tuple[Message, ...]]:
        """Return what a model is told about each text.

        Raises:
            ContractError: The labels leave no tokens for a text.
        """
        return [messages_of(fill(self.prompt, put)) for put in self._values(texts)]

    def _values(self, texts: Sequence[str]) -> list[dict[str, str]]:
        """Return what fills the places of the prompt for each text."""
        labels = listed(self.classes, self.method.descriptions)
        nonces = [nonce_of(self.prompt, [labels, text]) for text in texts]
        cleaned = [neutralise(text, nonce)[0] for text, nonce in zip(texts, nonces, strict=True)]
        empty = fill(self.prompt, {"labels": labels, "nonce": nonce_of(self.prompt, []), "text": ""})
        left = self.prompt_budget - sum(self.count([text for _, text in empty]))
        if left < 1:
            raise ContractError(
                f"the prompt with all {len(self.classes)} labels has {self.prompt_budget - left} tokens but at most "
                f"{self.prompt_budget} are allowed; raise prompt_tokens, shorten labels and descriptions, or use "
                "a model that reads more"
            )
        for row, size in enumerate(self.count(cleaned)):
            if size > left:
                cleaned[row] = shortened(cleaned[row], left, self.count)
                self.cut += 1
        return [{"labels": labels, "nonce": n, "text": text} for n, text in zip(nonces, cleaned, strict=True)]


@dataclass
class Labeller:
    """Asks for labels, and counts what that takes.

    Attributes:
        prompts: What the model is told.
        replies: Asks the model.
        heard: All replies.
        no_label: How many of them are no label.
        timed: Replies of the last call that were generated for it.
        sent: Bytes of all prompts.
    """

    prompts: LabelPrompts
    replies: Replies
    heard: list[Reply] = field(default_factory=list)
    no_label: int = 0
    timed: int = 0
    sent: int = 0

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (N, K): 1 of the label a text is given, else 0; a text whose reply is no label has 0 of all.

        Raises:
            ContractError: The labels leave no tokens for a text.
        """
        classes = self.prompts.classes
        response_format = ResponseFormat("choice", choices=classes) if self.prompts.method.enforced else None
        put = self.prompts.messages(texts)
        self.sent += sum(len(message.content.encode()) for told in put for message in told)
        heard = self.replies([Request(told, response_format) for told in put])
        likely = np.zeros((len(texts), len(classes)), dtype=np.float32)
        for row, reply in enumerate(heard):
            if (at := label_of(reply.text, classes)) is None:
                self.no_label += 1
            else:
                likely[row, at] = 1
        self.heard += heard
        self.timed = sum(not reply.cached for reply in heard)
        return likely

    def usage(self) -> PromptUsage:
        """Say what the model was asked, and what that took."""
        return PromptUsage(
            prompt=self.prompts.prompt,
            texts=len(self.heard),
            no_label=self.no_label,
            shortened=self.prompts.cut,
            prompt_tokens=sum(r.prompt_tokens for r in self.heard),
            completion_tokens=sum(r.completion_tokens for r in self.heard),
            saved_tokens=sum(r.prompt_tokens + r.completion_tokens for r in self.heard if r.cached),
            timed=self.timed,
            repeated=sum(r.finish == "repetition" for r in self.heard),
            prompt_bytes=self.sent,
        )


@dataclass
class LabelScorer:
    """Asks how likely every label is, and counts what that takes.

    Attributes:
        prompts: What the model is told.
        score: Gives the log-likelihood of replies.
        calibration: What makes probabilities of them; None where they are wanted as they are.
        texts: How many texts were asked about.
        prompt_tokens: Of all prompts.
        label_tokens: Of all labels, read behind each prompt.
    """

    prompts: LabelPrompts
    score: Score
    calibration: LabelCalibration | None = None
    texts: int = 0
    prompt_tokens: int = 0
    label_tokens: int = 0

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (N, K) probabilities of the labels; without a calibration, the log-likelihood of each.

        Raises:
            ContractError: The labels leave no tokens for a text.
            ModelError: The model gave no number for a text.
        """
        found = self.score([Request(told) for told in self.prompts.messages(texts)], self.prompts.classes)
        if bad := int((~np.isfinite(found.values).all(axis=1)).sum()):
            raise ModelError(f"the model gave no number for {bad} of {len(texts)} texts; use another model")
        self.texts += len(texts)
        self.prompt_tokens += int(found.prompt_tokens.sum())
        self.label_tokens += len(texts) * int(found.reply_tokens.sum())
        return found.values if self.calibration is None else calibrated(found.values, self.calibration)

    def usage(self) -> PromptUsage:
        """Say what the model was asked, and what that took; no reply is generated, so that none is no label."""
        return PromptUsage(
            prompt=self.prompts.prompt,
            texts=self.texts,
            no_label=0,
            shortened=self.prompts.cut,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.label_tokens,
            saved_tokens=0,
            timed=self.texts,
        )
