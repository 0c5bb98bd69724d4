"""A job put together from options and a runtime environment, and refused before it is packed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs.request import JobRequest, Needs
from adbray_ctl.core.jobs.uploads import UploadRoom
from adbray_ctl.core.jobs.working_dir import DirectoryFile
from adbray_ctl.services.submission import Upload, Wanted, check_uploads, submission
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.jobs import FakeJobs
from tests.unit.converging import Cluster

ROOM = UploadRoom(limit=100, share=100, used=60, room=40, largest=90, kept_s=600)
FILES = (DirectoryFile(path="main.py", size=50),)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return replace(Cluster(tmp_path).tools, list_files=lambda _: FILES)


def of(tools: Tools, environment: dict[str, JsonValue], **more: object) -> JobRequest:
    wanted = Wanted(entrypoint=("true",), runtime_env=environment)
    return submission(tools, replace(wanted, **more)).request  # type: ignore[arg-type]


def test_one_word_is_a_command_line_and_several_are_quoted(tools: Tools) -> None:
    def command(*words: str) -> str:
        return submission(tools, Wanted(entrypoint=words)).request.entrypoint

    assert command("python x.py --a 'b c'") == "python x.py --a 'b c'"
    assert command("python", "x.py", "b c") == "python x.py 'b c'"
    with pytest.raises(UsageError, match=r"'x\.py' is not in the working directory"):
        submission(tools, Wanted(entrypoint=["python", "x.py"], working_dir="/w"))


def test_options_win_over_the_runtime_environment(tools: Tools) -> None:
    environment: dict[str, JsonValue] = {
        "working_dir": "/a",
        "env_vars": {"A": "1", "B": "2"},
        "pip": ["x"],
    }
    assert of(tools, environment) == JobRequest(
        entrypoint="true", working_dir="/a", env={"A": "1", "B": "2"}, runtime_env={"pip": ["x"]}
    )
    found = of(tools, environment, working_dir="/b", env={"B": "3"})
    assert (found.working_dir, found.env) == ("/b", {"A": "1", "B": "3"})


def test_all_directories_that_are_uploaded_are_looked_at(tools: Tools) -> None:
    environment: dict[str, JsonValue] = {"py_modules": ["/m", "s3://b/m.zip", "/x-1-py3.whl"]}
    found = submission(
        tools, Wanted(entrypoint=("true",), working_dir="/w", runtime_env=environment)
    )
    assert found.uploads == (Upload("/w", FILES), Upload("/m", FILES))


def test_what_ray_fetches_itself_is_not_looked_at(tools: Tools) -> None:
    wanted = Wanted(entrypoint=("python", "x.py"), working_dir="https://example.com/w.zip")
    assert submission(tools, wanted).uploads == ()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"working_dir": 1}, "1 is not a directory"),
        ({"env_vars": ["A"]}, r"\['A'\] is not names with their values"),
        ({"env_vars": {"A": 1}}, "1 is not text: put it in quotes"),
        ({"py_modules": "m"}, "'m' is not a list of directories or wheels"),
        ({"pip": ["\udcff"]}, "is not UTF-8"),
    ],
)
def test_a_runtime_environment_of_another_form_is_refused(
    tools: Tools, environment: dict[str, JsonValue], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        of(tools, environment)


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (Needs(cpus=-1), "a job cannot have -1 CPUs"),
        (Needs(cpus=float("inf")), "a job cannot have inf CPUs"),
        (Needs(gpus=0.00001), "a job cannot have 1e-05 GPUs"),
        (Needs(memory=-1), "a job cannot have -1 bytes of memory"),
        (Needs(resources={"disk": float("nan")}), "a job cannot have nan of 'disk'"),
        (Needs(resources={"GPU": 1}), "GPU is not a custom resource"),
    ],
)
def test_amounts_that_no_worker_has_are_refused(tools: Tools, needs: Needs, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        of(tools, {}, needs=needs)


@pytest.mark.parametrize(
    ("uploads", "room", "refused"),
    [
        ((), ROOM, False),
        ((Upload("/w", FILES),), None, False),
        ((Upload("/w", FILES),), ROOM.model_copy(update={"room": 50}), False),
        ((Upload("/w", FILES),), ROOM, True),
    ],
    ids=["no directory", "a head that does not say", "room", "no room"],
)
def test_what_has_no_room_is_not_packed(
    uploads: tuple[Upload, ...], room: UploadRoom | None, *, refused: bool
) -> None:
    api = FakeJobs(uploads=room)
    if refused:
        with pytest.raises(ClusterError, match="the cluster's store has room for"):
            check_uploads(api, uploads)
    else:
        check_uploads(api, uploads)
