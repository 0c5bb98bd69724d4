"""What the user of a job that failed can do."""

from __future__ import annotations

import pytest

from adbray_ctl.core.jobs.job import Job, what_to_do


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Failed to set it up.\nERROR: No matching distribution found for x", "no index"),
        ("cause: Failed to fetch: http://10.0.0.9/x/", "no index"),
        (
            "exit code 1, last logs:\nModuleNotFoundError: No module named 'sklearn.svm'\n",
            "put the package that has sklearn.svm into ray.packages",
        ),
    ],
    ids=["pip", "uv", "module"],
)
def test_what_is_missing_is_named(message: str, expected: str) -> None:
    assert expected in what_to_do(failed(message))


def test_a_program_that_fails_is_its_users() -> None:
    assert what_to_do(failed("Job entrypoint command failed with exit code 1")) == ""


def failed(message: str) -> Job:
    return Job(id="a", status="FAILED", entrypoint="true", message=message)
