"""The strings a spec may hold: what each kind allows, so that none can inject into what it enters.

Names become unit names, paths and Ansible hosts; labels and environment values pass through
Ansible (which evaluates ``{{``) into unit files. Each rule is refused here, once, for all of them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

NAME = r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"
SIZE_NAME = r"^[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?$"
USER = r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$"
ENV_KEY = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
# Ray's own rule (ray/_private/label_utils.py), which is that of Kubernetes; the prefix is kept to
# a plain DNS name. An empty value, which Ray allows, is left out: it says nothing.
LABEL_VALUE = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
_DNS = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
LABEL_KEY = rf"^({_DNS}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?$"
SHARE = r"([1-9][0-9]?|100)%"
VERSION = r"^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$"
BRANCH = r"^[0-9]{3}$"
CUDA = r"^[0-9]{1,2}\.[0-9]$"
SHA256 = r"^[0-9a-f]{64}$"
RUNFILE_URL = (
    r"^https?://[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9._~%+-]+)*"
    r"/NVIDIA-Linux-(x86_64|aarch64)-[0-9]{3}\.[0-9]{1,3}(\.[0-9]{1,3})?\.run$"
)
DOWNLOAD_URL = r"^https?://[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9._~%+-]+)+$"
# What Alertmanager posts to; it is never shown.
WEBHOOK_URL = (
    r"^(?i:https?)://([^\s/?#@]*@)?([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    r"([/?#]([^\s%\x00-\x1f\x7f]|%[0-9A-Fa-f]{2})*)?$"
)
PAGE_URL = r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/grafana/$"
DURATION = r"^[1-9][0-9]{0,3}[hdwy]$"
# A directory on a host: absolute, and the same text in a unit file, a shell and /proc.
HOST_PATH = r"^(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$"
GPU_MODEL = r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,63}$"
# As NVIDIA's driver writes it: NVIDIA H100 80GB HBM3.
GPU_FULL_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._/()+-]{0,99}$"
CURRENCY = r"^[^\x00-\x1f]{1,10}$"
COMMAND_WORD = r"^[^\x00-\x1f]+$"

ALLOWED: dict[str, str] = {
    NAME: "a lowercase letter, then at most 31 of a-z, 0-9 and '-', not ending in '-'",
    SIZE_NAME: "at most 32 of a-z, 0-9, '.' and '-', beginning and ending with a-z or 0-9",
    USER: "a login name: a letter or '_', then at most 31 of A-Z, a-z, 0-9, '_', '.' and '-'",
    ENV_KEY: "a letter or '_', then letters, digits and '_'",
    LABEL_VALUE: "1 to 63 of A-Z, a-z, 0-9, '_', '.' and '-', beginning and ending with"
    " a letter or digit",
    LABEL_KEY: "a name of 1 to 63 of A-Z, a-z, 0-9, '_', '.' and '-', beginning and ending with"
    " a letter or digit; before it, if wanted, a DNS name and '/'",
    VERSION: 'a full version X.Y.Z, for example "2.60.0"',
    BRANCH: 'a driver branch, for example "535"',
    CUDA: 'a CUDA release, for example "12.4"',
    SHA256: "64 hex digits",
    RUNFILE_URL: "http(s)://HOST/.../NVIDIA-Linux-x86_64-VERSION.run",
    DOWNLOAD_URL: "http(s)://HOST/PATH, without a user, a query and a fragment",
    WEBHOOK_URL: "one line with http://HOST/... or https://HOST/...",
    PAGE_URL: "http(s)://HOST/grafana/ or http(s)://HOST:PORT/grafana/",
    DURATION: "a number of hours, days, weeks or years, for example 15d",
    HOST_PATH: "an absolute path without a '/' at its end, of A-Z, a-z, 0-9, '_', '.' and '-',"
    " no part of it beginning with '.' or '-'",
    GPU_MODEL: "at most 64 of A-Z, a-z, 0-9, ' ', '_' and '-', beginning with a letter or digit",
    GPU_FULL_NAME: "at most 100 of A-Z, a-z, 0-9 and ' ._/()+-', beginning with a letter or digit",
    CURRENCY: "1 to 10 characters in one line, for example EUR",
    COMMAND_WORD: "text in one line, and not empty",
}
"""What each pattern allows, in words."""

RESERVED_NAMES = frozenset({"all", "ungrouped", "localhost"})
"""Names with a meaning of their own in Ansible."""

RESERVED_SLOTS = frozenset({"head", "redis", "standby"})
"""Names of slots, which a worker group may not take."""

RESERVED_LABELS = ("ray.io/", "adbray.io/")
"""Label prefixes that Ray and adbray set themselves."""

# What the units set themselves, or what would undo authentication, TLS or spilling.
_RESERVED_ENV = frozenset(
    {
        *("path", "home", "user", "logname", "shell", "tmpdir", "virtual_env", "pythonhome"),
        *("ray_address", "ray_tmpdir", "ray_cloud_instance_id", "ray_node_type_name"),
        *("cuda_visible_devices", "notify_socket", "watchdog_usec", "listen_fds"),
    }
)
_RESERVED_ENV_PREFIXES = (
    *("adbray_", "ray_auth", "ray_redis", "ray_external_storage", "ray_gcs_storage"),
    *("ray_object_spilling", "ray_use_tls", "ray_tls_", "ray_gcs_rpc_server_reconnect"),
)


class Unfit(ValueError):
    """A value that a rule refuses: ``what`` is wrong with it, and what is ``allowed`` instead."""

    def __init__(self, what: str, allowed: str) -> None:
        super().__init__(f"{what}; allowed: {allowed}")
        self.what = what
        self.allowed = allowed


def has_control(text: str) -> bool:
    """Whether ``text`` has a character that could end a line or hide what follows."""
    return any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text)


def is_template(text: str) -> bool:
    """Whether Ansible would evaluate ``text``."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def is_reserved_env(key: str) -> bool:
    """Whether adbray sets the environment variable ``key`` itself."""
    return key.lower() in _RESERVED_ENV or key.lower().startswith(_RESERVED_ENV_PREFIXES)


