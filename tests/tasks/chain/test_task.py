import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.chain import Approach, ChainStep, Choices, Parts, SmallModel, Steps, Tree, Vote
from configs.flows import PromptChain
from configs.generators import LocalModel
from flows.prompt_chain import methods_of, preflight, run_method
from tasks.chain import make_small, make_small_handle, take_problems
from tasks.data.chains import MethodRun, MethodsJudged, ModelCall, Output, Problem, ProblemsRef
from tasks.data.documents import Document, DocumentsRef
from tasks.data.messages import Generator, Message, Request, ResponseFormat
from tasks.data.prompts import GeneratorHandle
from tasks.errors import ContractError, DataError
from tasks.evaluate import evaluate_replies
from tasks.models.generators import client
from tasks.report import prompt_chain
from tasks.runtime import steps
from tasks.store import objects
from tests.tasks.chain.scripted import Scripted, when

MODEL = LocalModel(model="scripted")
VOICE = GeneratorHandle(
    generator=Generator(kind="transformers", model="scripted", revision="r", weights="w"), config=MODEL
)
STORY = Steps(
    name="story",
    steps=tuple(
        ChainStep(name=name, prompt=prompt)
        for name, prompt in (("title", "story-title"), ("character", "story-character"), ("story", "story-text"))
    ),
)

pytestmark = pytest.mark.usefixtures("home", "without_prefect")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """Return a scripted model that stands in for any other; its replies depend on the prompt alone."""
    scripted = Scripted(
        when("Create a title", "The Long Night"),
        when("Describe the main", "Mia waits."),
        when("Create a story", "Once."),
        when("next single step", "Take 20 away"),
        when("How likely", "8"),
        lambda last, request: "The answer is 9",
    )
    monkeypatch.setattr(client, "replies", lambda *args, **kwargs: scripted)
    return scripted


def run(method: Approach, question: str = "a lighthouse") -> MethodRun:
    config = PromptChain(methods=(method,), generator=MODEL)
    return run_method(method, take_problems(question, None, None), {MODEL: VOICE}, config)


def text_of(done: MethodRun) -> str:
    return objects.load_rows(done.answers, Output)[0].text


def test_each_output_fills_the_prompts_after_it(model: Scripted) -> None:
    done = run(STORY)
    assert [one.name for one in done.steps] == ["title", "character", "story"]
    assert text_of(done) == "Once."
    last = model.asked[-1].messages[-1].content
    assert all(words in last for words in ("a lighthouse", "The Long Night", "Mia waits."))


def test_a_chain_that_was_cut_off_pays_for_what_is_missing_only(model: Scripted) -> None:
    def broken(last: str, request: Request) -> str | None:
        if "Create a story" in last:
            raise KeyboardInterrupt
        return None

    rules, model.rules = model.rules, (broken, *model.rules)
    with pytest.raises(KeyboardInterrupt):
        run(STORY)
    assert len(model.asked) == 3
    model.rules = rules
    model.asked.clear()
    assert text_of(run(STORY)) == "Once."
    assert len(model.asked) == 1
    run(STORY)
    assert len(model.asked) == 1


def test_a_changed_prompt_reruns_its_step_and_what_follows_only(model: Scripted, tmp_path: Path) -> None:
    run(STORY)
    model.asked.clear()
    own = tmp_path / "character.md"
    own.write_text("# user\nDescribe the main character of {title}.\n", "utf-8")
    character = STORY.steps[1].model_copy(update={"prompt": str(own)})
    model.rules = (when("Describe the main character of The", "Ben runs."), *model.rules)
    run(STORY.model_copy(update={"steps": (STORY.steps[0], character, STORY.steps[2])}))
    assert [request.messages[-1].content.split()[0] for request in model.asked] == ["Describe", "Create"]
    assert "Ben runs." in model.asked[-1].messages[-1].content


