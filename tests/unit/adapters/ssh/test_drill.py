"""What a drill's driver prints, as it is read."""

from __future__ import annotations

import pytest

from adbray_ctl.adapters.ssh.drill import _call
from adbray_ctl.core.drill import Kind

LINE = '{"kind": "held", "took": 1.5, "value": 2, "error": ""}'


@pytest.mark.parametrize("after", ["\n", "[W] the GCS does not answer\n", "{}"])
def test_a_call_is_read_whatever_follows_on_its_line(after: str) -> None:
    call = _call(LINE + after)
    assert (call.kind, call.value, call.error) == (Kind.HELD, 2, "")
    assert call.ended - call.began == pytest.approx(1.5)
