import json
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import pytest

from configs.chat import Agent, Automatic, Buffer, ChatPrompt, Summary
from configs.flows import ChatSession
from configs.generators import LocalModel, ModelServer, Sampling
from flows.chat_session import preflight, take
from tasks.chat import (
    keep_conversation,
    load_conversation,
    open_conversation,
    read_settings,
    registered_tools,
    task,
    tools_for,
)
from tasks.chat.tools import described, registered_tool
from tasks.data.chats import ConversationRef
from tasks.data.messages import Generator, Message
from tasks.data.prompts import GeneratorHandle
from tasks.errors import ContractError, StoreError
from tasks.models.generators import client
from tasks.models.generators.client import message_counter
from tasks.report import chat_session
from tasks.runtime import mlflow_run, steps, tracking
from tasks.store import objects
from tests.tasks.chain.scripted import Scripted, when

MODEL = LocalModel(model="scripted")
HANDLE = GeneratorHandle(
    generator=Generator(kind="transformers", model="scripted", revision="r", weights="w"), config=MODEL
)

pytestmark = pytest.mark.usefixtures("home", "without_prefect")


def count(messages: Sequence[Message]) -> int:
    return sum(2 + len(message.content.split()) for message in messages)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """Return a scripted model that stands in for any other."""
    scripted = Scripted(
        when("my name?", "Ada."), when("1911.65", '{"answer":"It is 1,911.65, and 7 more."}'),
        when("0.85", '{"tool":"calculator","input":"2,249 x 0.85"}'), lambda last, request: "I see <b>you</b>.",
    )  # fmt: skip
    monkeypatch.setattr(client, "replies", lambda *args, **kwargs: scripted)
    monkeypatch.setattr(task, "message_counter", lambda config: count)
    return scripted


def converse(
    messages: Sequence[str], conversation: ConversationRef | None = None, agent: Agent | None = None
) -> ConversationRef:
    config = ChatSession(memory=Automatic(budget=10_000), agent=agent, generator=MODEL)
    settings = read_settings(config.memory, agent, config.chat_prompt)
    conversation = conversation or open_conversation(None)
    for message in messages:
        conversation = take(conversation, message, HANDLE, settings, None, config)
    return conversation


def test_a_conversation_that_was_cut_off_pays_for_its_missing_turns_only(model: Scripted) -> None:
    converse(["I am Ada.", "It rains."])
    model.asked.clear()
    conversation = converse(["I am Ada.", "It rains.", "What is my name?"])
    assert len(model.asked) == 1
    assert [turn.reply for turn in load_conversation(conversation).turns][-1] == "Ada."


def test_a_named_conversation_is_continued(model: Scripted) -> None:
    keep_conversation("ada", converse(["I am Ada."]), open_conversation("ada"))
    conversation = converse(["What is my name?"], open_conversation("ada"))
    assert [turn.message for turn in load_conversation(conversation).turns] == ["I am Ada.", "What is my name?"]
    assert load_conversation(open_conversation("other")).turns == ()
    sent = [message.content for message in model.asked[-1].messages]
    assert sent == ["I am Ada.", "I see <b>you</b>.", "What is my name?"]


def test_the_second_of_two_runs_of_one_conversation_loses_no_turn(model: Scripted) -> None:
    before = open_conversation("ada")
    one, two = converse(["I am Ada."], before), converse(["It rains."], before)
    assert keep_conversation("ada", one, before) == "ada"
    own = keep_conversation("ada", two, before)
    assert own is not None
    assert own.startswith("ada-")
    assert (open_conversation("ada"), open_conversation(own)) == (one, two)
    assert keep_conversation("ada", one, before) == "ada"  # the same again


def test_a_damaged_conversation_says_how_to_go_on(model: Scripted, home: Path) -> None:
    kept = converse(["I am Ada."])
    keep_conversation("ada", kept, open_conversation("ada"))
    objects.forget(kept)
    with pytest.raises(StoreError, match=r"go on under another name, or remove .*ada.json to begin anew"):
        open_conversation("ada")
    (home / "conversations" / "ada.json").write_bytes(b"{}")
    with pytest.raises(StoreError, match="go on under another name"):
        open_conversation("ada")
    assert keep_conversation("ada", converse(["It rains."]), kept) != "ada"


@pytest.mark.parametrize("name", ["../x", "Ada", "", "a/b", "x" * 65])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match="needs small letters"):
        open_conversation(name)