def test_a_changed_prompt_that_gives_the_same_output_reruns_nothing_after_it(model: Scripted, tmp_path: Path) -> None:
    run(STORY)
    model.asked.clear()
    own = tmp_path / "title.md"
    own.write_text("# user\nCreate a title, please, for {question}.\n", "utf-8")
    run(STORY.model_copy(update={"steps": (STORY.steps[0].model_copy(update={"prompt": str(own)}), *STORY.steps[1:])}))
    assert len(model.asked) == 1


def test_a_step_that_fails_its_check_shows_the_output_and_keeps_the_steps_before_it(model: Scripted) -> None:
    check = Choices(choices=("yes", "no"))
    failing = STORY.model_copy(update={"steps": (STORY.steps[0], STORY.steps[1].model_copy(update={"check": check}))})
    words = (
        "'story-character' has no valid output for 1 of 1 questions, first: it is none of yes, no: 'The answer is 9'"
    )
    with pytest.raises(DataError, match=words):
        run(failing)
    model.asked.clear()
    run(STORY)
    assert len(model.asked) == 2  # the title is kept


def test_votes_trees_and_parts_answer_too(model: Scripted) -> None:
    assert text_of(run(Vote(samples=3))) == "9"
    tree = run(Tree(breadth=1, depth=1, proposals=2))
    assert text_of(tree) == "9"
    assert tree.steps[0].linked.thoughts is not None
    assert text_of(run(Parts(without=("persona",)))) == "The answer is 9"


def test_an_ablation_is_the_prompt_whole_and_once_without_each_part() -> None:
    config = PromptChain(methods=(Parts(name="sum", ablate=True, without=("tone",)),), generator=MODEL)
    assert [method.name for method in methods_of(config)] == [
        "sum", "sum-no-persona", "sum-no-instruction", "sum-no-context", "sum-no-format", "sum-no-audience",
        "sum-no-data",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "questions", "methods", "words"),
    [
        (None, None, (STORY,), "neither question nor questions is given"),
        ("x", "y", (STORY,), "both question and questions are given"),
        (" ", None, (STORY,), "the question is empty"),
        ("x", None, (STORY, STORY), "named story, story but each needs a name of its own"),
        (
            "x",
            None,
            (Steps(steps=(ChainStep(name="a", prompt="story-text"),)),),
            r"place \{character\} but only question",
        ),
        ("x", None, (Steps(steps=(STORY.steps[0], STORY.steps[0])),), "the name 'title' twice"),
        ("x", None, (Vote(prompt="tree-think"),), r"place \{thoughts\}"),
        ("x", None, (Parts(prompt="direct", without=("tone",)),), "has no part 'tone'"),
    ],
    ids=["nothing", "both", "empty", "names", "places", "twice", "vote", "parts"],
)
def test_a_call_that_cannot_work_is_refused_before_any_model_is_looked_for(
    question: str | None, questions: str | None, methods: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(ContractError, match=words):
        preflight(question, questions, PromptChain(methods=methods, generator=MODEL))


@pytest.fixture
def judged(model: Scripted, tmp_path: Path) -> tuple[ProblemsRef, list[MethodRun], MethodsJudged]:
    """Return eight questions, three methods and how they compare; every answer of the model is 9."""
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(f'{{"question": "q{n} <b>", "answer": "#### 9"}}\n' for n in range(8)), "utf-8")
    problems = take_problems(None, str(path), None)
    direct = Steps(name="direct", steps=(ChainStep(name="answer", prompt="direct"),))
    methods = (direct, Vote(samples=2), Tree(breadth=1, depth=1, proposals=2))
    config = PromptChain(methods=methods, generator=MODEL)
    runs = [run_method(method, problems, {MODEL: VOICE}, config) for method in methods]
    return problems, runs, evaluate_replies(problems, runs, "number")


