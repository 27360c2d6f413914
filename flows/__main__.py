"""The launcher.

    python -m flows                                  list the flows
    python -m flows FLOW [@preset ...] [name=value ...]   run one
    python -m flows FLOW --help | --show | --plan    its fields | its resolved call | what would run
    python -m flows collections                      what has been built
    python -m flows collections history NAME         the generations of a collection that are kept
    python -m flows collections rollback NAME [generation=N]   make an earlier one live again
    python -m flows store show | prune | check       what it takes on disk
    python -m flows store keys                       which modules decide the key of each step

Lists by reading files; Prefect is imported only to run. A short summary for people goes to standard output, its last
line is one JSON object, logs go to standard error. Exit status: 0 completed, 1 failed, 2 the call was wrong, 130
interrupted.
"""

import os
import sys

from configs.resolve import WrongCall, fields_of, resolve
from configs.signatures import FlowCard, flow_cards


def main(words: list[str]) -> int:
    """Run a command line; return its exit status."""
    if sys.getfilesystemencoding() != "utf-8":  # Arrow and FAISS know paths in no other encoding
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "flows", *words])  # noqa: S606
    try:
        return _main(words)
    except WrongCall as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a list, `| head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _main(words: list[str]) -> int:
    cards = flow_cards()
    options = {w for w in words if w.startswith("-")}
    names = [w for w in words if w not in options]
    if not names:
        return _list(cards)
    if names[0] in ("collections", "store"):
        from tasks.launch import housekeeping

        return housekeeping.main(names)
    card = cards.get(names[0])
    if card is None:
        raise WrongCall(
            f"there is no flow or command {names[0]!r}; there are: {', '.join([*cards, 'collections', 'store'])}"
        )
    if options & {"--help", "-h"}:
        return _help(card)
    unknown = options - {"--show", "--plan"}
    if unknown:
        raise WrongCall(f"{sorted(unknown)[0]!r} is no option; there are --help, --show, --plan")
    call = resolve(card, names[1:])
    if "--show" in options:
        print(call.model_dump_json(indent=2))
        return 0

    from tasks.launch import run

    return run.plan(card, call) if "--plan" in options else run.run(card, call)


def _list(cards: dict[str, FlowCard]) -> int:
    for card in cards.values():
        print(f"{card.name:18} {card.line}\n{'':18} {' '.join('@' + p for p in card.presets)}")
    print("\npython -m flows FLOW --help for its fields; collections and store are commands too")
    return 0


def _help(card: FlowCard) -> int:
    print(f"{card.name}: {card.line}\npresets: {' '.join('@' + p for p in card.presets)}\n")
    model = card.parameters()
    for name, words in card.help.items():
        if name != "config":
            print(f"{name}\n    {words}")
    for name, _, default, words in fields_of(model):
        if "." in name:
            shown = "" if default is ... or "PydanticUndefined" in repr(default) else f" = {default!r}"
            print(f"{name.removeprefix('config.')}{shown}\n    {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
