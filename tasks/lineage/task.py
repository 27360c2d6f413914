"""Tasks of `trace`: find what was answered in the records of steps, and follow its citations back."""

import json
import logging
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tasks.data.answers import Answer, AnswersRef
from tasks.data.documents import Document, DocumentsRef, Item, Passage, PassagesRef, SnapshotRef, version_of
from tasks.data.lineage import GivenAnswers, Trails
from tasks.data.models import Fingerprint
from tasks.data.search import Generation
from tasks.data.vectors import Embedded
from tasks.errors import ContractError, StoreError
from tasks.runtime import mlflow_run, records, steps
from tasks.runtime.records import Inputs, Record
from tasks.runtime.steps import step
from tasks.store import collections, objects, workspace

log = logging.getLogger(__name__)


def answers_given(answer: str | None = None, citing: str | None = None) -> list[GivenAnswers]:
    """List answers that were given in this workspace, newest first, each with what it was made from.

    Args:
        answer: Flow run that gave it, or the first characters of the digest of the answers; left out, any.
        citing: Id of a document; only answers that cite it are listed.

    Raises:
        ContractError: There is none such; none that cites a document is an empty list.
    """
    digest, passages = ("", "") if answer is None else _digests(answer)
    kept = [made for name in collections.names() for made in collections.history(name)]
    found = []
    for decided, quoted in _answered():
        known = not passages or passages in quoted.inputs["collection"]
        if known and decided.digest.startswith(digest):
            found += _given(decided, quoted, kept, citing)
    if not found and citing is None:
        what = "answer" if answer is None else f"answer {answer!r}"
        raise ContractError(
            f"there is no {what} in {workspace.home()} that can be traced; ask with rag-answers, or give the "
            "flow_run_id or the digest of refs.answers from its last line"
        )
    return found


@step(name="lineage-citations")
def follow_citations(
    answers: AnswersRef, sentences: PassagesRef, documents: DocumentsRef, snapshot: SnapshotRef
) -> Trails:
    """Follow every citation back to passage, version of the document and file.

    Args:
        answers: What was answered.
        sentences: What could be quoted.
        documents: What was searched.
        snapshot: What these were read from.
    """
    from tasks.lineage.core import follow

    given = [Answer.model_validate(answer) for answer in objects.load_json(answers)]
    cited = {c.document for answer in given for c in answer.citations}
    known = objects.load_table(documents, ["id"])["id"].to_pylist()
    rows = objects.rows_at(documents, Document, (row for row, name in enumerate(known) if name in cited))
    trails = tuple(
        follow(
            given,
            objects.load_rows(sentences, Passage),
            {document.id: document for document in rows.values()},
            {item.name: item for item in objects.load_rows(snapshot, Item)},
        )
    )
    steps.log_metrics(answers=len(given), citations=len(trails))
    return Trails(trails=trails)


def live_versions(document: str) -> dict[str, str]:
    """Return collection to version of a document, for the live generations that have it."""
    found: dict[str, str] = {}
    for name in collections.names():
        table = objects.load_table(collections.live(name).documents, ["id", "text"])
        at = table["id"].index(document).as_py()
        if at >= 0:
            found[name] = version_of(table["text"][at].as_py())
    return found


def _digests(answer: str) -> tuple[str, str]:
    """Return how the digest of the answers begins, and that of the passages searched where it is known.

    Raises:
        ContractError: It is neither a flow run nor a digest, or the run gave no answers.
    """
    try:
        run = str(uuid.UUID(answer)) if "-" in answer else ""
    except ValueError:
        run = ""
    if run:
        published = _published_by(run)
        if "answers" not in published:
            raise ContractError(f"flow run {run} has published no answers; give a run of rag-answers, or a digest")
        return published["answers"]["digest"], published.get("collection.passages", {}).get("digest", "")
    if len(answer) < 6 or set(answer) - set("0123456789abcdef"):
        raise ContractError(f"answer {answer!r} is neither a flow run nor six or more characters of a digest")
    return answer, ""


