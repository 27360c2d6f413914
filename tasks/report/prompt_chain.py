"""The page of `prompt-chain`: prompts, replies, tokens, and how methods compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.data.chains import (
    MethodRun,
    MethodsJudged,
    ModelCall,
    Output,
    Problem,
    ProblemsRef,
    StepOutput,
    Thought,
    counted,
)
from tasks.data.evaluation import Measure
from tasks.data.prompts import GeneratorHandle
from tasks.report import charts
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects
from tasks.text.prompts import shown

SHOWN_PROBLEMS = 5
SHOWN_CHARACTERS = 6_000
SHARES = ("exact match", "exact match difference", "answer contained")


def chain_page(
    run: tracking.Run,
    problems: ProblemsRef,
    runs: Sequence[MethodRun],
    judged: MethodsJudged,
    handles: Sequence[GeneratorHandle],
    more: tuple[str, int] = ("", 0),
) -> Path:
    """Write the page of `prompt-chain`.

    Args:
        run: The run.
        problems: What was asked.
        runs: Methods and what they gave.
        judged: Methods, compared.
        handles: Models that were asked; the first is the one of all steps that name none.
        more: What a reader must know of the first, and how many questions the table has.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    asked, (note, of) = objects.load_rows(problems, Problem)[:SHOWN_PROBLEMS], more
    calls = [t for done in runs for one in done.steps for t in objects.load_rows(one.linked.calls, ModelCall)]
    numbers = counted(calls)
    measures = objects.load_rows(judged.measures, Measure)
    facts = [
        ("questions", f"{problems.rows:,}"),
        *((name, f"{count:,}") for name, count in _left_out(problems, of).items()),
        ("methods", str(len(runs))),
        ("replies", f"{numbers['replies']:,.0f}"),
        ("tokens of prompts", f"{numbers['prompt_tokens']:,.0f}"),
        ("tokens of replies", f"{numbers['completion_tokens']:,.0f}"),
        ("tokens from the reply cache", f"{numbers['saved_tokens']:,.0f}"),
        ("repairs", f"{numbers['repairs']:,.0f}"),
        ("replies cut at max_tokens", f"{numbers['truncated']:,.0f}"),
        ("replies that repeat themselves", f"{numbers['repeated']:,.0f}"),
        ("replies with reasoning apart", f"{numbers['reasoned']:,.0f}"),
        ("replies whose tokens are estimated", f"{numbers['estimated_tokens']:,.0f}"),
    ]
    page = Page(
        title=asked[0].question[:90] if problems.rows == 1 else f"{problems.rows:,} questions",
        subtitle=f"asked by {', '.join(done.name for done in runs)}" + f"; model {note}" * bool(note),
        facts=facts, tables=[*_measured(measures, judged), _spent(runs)],
        missing=list(dict.fromkeys(t.note for t in calls if t.note)),
        run=_facts_of_all(run, handles, _drawn(runs)), template="chain.html.j2",
        figures=charts.bars("methods", charts.grouped([m for m in measures if m.name == "exact match"])),
        more={"methods": [_method(done, asked) for done in runs], "prompts": _prompts(runs),
              "shown": f"The first {len(asked)} of {problems.rows:,} questions" if len(asked) < problems.rows else ""},
    )  # fmt: skip
    return pages.write_page(run, page)


def _left_out(problems: ProblemsRef, of: int) -> dict[str, int]:
    """Count the questions that were not asked for `asking.limit`, and those asked whose answer is not known."""
    unknown = sum(not problem.answer for problem in objects.load_rows(problems, Problem))
    counts = {"questions beyond asking.limit": of - problems.rows, "questions without an answer": unknown}
    return {name: count for name, count in counts.items() if count > 0} if problems.rows > 1 else {}


def chain_summary(
    problems: ProblemsRef, runs: Sequence[MethodRun], judged: MethodsJudged, of: int = 0
) -> dict[str, Any]:
    """Return what `prompt-chain` answers its caller: all outputs of one question, else how methods compare."""
    found: dict[str, Any] = {"questions": problems.rows, **_left_out(problems, of)}
    if problems.rows == 1:
        for done in runs:
            for one in done.steps:
                found[f"{done.name}.{one.name}"] = objects.load_rows(one.linked.outputs, Output)[0].text
    for m in objects.load_rows(judged.measures, Measure):
        if m.name in SHARES:
            name = m.name.removesuffix(" difference")
            found.setdefault(name, {})[f"{'difference ' * (name != m.name)}{m.what}"] = m.stated()
    calls = [t for done in runs for one in done.steps for t in objects.load_rows(one.linked.calls, ModelCall)]
    found |= {"verdict": judged.verdict, **{name: int(value) for name, value in counted(calls).items()}}
    return {**found, "sampling": _drawn(runs), "notes": list(dict.fromkeys(t.note for t in calls if t.note))}


def run_facts(run: tracking.Run, handle: GeneratorHandle, sampling: str) -> dict[str, Any]:
    """Return the facts of the model and of how its replies were drawn, and the links of the run."""
    generator = handle.generator
    facts = {
        "model": generator.model,
        "kind, precision, engine": f"{generator.kind}, {generator.precision}, {generator.engine}",
        "fingerprint": generator.digest[:16],
        "chat template": generator.template[:16] or "none: messages are joined as plain text",
        "context": f"{generator.context:,} tokens" if generator.context else "not known",
        "sampling": sampling,
    }
    return {"facts": facts, "links": run.links(), "versions": run.versions()}


