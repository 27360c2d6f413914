"""The page of `tokenizer-report`: from references to what `report` shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs.flows import TokenizerReport
from configs.tokenize import Counted
from tasks.data.documents import Document, DocumentsRef
from tasks.data.tokens import Piece, PieceCount, PieceCountsRef, PiecesRef, TokenizerFit, Vocabulary
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects

Made = tuple[DocumentsRef, PieceCountsRef, PiecesRef]
COLOURS = 6
SHOWN_GROUPS = 3  # in which a tokenizer loses most
LEAST_SPARED = 0.05  # share of tokens below which two tokenizers cost the same to anyone
LISTED = 200  # pieces of a text that the summary lists


def tokenizer_page(
    run: tracking.Run, tokenizers: Sequence[Vocabulary], made: Made, fits: Sequence[TokenizerFit], model: str | None,
    config: Counted,
) -> Path:  # fmt: skip
    """Write the page of `tokenizer-report`.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    documents, counts, pieces = made
    rows = objects.load_rows(counts, PieceCount)
    whole = [row for row in rows if not row.group]
    names = names_of(tokenizers)
    page = Page(
        title="Tokenizers side by side",
        subtitle=f"{len(tokenizers)} tokenizers on the same texts",
        facts=[
            ("texts", f"{whole[0].texts:,}"),
            ("characters", f"{whole[0].characters:,}"),
            ("words", f"{whole[0].words:,}"),
            ("fewest tokens", f"{min(row.tokens for row in whole):,}"),
            ("most tokens", f"{max(row.tokens for row in whole):,}"),
        ],
        tables=[_compared(whole, names, config), *_groups(rows, names), *_fits(fits, names, model),
                Table("What to change", ("verdict",), [(text,) for text in verdict(rows, names, fits, model)],
                      "By what is counted above, on these texts alone.")],
        run={"facts": {n: f"{t.form}, {t.digest[:12]}" for n, t in zip(names, tokenizers, strict=True)},
             "links": run.links(), "versions": run.versions()},
        template="tokens.html.j2",
        more={"texts": _texts(documents, pieces, names, config)},
    )  # fmt: skip
    return pages.write_page(run, page)


def tokenizer_summary(
    tokenizers: Sequence[Vocabulary],
    counts: PieceCountsRef,
    pieces: PiecesRef,
    fits: Sequence[TokenizerFit],
    config: TokenizerReport,
    model: str | None,
) -> dict[str, Any]:
    """Return what `tokenizer-report` answers its caller: each tokenizer by name, with the pieces of the first text."""
    rows, names = objects.load_rows(counts, PieceCount), names_of(tokenizers)
    whole = [row for row in rows if not row.group]
    first = [piece for piece in objects.load_rows(pieces, Piece) if piece.text == 0]
    found: dict[str, dict[str, Any]] = {}
    for row, name in zip(whole, names, strict=True):
        mine = [piece.token for piece in first if piece.tokenizer == row.tokenizer][:LISTED]
        found[name] = {**_numbers(row, config.count), "pieces": mine}
        if fits:
            fit = fits[row.tokenizer]
            found[name] |= {"fit": fit.verdict, "reason": fit.reason}
    told = verdict(rows, names, fits, model)
    return {"texts": whole[0].texts, "characters": whole[0].characters, "tokenizers": found, "verdict": told}


def verdict(
    rows: Sequence[PieceCount], names: Sequence[str], fits: Sequence[TokenizerFit], model: str | None
) -> list[str]:
    """Say what to change, by what was counted: which tokenizers not to use, then which of the others.

    Args:
        rows: Counts of all texts and of their groups.
        names: Of the tokenizers.
        fits: Whether each belongs to the model; empty where none was named.
        model: Id or folder of that model.
    """
    whole = [row for row in rows if not row.group]
    told, usable = list[str](), list[PieceCount]()
    for row, name in zip(whole, names, strict=True):
        refused = bool(fits) and fits[row.tokenizer].verdict == "refused"
        if refused:
            told.append(f"Do not use {name} with {model}: it is not the model's own tokenizer")
        if row.lost:
            told.append(_loses(row, name, [one for one in rows if one.group and one.tokenizer == row.tokenizer]))
        if not refused and not row.lost:
            usable.append(row)
    if not usable:
        return [*told, f"None of them is left: {_wanted(fits, model)}"]
    best = min(usable, key=lambda row: row.tokens)
    beside = usable if len(usable) > 1 else whole
    others = [row for row in beside if row.tokenizer != best.tokenizer]
    kept = len(usable)
    told += [_chosen(best, names, others, alone=kept == 1, dropped=kept < len(whole))]
    if best.lossless < best.texts:
        told.append(
            f"{names[best.tokenizer]} gives {best.texts - best.lossless:,} of {best.texts:,} texts back without their "
            "case, accents or blanks: good to search and to classify by, not for a model that writes such texts"
        )
    return told