def _name(text: str) -> str:
    if text in RESERVED_NAMES:
        raise Unfit(f"{text!r} has a meaning of its own in Ansible", "any other name")
    return text


def _env_key(text: str) -> str:
    if is_reserved_env(text):
        raise Unfit(f"{text!r} is set by adbray", "any other variable")
    return text


def _env_value(text: str) -> str:
    if has_control(text):
        raise Unfit(f"{text!r} has a control character", "one line of text")
    if is_template(text):
        raise Unfit(f"{text!r} would be evaluated by Ansible", "text without '{{', '{%' and '{#'")
    return text


def _free_label_key(text: str) -> str:
    if text.startswith(RESERVED_LABELS):
        prefix = text.split("/", 1)[0]
        raise Unfit(f"labels of {prefix}/ are set by Ray and adbray", "any other prefix, or none")
    return text


def _path(text: str) -> str:
    # ssh expands '%' and '$' in file names, shells and unit files read quotes and backslashes.
    if has_control(text) or is_template(text) or any(char in "%$\"'\\`" for char in text):
        raise Unfit(
            f"{text!r} has a character with a meaning to ssh or Ansible",
            "a path without control characters, quotes, '%', '$', '\\' and '{{'",
        )
    if not text or text.startswith("-"):
        raise Unfit(f"{text!r} is not a path", "a path, absolute or beside fleet.yml")
    return text


def _allocation_unit(value: object) -> int | str:
    allowed = 'a number of whole cards from 1 to 16, or a slice "1/2" to "1/16"'
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 16:
        return value
    if isinstance(value, str) and re.fullmatch(r"1/([2-9]|1[0-6])", value):
        return value
    raise Unfit(f"{value!r} is not a GPU share", allowed)


def _share_of_workers(value: object) -> int | str:
    allowed = 'a number of workers from 1, or a share of them from "1%" to "100%"'
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and re.fullmatch(SHARE, value):
        return value
    raise Unfit(f"{value!r} is not a number or share of workers", allowed)


Name = Annotated[str, Field(pattern=NAME), AfterValidator(_name)]
SizeName = Annotated[str, Field(pattern=SIZE_NAME)]
User = Annotated[str, Field(pattern=USER)]
EnvKey = Annotated[str, Field(pattern=ENV_KEY), AfterValidator(_env_key)]
EnvValue = Annotated[str, Field(max_length=4096), AfterValidator(_env_value)]
LabelKey = Annotated[str, Field(pattern=LABEL_KEY, max_length=253)]
FreeLabelKey = Annotated[LabelKey, AfterValidator(_free_label_key)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE)]
HostPath = Annotated[str, Field(pattern=HOST_PATH, max_length=200)]
DriverBranch = Annotated[str, Field(pattern=BRANCH)]
CudaVersion = Annotated[str, Field(pattern=CUDA)]
Sha256 = Annotated[str, Field(pattern=SHA256)]
RunfileUrl = Annotated[str, Field(pattern=RUNFILE_URL, max_length=300)]
DownloadUrl = Annotated[str, Field(pattern=DOWNLOAD_URL, max_length=300)]
PageUrl = Annotated[str, Field(pattern=PAGE_URL, max_length=300)]
FilePath = Annotated[str, Field(max_length=1024), AfterValidator(_path)]
AllocationUnit = Annotated[
    int | str,
    PlainValidator(_allocation_unit),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 16},
                {"type": "string", "pattern": "^1/([2-9]|1[0-6])$"},
            ]
        }
    ),
]
ShareOfWorkers = Annotated[
    int | str,
    PlainValidator(_share_of_workers),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": f"^{SHARE}$"}]}
    ),
]
