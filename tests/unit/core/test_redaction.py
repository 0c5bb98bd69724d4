"""No secret survives redaction, however a program wrote it down."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adbray_ctl.core.redaction import LEAST, MARK, Redactor, secret_parts

EXAMPLES = int(os.environ.get("ADBRAY_EXAMPLES", "40"))
CASES = Path(__file__).parents[1] / "cases" / "redaction"


def case_files() -> list[Path]:
    found = sorted(CASES.glob("*.yml"))
    assert found
    return found


@pytest.mark.parametrize("path", case_files(), ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    parts = [part for text in case.get("secrets", ()) for part in secret_parts(text)]
    redactor = Redactor(parts, [tuple(pair) for pair in case.get("named", ())])
    if "json" in case:
        assert redactor.json(case["json"]) == case["expected"]
    else:
        assert redactor.text(case["text"]) == case["expected"]


# As hosts' programs write text: JSON in logs, units, shells, headers.
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json without escapes": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "python": repr,
    "unit": lambda text: json.dumps(f"A={text}").replace("%", "%%"),
    "told of a unit": lambda text: '"A=' + re.sub(r'["\\`$]', r"\\\g<0>", text) + '"',
    "shell": shlex.quote,
    "url": lambda text: quote(text, safe=""),
    "path of a url": quote,
    "form": quote_plus,
    "lower case url": lambda text: quote(text, safe="").lower() if text.islower() else text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "basic login": lambda text: base64.b64encode(f"ray:{text}".encode()).decode(),
    "basic login of another": lambda text: base64.b64encode(f"x1:{text}\n".encode()).decode(),
    "wrapped base64": lambda text: base64.encodebytes(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "yaml": lambda text: "'" + text.replace("'", "''") + "'",
}

printable = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")),
    min_size=LEAST,
    max_size=40,
).filter(lambda text: text.lower() not in ("true", "false", "null", "none"))
secrets = st.lists(printable, min_size=1, max_size=3)
glue = st.text(max_size=20)
# JSON writes control characters with digits of its own: those of NUL might be a secret's.
plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


@settings(max_examples=EXAMPLES, deadline=None)
@given(secrets=secrets, data=st.data())
def test_no_secret_survives(secrets: list[str], data: st.DataObject) -> None:
    redactor = Redactor(secrets)
    names = st.sampled_from(sorted(ENCODINGS))
    text = data.draw(glue)
    for secret in data.draw(st.permutations(secrets * 2)):
        text += ENCODINGS[data.draw(names)](secret) + data.draw(glue)
    shown = redactor.text(text)
    for secret in secrets:
        for name, encoding in ENCODINGS.items():
            assert encoding(secret) not in shown, name
    assert redactor.text(shown) == shown


@settings(max_examples=EXAMPLES, deadline=None)
@given(secrets=secrets, data=st.data())
def test_no_secret_survives_in_json(secrets: list[str], data: st.DataObject) -> None:
    leaves = st.one_of(st.none(), st.booleans(), st.integers(), plain, st.sampled_from(secrets))
    value = data.draw(
        st.recursive(
            leaves, lambda inner: st.lists(inner) | st.dictionaries(plain, inner), max_leaves=8
        )
    )
    shown = json.dumps(Redactor(secrets).json(value), ensure_ascii=False)
    shown = shown.replace("true", "").replace("false", "").replace("null", "")
    for secret in secrets:
        assert json.dumps(secret, ensure_ascii=False)[1:-1] not in shown or set(secret) <= set(
            '"{}[], :*'
        )


@settings(max_examples=EXAMPLES, deadline=None)
@given(text=st.text(), secret=printable)
def test_what_holds_no_secret_stays(text: str, secret: str) -> None:
    if not any(mark in text for mark in (*secret, "://", "-----")) and "b" not in text.lower():
        assert Redactor([secret]).text(text) == text


@pytest.mark.parametrize("width", [3, 64, 76])
def test_a_secret_over_several_lines_does_not_survive(width: int) -> None:
    secret = "0123456789abcdef" * 4
    encoded = base64.b64encode(f"user:{secret}".encode()).decode()
    for text in (secret, encoded):
        wrapped = "\n  ".join(text[at : at + width] for at in range(0, len(text), width))
        shown = Redactor([secret]).text(f"before {wrapped} after")
        assert shown.startswith("before ")
        assert shown.endswith(" after")
        assert MARK in shown
        assert len(shown) < 60


def test_many_keys_without_an_end_take_no_longer_each() -> None:
    begin = "-----BEGIN PRIVATE KEY-----\nMIIE\n!\n"
    end = "-----END PRIVATE KEY-----"
    began = time.process_time()
    shown = Redactor(()).text(f"{begin}{end}\n" + begin * 10_000)
    assert time.process_time() - began < 3
    assert shown == f"{MARK}\n" + f"{MARK}!\n" * 10_000
