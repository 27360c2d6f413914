"""Lineage of answers: from an answer back to its documents and files, or from a document to the answers that cite it.

Here:          python -m flows answer-lineage answer=FLOW_RUN_ID
A document:    python -m flows answer-lineage document=harbour.txt
On a worker:   prefect deployment run 'answer-lineage/answer-lineage' -p document="harbour.txt"
"""

from prefect import flow

from configs.flows import AnswerLineage
from tasks.data.lineage import GivenAnswers
from tasks.data.run import Outcome
from tasks.errors import ContractError
from tasks.lineage import answers_given, follow_citations, live_versions
from tasks.report.answer_lineage import Followed, lineage_page, lineage_summary
from tasks.report.names import named
from tasks.runtime import steps, tracking


def preflight(answer: str | None = None, document: str | None = None, config: AnswerLineage = AnswerLineage()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: Both an answer and a document are named, or there is no such answer.
    """
    if answer is not None and document is not None:
        raise ContractError(
            f"answer is {answer!r} and document is {document!r} but one of them was needed; leave one out"
        )
    answers_given(answer, document)


def follow(given: list[GivenAnswers], document: str | None) -> list[Followed]:
    """Follow the citations of answers, all of them or those of one document."""
    found = []
    for number, made in enumerate(given, start=1):
        with steps.label(f"answer-{number}"):
            trails = follow_citations(made.answers, made.sentences, made.documents, made.snapshot).trails
        found.append(Followed(made, [t for t in trails if document is None or t.document == document]))
    return found


@flow(name="answer-lineage", flow_run_name=named("document", "answer"))
def answer_lineage(
    answer: str | None = None, document: str | None = None, config: AnswerLineage = AnswerLineage()
) -> Outcome:
    """Follow an answer back to the documents and files it rests on, or a document to the answers that cite it.

    Args:
        answer: Flow run that gave the answer, or six or more characters of the digest of its answers; left out, with
            no document either, the newest answer of the workspace.
        document: Id of a document; every answer that cited it is listed, with the version it cited.
        config: How many answers to follow.
    """
    with tracking.run("answer-lineage", config, answer=answer, document=document) as run:
        preflight(answer, document, config)
        given = answers_given(answer, document)
        if answer is None and document is None:
            given = given[:1]
        followed = follow(given[: config.limit], document)
        cited = {trail.document for one in followed for trail in one.trails} | ({document} if document else set())
        live = {name: live_versions(name) for name in sorted(cited)}
        steps.log_metrics("lineage", answers=len(given), citations=sum(len(one.trails) for one in followed))
        result = lineage_summary(followed, live, document, len(given))
        return run.outcome(result, lineage_page(run, followed, live, document))
