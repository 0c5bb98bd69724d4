"""Collect: all that tells what a group does and did, in one bundle and without its secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, JsonValue

from adbray_ctl.core.bundle import (
    Bundle,
    CollectRequest,
    Gathering,
    HostFiles,
    Masked,
    budget_of,
    secret_files,
    unit_values,
    values_of,
)
from adbray_ctl.core.errors import AdbrayError, HostKeyError, SpecError
from adbray_ctl.core.events import Note
from adbray_ctl.core.history import RunDetail
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.status import group_status
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.redaction import Redactor, secret_parts
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.services import scaling
from adbray_ctl.services.plan import prepare
from adbray_ctl.services.status import not_applied
from adbray_ctl.services.tools import Tools

_EVENTS = 2000
_RUNS = 50
# Of the last runs, all that is known.
_TOLD_RUNS = 5
_LOG_BYTES = 512 * 1024


def save(
    tools: Tools,
    group: str,
    path: Path,
    *,
    lines: int,
    since: int,
    versions: dict[str, str],
    report: Report,
) -> Bundle:
    """Write what ``collect`` finds to a new file. Raises RefusedError if there is one."""
    now = tools.clock.time()
    found = collect(tools, group, lines=lines, since=since, versions=versions, report=report)
    tools.archives.write_bundle(path, found, now)
    return found


def collect(
    tools: Tools,
    group: str,
    *,
    lines: int,
    since: int,
    versions: dict[str, str],
    report: Report,
) -> Bundle:
    """``lines`` of each journal, from ``since`` on (seconds since the epoch).

    The bundle says what it lacks: a silent host, a head that is down, a faulty spec. Raises
    SpecError for faults of fleet.yml, HostKeyError, and ClusterError if there is no such group.
    """
    fleet = tools.specs.fleet()
    report(Note(text=f"looking at {len(fleet.hosts)} hosts"))
    observed = tools.hosts.observe(fleet)
    here = observed.hosts_with(group)
    silent = [one for one in observed.hosts if one.error and one.host not in fleet.retired]
    if not here and not silent and group not in tools.specs.names():
        raise not_applied(tools, fleet, group)
    wanted = CollectRequest(group=group, lines=lines, since=since, budget=budget_of(len(here)))
    answers = list(_answers(tools, fleet, here, wanted, report))
    report(Note(text="taking secrets out"))
    gathering = _own_part(tools, group, fleet, observed, answers)
    gathering.add_json("versions.json", dict(versions))
    _add_hosts(gathering, silent, answers)
    made_at = datetime.fromtimestamp(int(tools.clock.time()), UTC).isoformat()
    return gathering.done(made_at, versions)


def _own_part(
    tools: Tools, group: str, fleet: Fleet, observed: Observed, answers: Sequence[HostFiles]
) -> Gathering:
    """What this machine knows; the secrets in ``answers`` will be taken out, too."""
    runs = _runs(tools, group)
    gathering = Gathering(group, _redactor(tools, fleet, runs, answers))
    _add_specs(tools, group, gathering)
    _add_views(tools, group, fleet, observed, gathering)
    _add_runs(tools, runs, gathering)
    return gathering


def _add_hosts(
    gathering: Gathering, silent: Sequence[HostObservation], answers: list[HostFiles]
) -> None:
    for host in silent:
        gathering.add_host(HostFiles(host=host.host, error=host.error or ""))
    # What a host sent may be large: it goes when it is taken over.
    while answers:
        gathering.add_host(answers.pop(0))


def _answers(
    tools: Tools, fleet: Fleet, hosts: Sequence[str], wanted: CollectRequest, report: Report
) -> Iterator[HostFiles]:
    for number, answer in enumerate(tools.bundles.read(fleet, hosts, wanted), start=1):
        what = answer.error or f"{len(answer.files)} files, {answer.size / 2**20:.1f} MiB"
        report(Note(text=f"host {number} of {len(hosts)}, {answer.host}: {what}"))
        yield answer


def _redactor(
    tools: Tools, fleet: Fleet, runs: tuple[RunDetail, ...], answers: Sequence[HostFiles]
) -> Redactor:
    """Of all groups of the project: they share hosts. And of what their files said before.

    Hosts may run with values that no file here knows: another operator's, or of a group whose file
    is gone.
    """
    texts = [tools.specs.text(None), *(tools.specs.text(name) for name in tools.specs.names())]
    texts += [text for run in runs for text in (run.spec, run.fleet)]
    files = secret_files(fleet, _specs(tools, fleet))
    secrets = (part for text in tools.secrets.all(files) for part in secret_parts(text))
    named = (*values_of(list(_masked(tools, texts))), *unit_values(answers))
    return Redactor(secrets, named)


def _masked(tools: Tools, texts: list[str]) -> Iterator[Masked]:
    for text in dict.fromkeys(texts):
        try:
            yield tools.specs.masked(text)
        except SpecError:
            continue


def _specs(tools: Tools, fleet: Fleet) -> Iterator[RayClusterSpec]:
    for name in tools.specs.names():
        try:
            yield tools.specs.group(name, fleet)
        except SpecError:
            continue


def _add_specs(tools: Tools, group: str, gathering: Gathering) -> None:
    _attempt(
        gathering,
        "fleet.yml",
        lambda: gathering.add_text("fleet.yml", tools.specs.masked(tools.specs.text(None)).text),
    )
    name = f"groups/{group}.yml"
    if group not in tools.specs.names():
        gathering.miss(name, "there is no such file")
        return
    _attempt(
        gathering,
        name,
        lambda: gathering.add_text(name, tools.specs.masked(tools.specs.text(group)).text),
    )


def _add_views(
    tools: Tools, group: str, fleet: Fleet, observed: Observed, gathering: Gathering
) -> None:
    def add(name: str, look: Callable[[], BaseModel | tuple[BaseModel, ...]]) -> None:
        _attempt(gathering, name, lambda: gathering.add_json(name, _plain(look())))

    add("status.json", lambda: group_status(group, observed, fleet.retired))
    add("plan.json", lambda: prepare(tools, group, observed=observed).plan)
    add("events.json", lambda: scaling.events(tools, group, _EVENTS, observed))
    facts = tuple(host.model_copy(update={"slots": (), "ray": ()}) for host in observed.hosts)
    add("hosts.json", lambda: facts)


def _runs(tools: Tools, group: str) -> tuple[RunDetail, ...]:
    found = tools.history.runs(group, _RUNS)
    return tuple(tools.history.run(run.number) for run in found)


def _add_runs(tools: Tools, runs: tuple[RunDetail, ...], gathering: Gathering) -> None:
    history: list[JsonValue] = []
    for number, run in enumerate(runs):
        # Of their files only what they say now: values that are secret are known of those.
        plain = run.model_dump(mode="json", exclude={"spec", "fleet", "plan", "logs"})
        plain["plan"] = json.loads(run.plan) if run.plan and number < _TOLD_RUNS else None
        history.append(plain)
    gathering.add_json("history.json", history)
    for run in runs[:_TOLD_RUNS]:
        for number, log in enumerate(run.logs, start=1):
            name = f"runs/{run.number}-{number}.log"
            text = tools.runner.output(log, _LOG_BYTES)
            if text:
                gathering.add_text(name, text)
            else:
                gathering.miss(name, "it is not there any more")


def _attempt(gathering: Gathering, name: str, act: Callable[[], None]) -> None:
    try:
        act()
    except HostKeyError:
        raise
    except AdbrayError as error:
        gathering.miss(name, str(error))


def _plain(value: BaseModel | tuple[BaseModel, ...]) -> JsonValue:
    if isinstance(value, BaseModel):
        plain: JsonValue = value.model_dump(mode="json")
        return plain
    return [one.model_dump(mode="json") for one in value]
