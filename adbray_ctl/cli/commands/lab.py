"""`adbray lab up|status|down|cut|heal|kill|start`."""

from __future__ import annotations

import time

import click

from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.render.tables import print_lab
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.lab import LabOrder, VmDisk
from adbray_ctl.services import lab as service


@click.group(short_help="Make test hosts on this machine.")
def lab() -> None:
    """Test hosts on this machine, with systemd, sshd and addresses of their own.

    They are systemd-nspawn containers, and virtual machines for what needs a kernel of its own.
    """


@lab.command(
    epilog="Examples:\n\n  adbray lab up --hosts 3\n\n  adbray lab up --hosts 2 --vm 1",
    short_help="Make hosts.",
)
@click.option("--hosts", default=3, show_default=True, help="How many containers: lab1, lab2...")
@click.option("--vm", "vms", default=0, show_default=True, help="How many VMs: vm1, vm2...")
@click.option(
    "--vm-disk",
    type=click.Choice([str(disk) for disk in VmDisk]),
    default=str(VmDisk.XFS),
    show_default=True,
    help="File system of a new VM's data disk, with project quotas.",
)
@pass_state
def up(state: State, hosts: int, vms: int, vm_disk: str) -> None:
    """Make hosts, wait until they answer, and write fleet.yml if there is none."""
    began = time.monotonic()
    order = LabOrder(hosts=hosts, vms=vms, vm_disk=VmDisk(vm_disk))
    plan = service.up(state.lab, state.project, order, lambda text: say(text, err=True))
    addresses = f"{plan.hosts[0].address}..{plan.hosts[-1].address.rsplit('.', 1)[1]}"
    say(f"{len(plan.hosts)} hosts up ({addresses}) in {time.monotonic() - began:.1f} s")


@lab.command(short_help="Show the hosts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def status(state: State, as_json: bool) -> None:
    """Show this directory's hosts."""
    found = state.lab.status()
    if as_json:
        print_json(found)
    else:
        print_lab(found)


@lab.command(short_help="Remove the hosts.")
@click.option("--purge-cache", is_flag=True, help="Also remove the cached base images.")
@pass_state
def down(state: State, purge_cache: bool) -> None:
    """Remove this directory's hosts and everything made for them, also after a crash."""
    state.lab.down(lambda text: say(text, err=True))
    if purge_cache:
        state.lab.purge_cache()
    say("the lab is down")


@lab.command(short_help="Cut hosts off the network.")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@pass_state
def cut(state: State, hosts: tuple[str, ...]) -> None:
    """Take the link of each HOST down; `heal` brings it back."""
    state.lab.require(hosts)
    for host in hosts:
        state.lab.cut(host)


@lab.command(short_help="Connect hosts to the network again.")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@pass_state
def heal(state: State, hosts: tuple[str, ...]) -> None:
    """Bring the link of each HOST up again."""
    state.lab.require(hosts)
    for host in hosts:
        state.lab.heal(host)


@lab.command(short_help="Stop hosts at once, as a power cut would.")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@pass_state
def kill(state: State, hosts: tuple[str, ...]) -> None:
    """End each HOST at once; `start` boots it again from its old disk."""
    state.lab.require(hosts)
    for host in hosts:
        state.lab.kill(host)


@lab.command(short_help="Boot killed hosts.")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@pass_state
def start(state: State, hosts: tuple[str, ...]) -> None:
    """Boot each HOST again."""
    state.lab.require(hosts)
    for host in hosts:
        state.lab.start(host)
