"""What strings a spec may hold: each kind's good and bad ones."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from adbray_ctl.core.spec import strings
from adbray_ctl.core.spec.addresses import Address, RedisUrl
from adbray_ctl.core.spec.group import json_schema
from adbray_ctl.core.spec.requirements import Requirement
from adbray_ctl.core.text import nearest

KINDS: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {
    "name": (
        strings.Name,
        ("a", "a1", "lab-1", "a" * 32),
        ("", "-a", "a-", "1a", "A", "a_b", "a.b", "a/b", "..", "a" * 33, "a\n", "all", "é"),
    ),
    "size": (
        strings.SizeName,
        ("small", "c.small", "2xlarge", "a-b"),
        ("", ".a", "a.", "a b", "A", "a/b", "a\n"),
    ),
    "user": (strings.User, ("root", "_x", "a.b-c", "Ops"), ("", "-a", "a b", "a;b", "a\n", "1a")),
    "env key": (
        strings.EnvKey,
        ("A", "_a", "OMP_NUM_THREADS", "RAY_DEDUP_LOGS", "PATHS"),
        ("", "1A", "A-B", "A=B", "A B", "A\n", "PATH", "path", "RAY_AUTH_TOKEN", "RAY_TLS_CA_CERT")
        + ("ADBRAY_X", "RAY_external_storage_namespace", "RAY_REDIS_ADDRESS", "TMPDIR"),
    ),
    "env value": (
        strings.EnvValue,
        ("", "a b", "100%", "$HOME", "'\"\\", "é", "{x}", "a=b"),
        ("a\nb", "a\rb", "a\0b", "\x1b[0m", "a\u2028b", "{{ x }}", "{% x %}", "{# x", "x" * 4097),
    ),
    "label key": (
        strings.FreeLabelKey,
        ("a", "a-._b", "123", "example.com/a", "zone", "x" * 63),
        ("", "-a", "a-", "a b", "a@b", "/a", "a/", "A.com/a", "a/b/c", "x" * 64, "ray.io/x")
        + ("adbray.io/x", "a\n", "a..b/c"),
    ),
    "label value": (
        strings.LabelValue,
        ("a", "A-1_b.c", "x" * 63),
        ("", "-a", "a b", "a,b", "a=b", "x" * 64, "a\n", "{{a}}"),
    ),
    "address": (
        Address,
        ("10.0.0.1", "host", "a.example.com", "x-1.example"),
        ("", "-a", "10.0.0", "10.0.0.256", "010.0.0.1", "::1", "a:22", "a b", "a_b", "a\n", "a/b")
        + ("x" * 254, "$(id)"),
    ),
    "file": (
        strings.FilePath,
        ("~/.ssh/id", "/a/b c", "../x", "keys/é"),
        ("", "-oX", "a\nb", "%h", "$HOME/x", "`id`", '"', "'", "{{x}}", "a\\b"),
    ),
    "requirement": (
        Requirement,
        ("numpy", "numpy>=2,<3", "a[b,c]==1.*", "a~=1.0", "a.b_c-d!=1", "a==1+cpu"),
        ("", "-r x", "--pre", "a b", "a @ x", "./a", "http://x/y", "a; x", "a\n-r b", "a>=", "a[b")
        + (
            "ray",
            "Ray[default]>2",
            "a,b",
            "a~=1",
            "a>=1.*",
            "a==x",
            "a==1!2",
            "a[b-]",
            "a===1",
            "a(>=1)",
            "a>=1é",
            "$(id)",
            "a#b",
        ),
    ),
    "redis": (
        RedisUrl,
        ("redis://h:1", "rediss://10.0.0.1:6379"),
        ("redis://h", "redis://:p@h:1", "redis://u@h:1", "http://h:1", "redis://h:1/0", "h:1")
        + ("redis://h:99999", "redis://h:1?x", "redis://[::1]:1", "redis://h:1\n", ""),
    ),
}

GOOD = [(kind, text) for kind, (_, good, _) in KINDS.items() for text in good]
BAD = [(kind, text) for kind, (_, _, bad) in KINDS.items() for text in bad]


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_allowed(kind: str, text: str) -> None:
    assert TypeAdapter(KINDS[kind][0]).validate_python(text) == text


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_refused(kind: str, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(KINDS[kind][0]).validate_python(text)


@pytest.mark.parametrize(
    ("word", "near"),
    [("min_worker", "min_workers"), ("MAX_WORKERS", "max_workers"), ("zzz", None), ("", None)],
)
def test_nearest(word: str, near: str | None) -> None:
    assert nearest(word, ("min_workers", "max_workers", "name")) == near


# Of values that may be numbers too, whose own rules tell what is allowed.
OWN_RULES = {"^1/([2-9]|1[0-6])$", f"^{strings.SHARE}$"}


def patterns(schema: object) -> set[str]:
    """Every pattern of a JSON Schema, those of keys too."""
    if isinstance(schema, list):
        return {pattern for part in schema for pattern in patterns(part)}
    if not isinstance(schema, dict):
        return set()
    own = schema.get("pattern", ())
    found = {own} if isinstance(own, str) else set()
    return found | set(schema.get("patternProperties", ())) | patterns(list(schema.values()))


@pytest.mark.parametrize("kind", ["fleet", "group"])
def test_every_pattern_is_told_in_words(kind: Literal["fleet", "group"]) -> None:
    found = patterns(json_schema(kind)) - OWN_RULES
    assert found
    assert found <= strings.ALLOWED.keys()