def _facts_of_all(run: tracking.Run, handles: Sequence[GeneratorHandle], sampling: str) -> dict[str, Any]:
    first, *others = [run_facts(run, handle, sampling) for handle in handles]
    for number, other in enumerate(others, start=2):
        first["facts"] |= {f"{name} {number}": value for name, value in other["facts"].items() if name != "sampling"}
    return first


def asked_of(handles: Sequence[GeneratorHandle], note: str = "") -> dict[str, str]:
    """Return which models were asked and in which precision, as the caller of a flow gets them."""
    names = ", ".join(dict.fromkeys(handle.generator.model for handle in handles))
    precisions = ", ".join(dict.fromkeys(handle.generator.precision for handle in handles))
    return {"model": f"{names} ({note})" if note else names, "precision": precisions}


def _drawn(runs: Sequence[MethodRun]) -> str:
    """Say how replies were drawn, once where it was the same in every step."""
    drawn = {f"{done.name}.{one.name}": one.sampling for done in runs for one in done.steps}
    said = list(dict.fromkeys(drawn.values()))
    return said[0] if len(said) == 1 else " | ".join(f"{name}: {how}" for name, how in drawn.items())


def _method(done: MethodRun, asked: Sequence[Problem]) -> dict[str, Any]:
    steps = []
    for one in done.steps:
        calls = [t for t in objects.load_rows(one.linked.calls, ModelCall) if t.problem < len(asked)]
        outputs = objects.load_rows(one.linked.outputs, Output)
        steps.append(
            {
                "name": one.name,
                "prompt": one.template.name,
                "left_out": ", ".join(one.template.left_out),
                "rows": [
                    {"question": problem.question, "answer": problem.answer, "text": _cut(outputs[row].text),
                     "wrong": _cut(outputs[row].wrong), "calls": [_call(t) for t in calls if t.problem == row],
                     "levels": _levels(one, row)}
                    for row, problem in enumerate(asked)
                ],
            }
        )  # fmt: skip
    return {"name": done.name, "steps": steps}


def _call(call: ModelCall) -> dict[str, Any]:
    paid = "from the reply cache" if call.cached else f"{call.seconds:.2f} s"
    end = "" if call.finish == "stop" else f", stopped by {call.finish}"
    return {
        "what": f"{call.what} {call.number + 1}" if call.what in ("sample", "thought", "score") else call.what,
        "prompt": _cut(call.prompt),
        "reply": _cut(call.reply),
        "how": f"{call.prompt_tokens} + {call.completion_tokens} tokens, {paid}{end}",
        "wrong": call.wrong,
        "reasoning": _cut(call.reasoning),
    }


def _levels(one: StepOutput, row: int) -> list[list[dict[str, Any]]]:
    """Return the states of a tree search, level by level; nothing for other methods."""
    if one.linked.thoughts is None:
        return []
    mine = [t for t in objects.load_rows(one.linked.thoughts, Thought) if t.problem == row]
    return [
        [
            {"text": t.text, "kept": t.kept, "parent": f"from {t.parent + 1}" if t.parent >= 0 else "",
             "score": f"{t.score:g}" if t.score >= 0 else "no score"}
            for t in mine if t.level == level
        ]
        for level in sorted({t.level for t in mine})
    ]  # fmt: skip


def _prompts(runs: Sequence[MethodRun]) -> list[dict[str, str]]:
    templates = {one.template.cache_key(): one.template for done in runs for one in done.steps}
    return [
        {"name": t.name, "digest": t.digest[:16], "without": ", ".join(t.left_out), "text": shown(t.turns)}
        for t in templates.values()
    ]


def _measured(measures: Sequence[Measure], judged: MethodsJudged) -> list[Table]:
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in measures
            if m.name in SHARES]  # fmt: skip
    note = f"95 % intervals, differences over the same questions: {judged.verdict}"
    return [Table("Accuracy", ("measure", "of", "value", "interval", "questions"), rows, note)] if rows else []


def _spent(runs: Sequence[MethodRun]) -> Table:
    rows = []
    for done in runs:
        for one in done.steps:
            calls = objects.load_rows(one.linked.calls, ModelCall)
            n = counted(calls)
            wrong = sum(bool(output.wrong) for output in objects.load_rows(one.linked.outputs, Output))
            rows.append((done.name, one.name, one.template.name, int(n["replies"]), int(n["prompt_tokens"]),
                         int(n["completion_tokens"]), int(n["saved_tokens"]), int(n["truncated"]), int(n["repeated"]),
                         int(n["repairs"]), wrong, f"{sum(t.seconds for t in calls):.2f}", one.sampling))  # fmt: skip
    columns = ("method", "step", "prompt", "replies", "tokens of prompts", "tokens of replies", "from the reply cache",
               "cut at max_tokens", "repeat themselves", "repairs", "invalid", "seconds", "sampling")  # fmt: skip
    return Table("Cost", columns, rows)


def _cut(text: str) -> str:
    return pages.shortened(text, SHOWN_CHARACTERS)
