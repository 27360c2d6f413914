"""What a tool is: what it does, what its input looks like, and calls of it that show a model the form.

A tool of an installed package is a function of a text. It may carry `examples`, tuples of question, input, result,
answer and thought, and `pattern`, a regular expression that all of its input matches.
Source: examples most like the question, the most alike last, are those of Liu et al. 2022, arXiv:2101.06804.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tasks.chat import calculator
from tasks.errors import ContractError
from tasks.text.sentences import words

Use = Callable[[str], str | Sequence[str]]
DIGITS = re.compile(r"[\d.,]*\d")
LINE = r"[^\s\x00-\x1f](?:[^\x00-\x1f]*[^\s\x00-\x1f])?"  # one line of text, not blank
LONGEST = 200  # characters of an input


@dataclass(frozen=True, slots=True)
class Example:
    """A question that a tool answers.

    Attributes:
        question: What a user asks.
        given: Input of the call.
        result: What it gives.
        answer: The final answer.
        thought: What leads to the call.
    """

    question: str
    given: str
    result: str
    answer: str
    thought: str


@dataclass(frozen=True, slots=True)
class Tool:
    """What can be called.

    Attributes:
        use: Gives a result, or its passages one by one.
        about: What it does, in a line.
        examples: Calls of it.
        pattern: Returns the regular expression of its input, from the numbers that are given.
        stated: Whether the answer after it must state its result.
    """

    use: Use
    about: str
    examples: tuple[Example, ...] = ()
    pattern: Callable[[Sequence[str]], str] = lambda numbers: LINE
    stated: bool = False


def calculator_tool() -> Tool:
    """Return the calculator."""
    examples = tuple(
        Example(question, given, result := calculator.calculate(given), answer.format(result), thought)
        for question, given, answer, thought in calculator.EXAMPLES
    )
    about = "exact arithmetic on numbers and percentages with + - * / and parentheses"
    return Tool(calculator.calculate, about, examples, calculator.pattern_of, stated=True)


def search_tool(search: Use) -> Tool:
    """Return the search in a collection."""
    examples = (
        Example("Who painted the mill?", "painter of the mill", "[guide] Ada Brook painted the old mill.",
                "Ada Brook painted it.", "The collection may say who painted the mill."),
        Example("When does the ferry leave?", "ferry departure time", "[harbour] The ferry leaves at 7:15 each day.",
                "It leaves at 7:15.", "The collection may say when the ferry leaves."),
    )  # fmt: skip
    return Tool(search, "passages of the collection about some words", examples)


def registered_tool(name: str, use: Use) -> Tool:
    """Return a tool of an installed package.

    Raises:
        ContractError: Its examples or its pattern cannot be read.
    """
    said = (use.__doc__ or "registered by an installed package").strip().splitlines()[0].rstrip(".")
    try:
        examples = tuple(Example(*map(str, example)) for example in getattr(use, "examples", ()))
        pattern = str(getattr(use, "pattern", LINE))
        re.compile(pattern)
    except (TypeError, re.error) as error:
        raise ContractError(
            f"tool {name!r} has examples or a pattern that cannot be read ({error}); an example is question, input, "
            "result, answer, thought, a pattern is a regular expression"
        ) from error
    return Tool(use, said, examples, lambda numbers: pattern)


def described(tools: Mapping[str, Tool]) -> str:
    """Return a line about each tool, for the prompt."""
    lines = (f"{name}: {tool.about}" for name, tool in tools.items())
    inputs = (f", as {tool.examples[0].given}" if tool.examples else "" for tool in tools.values())
    return "\n".join(map("".join, zip(lines, inputs, strict=True)))


def examples_for(message: str, tools: Mapping[str, Tool], most: int) -> list[tuple[str, Example]]:
    """Return the examples of each tool whose questions are most like a message, with its name; the most alike last."""
    chosen: list[tuple[float, str, Example]] = []
    for name, tool in tools.items():
        rated = [(_alike(message, example.question), name, example) for example in tool.examples]
        chosen += sorted(rated, key=lambda one: -one[0])[:most]
    return [(name, example) for _, name, example in sorted(chosen, key=lambda one: one[0])]


def _alike(one: str, other: str) -> float:
    """Return the share of words that two questions have in common; any number is as good as another."""
    ours, theirs = (set(words(DIGITS.sub("0", text.replace("%", " percent")))) for text in (one, other))
    return len(ours & theirs) / max(1, len(ours | theirs))