def test_methods_that_answer_alike_are_not_ranked_and_their_tokens_are_told(
    judged: tuple[ProblemsRef, list[MethodRun], MethodsJudged],
) -> None:
    summary = prompt_chain.chain_summary(*judged)
    assert summary["verdict"] == "8 questions do not separate these methods: no ranking"
    assert summary["exact match"]["direct"] == summary["exact match"]["self-consistency"]
    assert summary["exact match"]["direct"]["low"] < 0.7
    calls = [t for done in judged[1] for one in done.steps for t in objects.load_rows(one.linked.calls, ModelCall)]
    assert summary["prompt_tokens"] == sum(t.prompt_tokens for t in calls)


def test_the_page_shows_prompts_replies_and_states_as_text(
    judged: tuple[ProblemsRef, list[MethodRun], MethodsJudged], shown: Callable[..., str]
) -> None:
    text = shown(prompt_chain.chain_page, *judged, [VOICE])
    assert "Take 20 away" in text
    assert "q0 &lt;b&gt;" in text
    assert "<b>\n" not in text
    assert judged[1][0].steps[0].template.digest[:16] in text
    assert "no ranking" in text


@pytest.fixture
def shown() -> Callable[..., str]:
    """Return what writes a page outside a flow, and gives its text."""
    from tasks.runtime import mlflow_run, tracking

    def write(page: Callable[..., Path], *args: Any) -> str:
        with steps.watch() as finished:
            run = tracking.Run("test-flow", "", mlflow_run.MlflowRun(unreachable=True), finished)
            return page(run, *args).read_text("utf-8")

    return write


def test_a_small_model_is_made_in_seconds_and_keeps_to_a_form() -> None:
    texts = ["Return evenly spaced numbers over an interval. The array is copied."] * 40
    rows = [Document(f"d{n}", text, "t", "s", "p", 1) for n, text in enumerate(texts)]
    made = make_small(objects.save_rows(DocumentsRef, Document, rows), SmallModel(steps=3, width=16, layers=1))
    handle = make_small_handle(made)
    from configs.generators import Sampling

    ask = client.replies(handle.generator, Sampling(max_tokens=8), handle.config)
    request = Request((Message("user", "yes or no?"),), ResponseFormat("choice", choices=("yes", "no")))
    (reply,) = ask([request])
    assert reply.text in ("yes", "no")
    assert reply.prompt_tokens > 3


def table(tmp_path: Path, *answers: object) -> str:
    path = tmp_path / "asked.jsonl"
    rows = [{"question": f"q{n}"} | ({} if a is None else {"answer": a}) for n, a in enumerate(answers)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [("a few", "holds no number"), ("1/2", "holds several numbers"), ("60 minutes (3600 s)", "holds several numbers")],
)
def test_an_answer_that_is_not_one_number_is_refused_before_anything_is_asked(
    answer: str, said: str, tmp_path: Path, model: Scripted
) -> None:
    config = PromptChain.model_validate({"generator": MODEL, "asking": {"answer": "number"}})
    with pytest.raises(DataError, match=f"asked.jsonl:2 has the answer .*{said}"):
        preflight(questions=table(tmp_path, "4", answer), config=config)
    assert not model.asked


def test_a_number_of_json_is_compared_as_people_write_it_and_a_worked_answer_by_its_end(tmp_path: Path) -> None:
    path = table(tmp_path, 5.0, 2.5, "3 + 4 = 7 #### 7", None)
    problems = objects.load_rows(take_problems(None, path, None, "number"), Problem)
    assert [problem.answer for problem in problems] == ["5", "2.5", "7", ""]


def test_questions_that_are_not_asked_or_not_judged_are_counted(tmp_path: Path, model: Scripted) -> None:
    path = table(tmp_path, "9", None, "9", "8")
    problems = take_problems(None, path, 3)
    runs = [run_method(Vote(name="votes", samples=3), problems, {MODEL: VOICE}, PromptChain(generator=MODEL))]
    summary = prompt_chain.chain_summary(problems, runs, evaluate_replies.fn(problems, runs, "text"), 4)
    assert (summary["questions"], summary["questions beyond asking.limit"]) == (3, 1)
    assert summary["questions without an answer"] == 1
    assert summary["exact match"]["votes"]["n"] == 2
