"""Put the deployments of `prefect.yaml`, and one for every preset, on a Prefect server; safe to repeat.

    make deploy                              all of them
    make deploy NAMES="docs-nightly"         some of them
    make deploy SCHEDULES=reset              and set their schedules back to those of prefect.yaml

A schedule is written once, when its deployment is made. Later calls leave schedules as they are: one that was
switched on, changed or added in the UI stays, and is listed; a deployment that was paused stays paused. Parameters,
description and tags are those of the files again, which is said where they were others. A preset becomes the
deployment `<flow>-<preset>`, whose form starts with its values; one called `gpu` stands on the pool of that name.
"""

import argparse
import functools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from configs.refusals import nearest
from configs.resolve import load_preset, placed
from configs.signatures import flow_cards
from deployments import bootstrap
from deployments import form as form_words
from tasks.environment import revision
from tasks.errors import ContractError, FlowError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.deployments.runner import RunnerDeployment

STATED = Path(__file__).parents[1] / "prefect.yaml"
POOL, GPU = "cpu", "gpu"


@dataclass(frozen=True)
class Deployed:
    """One deployment as it is written down."""

    name: str
    entrypoint: str
    description: str
    pool: str = POOL
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    schedules: tuple[dict[str, Any], ...] = ()


def main(words: Sequence[str]) -> int:
    """Deploy what is named, else everything; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.deploy", allow_abbrev=False)
    parser.add_argument("names", nargs="*", help="deployments; all of them if none is named")
    parser.add_argument("--reset-schedules", action="store_true", help="set schedules back to those of prefect.yaml")
    asked = parser.parse_args(words)
    try:
        chosen = choose(list(stated()), asked.names)
        bootstrap.connect()
        bootstrap.put_pools()
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            for one in chosen:
                print(f"{one.name}: {deploy(one, client, reset=asked.reset_schedules)}")
        bootstrap.put_automations()  # which start deployments
    except FlowError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(chosen)} deployments at {bootstrap.ui_of(bootstrap.connect())}/deployments; make worker runs them")
    return 0


def stated() -> Iterator[Deployed]:
    """Yield the deployments of `prefect.yaml`, then one for each preset."""
    written = yaml.safe_load(STATED.read_text("utf-8"))["deployments"]
    for one in written:
        yield Deployed(
            one["name"],
            one["entrypoint"],
            one["description"],
            one["work_pool"]["name"],
            one.get("parameters", {}),
            tuple(one.get("tags", ())),
            tuple(one.get("initial_schedules", ())),
        )
    for card in flow_cards().values():
        for preset in card.presets:
            yield Deployed(
                f"{card.name}-{preset.replace('_', '-')}",
                f"flows.{card.module}.{card.function}",
                card.preset_help(preset),
                GPU if preset == GPU else POOL,
                parameters=placed(card.parameters(), load_preset(card, preset)),
                tags=("preset",),
            )


def choose(known: Sequence[Deployed], names: Sequence[str]) -> list[Deployed]:
    """Return the deployments of some names, all where none is given.

    Raises:
        ContractError: There is none of that name.
    """
    by_name = {one.name: one for one in known}
    for name in names:
        if name not in by_name:
            near = nearest(name, list(by_name))
            hint = f"perhaps {', '.join(near)}; " if near else ""
            raise ContractError(f"there is no deployment {name!r}; {hint}there are: {', '.join(by_name)}")
    return [by_name[name] for name in dict.fromkeys(names)] or list(known)


def deploy(one: Deployed, client: "SyncPrefectClient", *, reset: bool = False) -> str:
    """Make a deployment, or bring it up to date; return what was done, in words."""
    made = _of_flow(one.entrypoint).model_copy(
        update={
            "name": one.name,
            "parameters": one.parameters,
            "description": one.description,
            "tags": list(one.tags),
            "work_pool_name": one.pool,
        }
    )
    known = _known(made.full_name, client)
    before = None if known is None else _schedules_of(known, client, remove=reset)
    wanted = [_schedule(s) for s in one.schedules]
    made.paused = known is not None and known.paused  # what a person has paused stays so
    made.apply(schedules=wanted if before is None or reset else None)
    if known is None or before is None:
        return "made" + "".join(f", schedule {_told(s)}" for s in one.schedules)
    said = "brought up to date, still paused" if known.paused else "brought up to date"
    stated = {"parameters": made.parameters, "description": made.description, "tags": sorted(made.tags)}
    server = {"parameters": known.parameters, "description": known.description, "tags": sorted(known.tags)}
    if other := [name for name in stated if stated[name] != server[name]]:
        said += f", {' and '.join(other)} set to what the files say"
    if reset:
        return said + "".join(f", schedule set to {_told(s)}" for s in one.schedules)
    return said + "".join(f", schedule kept: {s}" for s in before)


@functools.cache
def _of_flow(entrypoint: str) -> "RunnerDeployment":
    """Return a deployment of a flow without name or values; its form takes a quarter of a second to derive."""
    from prefect.deployments.runner import RunnerDeployment
    from prefect.types.entrypoint import EntrypointType

    module, _, function = entrypoint.rpartition(".")
    flow = getattr(import_module(module), function)
    made = RunnerDeployment.from_flow(flow, "", version=revision() or None, entrypoint_type=EntrypointType.MODULE_PATH)
    form = made._parameter_openapi_schema  # what the form is drawn from has no public name
    form_words.put_into_words(form.properties, form.definitions)
    made.model_fields_set.discard("schedules")  # from_flow sets an empty list, which would delete what is there
    return made


def _known(full_name: str, client: "SyncPrefectClient") -> "DeploymentResponse | None":
    """Return a deployment as the server has it; None of one that is not there."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


def _schedules_of(known: "DeploymentResponse", client: "SyncPrefectClient", *, remove: bool) -> list[str]:
    """Return, and remove if asked to, the schedules of a deployment, in words."""
    for one in known.schedules if remove else ():
        client.delete_deployment_schedule(known.id, one.id)
    return [
        f"{s.slug or f'added by hand ({s.id})'} {_when(s.schedule)} {'on' if s.active else 'off'}"
        for s in known.schedules
    ]


def _when(schedule: Any) -> str:
    """Return when a schedule starts runs, in words."""
    if (interval := getattr(schedule, "interval", None)) is not None:
        return f"every {interval}"
    rule = str(getattr(schedule, "cron", None) or getattr(schedule, "rrule", ""))
    return f"{' '.join(rule.split())} {getattr(schedule, 'timezone', None) or 'UTC'}"


def _schedule(stated: dict[str, Any]) -> dict[str, Any]:
    from prefect.client.schemas.schedules import CronSchedule

    cron = CronSchedule(cron=stated["cron"], timezone=stated["timezone"])
    return {"schedule": cron, "active": stated["active"], "slug": stated["slug"]}


def _told(stated: dict[str, Any]) -> str:
    return f"{stated['slug']} {stated['cron']} {stated['timezone']} {'on' if stated['active'] else 'off'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
