"""Tasks of `evaluate` that judge replies of a model: methods, and answers with and without passages."""

from configs.chain import AnswerKind
from configs.evaluate import Evaluate
from tasks.data.answers import Answer, AnswersRef
from tasks.data.chains import MethodRun, MethodsJudged, ModelCall, Output, Problem, ProblemsRef
from tasks.data.evaluation import Question, QuestionsRef
from tasks.evaluate.task_measures import save_measures
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="evaluate-replies", libraries=("scipy",))
def evaluate_replies(problems: ProblemsRef, runs: list[MethodRun], kind: AnswerKind) -> MethodsJudged:
    """Say how often methods answer right, and which of them differ by more than chance.

    Args:
        problems: Questions; those whose answer is not known judge nothing.
        runs: Methods and what they gave for these questions.
        kind: How an answer is read from a reply.
    """
    from tasks.evaluate.replies import judge_methods

    asked = objects.load_rows(problems, Problem)
    replies = {run.name: [output.text for output in objects.load_rows(run.answers, Output)] for run in runs}
    tokens = {
        run.name: sum(
            told.prompt_tokens + told.completion_tokens
            for one in run.steps
            for told in objects.load_rows(one.linked.calls, ModelCall)
        )
        for run in runs
    }
    measures, verdict, apart = judge_methods([p.answer for p in asked], replies, tokens, kind)
    return MethodsJudged(measures=save_measures("methods", measures), verdict=verdict, told_apart=apart)


@step(name="evaluate-open-book", libraries=("numpy",))
def evaluate_open_book(
    questions: QuestionsRef, open_book: AnswersRef, closed_book: AnswersRef, config: Evaluate
) -> MethodsJudged:
    """Compare answers of one model from passages with its answers without, question by question."""
    from tasks.evaluate.open_book import compare_closed_book

    ours, theirs = ([Answer.model_validate(a) for a in objects.load_json(ref)] for ref in (open_book, closed_book))
    measures, verdict, apart = compare_closed_book(objects.load_rows(questions, Question), ours, theirs, config)
    return MethodsJudged(measures=save_measures("answers", measures), verdict=verdict, told_apart=apart)
