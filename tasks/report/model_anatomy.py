"""The page of `model-anatomy`: from references to what `report` shows."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs.flows import ModelAnatomy
from tasks.data.anatomy import Anatomy, CacheTest, MaskPattern, MaskRow, Positions, Stage, StepToken, Timing
from tasks.data.evaluation import Spread
from tasks.report import charts
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects

SHOWN_STAGES = 120
SHOWN_HEADS = 48


def anatomy_page(run: tracking.Run, seen: Anatomy, prompt: str, tokens: Sequence[str], config: ModelAnatomy) -> Path:
    """Write the page of `model-anatomy`.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    stages, cost = objects.load_rows(seen.stages.table, Stage), objects.load_rows(seen.cost.timings, Timing)
    following = objects.load_rows(seen.steps, StepToken)
    maps, left_out = _attention(seen)
    page = Page(
        title=f"Inside {seen.causal.name}",
        subtitle=f"reading “{prompt[:120]}”",
        facts=[
            ("parameters", f"{seen.stages.parameters:,}"),
            ("tokens read", f"{seen.stages.tokens:,}"),
            ("likeliest next", f"{following[0].token.strip()} {following[0].probability:.0%}"),
            ("times faster with cache", f"{seen.cache.times_faster.median:.1f}"),
            ("reply", "cut by the limit" if seen.reply.finish == "length" else "ended by the model"),
        ],
        tables=[_printed(seen, following, config), _cache(seen.cache), _positions(seen.positions), _masks(seen),
                *_runs(seen), _stages(stages)],
        missing=[] if seen.runs else ["perplexity by mask: no text to train on; give a source"],
        run={"facts": _facts(seen), "links": run.links(), "versions": run.versions()},
        template="anatomy.html.j2",
        figures=[
            charts.lengths("cost", "seconds", [(t.length, t.seconds) for t in cost],
                           charts.medians_of(seen.cost.seconds)),
            charts.lengths("cost", "megabytes", [(t.length, t.bytes / 1e6) for t in cost],
                           {n: mine[0].bytes / 1e6 for n, mine in _by_length(cost).items()}),
            *charts.heat_maps("attention", "who looks at whom", maps),
            *charts.heat_maps("masks", "what a token sees", {p.name: _cells(p) for p in seen.masks.patterns}),
        ],
        more={
            "steps": _steps(following),
            "tokens": tokens,
            "left_out": left_out,
            "reply": seen.reply,
            "turns": [round(turn, 3) for turn in seen.positions.turns],
        },
    )  # fmt: skip
    return pages.write_page(run, page)


def anatomy_summary(seen: Anatomy, config: ModelAnatomy) -> dict[str, Any]:
    """Return what `model-anatomy` answers its caller."""
    first = [row for row in objects.load_rows(seen.steps, StepToken) if row.step == 1]
    gain, cost = seen.cache.times_faster, _by_length(objects.load_rows(seen.cost.timings, Timing))
    found: dict[str, Any] = {
        "model": seen.causal.name,
        "tokenizer": seen.fit.reason if seen.fit else "made with the model",
        "next": {row.token: round(row.probability, 4) for row in first},
        "probabilities_sum_to": first[0].total,
        "reply": seen.reply.model_dump(mode="json"),
        "cache": {
            "tokens": seen.cache.tokens, "same_tokens": seen.cache.same, "bytes": seen.cache.cache_bytes,
            "times_faster": {"value": gain.median, "low": gain.least, "high": gain.most, "n": gain.count},
            "seconds": {way: [round(s, 4) for s in seconds] for way, seconds in _ways(seen.cache).items()},
        },
        "positions": seen.positions.model_dump(mode="json"),
        "cost": {
            s.name: {"seconds": round(s.median, 5), "bytes": cost[int(s.name)][0].bytes} for s in seen.cost.seconds
        },
    }  # fmt: skip
    if seen.runs is not None:
        found["perplexity"] = {
            s.name: {"value": s.mean, "low": s.least, "high": s.most, "n": s.count} for s in seen.runs.perplexity
        }
    return found


def _ways(cache: CacheTest) -> dict[str, list[float]]:
    ways: dict[str, list[float]] = defaultdict(list)
    for timing in objects.load_rows(cache.timings, Timing):
        ways[timing.way].append(timing.seconds)
    return ways


def _by_length(timings: Sequence[Timing]) -> dict[int, list[Timing]]:
    found: dict[int, list[Timing]] = defaultdict(list)
    for timing in timings:
        found[timing.length].append(timing)
    return found


def _facts(seen: Anatomy) -> dict[str, str]:
    facts = {"digest of the model": seen.causal.digest[:16]}
    if seen.fit is not None:
        facts["its tokenizer"] = f"{seen.fit.verdict}: {seen.fit.reason}"
    return facts


