"""What the output of a step must be: checked where it is used, whatever was enforced while it was written.

Source: JSON Schema, draft 2020-12, through the library jsonschema.
"""

import re
from dataclasses import dataclass
from typing import assert_never

from configs.chain import Anything, Check, Choices, Contains, Pattern, Schema
from tasks.data.messages import ResponseFormat
from tasks.errors import ContractError
from tasks.text.json_schema import read_json, validator

SHOWN = 300


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
            read = read_json(bare, check.text)
            return CheckResult(read.text, read.detail)
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
