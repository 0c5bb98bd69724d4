"""What a user agreed to before a change, and the question that is left to ask."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.spec.impact import Impact


class Consent(BaseModel):
    """``yes`` covers ordinary changes, ``force`` also lost data and interrupted jobs."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    yes: bool = False
    force: bool = False


class Question(BaseModel):
    """To be answered with yes, or by typing ``name`` if there is one."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    text: str
    name: str = ""


def question_about(group: str, text: str, *, production: bool) -> Question:
    """Of a ``production`` group the name has to be typed."""
    return Question(text=text, name=group if production else "")


def open_question(plan: ChangePlan, consent: Consent, *, production: bool) -> Question | None:
    """What has to be asked before ``plan`` is carried out, if anything.

    Raises RefusedError for what ``yes`` was meant to cover and does not.
    """
    others = any(boot.others for boot in plan.boots)
    if not plan.interrupted and not plan.count(Impact.DELETE) and not others:
        return None
    unknown = bool(plan.blind and plan.interrupted)
    grave = bool(plan.jobs) or unknown or plan.count(Impact.DELETE) > 0 or others
    if consent.yes and (consent.force or not grave):
        return None
    if consent.yes:
        raise RefusedError(
            f"this {_what_is_grave(plan, unknown=unknown)}, which --yes does not cover",
            where=f"group {plan.group}",
            hint="look at `adbray plan`, then add --force",
        )
    nodes = len(plan.interrupted) + sum(len(boot.others) for boot in plan.boots)
    text = f"{nodes} running nodes are interrupted and what runs there is lost. Go on?"
    return question_about(plan.group, text, production=production and grave)


def _what_is_grave(plan: ChangePlan, *, unknown: bool) -> str:
    """The worst of it, in words."""
    if unknown:
        return "interrupts nodes, and what runs there is not known"
    if plan.jobs:
        return f"interrupts {len(plan.jobs)} running jobs"
    others = any(boot.others for boot in plan.boots)
    return "interrupts slots of other groups" if others else "deletes nodes"
