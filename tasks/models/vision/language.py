"""Ask a vision-language model about pictures: the picture becomes tokens among those of the words.

    picture -> picture processor -> pixels
    prompt  -> chat template -> tokens, the one of the picture as often as the model makes embeddings of it

The processors of transformers that do both need torchvision for Qwen-VL and SmolVLM, so both are done here, for all
kinds alike. Replies are greedy. Pictures share a batch where they have equally many tokens: no row is padded.

Shapes: B pictures of a batch, L tokens of a prompt.
"""

import functools
import io
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.data.messages import Finish, Generator, Keep, Reply, Request, ResponseFormat
from tasks.data.sampling import ResolvedSampling
from tasks.errors import ContractError, ModelError
from tasks.models import chat_template, files
from tasks.models.generators.constrained import Grammars
from tasks.models.vision import dual, dual_files, language_files
from tasks.models.vision.kept_form import KeptForm
from tasks.models.vision.requests import ShownPicture, question_of
from tasks.models.whole import load_whole

WINDOW = 4  # batches whose pixels are in memory at a time: those of a SmolVLM take 50 MB a picture
SLIVER = 190  # longer side by shorter side of what is shown, at most
UNUSED = ("rows", "cols")  # of a picture processor, which the model does not read
SPLIT, WHOLE, AROUND = "<row_{}_col_{}>", "<global-img>", "<fake_token_around_image>"  # as SmolVLM was trained


@dataclass(frozen=True)
class Prepared:
    """A picture and its prompt as a model reads them.

    Attributes:
        ids: L tokens.
        pixels: What the picture processor made, with one picture in front.
    """

    ids: list[int]
    pixels: dict[str, Any]


def batches_of(made: Sequence[Prepared], batch_size: int) -> list[list[int]]:
    """Return the numbers of rows that share a batch: of equally many tokens, and pixels of one shape."""
    alike: dict[tuple[int, Any], list[int]] = {}
    for at, one in enumerate(made):
        shapes = tuple((name, tuple(value.shape)) for name, value in sorted(one.pixels.items()))
        alike.setdefault((len(one.ids), shapes), []).append(at)
    return [rows[at : at + batch_size] for rows in alike.values() for at in range(0, len(rows), batch_size)]


class VisionLanguageEngine:
    """A vision-language model that answers about pictures; it is loaded when it is first asked.

    Attributes:
        wanted: As described.
        batch_size: Pictures at a time, at most.
        pictures: The content of a request to the picture it asks about.
        sent: Bytes of pictures that have left this machine: none.
    """

    def __init__(self, wanted: Generator, batch_size: int) -> None:
        self.wanted, self.batch_size, self.sent = wanted, batch_size, 0
        self.pictures: Mapping[str, ShownPicture] = {}

    def answer(self, requests: Sequence[Request], sampling: ResolvedSampling, keep: Keep) -> None:
        """Answer requests that `request_of` made, greedily; `keep` is told of each batch as it comes.

        Raises:
            ContractError: A prompt does not fit beside its reply.
        """
        model, reader = loaded(self.wanted)
        window = WINDOW * self.batch_size
        for start in range(0, len(requests), window):
            part = requests[start : start + window]
            made = [self._prepared(reader, request, sampling.max_tokens) for request in part]
            for rows in batches_of(made, self.batch_size):
                form = part[rows[0]].response_format  # the same for all requests of a call
                replies = self._replies(model, reader, [made[at] for at in rows], sampling, form)
                keep({start + at: reply for at, reply in zip(rows, replies, strict=True)})

    def _prepared(self, reader: "PromptReader", request: Request, most: int) -> Prepared:
        shown = self.pictures[request.messages[0].content]
        try:
            later = [message.content for message in request.messages[1:]]
            made = reader.prepared(shown.copy, question_of(request.messages[0]), later)
        except (ValueError, TypeError) as error:  # each picture processor has limits of its own
            raise ContractError(
                f"{self.wanted.model} cannot be shown {shown.name} ({error}); leave that picture out"
            ) from error
        if self.wanted.context and len(made.ids) + most > self.wanted.context:
            raise ContractError(
                f"a picture and its prompt have {len(made.ids)} tokens and a reply up to {most}, more than the "
                f"{self.wanted.context} that {self.wanted.model} reads; lower captioner.side or max_new_tokens, or "
                "shorten the prompt"
            )
        return made

    def _replies(
        self, model: Any, reader: "PromptReader", rows: Sequence[Prepared], sampling: ResolvedSampling,
        form: ResponseFormat | None,
    ) -> list[Reply]:  # fmt: skip
        import torch

        started, length = time.perf_counter(), len(rows[0].ids)
        filled = [*rows, *[rows[-1]] * (self.batch_size - len(rows))]  # so that no reply depends on what else is asked
        kept = None if form is None else KeptForm(reader.grammars, form, len(filled), sampling.max_tokens)
        with torch.inference_mode():
            made = model.generate(
                **reader.batch(filled, model), max_new_tokens=sampling.max_tokens, do_sample=False, num_beams=1,
                temperature=None, top_p=None, top_k=None, repetition_penalty=1.0, no_repeat_ngram_size=0,
                pad_token_id=reader.pad, eos_token_id=sorted(reader.ends),
                logits_processor=[] if kept is None else [kept],
            )[:, length:]  # fmt: skip
        seconds = time.perf_counter() - started
        found = []
        for tokens in made[: len(rows)].tolist():
            text, count, finish = reader.said(tokens) if kept is None else kept.closed(tokens)
            found.append(Reply(text, finish, length, count, self.wanted.digest, seconds))
        return found