def test_an_agent_reckons_and_the_number_it_adds_is_flagged(model: Scripted) -> None:
    (turn,) = load_conversation(converse(["How much is 2,249 x 0.85?"], agent=Agent())).turns
    assert (turn.reply, turn.unsupported) == ("It is 1,911.65, and 7 more.", ("7",))
    assert [(call.tool, call.result) for call in turn.calls] == [("calculator", "1911.65")]
    assert "calculator: exact arithmetic" in model.asked[0].messages[0].content  # the tools are explained
    assert turn.examples == 3
    before = len(model.asked)
    converse(["How much is 2,249 x 0.85?"], agent=Agent())
    assert len(model.asked) == before + 2  # asked again here; the reply cache, which this script is not, would know


def test_tools_of_installed_packages_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("shout", "builtins:ascii", "llm_flows.tools")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point] if group == "llm_flows.tools" else [])
    assert list(registered_tools()) == ["shout"]
    tools = tools_for(Agent(tools=("shout", "search")), lambda given: "found")
    assert {name: tool.use("a") for name, tool in tools.items()} == {"shout": "'a'", "search": "found"}


def test_a_tool_whose_examples_or_pattern_cannot_be_read_is_refused() -> None:
    for wrong in ({"examples": [("too", "few")]}, {"pattern": "(unclosed"}):
        with pytest.raises(ContractError, match=r"tool 'plates' has examples or a pattern that cannot be read"):
            registered_tool("plates", used(**wrong))


def test_a_tool_of_a_package_brings_its_own_examples_and_pattern() -> None:
    """It may say how it is called, beside what it does."""
    known = [("Whose is B-1?", "B-1", "Ada's", "It is Ada's.", "I look it up.")]
    tool = registered_tool("plates", used(pattern="[A-Z]-[0-9]", examples=known))
    assert (tool.about, tool.pattern(()), tool.examples[0].answer) == (
        "Say whose it is",
        "[A-Z]-[0-9]",
        "It is Ada's.",
    )
    assert described({"plates": tool}) == "plates: Say whose it is, as B-1"


def used(**said: object) -> Callable[[str], str]:
    def owner(given: str) -> str:
        """Say whose it is."""
        return given

    for name, value in said.items():
        setattr(owner, name, value)
    return owner


@pytest.mark.parametrize(
    ("messages", "change", "words"),
    [
        ([], {}, "messages has 0 entries"),
        (["a", " "], {}, "messages has 2 entries"),
        (["a"], {"agent": Agent(tools=("abacus",))}, "there is no tool 'abacus'; there are calculator, search"),
        (["a"], {"memory": Summary(prompt="direct")}, r"place \{question\}"),
        (["a"], {"chat_prompt": ChatPrompt(prompt="nowhere")}, "there is no prompt 'nowhere'"),
    ],
    ids=["none", "empty", "tool", "summary", "prompt"],
)
def test_a_call_that_cannot_work_is_refused_before_any_model_is_looked_for(
    messages: list[str], change: dict[str, object], words: str
) -> None:
    with pytest.raises(ContractError, match=words):
        preflight(messages, None, ChatSession(generator=MODEL).model_copy(update=change))


def test_a_reply_that_leaves_no_room_for_a_prompt_is_refused(model: Scripted) -> None:
    settings = read_settings(Buffer(), None, ChatPrompt(context=256))
    with pytest.raises(ContractError, match=r"reads 256 tokens but sampling\.max_tokens is 256"):
        task.chat_turn(open_conversation(None), "x", HANDLE, Sampling(), settings)


def test_tokens_of_a_server_are_guessed_from_above() -> None:
    guess = message_counter(ModelServer(base_url="http://localhost:1/v1", model="m"))
    assert guess([Message("user", "How are you today?")]) >= 6
    assert guess([Message("user", "\u4f60\u597d")]) >= 3


def test_the_page_shows_the_transcript_as_text(model: Scripted) -> None:
    conversation = converse(["<script>alert(1)</script>", "How much is 2,249 x 0.85?"], agent=Agent(max_steps=2))
    with steps.watch() as finished:
        run = tracking.Run("test-flow", "", mlflow_run.MlflowRun(unreachable=True), finished)
        text = Path(chat_session.chat_page(run, conversation, 0, "ada", HANDLE)).read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in text
    assert "unsupported numbers: 7" in text
    assert "no reply: stopped by the limit on steps" in text
    summary = chat_session.chat_summary(conversation, 1, "ada")
    assert (summary["turns"], summary["unsupported_numbers"], summary["tool_calls"]) == (1, 1, 1)
    json.dumps(summary)
