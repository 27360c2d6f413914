import pytest

from configs.chain import Anything, Check, Choices, Contains, Pattern, Schema
from tasks.chain.checks import check_text, response_format_of, usable
from tasks.chain.link import run_link
from tasks.data.chains import Output
from tasks.data.messages import ResponseFormat
from tasks.errors import ContractError
from tasks.text.prompts import parse_template, read_template
from tests.tasks.chain.scripted import Scripted, when

TITLE = parse_template("title", "# user\nTitle for {question}")
REPAIR = read_template("repair")
PERSON = '{"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}'
DEEP = "[" * 2_000 + "]" * 2_000


def test_every_problem_is_asked_in_one_call_and_a_lost_one_is_passed_over() -> None:
    model = Scripted(when("sea", " The Tide "), when("wood", "The Oak"))
    outputs, calls = run_link(
        TITLE, [{"question": "sea"}, None, {"question": "wood"}], replies=model, check=Anything(), repair=None
    )
    assert outputs == [
        Output("The Tide", ""), Output("", "an earlier step has no valid output"), Output("The Oak", "")
    ]  # fmt: skip
    assert [t.problem for t in calls] == [0, 2]
    assert calls[0].prompt == "# user\nTitle for sea"


def test_what_fails_its_check_is_asked_for_once_more_with_what_was_wrong() -> None:
    model = Scripted(when("cannot be used: it is none of yes, no", "No."), when("Title", "perhaps"))
    outputs, calls = run_link(
        TITLE, [{"question": "x"}], replies=model, check=Choices(choices=("yes", "no")), repair=REPAIR
    )
    assert outputs == [Output("no", "")]
    assert [(t.what, t.reply, bool(t.wrong)) for t in calls] == [("reply", "perhaps", True), ("repair", "No.", False)]
    assert [m.role for m in model.asked[-1].messages] == ["user", "assistant", "user"]
    assert model.asked[0].response_format == ResponseFormat("choice", choices=("yes", "no"))


def test_after_one_repair_the_output_is_shown_and_no_third_is_paid_for() -> None:
    model = Scripted(lambda last, request: "perhaps")
    outputs, calls = run_link(
        TITLE, [{"question": "x"}], replies=model, check=Choices(choices=("yes", "no")), repair=REPAIR
    )
    assert outputs == [Output("", "it is none of yes, no: 'perhaps'")]
    assert len(calls) == len(model.asked) == 2


@pytest.mark.parametrize(
    ("text", "check", "wrong"),
    [
        ("  ", Anything(), "it is empty"),
        ('{"age": 3}', Schema(text=PERSON), ""),
        ('```json\n{"age": 3}\n```', Schema(text=PERSON), ""),
        ('{"age": -3}', Schema(text=PERSON), "age: -3 is less than the minimum of 0"),
        ('{"age": NaN}', Schema(text=PERSON), "it is not JSON (NaN is not a JSON number)"),
        ("{}", Schema(text=PERSON), "it: 'age' is a required property"),
        (DEEP, Schema(text=PERSON), "it is nested deeper than 60"),
        ("YES.", Choices(choices=("yes", "no")), ""),
        ("2024-05-01", Pattern(pattern=r"\d{4}-\d\d-\d\d"), ""),
        ("on 2024-05-01", Pattern(pattern=r"\d{4}"), r"it does not match \d{4}"),
        ("I screeged it", Contains(words=("Screeg", "sword")), "it does not contain sword"),
    ],
)
def test_an_output_is_checked(text: str, check: Check, wrong: str) -> None:
    verdict = check_text(text, check)
    assert verdict.wrong == wrong
    assert bool(verdict.text) == (not wrong)


@pytest.mark.parametrize(
    ("check", "response_format"),
    [
        (Schema(text="{}"), ResponseFormat("schema", text="{}")),
        (Pattern(pattern="a+"), ResponseFormat("regex", text="a+")),
        (Contains(words=("a",)), None),
        (Anything(), None),
    ],
)
def test_what_can_be_enforced_is_asked_for(check: Check, response_format: ResponseFormat | None) -> None:
    assert response_format_of(check) == response_format


@pytest.mark.parametrize("check", [Schema(text="{"), Schema(text='{"type": 3}'), Pattern(pattern="(")])
def test_a_check_that_cannot_be_used_is_refused_before_anything_is_paid(check: Check) -> None:
    with pytest.raises(ContractError, match="the check of step 'a' cannot be used"):
        usable(check, "step 'a'")
