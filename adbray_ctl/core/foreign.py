"""Text of others, as it enters: users of Ray, hosts, and what runs on them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def whole(text: str) -> str:
    r"""``text`` with lone halves of characters written out (``\ud800``).

    JSON may hold them, and Ray takes them in an entrypoint. No file, no database and no JSON that
    pydantic writes can.
    """
    return text.encode(errors="backslashreplace").decode()


Foreign = Annotated[str, AfterValidator(whole)]