def _printed(seen: Anatomy, following: Sequence[StepToken], config: ModelAnatomy) -> Table:
    printed = config.printed
    rows = [
        ("likeliest next token", following[0].token.strip(), printed.next_token),
        ("reply is cut", "yes" if seen.reply.finish == "length" else "no",
         "" if printed.cut is None else "yes" if printed.cut else "no"),
        ("times faster with cache", f"{seen.cache.times_faster.median:.1f} at {seen.cache.tokens} tokens",
         "" if printed.cache_gain is None else f"{printed.cache_gain:g}"),
        ("probabilities of the vocabulary sum to", f"{following[0].total:.9f}", ""),
        ("cut reply and continuation equal the uncut reply", "yes" if seen.reply.same else "NO", ""),
    ]  # fmt: skip
    stated = any(row[2] for row in rows)
    return Table("In short", ("what", "here", "published")[: 2 + stated], [row[: 2 + stated] for row in rows])


def _cache(cache: CacheTest) -> Table:
    rows = [
        (
            s.name,
            f"{s.median:.4f}",
            f"{s.least:.4f} to {s.most:.4f}",
            f"{cache.tokens / s.median:,.0f}",
            s.count,
        )
        for s in cache.ways
    ]
    gain = cache.times_faster
    same = "the same tokens" if cache.same else "NOT the same tokens"
    note = f"{gain.median:.2f} times faster with cache ({gain.least:.2f} to {gain.most:.2f} "
    note += f"over the repeats); both gave {same}. "
    note += f"The cache held {cache.cache_bytes:,} bytes at the end."
    columns = ("method", "seconds, median", "range", "tokens per second", "repeats")
    return Table(f"Generating {cache.tokens} tokens", columns, rows, note)


def _positions(found: Positions) -> Table:
    rows = [
        (f"all positions {found.position_offset} places later", f"{found.moved:.2e}"),
        ("all positions zero", f"{found.zeroed:.2e}"),
    ]
    note = (
        "A model that rotates its heads by position sees only distances: moving all positions changes only rounding."
    )
    return Table(
        "Positions",
        ("change", "largest change of a logit"),
        rows,
        note if found.rotary else "These positions are learned, so moving them changes the logits.",
    )


def _masks(seen: Anatomy) -> Table:
    rows = [
        (m.mask, f"{m.pairs:,.0f}", f"{m.share:.0%}", f"{m.moved:.3f}", m.token.strip(), f"{m.probability:.1%}")
        for m in objects.load_rows(seen.masks.table, MaskRow)
    ]
    columns = ("mask", "pairs attended", "of full", "bits moved", "likeliest next", "probability")
    return Table(
        "Other masks applied to this model",
        columns,
        rows,
        "The model was trained under its own mask; the small models trained under each mask show more.",
    )


def _runs(seen: Anatomy) -> list[Table]:
    spreads: Sequence[Spread] = seen.runs.perplexity if seen.runs else ()
    rows = [(s.name, f"{s.mean:.3f}", f"{s.least:.3f} to {s.most:.3f}", s.count) for s in spreads]
    note = "The same small model trained on bytes from several seeds; the end of the text was held out."
    columns = ("mask", "mean perplexity per byte", "range", "seeds")
    return [Table("Small models trained under each mask, held-out text", columns, rows, note)] if rows else []


def _stages(stages: Sequence[Stage]) -> Table:
    rows = [
        (
            "\u2003" * s.depth + s.name,
            s.kind,
            " by ".join(map(str, s.shape)),
            f"{s.parameters:,}" + (" (shared)" if s.shared else ""),
        )
        for s in stages
    ]
    return Table("Stages", ("stage", "kind", "gives", "parameters"), rows, most=SHOWN_STAGES)


def _steps(rows: Sequence[StepToken]) -> list[dict[str, Any]]:
    found: dict[int, list[StepToken]] = defaultdict(list)
    for row in rows:
        found[row.step].append(row)
    return [
        {"step": step, "tokens": [(t.token, f"{t.probability:.1%}", round(100 * t.probability)) for t in mine]}
        for step, mine in found.items()
    ]


def _attention(seen: Anatomy) -> tuple[dict[str, list[list[float]]], int]:
    """Return the maps that are drawn: the mean of each layer's heads, then single heads as far as there is room.

    Returns:
        Maps by name, and how many more are stored.
    """
    maps = objects.load_array(seen.attention)
    layers, drawable = maps.shape[:2]
    named = [(f"layer {n}, mean", maps[n, 0]) for n in range(layers)]
    named += [(f"layer {n}, head {h}", maps[n, h + 1]) for n in range(layers) for h in range(drawable - 1)]
    return {name: m.tolist() for name, m in named[:SHOWN_HEADS]}, max(0, len(named) - SHOWN_HEADS)


def _cells(pattern: MaskPattern) -> list[list[float]]:
    """Return 1 where a mask lets a token see, else 0."""
    return [[float(mark == "x") for mark in line] for line in pattern.lines]
