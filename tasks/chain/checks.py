"""What the output of a step must be: checked where it is used, whatever was enforced while it was written.

Source: JSON Schema, draft 2020-12, through the library jsonschema.
"""

import json
import re
from dataclasses import dataclass
from typing import assert_never

from configs.chain import Anything, Check, Choices, Contains, Pattern, Schema
from tasks.data.messages import ResponseFormat
from tasks.errors import ContractError
from tasks.text.json_schema import validator

FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*)\n\s*```\s*\Z", re.DOTALL)
SHOWN = 300
DEEPEST = 60  # nesting of brackets that is read


@dataclass(frozen=True, slots=True)
class CheckResult:
    """An output as later steps read it, and what is wrong with it; one of both is empty."""

    text: str
    wrong: str


def response_format_of(check: Check) -> ResponseFormat | None:
    """Return the form a generator is asked to keep to; None where it may write anything."""
    match check:
        case Schema():
            return ResponseFormat("schema", text=check.text)
        case Choices():
            return ResponseFormat("choice", choices=check.choices)
        case Pattern():
            return ResponseFormat("regex", text=check.pattern)
        case Anything() | Contains():
            return None
        case _:
            assert_never(check)


def check_text(text: str, check: Check) -> CheckResult:
    """Check an output; spaces around it go, and the marks of code around JSON."""
    bare = text.strip()
    match check:
        case Anything():
            return _verdict(bare, "" if bare else "it is empty")
        case Schema():
            return _follows(bare, check.text)
        case Choices():
            known = {choice.casefold(): choice for choice in check.choices}
            found = known.get(bare.strip(" .\"'").casefold())
            return _verdict(found or bare, "" if found else f"it is none of {', '.join(check.choices)}")
        case Pattern():
            return _verdict(bare, "" if re.fullmatch(check.pattern, bare) else f"it does not match {check.pattern}")
        case Contains():
            missing = [word for word in check.words if word.casefold() not in bare.casefold()]
            return _verdict(
                bare, f"it does not contain {', '.join(missing)}" if missing else "" if bare else "it is empty"
            )
        case _:
            assert_never(check)


def usable(check: Check, where: str) -> None:
    """Check a check before anything is paid for.

    Raises:
        ContractError: Its schema or pattern cannot be read.
    """
    try:
        if isinstance(check, Schema):
            validator(check.text)
        elif isinstance(check, Pattern):
            re.compile(check.pattern)
    except (ValueError, re.error, RecursionError) as error:
        reason = str(error).partition("\n")[0][:SHOWN]
        raise ContractError(f"the check of {where} cannot be used ({reason}); correct it") from error


def _verdict(text: str, wrong: str) -> CheckResult:
    return CheckResult("" if wrong else text, wrong)


def _follows(text: str, schema: str) -> CheckResult:
    """Check JSON against a schema; return it in one way of writing."""
    fenced = FENCE.match(text)
    bare = fenced[1] if fenced else text
    if _depth(bare) > DEEPEST:
        return CheckResult("", f"it is nested deeper than {DEEPEST}")
    try:
        value = json.loads(bare, parse_constant=_no_constant)
    except ValueError as error:
        return CheckResult("", f"it is not JSON ({error})")
    try:
        broken = next(iter(sorted(validator(schema).iter_errors(value), key=lambda e: list(map(str, e.path)))), None)
    except RecursionError:
        return CheckResult("", "it goes round and round the schema's references")
    if broken is not None:
        place = "/".join(map(str, broken.absolute_path)) or "it"
        return CheckResult("", f"{place}: {broken.message[:SHOWN]}")
    return CheckResult(json.dumps(value, ensure_ascii=False), "")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest
