"""Every step of an agent is valid whatever the weights: a model made on the spot, weights drawn, at temperature 1."""

import json
import re
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from configs.chat import Agent
from configs.generators import LocalModel
from tasks.chat.actions import Allowed, answer_pattern, read_step, step_format
from tasks.chat.calculator import LONGEST, calculate, pattern_of
from tasks.chat.memory import MemoryModel
from tasks.chat.react import Acted, Caps, Toolbox, act
from tasks.chat.tools import Tool, calculator_tool, search_tool
from tasks.data.messages import Message, Replies, Reply, Request
from tasks.data.sampling import ResolvedSampling
from tasks.errors import ContractError
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.text.figures import numbers_in
from tasks.text.numbers import unsupported
from tests.tasks.models import language_models

MESSAGES = [
    "What is 2,249 times 0.85?", "How much is 18 percent of 2,350?", "Six friends share 93.", "Hello!",
    "It was -3 at 22:10 on 2024-05-01, in room B2.",
]  # fmt: skip
DRAWS = 2
TOOLS = {
    "calculator": calculator_tool(),
    "search": search_tool(lambda asked: [f"[guide] The mill of 1742 has {len(asked)} wheels."]),
    "plate": Tool(lambda plate: plate, "a number plate", pattern=lambda numbers: "[A-Z]{2}-[0-9]{4}"),
}
CAPS = Caps(max_steps=3, max_seconds=600, max_tokens=100_000, reply=72, prompt_budget=3_000, shown=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_causal(tmp_path_factory.mktemp("agent"), context=4_096)


def drawn(folder: Path, seed: int, kept: list[tuple[Request, Reply]]) -> MemoryModel:
    """Return a model that draws its replies, and keeps what it was asked with what it said."""
    config = LocalModel(model=str(folder), precision="fp32", batch_size=4)
    sampling = ResolvedSampling(temperature=1.0, max_tokens=CAPS.reply, seed=seed)
    ask: Replies = client.replies(generators.describe(config), sampling, config, use_cache=False, fix=False)

    def replies(requests: list[Request]) -> list[Reply]:
        made = ask(requests)
        kept.extend(zip(requests, made, strict=True))
        return made

    return MemoryModel(replies, lambda messages: sum(len(m.content) // 2 for m in messages))  # type: ignore[arg-type]


def converse(folder: Path, agent: Agent) -> tuple[list[Acted], list[tuple[Request, Reply]]]:
    kept: list[tuple[Request, Reply]] = []
    box = Toolbox(TOOLS, "observation-1", agent)
    made = [
        act([Message("user", message)], box, CAPS, drawn(folder, seed, kept))
        for message in MESSAGES
        for seed in range(DRAWS)
    ]
    return made, kept


@pytest.mark.slow
@pytest.mark.parametrize(
    "agent",
    [
        Agent(examples=1, thought=20),
        pytest.param(Agent(examples=0, thought=0, tool_choice="required"), marks=pytest.mark.long),
    ],
)
def test_every_call_is_valid_and_every_message_is_answered(folder: Path, agent: Agent) -> None:
    made, kept = converse(folder, agent)
    for request, reply in kept:
        assert request.response_format is not None
        jsonschema.validate(json.loads(reply.text), json.loads(request.response_format.text))
        assert read_step(reply.text, "constrained") is not None
    for acted in made:
        assert acted.finish in {"stop", "steps"} or acted.finish == acted.heard[-1].finish
    assert all(acted.text for acted in made)
    calls = [call for acted in made for call in acted.calls]
    assert {call.tool for call in calls} == set(TOOLS)  # each can come
    for call in calls:
        assert re.fullmatch(TOOLS[call.tool].pattern(()), call.given) or call.tool == "calculator"
        assert not call.wrong or "divides by zero" in call.result or "more than 60 digits" in call.result


@pytest.mark.slow
def test_numbers_of_answers_and_calls_are_given_ones_and_a_calculation_is_stated(folder: Path) -> None:
    made, _ = converse(folder, Agent(examples=0, thought=0, tool_choice="required"))
    assert all(acted.unsupported == () for acted in made)
    for message, acted in zip((m for m in MESSAGES for _ in range(DRAWS)), made, strict=True):
        first = [call for call in acted.calls[:1] if call.tool == "calculator" and numbers_in(message)]
        assert all(call.unsupported == () for call in first)
        if acted.calls[-1].tool == "calculator" and not acted.calls[-1].wrong:
            assert numbers_in(acted.calls[-1].result)[-1] in numbers_in(acted.text)


@pytest.mark.parametrize("given", ["-0.07", "-1,204.5", "-3", "-.5"])
def test_a_number_keeps_its_minus_in_every_spelling(given: str) -> None:
    pattern = answer_pattern((f"The result is {given}",), "")
    assert re.fullmatch(pattern, f"It is {given}")
    assert not re.fullmatch(pattern, f"It is {given.removeprefix('-')}")


GIVEN = st.lists(
    st.one_of(
        st.integers(0, 10**7).map(str), st.integers(1_000, 10**7).map("{:,}".format),
        st.decimals(0, 1_000, places=2).map(str), st.integers(1, 200).map("{}%".format),
    ), max_size=4,
)  # fmt: skip


def computed(expression: str) -> str:
    """Return the result of an expression, or why there is none."""
    try:
        return calculate(expression)
    except ContractError as error:
        return str(error)


@pytest.mark.slow
@given(st.data(), GIVEN)
def test_whatever_the_grammar_of_the_calculator_allows_its_parser_takes(
    data: st.DataObject, numbers: list[str]
) -> None:
    expression = data.draw(st.from_regex(pattern_of(numbers), fullmatch=True))
    assume(len(expression) <= LONGEST)
    assert re.fullmatch(r"(?:about )?-?[0-9.e+-]+|.*(?:divides by zero|more than 60 digits).*", computed(expression))


def test_a_calculation_holds_given_numbers_alone_and_a_percentage_keeps_its_sign() -> None:
    pattern = re.compile(pattern_of(["2,249", "15%", "3"]))
    for expression in ["2,249 - 15%", "15% of 2,249", "(2,249 + 3) * 15%", "2,249 ** 3"]:
        assert pattern.fullmatch(expression)
    for expression in ["2249 - 15%", "2,249 - 15", "2,249", "2,249 * 4", "2,249 ** 15%", "2,249 - 3)", "3 ** 2,249"]:
        assert not pattern.fullmatch(expression)
    assert re.fullmatch(pattern_of([]), "31337 * 2.5")  # where none is given, any


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        ("It is 1,911.65.", True), ("It is 1911.65, of 2,249 (less 15%)", True), ("1911.65", True),
        ("\"1911.65\" is what\nthe 2249 become; A4 too", True), ("It is 1911.", False), ("It is 2,249.", False),
        ("It is 11911.65", False), ("It is -1911.65", False), ("It is 1911.65 or 7", False), ("", False),
    ],
)  # fmt: skip
def test_an_answer_holds_given_numbers_alone_and_states_the_result(answer: str, allowed: bool) -> None:
    sources = ["What is 2,249 less 15%, on A4?", "1911.65"]
    assert bool(re.fullmatch(answer_pattern(sources, "1911.65"), answer)) is allowed


TEXTS = st.lists(st.text("0123456789.,-% aB€(:", max_size=30), min_size=1, max_size=3)


@pytest.mark.slow
@given(st.data(), TEXTS)
def test_no_answer_of_the_grammar_holds_a_number_that_is_not_given(data: st.DataObject, sources: list[str]) -> None:
    answer = data.draw(st.from_regex(answer_pattern(sources, ""), fullmatch=True))
    assert unsupported(answer, sources) == ()


def test_every_step_that_is_known_has_the_form_and_is_read() -> None:
    asked = Allowed(TOOLS, True, ("What is 5% of 60?",), "-3", 20)
    form = step_format(asked)
    for text in form.known:
        jsonschema.validate(json.loads(text), json.loads(form.text))
        assert read_step(text, "constrained") is not None
    assert [json.loads(text).get("tool", "answer") for text in form.known] == ["calculator", "search", "answer"]


def test_a_tool_of_any_name_and_an_answer_are_told_apart() -> None:
    tools = {"answer": Tool(lambda given: given, "echoes")}
    stated = json.loads(step_format(Allowed(tools, True, None, "", 0)).text)
    assert [list(form["properties"]) for form in stated["anyOf"]] == [["tool", "input"], ["answer"]]
    step = read_step('{"tool": "answer", "input": "x"}', "constrained")
    assert step is not None
    assert (step.tool, step.given, step.answer) == ("answer", "x", None)
    assert Decimal(calculate("18% of 2,350")) == Decimal(423)
