"""When Ray is taken for hung."""

from __future__ import annotations

from adbray_host.keeper.health import Watch


class Ray:
    """What the probe finds, and the time."""

    def __init__(self) -> None:
        self.at = 0.0
        self.wrong = "refused"
        self.watch = Watch("GCS", self.probe, hang_s=10, start_s=120, now=lambda: self.at)

    def probe(self) -> str:
        return self.wrong

    def look(self, at: float, wrong: str) -> str:
        self.at, self.wrong = at, wrong
        self.watch.look()
        return self.watch.verdict()


def test_it_has_long_to_start() -> None:
    ray = Ray()
    assert ray.look(119, "refused") == ""
    assert not ray.watch.up
    assert ray.look(121, "refused") == "GCS has not answered for 121 s: refused"


def test_once_up_it_hangs_after_a_while_without_any_answer() -> None:
    ray = Ray()
    assert ray.look(5, "") == ""
    assert ray.watch.up
    assert ray.look(14, "timed out") == ""
    assert ray.look(15.5, "timed out") == "GCS has not answered for 10 s: timed out"


def test_one_answer_is_enough() -> None:
    ray = Ray()
    ray.look(5, "")
    ray.look(14, "timed out")
    ray.look(14.5, "")
    assert ray.look(24, "timed out") == ""
