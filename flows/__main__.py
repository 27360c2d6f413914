"""The launcher.

    python -m flows                                  list the flows
    python -m flows FLOW [@preset ...] [name=value ...]   run one
    python -m flows FLOW --help [NAME | all]         its fields; one of them, or all, at length
    python -m flows FLOW ... --show | --plan         its resolved call | what would run
    python -m flows models                           models that need no hub, and whether they are here
    python -m flows models add NAME                  fetch one and check it
    python -m flows models use tuned:NAME@NUMBER     put one that was trained here live
    python -m flows models export tuned:NAME FOLDER  copy one into a folder, with a card, or into a .gguf file
    python -m flows collections                      what has been built
    python -m flows collections history NAME         its generations and runs that are kept, and their page
    python -m flows collections rollback NAME [generation=N]   make an earlier one live again
    python -m flows collections export NAME FILE|s3://BUCKET/KEY   write one into a file
    python -m flows collections import FILE|s3://BUCKET/KEY [name=NAME]   take it from there
    python -m flows store show | prune | check       what it takes on disk
    python -m flows store prune days=30 gb=20 --plan   what would go by age and size; without --plan it goes
    python -m flows store backup FILE|s3://BUCKET/KEY   the workspace and its databases, while they are in use
    python -m flows store restore FILE|s3://BUCKET/KEY   put it into an empty workspace
    python -m flows store keys                       which modules decide the key of each step
    python -m flows book                             replay the book's stories: what it printed, what comes out here
    python -m flows book STORY ... only=4,8          some of them, by name, group (training, long, hub) or chapter
    python -m flows book ... --plan                  which would run, and what the others need

Lists by reading files; Prefect is imported only to run. A short summary for people goes to standard output, its last
line is one JSON object, logs go to standard error. Exit status: 0 completed, 1 failed, 2 the call was wrong, 130
interrupted.
"""

import atexit
import contextlib
import errno
import gc
import logging
import os
import shutil
import sys
from collections.abc import Iterable

from configs.resolve import WrongCall, card_of, resolve
from configs.signatures import FlowCard, flow_cards

COMMANDS = ("models", "collections", "store", "book")
OPTIONS = ("--help", "--show", "--plan")  # each in this one spelling


def main(words: list[str]) -> int:
    """Run a command line; return its exit status."""
    if sys.getfilesystemencoding() != "utf-8":  # Arrow and FAISS know paths in no other encoding
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "flows", *words])  # noqa: S606
    try:
        status = _main(words)
        sys.stdout.flush()
        return status
    except WrongCall as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a list, `| head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:
        what = f"{error.filename or 'a file'} may not be read or changed ({error.strerror})"
        print(f"{what}; give yourself the right to it, or name another place", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"what was to be printed cannot be written: {error.strerror}; make room and run again", file=sys.stderr)
        return 1


def _main(words: list[str]) -> int:
    cards = flow_cards()
    option, names = _split(words)
    if not names:
        if option not in (None, "--help"):
            raise WrongCall(f"{option} needs the name of a flow; python -m flows lists them")
        return _list(cards, at_length=option is not None)
    if names[0] in COMMANDS:
        return _keep_house(names, option)
    card = card_of(names[0], COMMANDS)
    if option == "--help":
        return _help(card, words[words.index("--help") + 1 :])
    call = resolve(card, names[1:])
    if option == "--show":
        print(call.model_dump_json(indent=2))
        return 0

    from tasks.launch import run

    return run.plan(card, call) if option == "--plan" else run.run(card, call)


def _split(words: list[str]) -> tuple[str | None, list[str]]:
    """Return the option of a call, and its other words."""
    given = sorted({w for w in words if w.startswith("-")})
    unknown = [w for w in given if w not in OPTIONS]
    if unknown:
        raise WrongCall(f"{unknown[0]!r} is no option; there are {', '.join(OPTIONS)}")
    if len(given) > 1:
        raise WrongCall(f"{' and '.join(given)} do not go together; give one of them")
    return (given[0] if given else None), [w for w in words if not w.startswith("-")]


def _list(cards: dict[str, FlowCard], at_length: bool) -> int:
    from configs import help as words_of

    _print(words_of.listing(cards.values(), _width()))
    print()
    if at_length:
        _print(words_of.usage(__doc__ or "", _width()))
    else:
        print("python -m flows FLOW --help tells more; also: models, collections, store, book")
    return 0


def _keep_house(names: list[str], option: str | None) -> int:
    if option == "--help":
        from configs import help as words_of

        _print(words_of.usage(__doc__ or "", _width(), f" {names[0]}"))
        return 0
    planned = names[0] == "book" or names[:2] == ["store", "prune"]
    if option is not None and not planned:
        raise WrongCall(f"{option} is for flows; {names[0]} has --help alone")
    if option not in (None, "--plan"):
        raise WrongCall(f"{option} is for flows; {' '.join(names[:2])} has --help and --plan")
    if names[0] == "book":
        from tasks.launch import book

        return book.main(names[1:], plan=option == "--plan")

    from tasks.launch import housekeeping, models

    gc.enable()
    return models.main(names) if names[0] == "models" else housekeeping.main(names, dry=option == "--plan")


def _help(card: FlowCard, named: list[str]) -> int:
    """Print the overview of a flow, or the place that is named behind `--help`."""
    from configs import help as words_of

    if len(named) > 1:
        raise WrongCall(
            f"--help opens one name, not {len(named)}: {' '.join(named)}; the name of a flow stands before it"
        )
    if not named:
        _print(words_of.overview(card, _width()))
    elif named == ["all"]:
        _print(words_of.everything(card, _width()))
    else:
        _print(words_of.opened(card, named[0], _width()))
    return 0


def _width() -> int:
    """Return the columns to print in: those of the terminal, 100 at most."""
    return max(40, min(100, shutil.get_terminal_size((100, 24)).columns))


def _print(lines: Iterable[str]) -> None:
    print("\n".join(lines))


def _end_at_once(ended: list[int]) -> None:
    """Leave with the status of what has ended; to take thousands of modules apart first took a second or two."""
    if ended:
        logging.shutdown()
        with contextlib.suppress(OSError):  # `main` has said what of it matters
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(ended[0])


if __name__ == "__main__":
    gc.disable()  # what is imported stays: to look through it for garbage took a sixth of the time of imports
    status: list[int] = []
    atexit.register(_end_at_once, status)  # the first is run last, when threads and all other handlers have ended
    status.append(main(sys.argv[1:]))
    sys.exit(status[0])
