"""Render chat templates in a process of their own, whose time, memory and output are bounded.

A template is a program that comes with a model: it may loop for ever, or make gigabytes of one character. Started by
`chat_template.render_turns` as a script, it loads jinja2 alone. The environment is that of transformers 5
(`utils/chat_template_utils.py`), for messages that are plain data.

A line of standard input is `{template, values, most, seconds}`, of standard output `{text}` or `{error}`.
"""

import datetime
import functools
import json
import resource
import signal
import sys
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY = 1 << 30  # bytes


class _Marked(Extension):
    """The tag that marks what an assistant said: it changes nothing of the text."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        return jinja2.nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class _Namespace(jinja2.utils.Namespace):
    """A namespace without names that begin with an underscore."""

    def __init__(*args: Any, **named: Any) -> None:
        made, *given = args
        attributes = dict(*given, **named)
        for name in attributes:
            _require_plain(name)
        jinja2.utils.Namespace.__init__(made, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _require_plain(name)
        super().__setitem__(name, value)


def _require_plain(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace of a chat template cannot hold {name!r}")


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: Any) -> None:
    raise jinja2.TemplateError(str(message))


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Marked, loopcontrols])
    made.filters["tojson"] = _to_json
    made.globals["raise_exception"] = _refuse
    made.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    made.globals["dict"] = lambda *given, **named: dict(*given, **named)
    made.globals["namespace"] = _Namespace
    return made


@functools.lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    return _environment().from_string(template)


def _rendered(template: str, values: dict[str, Any], most: int) -> dict[str, str]:
    parts, size = [], 0
    try:
        for part in _compiled(template).generate(**values):
            size += len(part)
            if size > most:
                return {"error": f"it writes over {most:,} characters"}
            parts.append(part)
    except MemoryError:
        parts.clear()
        return {"error": f"it takes over {MEMORY >> 20:,} MB of memory"}
    except Exception as error:
        return {"error": " ".join(str(error).split())[:300] or type(error).__name__}
    return {"text": "".join(parts)}


def main() -> None:
    """Answer lines until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this ends it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + asked.pop("seconds"), most))
        answer = json.dumps(_rendered(**asked))
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
