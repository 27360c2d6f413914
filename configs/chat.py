"""How a conversation is remembered, and which tools it may use."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, Tabs


class Buffer(Config):
    """Remember every turn; the oldest are omitted from a prompt where they do not fit."""

    kind: Literal["buffer"] = "buffer"


class Window(Config):
    """Remember the last turns word for word."""

    kind: Literal["window"] = "window"
    turns: int = Field(5, ge=1, le=1_000)
    """Turns remembered, each a message and its reply."""


class Summary(Config):
    """Remember the last turns word for word, and a summary of those before."""

    kind: Literal["summary"] = "summary"
    recent: int = Field(2, ge=0, le=100)
    """Turns remembered word for word."""
    share: float = Field(1 / 3, gt=0, le=1)
    """Tokens of the summary at most, as a share of those of the turns it stands for."""
    prompt: str = "chat-summary"
    """Prompt that updates a summary, with {summary}, {turns} and {words}."""


class Automatic(Config):
    """Remember every turn until a number of tokens, from then on a summary."""

    kind: Literal["automatic"] = "automatic"
    budget: Annotated[int, Common] = Field(1_024, ge=16, le=10_000_000)
    """Tokens of all turns above which a summary takes their place."""
    summary: Summary = Summary()
    """The summary."""


Memory = Annotated[Buffer | Window | Summary | Automatic, Field(discriminator="kind"), Tabs]


class Agent(Config):
    """Let the model use tools, step by step (ReAct), within caps."""

    tools: tuple[str, ...] = Field(("calculator",), min_length=1)
    """calculator, search, or names that installed packages have registered as entry points of `llm_flows.tools`."""
    collection: str | None = None
    """Collection that search looks in; left out, the only one there is."""
    hits: int = Field(3, ge=1, le=20)
    """Passages a search gives."""
    tool_calls: Literal["constrained", "free"] = "constrained"
    """constrained: a grammar lets the model write nothing but a valid call or the answer. free: it writes as it likes,
    and what is no call is told so; for servers that take no JSON Schema."""
    tool_choice: Literal["auto", "required"] = "auto"
    """Whether the model may answer at once, or must call a tool first. Constrained calls alone."""
    numbers: Literal["given", "any"] = "given"
    """given: the numbers of inputs and answers are those of messages and results, and number words; what needs another
    (60 minutes, the mean of three) cannot be written. any: all numbers, and those not given are flagged. Constrained
    calls alone."""
    thought: int = Field(0, ge=0, le=2_000)
    """Characters of the thought before a call; 0 for none. It more than doubles the tokens of a call."""
    examples: int = Field(3, ge=0, le=20)
    """Examples of each tool before the conversation, those most like the message; fewer where they do not fit."""
    withhold: bool = True
    """Withhold from the model what follows the first order to a model in a passage of a result; it is shown on the
    page."""
    prompt: str | None = None
    """Prompt that explains the tools, with {tools}, {mark} and {thought}; left out, chat-agent, or chat-agent-free
    where calls are free."""
    max_steps: int = Field(6, ge=1, le=100)
    """Calls of a tool a message may take."""
    max_seconds: float = Field(120.0, gt=0, le=86_400)
    """Seconds after which no further step is begun."""
    max_tokens: int = Field(8_192, ge=64, le=10_000_000)
    """Tokens a message may take, prompts and replies of all its steps together; no step begins that could pass it."""
    shown: int = Field(2_000, ge=50, le=100_000)
    """Characters of a tool's result that are read."""


class ChatPrompt(Config):
    """What stands around a conversation."""

    prompt: str = "chat"
    """Prompt that opens it; its system message is put before every turn."""
    context: int = Field(4_096, ge=64, le=10_000_000)
    """Tokens of prompt and reply together, where the model itself does not say; a smaller one of the model counts."""
    wait_s: int = Field(3_600, ge=5, le=604_800)
    """Seconds to wait for the next message from the Prefect UI, after which the conversation ends."""
