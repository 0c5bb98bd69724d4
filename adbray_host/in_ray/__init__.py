"""Programs for a group's own Python, which has Ray: they go there as text, by ``-c``.

Its user can read neither the package nor what else is root's alone.
"""

from __future__ import annotations

from pkgutil import get_data


def source_of(name: str) -> str:
    """The text of the module ``name`` of this room."""
    data = get_data(__name__, name + ".py")
    assert data is not None
    return data.decode()