def _wanted(fits: Sequence[TokenizerFit], model: str | None) -> str:
    """Return what to do where none may be used: a vocabulary of bytes does not fit a model that has another."""
    if not fits:
        return "compare one that knows every byte, as count.trained={} makes"
    if all(fit.verdict == "refused" for fit in fits):
        return f"compare the one of {model} itself, as count.tokenizers='[\"{model}\"]'"
    return f"choose a model whose tokenizer loses nothing of these texts, in place of {model}"


def _loses(row: PieceCount, name: str, groups: Sequence[PieceCount]) -> str:
    worst = sorted((one for one in groups if one.lost), key=lambda one: -one.lost_share)
    where = ", ".join(f"{one.group} {one.lost_share:.0%}" for one in worst[:SHOWN_GROUPS])
    more = f", and {len(worst) - SHOWN_GROUPS} more groups" if len(worst) > SHOWN_GROUPS else ""
    return (
        f"{name} loses {row.lost_share:.1%} of the characters ({row.lost:,} of {row.visible:,})"
        + (f": {where}{more}" if where else "")
        + f"; do not use it for {_those(row)}"
    )


def _those(row: PieceCount) -> str:
    return "this text" if row.texts == 1 else f"these {row.texts:,} texts"


def _chosen(
    best: PieceCount, names: Sequence[str], others: Sequence[PieceCount], *, alone: bool, dropped: bool
) -> str:
    """Say which tokenizer to use, and what it spares against the others."""
    name, texts = names[best.tokenizer], _those(best)
    needs = f"{best.tokens_per_word or 0.0:.2f} tokens a word"
    if not others:
        return f"Nothing to change: {name} loses no character of {texts} and needs {needs}; no other was compared"
    against = min(others, key=lambda row: row.tokens)
    spared = 1 - best.tokens / against.tokens if against.tokens else 0.0
    told = f"{against.tokens_per_word or 0.0:.2f} of {names[against.tokenizer]}"
    if alone:
        return f"Use {name} for {texts}: none of the others may be used; it needs {needs} against {told}"
    if spared < LEAST_SPARED and dropped:
        either = f"{name} or {names[against.tokenizer]}"
        return f"Use {either} for {texts}: {name} needs {needs}, {told}: less than {LEAST_SPARED:.0%} apart"
    if spared < LEAST_SPARED:
        return f"Nothing to change: {name} needs {needs}, {told}: less than {LEAST_SPARED:.0%} apart on {texts}"
    return f"Use {name} for {texts}: it needs {needs} against {told}, {spared:.0%} fewer tokens"


def names_of(tokenizers: Sequence[Vocabulary]) -> list[str]:
    """Return a name for each tokenizer: the last parts of its path that tell it from the others."""
    full = [t.name.rstrip("/").split("/") for t in tokenizers]
    for parts in range(1, max(map(len, full)) + 1):
        short = ["/".join(name[-parts:]) for name in full]
        if len(set(short)) == len(short):
            return short
    return [f"{'/'.join(name)} ({number})" for number, name in enumerate(full, start=1)]


