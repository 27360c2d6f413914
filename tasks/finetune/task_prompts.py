"""Tasks of `finetune` that read prompts and completions, divide them, and look at them before anything is trained."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from configs.finetune import Training
from configs.finetune_generator import GeneratorQlora, GeneratorWeights, InstructionColumns, PreferenceColumns
from configs.finetune_pairs import Holdout
from configs.generators import LocalModel
from tasks import hardware
from tasks.data.cells import CellRow, CellsRef
from tasks.data.documents import Document, DocumentsRef, Rejected, RejectedRef
from tasks.data.messages import Generator, Message
from tasks.data.prompt_rows import (
    LeftOut,
    MarkedPiece,
    PromptLook,
    PromptRow,
    PromptRowsRef,
    PromptSplits,
    PromptTable,
    SplitPrompts,
    turns_in,
)
from tasks.errors import ContractError, DataError, MissingExtra, ModelError
from tasks.models import chat_template
from tasks.models import files as model_files
from tasks.models.generators import four_bits
from tasks.models.generators import load as generators
from tasks.models.generators.local import GENERATION
from tasks.models.whole import require_no_adapter
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

if TYPE_CHECKING:
    from tasks.finetune.completions import CompletionTokens

LONGEST = 1_024  # tokens of a row where neither model nor user states fewer: what memory is guessed by
EXAMPLES = 3
NEWLINE = "\n"  # between a plain prompt and its completion, where no template parts them
QUESTION, ANSWER = "What is it?", "An answer."


def require_trl(parameters: GeneratorWeights) -> None:
    """Check that what trains generators is installed, and what holds weights in 4 bits where that is asked for.

    Raises:
        MissingExtra: It is not.
    """
    if hardware.missing(("trl",)):
        raise MissingExtra("training a generator needs trl; run: pip install 'llm-flows[train]'")
    if isinstance(parameters, GeneratorQlora):
        four_bits.require_four_bits("parameters.kind is qlora")


def describe_generator(model: str, training: Training) -> Generator:
    """Describe the causal model that training starts from, without loading it.

    Raises:
        ModelError: There is no such model, it cannot be trusted, or it is no causal model.
        ContractError: Rows were to be longer than it can read.
    """
    folder = model_files.locate(model).folder
    require_no_adapter(folder)
    found = generators.describe(LocalModel(model=model, precision="fp32", device=training.device))
    if found.family != "causal":
        raise ModelError(f"{model} reads one text and writes another; a causal model is needed, which continues one")
    if training.max_seq_length is not None and found.context and training.max_seq_length > found.context:
        raise ContractError(
            f"training.max_seq_length is {training.max_seq_length} but {model} reads {found.context} tokens at most"
        )
    return found


def columns_of_prompts(columns: InstructionColumns | PreferenceColumns) -> tuple[str, ...]:
    """Return the columns that are read, the one that every row must have first."""
    from tasks.finetune.instructions import columns_of

    return columns_of(columns)


@step(name="finetune-read-prompts")
def read_prompts(
    cells: CellsRef, columns: InstructionColumns | PreferenceColumns, max_rejected_share: float = 1.0
) -> PromptTable:
    """Make prompts and completions of the cells of rows; rows that cannot be used are rejected.

    Args:
        cells: Rows.
        columns: What each column holds.
        max_rejected_share: Of the rows, that may be rejected.

    Raises:
        DataError: No row can be used, or more are rejected than that.
    """
    from tasks.finetune.instructions import row_of

    rows = objects.load_rows(cells, CellRow)
    read = [row_of(row.name, json.loads(row.cells), columns) for row in rows]
    kept = [row for row in read if isinstance(row, PromptRow)]
    rejected = [row for row in read if isinstance(row, Rejected)]
    if not kept:
        raise DataError(f"none of {len(rows)} rows can be used ({rejected[0].item} {rejected[0].detail})")
    if len(rejected) > max_rejected_share * len(rows):
        raise DataError(
            f"{len(rejected)} of {len(rows)} rows are rejected ({rejected[0].item} {rejected[0].detail}), more than "
            f"{max_rejected_share:.0%}; mend them, or raise ingest.max_rejected_share"
        )
    steps.log_metrics(rows=len(kept), rejected=len(rejected))
    return PromptTable(rows=_save(kept), rejected=objects.save_rows(RejectedRef, Rejected, rejected))


@step(name="finetune-document-prompts")
def prompts_of_documents(documents: DocumentsRef, preferred: bool, seed: int) -> PromptTable:
    """Make prompts of the documentation of functions, answered by their first sentences.

    Args:
        documents: The documentation.
        preferred: Whether each has a rejected answer too.
        seed: Draws the rejected answers.

    Raises:
        DataError: No document is of that kind.
    """
    from tasks.finetune.instructions import documented_rows

    rows = documented_rows(objects.load_rows(documents, Document), preferred=preferred, seed=seed)
    if not rows:
        raise DataError(f"{documents.rows} documents are about no function with a first sentence; name other packages")
    steps.log_metrics(rows=len(rows))
    return PromptTable(rows=_save(rows), rejected=objects.save_rows(RejectedRef, Rejected, []))


@step(name="finetune-split-prompts", libraries=("numpy", "scipy"))
def split_prompts(
    rows: PromptRowsRef, test: PromptRowsRef | None, pairs: PromptRowsRef | None, config: Holdout
) -> PromptSplits:
    """Divide instructions and preferences so that nothing trained on repeats what either is judged by.

    Args:
        rows: Instructions.
        test: Instructions to judge by; None holds some out.
        pairs: Preferences, some of which are held out; None for none.
        config: Shares, and from where on rows are nearly the same.

    Raises:
        DataError: Too few rows are left.
    """
    from tasks.finetune.instructions import divide_prompts, held_out

    told = objects.load_rows(rows, PromptRow)
    given = None if test is None else objects.load_rows(test, PromptRow)
    preferred = [] if pairs is None else objects.load_rows(pairs, PromptRow)
    judged = held_out(told, given, config), held_out(preferred, None, config) if preferred else []
    made = {"instructions": divide_prompts(told, given, judged[1], config)}
    if preferred:
        made["pairs"] = divide_prompts(preferred, None, judged[0], config)
    for name, parts in made.items():
        counts = {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)}
        counts |= {"repeated": parts.repeated, "leaked": parts.leaked}
        steps.log_metrics("", **{f"{name}.{what}": count for what, count in counts.items()})
    return PromptSplits(**{name: _split(parts) for name, parts in made.items()})


@step(name="finetune-look-prompts", libraries=("numpy", "tokenizers", "transformers"))
def look_at_prompts(split: SplitPrompts, base: Generator, system: str, config: Training) -> PromptLook:
    """Look at rows with the tokenizer alone: how they are written for the model, what is learned, what may go wrong.

    Args:
        split: All parts.
        base: Whose tokenizer and chat template write.
        system: System message; empty for that of the template.
        config: How long rows may be, and how they are trained on.

    Raises:
        DataError: No row could be learned from, no pair fits, or one of the known mistakes is in the data.
        ModelError: The chat template cannot be trained with.
    """
    from tasks.finetune import completions, look
    from tasks.finetune.padding import collator

    writer = PromptWriter(base, system)
    rows = objects.load_rows(split.train, PromptRow)
    writer.require_plain(rows)
    limit = limit_of(base, config)
    whole = writer.both(rows, 10**9)
    made = writer.both(rows, limit)
    completions.require_rows(made, limit)
    completions.require_begin(made, writer.begin)
    completions.require_end(made, collator(writer.pad), writer.ends)
    median, longest, cut = look.lengths_of([len(row.ids) for row in whole], limit)
    learned = sorted(row.learned for row in made)
    fitting, cut = completions.whole_pairs(made, len(rows), cut)
    shown = [completions.pieces_of(row, writer.decode) for at in range(EXAMPLES) for row in made[at :: len(rows)]]
    left_out = writer.left_out(split, limit, (len(made) - len(fitting)) // 2)
    steps.log_metrics("", rows=len(rows), truncated=cut, learned_least=learned[0], left_out=left_out.train)
    return PromptLook(
        **_estimated(base, config, fitting, len(rows) - left_out.train), kind=writer.kind(rows),
        template=base.template, left_out=left_out, train=len(rows) - left_out.train,
        validation=split.validation.rows - left_out.validation, test=split.test.rows - left_out.test,
        median_tokens=median, longest_tokens=longest, limit=limit, truncated=cut,
        learned_median=learned[len(learned) // 2], learned_least=learned[0],
        examples=tuple(tuple(MarkedPiece(text=t, learned=is_) for t, is_ in row) for row in shown),
        warnings=(*completions.warnings_of(cut, limit, split.leaked, base.template, left_out), *writer.marked(rows)),
    )  # fmt: skip


def limit_of(base: Generator, config: Training) -> int:
    """Return the tokens a row is cut at."""
    return config.max_seq_length or min(base.context or LONGEST, LONGEST)


class PromptWriter:
    """Writes rows for a model as it will be asked: by its chat template, or plainly where it has none.

    Attributes:
        tokenizer: Of transformers.
        ends: Tokens at which generation stops.
        end: The one of them that ends the model's turn.
        begin: Token that begins a text, if the tokenizer has one.
        pad: Token that fills batches.
        read: Tokens of a held-out row that are measured.
    """

    def __init__(self, base: Generator, system: str = "") -> None:
        folder = model_files.locate(base.model).folder
        self.tokenizer = chat_template.load_tokenizer(folder)
        self.system, self.read = system, min(base.context or LONGEST, LONGEST)
        stated = model_files.optional(folder / GENERATION).get("eos_token_id")
        found = [self.tokenizer.eos_token_id, *(stated if isinstance(stated, list) else [stated])]
        self.ends = {int(token) for token in found if token is not None}
        if not self.ends:
            raise ModelError(f"the tokenizer of {base.model} has no end token, so replies would never stop; state one")
        self.begin = self.tokenizer.bos_token_id
        self.special = chat_template.special_words(self.tokenizer)
        self.end = self._end()
        self.pad = int(self.end if self.tokenizer.pad_token_id is None else self.tokenizer.pad_token_id)

    def messages(self, prompt: str, history: str = "") -> list[Message]:
        """Return a prompt behind the turns before it; a conversation's own system message goes before ours."""
        turns = turns_in(history)
        own = bool(turns) and turns[0].role == "system"
        before = [Message("system", self.system)] if self.system and not own else []
        return [*before, *turns, Message("user", prompt)]

    def _end(self) -> int:
        """Return the token that ends the model's turn.

        Raises:
            ModelError: The chat template ends it by one at which generation does not stop.
        """
        from tasks.finetune.completions import end_of_turn

        if not self.tokenizer.chat_template:
            return int(self.tokenizer.eos_token_id)
        asked = self.messages(QUESTION)
        prompt = chat_template.render(self.tokenizer, asked)
        whole = chat_template.render(self.tokenizer, [*asked, Message("assistant", ANSWER)], begin=False)
        rest = end_of_turn(prompt, whole, ANSWER)
        tokens = self.tokenizer(rest, add_special_tokens=False)["input_ids"]
        if not tokens or tokens[0] not in self.ends:
            names = ", ".join(repr(self.tokenizer.decode([token])) for token in sorted(self.ends))
            raise ModelError(
                f"the chat template ends an answer by {rest[:20]!r} but generation stops at {names}; "
                "state its token as eos_token_id in generation_config.json, or correct the template"
            )
        return int(tokens[0])

    def prompt(self, text: str, history: str = "") -> list[int]:
        """Return the tokens of a prompt behind the turns before it, up to where the model's turn begins."""
        rendered = chat_template.render(self.tokenizer, self.messages(text, history))
        return chat_template.tokens_of(self.tokenizer, rendered)

    def completion(self, text: str) -> list[int]:
        """Return the tokens of a completion, without its end."""
        safe = chat_template.neutralise(text, self.special)
        plain = safe if self.tokenizer.chat_template else NEWLINE + safe
        return list(self.tokenizer(plain, add_special_tokens=False, verbose=False)["input_ids"])

    def rows(self, rows: Sequence[PromptRow], limit: int, *, rejected: bool = False) -> "list[CompletionTokens]":
        """Return prompts and completions as tokens, cut at a limit; of preferences one of the two answers."""
        from tasks.finetune.completions import join

        made = []
        for row in rows:
            answer = self.completion(row.rejected if rejected else row.completion)
            made.append(join(self.prompt(row.prompt, row.history), answer, self.end, limit))
        return made

    def both(self, rows: Sequence[PromptRow], limit: int) -> "list[CompletionTokens]":
        """Return rows as tokens, and of preferences the rejected answers behind them."""
        return self.rows(rows, limit) + self.rows([row for row in rows if row.rejected], limit, rejected=True)

    def marked(self, rows: Sequence[PromptRow]) -> list[str]:
        """Say how many rows hold words that the chat template writes, which are taken apart so that they stay text."""
        count = sum(
            any(word in text for word in self.special for text in (r.asked, r.completion, r.rejected)) for r in rows
        )
        if not count:
            return []
        return [
            f"{count:,} rows hold words of the chat template, as {self.special[0]!r}; a blank in them keeps them text."
        ]

    def left_out(self, split: SplitPrompts, limit: int, train: int) -> LeftOut:
        """Return how many pairs of each part are not read, for with its prompt an answer is too long; none of rows.

        Raises:
            DataError: No pair of a part that training needs is left.
        """
        stop, test = (objects.load_rows(part, PromptRow) for part in (split.validation, split.test))
        if not any(row.rejected for row in stop):
            return LeftOut()
        cut = LeftOut(train=train, validation=self.too_long(stop, limit), test=self.too_long(test, self.read))
        for what, count, of in (("train on", train, split.train.rows), ("stop by", cut.validation, len(stop))):
            if count == of:
                raise DataError(
                    f"no pair to {what} has a prompt and both answers within {limit} tokens ({count} have not); raise "
                    "max_seq_length of the training on preferences"
                )
        return cut

    def too_long(self, rows: Sequence[PromptRow], limit: int) -> int:
        """Return of how many pairs an answer is cut at a limit."""
        both = zip(self.rows(rows, limit), self.rows(rows, limit, rejected=True), strict=True)
        return sum(chosen.cut or rejected.cut for chosen, rejected in both)

    def decode(self, ids: list[int]) -> str:
        """Return tokens as text, special ones included."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=False))

    def require_plain(self, rows: Sequence[PromptRow]) -> None:
        """Refuse texts that hold what the template writes around them.

        Raises:
            DataError: Some do.
        """
        from tasks.finetune.completions import require_no_marks

        marks = [str(self.tokenizer.decode([token])) for token in sorted({*self.ends, self.begin} - {None})]
        answers = [text for row in rows for text in (row.completion, row.rejected) if text]
        require_no_marks(answers, marks, "completions")
        require_no_marks([row.asked for row in rows], marks, "prompts")

    def kind(self, rows: Sequence[PromptRow]) -> str:
        """Return what rows are, and how they are written."""
        how = "by the model's chat template" if self.tokenizer.chat_template else "as plain text"
        if any(row.rejected for row in rows):
            return f"preferences, prompt, chosen and rejected answer, {how}; what counts is how likely each answer is"
        return f"instructions, prompt and completion, {how}; the loss is that of the completion and its end"


def _estimated(base: Generator, config: Training, made: "Sequence[CompletionTokens]", count: int) -> dict[str, Any]:
    """Return tokens, steps, and a guess of seconds and bytes; of preferences two answers are read at a time."""
    from tasks.finetune import look

    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps
    total = look.steps_of(count, batch, config.num_train_epochs, config.max_steps)
    size = look.model_size(model_files.read_config(model_files.locate(base.model).folder))
    tokens = int(sum(len(row.ids) for row in made) / count * total * batch)
    length = max(len(row.ids) for row in made)
    together = config.per_device_train_batch_size * len(made) // count
    seconds, memory = look.estimate(size, tokens, together, length, look.product_rate())
    return {"tokens": tokens, "steps": total, "seconds": seconds, "memory": memory}


def _split(parts: Any) -> SplitPrompts:
    return SplitPrompts(
        train=_save(parts.train), validation=_save(parts.validation), test=_save(parts.test),
        removed=objects.save_rows(RejectedRef, Rejected, parts.removed), repeated=parts.repeated, leaked=parts.leaked,
    )  # fmt: skip


def _save(rows: Sequence[PromptRow]) -> PromptRowsRef:
    return objects.save_rows(PromptRowsRef, PromptRow, rows)