def _published_by(flow_run_id: str) -> dict[str, dict[str, Any]]:
    """Return the references a finished flow run has published, by name, as MLflow has them; none of a run unknown.

    Raises:
        StoreError: MLflow does not answer.
    """
    try:
        client = mlflow_run.prepare()
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(experiments, f"tags.`prefect.flow_run_id` = '{flow_run_id}'", max_results=1)
        with tempfile.TemporaryDirectory() as folder:
            paths = [client.download_artifacts(run.info.run_id, "refs.json", folder) for run in runs]
            found: dict[str, dict[str, Any]] = json.loads(Path(paths[0]).read_text("utf-8")) if paths else {}
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise StoreError(
            f"run {flow_run_id} cannot be looked up at {mlflow_run.tracking_uri()} ({reason}); give a digest"
        ) from error
    return found


def _answered() -> Iterator[tuple[AnswersRef, Record]]:
    """Yield answers as they were given, newest first, each with the record of the step that quoted them."""
    quoted: dict[str, list[Record]] = {}
    for record in records.recorded("generate-extractive"):
        if isinstance(record.value, AnswersRef):
            quoted.setdefault(record.value.digest, []).append(record)
    for decided in records.recorded("generate-withhold"):
        if isinstance(decided.value, AnswersRef):
            yield from ((decided.value, record) for record in quoted.get(decided.inputs["answers"]["digest"], []))


def _given(decided: AnswersRef, quoted: Record, kept: Sequence[Generation], citing: str | None) -> list[GivenAnswers]:
    """Return what was answered and from what; nothing where it cites something else, or where a part is gone."""
    searched: list[str] = quoted.inputs["collection"]
    generations = tuple(made for made in kept if made.cache_key() == searched)
    try:
        answers = objects.named(AnswersRef, decided.digest)
        if citing is not None and citing not in _cited(answers):
            return []
        documents, snapshot, fingerprint = _origin(searched, generations)
        sentences = objects.named(PassagesRef, quoted.inputs["sentences"]["passages"]["digest"])
    except (StoreError, LookupError) as error:
        log.warning("an answer cannot be traced: %s", error)
        return []
    return [GivenAnswers(answers=answers, sentences=sentences, documents=documents, snapshot=snapshot,
                  fingerprint=fingerprint, generations=generations)]  # fmt: skip


def _cited(answers: AnswersRef) -> set[str]:
    given = [Answer.model_validate(answer) for answer in objects.load_json(answers)]
    return {cited.document for answer in given for cited in answer.citations}


def _origin(
    searched: Sequence[str], generations: Sequence[Generation]
) -> tuple[DocumentsRef, SnapshotRef, Fingerprint]:
    """Return what a generation was made of: from its record, or from those of the steps where it is not kept any more.

    Raises:
        LookupError: A record on the way is gone.
        StoreError: An object is.
    """
    for made in generations:
        return made.documents, made.snapshot, made.fingerprint
    for record in records.recorded("embed-join-passages"):
        joined = record.value
        if isinstance(joined, Embedded) and {joined.passages.digest, joined.fingerprint.digest} <= set(searched):
            cut = _inputs_of("tokenize-*", record.inputs["passages"]["digest"])
            read = _inputs_of("ingest-documents", cut["documents"]["digest"])
            documents = objects.named(DocumentsRef, cut["documents"]["digest"])
            return documents, objects.named(SnapshotRef, read["snapshot"]["digest"]), joined.fingerprint
    raise LookupError(f"no record says how the passages of {[part[:12] for part in searched]} were made")


def _inputs_of(steps_named: str, digest: str) -> Inputs:
    """Return what the step was given that made an object."""
    for record in records.recorded(steps_named):
        if digest in {ref.digest for ref in records.refs_in(record.value)}:
            return record.inputs
    raise LookupError(f"no record of {steps_named} says how {digest[:12]} was made")