class PromptReader:
    """Turns a picture and words into what a model reads."""

    def __init__(self, wanted: Generator, config: Any) -> None:
        folder = files.locate(wanted.model, dual_files.PATTERNS).folder
        self.config, self.kind = config, str(config.model_type)
        self.tokenizer = chat_template.load_tokenizer(folder)
        self.tokenizer.chat_template = language_files.template_of(folder) or None
        self.processor = dual.processor_of(folder, wanted.model)
        self.image = int(getattr(config, "image_token_id", None) or config.image_token_index)
        own = files.optional(folder / "generation_config.json").get("eos_token_id")
        stated = own if isinstance(own, list) else [own]
        self.ends = {int(one) for one in (*stated, self.tokenizer.eos_token_id) if one is not None}
        if not self.ends:
            raise ModelError(f"{wanted.model} has no token that ends a text, so no reply would end; use another model")
        self.pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else min(self.ends)

    def prepared(self, copy: bytes, prompt: str, later: Sequence[str] = ()) -> Prepared:
        """Return a working copy, a question, and replies and questions by turns after it, as the model reads them."""
        from PIL import Image

        with Image.open(io.BytesIO(copy), formats=("PNG", "JPEG")) as image:
            pixels = dict(self._processed(_no_sliver(image.convert("RGB"))))
        return Prepared(self.tokens(prompt, pixels, later), {n: v for n, v in pixels.items() if n not in UNUSED})

    def _processed(self, image: Any) -> Any:
        if self.kind in ("smolvlm", "idefics3"):
            return self.processor(images=[[image]], return_tensors="pt", return_row_col_info=True)
        return self.processor(images=[image], return_tensors="pt")

    def tokens(self, prompt: str, pixels: Mapping[str, Any], later: Sequence[str] = ()) -> list[int]:
        """Return the L tokens of a conversation with its picture; what looks like a special token in it is text."""
        mark = str(self.tokenizer.convert_ids_to_tokens(self.image))
        special = [mark, *chat_template.special_words(self.tokenizer)]
        plain, *rest = [chat_template.neutralise(said, special) for said in (prompt, *later)]
        if self.kind == "blip-2":
            text = language_files.continued(plain, rest)
            return [self.image] * self.config.num_query_tokens + list(self.tokenizer(text)["input_ids"])
        if not self.tokenizer.chat_template:
            text = language_files.by_turns(mark, plain, rest, str(self.tokenizer.eos_token or ""))
            return list(self.tokenizer(text.replace(mark, self._pictured(mark, pixels)))["input_ids"])
        turns: list[dict[str, Any]] = [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": plain}]}
        ]
        turns += [{"role": role, "content": [{"type": "text", "text": said}]}
                  for role, said in zip(itertools.cycle(("assistant", "user")), rest, strict=False)]  # fmt: skip
        try:
            text = chat_template.render_turns(self.tokenizer, turns)
        except ModelError as error:
            raise ModelError(
                f"the chat template of this {self.kind} model fails ({error}); use another model"
            ) from error
        if text.count(mark) != 1:
            raise ModelError(
                f"the chat template of this {self.kind} model puts {text.count(mark)} pictures ({mark}) into a prompt "
                "with one; download the model again"
            )
        written = text.replace(mark, self._pictured(mark, pixels))
        return list(self.tokenizer(written, add_special_tokens=False)["input_ids"])

    def _pictured(self, mark: str, pixels: Mapping[str, Any]) -> str:
        """Return the token of a picture as often as the model makes embeddings of it, with what stands between."""
        if self.kind in ("qwen2_vl", "qwen2_5_vl"):
            merged = int(self.config.vision_config.spatial_merge_size) ** 2
            return mark * int(pixels["image_grid_thw"][0].prod() // merged)
        vision = self.config.vision_config
        if self.kind == "llava":
            height, width = pixels["pixel_values"].shape[-2:]
            first = 1 if "clip" in vision.model_type else 0  # the class token, which SigLIP has not
            left_out = 1 if self.config.vision_feature_select_strategy == "default" else 0
            patches = int(height // vision.patch_size) * int(width // vision.patch_size)
            return mark * (patches + first - left_out)
        side = int(vision.image_size // vision.patch_size) ** 2 // int(self.config.scale_factor) ** 2
        rows, columns = int(pixels["rows"][0][0]), int(pixels["cols"][0][0])
        parts = [
            "".join(f"{AROUND}{SPLIT.format(r + 1, c + 1)}{mark * side}" for c in range(columns)) + "\n"
            for r in range(rows)
        ]
        return "".join([*parts, "\n" if rows else "", AROUND, WHOLE, mark * side, AROUND])

    @functools.cached_property
    def grammars(self) -> Grammars:
        """Forms as this model's tokens can keep to them."""
        return Grammars(self.tokenizer, self.ends)

    def said(self, tokens: Sequence[int]) -> tuple[str, int, Finish]:
        """Return the text of the tokens of a reply, how many are its own, and why it ended."""
        ended = next((at for at, token in enumerate(tokens) if token in self.ends), None)
        own = tokens[:ended]
        text = str(self.tokenizer.decode(own, skip_special_tokens=True)).strip()
        return text, len(own) + (ended is not None), "length" if ended is None else "stop"

    def batch(self, rows: Sequence[Prepared], model: Any) -> dict[str, Any]:
        """Return rows of equally many tokens as the arguments of `generate`."""
        import torch

        ids = torch.tensor([row.ids for row in rows])
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        for name in rows[0].pixels:
            given[name] = torch.cat([row.pixels[name] for row in rows])
        if self.kind in ("qwen2_vl", "qwen2_5_vl"):
            given["mm_token_type_ids"] = (ids == self.image).int()  # else positions are those of plain text
        given["pixel_values"] = given["pixel_values"].to(model.dtype)
        return {name: value.to(model.device) for name, value in given.items()}


def _no_sliver(image: Any) -> Any:
    """Return a picture, a sliver on white: Qwen-VL refuses one of 200 times its width."""
    from PIL import Image

    least = -(-max(image.size) // SLIVER)
    if min(image.size) >= least:
        return image
    made = Image.new("RGB", (max(image.width, least), max(image.height, least)), "white")
    made.paste(image, ((made.width - image.width) // 2, (made.height - image.height) // 2))
    return made


@functools.lru_cache(maxsize=1)
def loaded(wanted: Generator) -> tuple[Any, PromptReader]:
    """Return a model as described, and what writes its prompts; a process keeps the last one.

    Raises:
        ModelError: It has changed since it was described, or its files do not make a whole model.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    folder = files.locate(wanted.model, dual_files.PATTERNS).folder
    if files.weights_digest(folder) != wanted.weights:
        raise ModelError(f"{wanted.model} has changed since it was described; run again")
    dtype = torch.bfloat16 if wanted.precision == "bf16" else torch.float32
    model = load_whole(AutoModelForImageTextToText, folder, dtype=dtype).eval()
    return model.to(wanted.engine.removeprefix("torch-")), PromptReader(wanted, model.config)
