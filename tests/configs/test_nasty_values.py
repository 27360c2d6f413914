"""Whatever a field is set to, a call is taken or refused in one line: a table of nasty values, over all fields."""

import pytest

from configs import resolve as resolving
from configs.resolve import WrongCall, fields_of, resolve
from configs.signatures import FlowCard, flow_cards

DIGITS, DEEP = "7" * 5_000, 3_000
NASTY = (
    "~nosuchuser/x", "@~nosuchuser/x", "@/", "x\udce9y", '"\\ud800"', '["\\ud800"]', '{"\\ud800": 1}', DIGITS,
    f"[{DIGITS}]", "1e999", "[NaN]", "null", "{}", "[" * DEEP, '{"a":' * DEEP, "http://a..b/v1", "http://[1", "\x00",
    f"http://{'a' * 70}.b", "http://h:99999", "http://u:secret@h/v1", '["http://u:secret@h/v1"]', "a\nb", "", "@@",
    '{"kind": ["x"]}', '[{"kind": {}}]',
)  # fmt: skip
SHORT = ("answer-lineage", "chat-session")  # the others hold the same kinds of fields, and many of them
OTHERS = sorted({*flow_cards()} - {*SHORT})


def hold(card: FlowCard, name: str, value: str) -> None:
    """Assert that a field takes a value so that it can be printed and stored, or refuses it in one line."""
    said = ""
    try:
        resolve(card, [f"{name}={value}"]).model_dump_json().encode()
    except WrongCall as error:
        said = str(error).strip()
    assert "\n" not in said
    assert "secret" not in said
    assert len(said) < 1_500


@pytest.mark.parametrize("flow", SHORT)
def test_a_nasty_value_is_taken_or_refused_in_one_line(flow: str) -> None:
    card = flow_cards()[flow]
    names = [name for name, *_ in fields_of(card.parameters())]
    for at, value in enumerate(NASTY):
        for name in names[at % 8 :: 8]:  # every field, and every value with many of them
            hold(card, name, value)


@pytest.mark.long
@pytest.mark.parametrize("flow", OTHERS)
def test_a_nasty_value_is_taken_or_refused_in_one_line_by_every_flow(flow: str) -> None:
    card = flow_cards()[flow]
    for at, (name, *_) in enumerate(fields_of(card.parameters())):
        for value in NASTY[at % 3 :: 3]:
            hold(card, name, value)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".b", "-a.b", ".".join(["abc"] * 70), "a!b"])
def test_a_host_that_no_name_can_be_is_refused(host: str) -> None:
    words = ["generator.kind=server", "generator.model=m", f"generator.base_url=http://{host}/v1"]
    with pytest.raises(WrongCall, match=r"base_url is .* but: .* is no name of a host"):
        resolve(flow_cards()["chat-session"], words)


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1:80", "[::1]:8000", "my_box.example.org.", "xn--bcher-kva.de"])
def test_a_host_that_can_be_one_is_taken(host: str) -> None:
    words = ["messages=[]", "generator.kind=server", "generator.model=m", f"generator.base_url=http://{host}/v1"]
    assert resolve(flow_cards()["chat-session"], words)


@pytest.mark.parametrize(
    "address", ["http://me:geheim@host/v1", "http://host/v1?api_key=geheim", "http://host/#geheim"]
)
def test_a_secret_in_an_address_is_not_printed(address: str) -> None:
    words = ["generator.kind=server", "generator.model=m", f"generator.base_url={address}"]
    with pytest.raises(WrongCall, match=r"\[hidden\]") as caught:
        resolve(flow_cards()["chat-session"], words)
    assert "geheim" not in str(caught.value)


def test_a_list_that_has_no_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "LONGEST_LIST", 1000)
    with pytest.raises(WrongCall, match=r"queries=@/dev/zero has more than 1,000 bytes"):
        resolve(flow_cards()["semantic-search"], ["collection=a", "queries=@/dev/zero"])
