from pathlib import Path
from typing import Any

import pytest

from configs import signatures
from configs.flows import KnowledgeBase, RagAnswers
from configs.ingest import PythonDocs
from configs.signatures import FlowCard, flow_cards

HEAD = "from prefect import flow\nfrom configs.flows import RagAnswers as Settings\nfrom typing import Literal\n\n"


@pytest.fixture
def card_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that reads the card of a flow written on the spot."""
    monkeypatch.setattr(signatures, "FLOWS", tmp_path)

    def read(arguments: str, doc: str = "Do it.") -> FlowCard:
        text = f'{HEAD}def preflight() -> None:\n    pass\n\n@flow(log_prints=True, name="made-up")\n'
        text += f'def made_up({arguments}) -> None:\n    """{doc}"""\n'
        (tmp_path / "made_up.py").write_text(text, "utf-8")
        return flow_cards()["made-up"]

    return read


def test_the_flows_are_listed_in_alphabetical_order_with_one_line_each() -> None:
    cards = flow_cards()
    assert list(cards) == sorted(cards)
    assert cards["rag-answers"].line.startswith("Answer a question with sentences of a collection")
    assert {card.name: card.module for card in cards.values()} == {name: name.replace("-", "_") for name in cards}


def test_each_parameter_has_the_help_of_its_docstring() -> None:
    assert flow_cards()["rag-answers"].help["question"].startswith("What to ask, in plain language;")


def test_parameters_have_the_types_and_defaults_of_the_signature() -> None:
    model = flow_cards()["knowledge-base"].parameters()
    assert list(model.model_fields) == ["source", "collection", "config"]
    assert model.model_fields["source"].default == PythonDocs()
    assert model.model_fields["config"].default == KnowledgeBase()
    assert model.model_fields["collection"].annotation == (str | None)


def test_a_call_with_an_unknown_parameter_is_refused() -> None:
    model = flow_cards()["rag-answers"].parameters()
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        model.model_validate({"question": "x", "colour": "red"})


def test_the_presets_of_a_flow_are_the_yaml_files_of_its_folder(
    card_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "PRESETS", tmp_path)
    card = card_of("a: int")
    assert card.presets == []
    (tmp_path / "made_up").mkdir()
    for name in ("slow.yaml", "quick.yaml", "notes.txt"):
        (tmp_path / "made_up" / name).write_text("", "utf-8")
    assert card.presets == ["quick", "slow"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a: int = 3", int),
        ("a: str | None = None", str | None),
        ("a: list[str] = ['x']", list[str]),
        ("a: dict[str, int] = {}", dict[str, int]),
        ("a: tuple[str, int] = ('x', 1)", tuple[str, int]),
        ("a: Settings = Settings()", RagAnswers),
        ("a: int | str | None = None", int | str | None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_annotation_is_read_as_python_would(card_of: Any, written: str, expected: Any) -> None:
    assert card_of(written).parameters().model_fields["a"].annotation == expected


def test_a_default_is_read_as_python_would(card_of: Any) -> None:
    fields = card_of("a: int, b: list[str] = ['x', 'y'], c: int = -3").parameters().model_fields
    assert [fields[n].is_required() for n in "abc"] == [True, False, False]
    assert (fields["b"].default, fields["c"].default) == (["x", "y"], -3)


@pytest.mark.parametrize(
    ("written", "shown"), [("a", "not at all"), ("a: 'str'", "'str'"), ("a: not_imported.Thing", "not_imported.Thing")]
)
def test_an_annotation_that_no_form_can_show_is_refused(card_of: Any, written: str, shown: str) -> None:
    with pytest.raises(TypeError, match=f"a flow's parameter is annotated {shown}, which forms cannot show"):
        card_of(written).parameters()


def test_a_default_that_runs_code_is_not_run(card_of: Any) -> None:
    with pytest.raises(ValueError, match="malformed node or string"):
        card_of("a: str = __import__('os').getcwd()").parameters()


def test_help_that_goes_over_several_lines_is_joined_and_other_sections_are_left_out(card_of: Any) -> None:
    arguments = "    Args:\n        a: First\n            and more.\n        b: Second.\n"
    card = card_of("a: int, b: int", f"Do it.\n\n{arguments}\n    Returns:\n        c: no\n    ")
    assert card.help == {"a": "First and more.", "b": "Second."}


def test_a_file_without_a_flow_and_one_that_starts_with_an_underscore_have_no_card(
    card_of: Any, tmp_path: Path
) -> None:
    card_of("a: int")
    (tmp_path / "plain.py").write_text("@staticmethod\ndef no_flow() -> None:\n    pass\n", "utf-8")
    (tmp_path / "__main__.py").write_text('@flow(name="hidden")\ndef hidden() -> None:\n    pass\n', "utf-8")
    assert list(flow_cards()) == ["made-up"]
