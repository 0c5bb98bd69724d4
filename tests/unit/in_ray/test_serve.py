"""Serve's default ports where Ray is of another version than the one that tests have."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import v1

from adbray_ctl.in_ray import serve


class _Options(v1.BaseModel):
    host: str = "0.0.0.0"  # noqa: S104 - as in Ray
    port: int = 8000


class _Deploy(v1.BaseModel):
    http_options: _Options = _Options()


def test_models_of_pydantic_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Ray 2.54."""
    monkeypatch.setenv(serve.HTTP_VARIABLE, "19002")
    module = SimpleNamespace(
        HTTPOptionsSchema=_Options,
        ServeDeploySchema=_Deploy,
        ServeInstanceDetails=_Deploy,
        configure_http_options_with_defaults=lambda options: options,
    )
    sent = _Options()
    serve.http_util(module)
    assert module.configure_http_options_with_defaults(sent).port == 19002
    assert module.configure_http_options_with_defaults(_Options(port=8000)).port == 8000
    serve.schema(module)
    assert _Options().port == 19002
    assert _Deploy().http_options.port == 19002
    assert _Deploy.parse_obj({"http_options": {"host": "::"}}).http_options.port == 19002


def test_constants_that_a_later_ray_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(serve.HTTP_VARIABLE, "19002")
    monkeypatch.setenv(serve.GRPC_VARIABLE, "19003")
    module = SimpleNamespace(DEFAULT_GRPC_PORT=9000)
    serve.constants(module)
    assert vars(module) == {"DEFAULT_GRPC_PORT": 19003}
