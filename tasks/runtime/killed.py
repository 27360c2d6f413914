"""Runs that were killed and could not say so: Prefect still shows them as running."""

import contextlib
import uuid

import httpx

SAID = "its process was killed; found when the next run of the flow began"


def mark_crashed(flow_run_id: str) -> None:
    """Mark a flow run as crashed on the server of this run, if it is there and has not ended."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    unknown = ValueError, ObjectNotFound, httpx.HTTPError  # an older run, of another server, or none answers
    with contextlib.suppress(*unknown), get_client(sync_client=True) as client:
        run = client.read_flow_run(uuid.UUID(flow_run_id))
        if run.state is None or not run.state.is_final():
            client.set_flow_run_state(run.id, Crashed(message=SAID), force=True)