def _numbers(row: PieceCount, config: Counted) -> dict[str, float | None]:
    """Return what is counted of one tokenizer; a ratio of nothing is None."""
    found: dict[str, float | None] = {
        "tokens": row.tokens,
        "with_special": row.with_special,
        "characters_per_token": _rounded(row.characters_per_token),
        "tokens_per_word": _rounded(row.tokens_per_word),
        "unknown_share": _rounded(row.unknown_share),
        "lossless_share": row.lossless / row.texts,
        "lossless_but_for_case": row.folded / row.texts,
        "special_in_text": row.special,
    }
    if config.price_per_million is not None:
        found["cost_per_1000_texts"] = row.cost_per_1000_texts(config.price_per_million)
    if row.tokenizer < len(config.published):
        found["published"] = config.published[row.tokenizer]
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _compared(whole: Sequence[PieceCount], names: Sequence[str], config: Counted) -> Table:
    told = {
        "tokens": "tokens", "with_special": "with special tokens", "characters_per_token": "characters per token",
        "tokens_per_word": "tokens per word", "unknown_share": "unknown", "lossless_share": "restored exactly",
        "lossless_but_for_case": "restored except case and spaces", "special_in_text": "special tokens in the text",
        "cost_per_1000_texts": "cost of 1,000 texts", "published": "published",
    }  # fmt: skip
    numbers = [_numbers(row, config) for row in whole]
    shares = ("unknown_share", "lossless_share", "lossless_but_for_case")
    keys = list(dict.fromkeys(key for given in numbers for key in given))
    rows = [
        (name, *("" if (v := given.get(k)) is None else f"{v:.1%}" if k in shares else f"{v:,.4g}" for k in keys))
        for name, given in zip(names, numbers, strict=True)
    ]
    note = "A word is a run of characters without spaces. Special tokens in a text are read as text."
    return Table("Compared", ("tokenizer", *(told[k] for k in keys)), rows, note)


def _groups(rows: Sequence[PieceCount], names: Sequence[str]) -> list[Table]:
    """Return tokens a text and characters a token, a row for each group and a column for each tokenizer."""
    groups = list(dict.fromkeys(row.group for row in rows if row.group))
    if not groups:
        return []
    known = {(row.group, row.tokenizer): row for row in rows}
    cells = [[known[group, number] for number in range(len(names))] for group in groups]
    each = [
        (
            g,
            mine[0].texts,
            *(f"{c.tokens_per_text:,.1f}" + (f", {c.unknown} unknown" if c.unknown else "") for c in mine),
        )
        for g, mine in zip(groups, cells, strict=True)
    ]
    dense = [
        (g, *("" if c.characters_per_token is None else f"{c.characters_per_token:.2f}" for c in mine))
        for g, mine in zip(groups, cells, strict=True)
    ]
    return [
        Table(
            "Tokens per text, by group",
            ("group", "texts", *names),
            each,
            "More tokens for the same text cost more time and money.",
        ),
        Table("Characters per token, by group", ("group", *names), dense),
    ]


def _fits(fits: Sequence[TokenizerFit], names: Sequence[str], model: str | None) -> list[Table]:
    rows = [(n, f.verdict, f.evidence, f.vocabulary, f.table, f.reason) for n, f in zip(names, fits, strict=False)]
    columns = ("tokenizer", "verdict", "by", "tokens", "rows of the table", "why")
    return [Table(f"Fit with {model}", columns, rows)] if rows else []


def _texts(documents: DocumentsRef, pieces: PiecesRef, names: Sequence[str], config: Counted) -> list[dict[str, Any]]:
    """Return the texts that are shown, each with its coloured pieces by tokenizer."""
    shown = objects.rows_at(documents, Document, range(min(config.shown, documents.rows)))
    rows: dict[tuple[int, int], list[Piece]] = {}
    for piece in objects.load_rows(pieces, Piece):
        rows.setdefault((piece.text, piece.tokenizer), []).append(piece)
    return [
        {
            "title": document.meta.get("group") or document.title or document.id,
            "cut": len(document.text) > config.shown_characters,
            "by": [
                (name, [
                    (p.shown, f"{p.token} = {p.id}", "unknown" if p.unknown else f"p{at % COLOURS}")
                    for at, p in enumerate(rows.get((text, number), []))
                ])
                for number, name in enumerate(names)
            ],
        }
        for text, document in shown.items()
    ]  # fmt: skip
