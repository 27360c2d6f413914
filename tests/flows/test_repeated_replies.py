"""A reply that says the same over and over is said so in the result, as a metric and on the page."""

from pathlib import Path

import pytest

from configs.chain import ChainStep, Parts, Steps, Vote
from configs.flows import ChatSession, PromptChain
from configs.generators import LocalModel, ModelServer, Sampling
from flows.chat_session import chat_session
from flows.prompt_chain import prompt_chain
from tasks.errors import ContractError
from tests.tasks.models import language_models
from tests.tasks.models.chat_server import served

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]
PROMPTS = (("title", "story-title"), ("character", "story-character"), ("story", "story-text"))
STORY = Steps(name="story", steps=tuple(ChainStep(name=name, prompt=prompt) for name, prompt in PROMPTS))


def test_a_conversation_says_which_replies_repeat_themselves(workspace: Path) -> None:
    with served() as server:
        server.say = lambda body: "No! " * 80 if body["messages"][-1]["content"] == "Well?" else "Yes."
        config = ChatSession(generator=ModelServer(base_url=server.base_url, model="small"))
        made = chat_session(messages=["Well?", "And now?"], config=config)
    assert (made.result["reply 1"], made.result["repeated"], made.result["truncated"]) == ("No! No!", 1, 0)
    assert made.result["sampling"] == "greedy"
    counted = {name: value for name, value in made.metrics.items() if name.endswith(".repeated")}
    assert list(counted.values()) == [1, 0], counted
    page = Path(made.report).read_text("utf-8")
    assert page.count("the reply says the same over and over") == 1
    assert "<td>repetition</td>" in page


def test_a_chain_says_which_replies_repeat_themselves_and_how_they_were_drawn(workspace: Path) -> None:
    folder = language_models.save_looping(workspace / "looping", "The lamp", " baker said\u00e3 no.")
    folder = language_models.state_sampling(folder, do_sample=True, temperature=0.01, top_p=0.9)
    model = LocalModel(model=str(folder), precision="fp32")
    config = PromptChain(methods=(STORY, Vote(samples=2)), generator=model, sampling=Sampling(max_tokens=128))
    made = prompt_chain(question="a lighthouse", config=config)
    assert made.result["story.title"] == "The lamp baker said\u00e3 no. baker said\u00e3 no."
    assert (made.result["repeated"], made.result["truncated"]) == (5, 0)
    own = "temperature 0.01, top_p 0.9 (the model's own)"
    votes = "temperature 0.7; top_p 0.9 (the model's own)"
    assert made.result["sampling"] == " | ".join(
        [*(f"story.{name}: {own}" for name in ("title", "character", "story")), f"self-consistency.answer: {votes}"]
    )
    assert made.metrics["chain-link.story.title.repeated"] == 1
    page = Path(made.report).read_text("utf-8")
    assert "stopped by repetition" in page
    assert "replies that repeat themselves" in page
    explicit = config.model_copy(update={"sampling": Sampling(max_tokens=128, temperature=0.01, top_p=0.9)})
    again = prompt_chain(question="a lighthouse", config=explicit)
    assert again.tasks["run"] == 0  # what the model states and what is asked for are one


def test_what_the_model_cannot_be_asked_for_is_refused_before_any_work(workspace: Path) -> None:
    server = ModelServer(base_url="http://localhost:1/v1", model="m")
    penalty = Sampling(repetition_penalty=1.1)
    with pytest.raises(ContractError, match="OpenAI's protocol has no such setting"):
        prompt_chain(question="x", config=PromptChain(generator=server, sampling=penalty, methods=(Parts(),)))
    with pytest.raises(ContractError, match="OpenAI's protocol has no such setting"):
        chat_session(messages=["x"], config=ChatSession(generator=server, sampling=penalty))
