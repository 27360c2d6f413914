"""The page of `chat-session`: the transcript, what each turn took, and what was removed or flagged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.data.chats import ChatTurn, Conversation, ConversationRef, count_calls
from tasks.data.prompts import GeneratorHandle
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.report.prompt_chain import run_facts
from tasks.runtime import tracking
from tasks.store import objects

SHOWN_CHARACTERS = 6_000


def chat_page(
    run: tracking.Run,
    conversation: ConversationRef,
    before: int,
    name: str | None,
    handle: GeneratorHandle,
    told: Mapping[str, str] | None = None,
) -> Path:
    """Write the page of `chat-session`.

    Args:
        run: The run.
        conversation: As it stands now.
        before: Turns it had before this run.
        name: It is kept under; None for one without.
        handle: Who was asked.
        told: What a reader must know of the model, `note`, and how its replies were drawn, `sampling`; where known.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    said = Conversation.model_validate(objects.load_json(conversation))
    facts = [(label.replace("_", " "), f"{value:,}") for label, value in _counted(said.turns).items()]
    facts += [("turns in the summary", str(said.summarised)), ("sentences removed", str(len(said.removed)))]
    tables = [_took(said.turns)]
    if said.removed:
        rows = [(removed.sentence, removed.why) for removed in said.removed]
        tables.append(
            Table(
                "Removed from summaries",
                ("sentence", "why"),
                rows,
                "The conversation does not say these sentences, or contradicts them.",
            )
        )
    told = told or {}
    note = f"; model {told['note']}" if told.get("note") else ""
    page = Page(
        title=f"Conversation {name}" if name else "A conversation",
        subtitle=f"{len(said.turns) - before} turns in this run, {before} before{note}",
        facts=facts, tables=tables, missing=list(dict.fromkeys(note for turn in said.turns for note in turn.notes)),
        run=run_facts(run, handle, told.get("sampling", "not known")),
        template="chat.html.j2",
        more={"turns": [_shown(turn) for turn in said.turns], "before": before, "summary": said.summary},
    )  # fmt: skip
    return pages.write_page(run, page)


def chat_summary(conversation: ConversationRef, before: int, name: str | None) -> dict[str, Any]:
    """Return what `chat-session` answers its caller: the replies of this run, and what they took."""
    said = Conversation.model_validate(objects.load_json(conversation))
    mine = said.turns[before:]
    replies = {f"reply {before + number}": turn.reply or f"({why_silent(turn)})"
               for number, turn in enumerate(mine, start=1)}  # fmt: skip
    found: dict[str, Any] = {"conversation": name or "", **replies, **_counted(mine)}
    found["memory"] = ", ".join(dict.fromkeys(turn.memory for turn in mine))
    notes = list(dict.fromkeys(note for turn in mine for note in turn.notes))
    return {**found, "removed": len(said.removed), "notes": notes}


def show_transcript(run: tracking.Run, conversation: ConversationRef) -> str:
    """Show a conversation as an artifact of the run; return the last reply as Markdown, empty before the first.

    What was said is untrusted: it is shown as text, without links, images or HTML.
    """
    from prefect.artifacts import create_markdown_artifact
    from prefect.context import FlowRunContext

    turns = Conversation.model_validate(objects.load_json(conversation)).turns
    if not turns or FlowRunContext.get() is None:
        return ""
    told = [(pages.markdown(turn.message), _replied(turn)) for turn in turns]
    lines = [f"**You:** {message}\n\n**Model:** {reply}" for message, reply in told]
    create_markdown_artifact(
        "\n\n".join(lines), key=f"{run.flow}-transcript", description="what was said, newest last"
    )
    return told[-1][1]


def _replied(turn: ChatTurn) -> str:
    words = turn.reply.strip()
    return (
        pages.markdown(pages.shortened(words, SHOWN_CHARACTERS)) if words else f"({pages.markdown(why_silent(turn))})"
    )


def why_silent(turn: ChatTurn) -> str:
    """Say why a turn has no reply."""
    return f"no reply: {turn.silence or f'stopped by the limit on {turn.finish}'}"


def _counted(turns: Sequence[ChatTurn]) -> dict[str, int]:
    return {
        "turns": len(turns),
        "prompt_tokens": sum(t.prompt_tokens for t in turns),
        "completion_tokens": sum(t.completion_tokens for t in turns),
        "summary_tokens": sum(t.summary_tokens for t in turns),
        "truncated": sum(t.truncated for t in turns),
        "repeated": sum(t.repeated for t in turns),
        "reasoned": sum(bool(t.reasoning) for t in turns),
        "estimated_tokens": sum(t.estimated for t in turns),
        "longest_prompt": max((t.largest_prompt for t in turns), default=0),
        **count_calls([call for t in turns for call in t.calls]),
        "unsupported_numbers": sum(len(t.unsupported) for t in turns),
    }


def _took(turns: Sequence[ChatTurn]) -> Table:
    rows = [
        (number, t.memory, t.prompt_tokens, t.completion_tokens, t.summary_tokens, t.left_out, t.examples,
         len(t.calls), t.finish, f"{t.seconds:.2f}") for number, t in enumerate(turns, start=1)
    ]  # fmt: skip
    columns = ("turn", "memory", "tokens of prompts", "of replies", "of summaries", "turns omitted", "examples",
               "tools used", "stopped by", "seconds")  # fmt: skip
    note = (
        "Every turn, as the tiles above; the result counts those of this run, and the model named below wrote those."
    )
    return Table("Cost of each turn", columns, rows, note)


def _shown(turn: ChatTurn) -> dict[str, Any]:
    return {
        "message": pages.shortened(turn.message, SHOWN_CHARACTERS),
        "reply": pages.shortened(turn.reply, SHOWN_CHARACTERS),
        "finish": turn.finish,
        "silent": why_silent(turn),
        "reasoning": pages.shortened(turn.reasoning, SHOWN_CHARACTERS),
        "unsupported": ", ".join(turn.unsupported),
        "calls": [
            {"thought": call.thought, "tool": call.tool or "no call", "given": call.given, "result": call.result,
             "wrong": call.wrong, "flags": ", ".join(call.flags), "unsupported": ", ".join(call.unsupported),
             "withheld": call.withheld} for call in turn.calls
        ],
    }  # fmt: skip
