"""Logging in to a host over SSH: its key is pinned, and what goes wrong is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.pkey import UnknownKeyType

from adbray_ctl.adapters.ssh.known_hosts import KnownHosts, fingerprint
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.ssh import Jump, Ssh

_REFUSED = (
    "check ssh.user and ssh.identity_file in fleet.yml, and on the host authorized_keys"
    " and whether the account may log in (sshd_config, `chage -l`, /run/nologin)"
)
# Whatever the time they took.
_PLAIN = (paramiko.BadHostKeyException, paramiko.PasswordRequiredException, socket.gaierror)


@dataclass
class Login:
    """One login to a host; ``channel`` is open already where it was used before."""

    client: paramiko.SSHClient
    ssh: Ssh
    channel: paramiko.Channel | None = None


@contextmanager
def session(known_hosts: KnownHosts, fleet: Fleet, name: str) -> Iterator[Login]:
    """A login to a host, by its jump host if it has one, while the block runs.

    Raises HostError, and HostKeyError for a key that is not the pinned one.
    """
    host = fleet.host(name)
    ssh = fleet.ssh_for(host)
    with ExitStack() as stack:
        channel = None
        if ssh.jump is not None:
            gate = _connect(known_hosts, name, _jump_login(ssh, ssh.jump), ssh.jump.address, None)
            stack.callback(gate.close)
            channel = _tunnel(gate, name, host.address, ssh)
        client = _connect(known_hosts, name, ssh, host.address, channel)
        stack.callback(client.close)
        yield Login(client, ssh)


def _connect(
    known_hosts: KnownHosts, name: str, ssh: Ssh, address: str, channel: paramiko.Channel | None
) -> paramiko.SSHClient:
    guard = known_hosts.guard(name, address, ssh.port)
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(guard)
    began = time.monotonic()
    try:
        client.connect(
            address,
            port=ssh.port,
            username=ssh.user,
            **_keys(ssh),
            timeout=ssh.connect_timeout_s,
            banner_timeout=ssh.connect_timeout_s,
            auth_timeout=ssh.connect_timeout_s,
            sock=channel,
            transport_factory=guard.transport,
        )
    except HostKeyError:
        client.close()
        raise
    except Exception as error:
        late = isinstance(error, TimeoutError) or time.monotonic() - began >= ssh.connect_timeout_s
        step = _step_of(client.get_transport())
        client.close()
        if late and not isinstance(error, _PLAIN):
            raise _too_slow(step, name, address, ssh) from error
        raise _explain(error, name, address, ssh, known_hosts) from error
    return client


def _keys(ssh: Ssh) -> dict[str, Any]:
    """The key that is named, or those of the agent and of the home directory."""
    own = ssh.identity_file is None
    return {"key_filename": ssh.identity_file, "allow_agent": own, "look_for_keys": own}


def _step_of(transport: paramiko.Transport | None) -> str:
    """What a login that takes too long waits for."""
    if transport is None:
        return "a connection"
    if not transport.remote_version:
        return "the greeting of sshd (its banner)"
    if not transport.initial_kex_done:
        return "the exchange of keys"
    return "authentication (PAM, name service, home directory)"


def _too_slow(step: str, name: str, address: str, ssh: Ssh) -> HostError:
    target, within_s = f"{ssh.user}@{address}:{ssh.port}", ssh.connect_timeout_s
    if step == _step_of(None):
        what, first = f"no answer from {target} within {within_s} s", "is up and reachable"
    else:
        what, first = f"{target} is too slow: {step} took more than {within_s} s", "is not too busy"
    hint = f"check that the host {first}, or raise ssh.connect_timeout_s in fleet.yml"
    return HostError(what, where=name, hint=hint)


def _explain(
    error: Exception, name: str, address: str, ssh: Ssh, known_hosts: KnownHosts
) -> HostError:
    """One clear HostError for whatever a connection can die of."""
    target = f"{ssh.user}@{address}:{ssh.port}"
    match error:
        case paramiko.BadHostKeyException():
            entry = _entry(address, ssh.port)
            return _changed_key(error, name, target, f"-f {known_hosts.path} -R {entry}")
        case paramiko.PasswordRequiredException():
            what = f"the private key {ssh.identity_file} is protected by a passphrase"
            hint = "load it into ssh-agent and leave identity_file out"
        case paramiko.AuthenticationException():
            what = f"login refused for {target} with {ssh.identity_file or 'the default keys'}"
            hint = _REFUSED
        case FileNotFoundError() | PermissionError():
            what = f"cannot read the private key {error.filename or ssh.identity_file}"
            hint = "check ssh.identity_file in fleet.yml"
        case socket.gaierror():
            what, hint = f"the name {address} is not known", "check the address in fleet.yml"
        case paramiko.SSHException() if ssh.identity_file and not _is_key(ssh.identity_file):
            what = f"{ssh.identity_file} holds no private key that can be read"
            hint = "check ssh.identity_file in fleet.yml"
        case OSError() | EOFError() | paramiko.SSHException() | ValueError():
            why = getattr(error, "strerror", None) or error  # paramiko's own errors have no errno
            what, hint = f"cannot connect to {target}: {why}", "check address, port and sshd"
        case _:
            raise error
    return HostError(what, where=name, hint=hint)


def _changed_key(
    error: paramiko.BadHostKeyException, name: str, target: str, removal: str
) -> HostKeyError:
    return HostKeyError(
        f"the host key of {target} has changed: pinned {fingerprint(error.expected_key)},"
        f" offered {fingerprint(error.key)}",
        where=name,
        hint=f"if the host was reinstalled on purpose, remove its line with `ssh-keygen {removal}`",
    )


def _is_key(path: str) -> bool:
    try:
        paramiko.PKey.from_path(path)
    except TypeError:
        return True  # It wants a passphrase.
    except (OSError, ValueError, paramiko.SSHException, UnknownKeyType):
        return False
    return True


def _entry(address: str, port: int) -> str:
    return address if port == 22 else f"'[{address}]:{port}'"


def _jump_login(ssh: Ssh, jump: Jump) -> Ssh:
    return ssh.model_copy(
        update={
            "user": jump.user,
            "port": jump.port,
            "identity_file": jump.identity_file or ssh.identity_file,
            "jump": None,
        }
    )


def _tunnel(gate: paramiko.SSHClient, name: str, address: str, ssh: Ssh) -> paramiko.Channel:
    transport = gate.get_transport()
    assert transport is not None
    try:
        return transport.open_channel(
            "direct-tcpip", (address, ssh.port), ("127.0.0.1", 0), timeout=ssh.connect_timeout_s
        )
    except (paramiko.SSHException, OSError) as error:
        jump = ssh.jump.address if ssh.jump else "the jump host"
        raise HostError(
            f"{jump} cannot reach {address}:{ssh.port}: {error}",
            where=name,
            hint="check the address in fleet.yml and AllowTcpForwarding on the jump host",
        ) from error
