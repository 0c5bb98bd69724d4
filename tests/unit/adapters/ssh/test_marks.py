"""A command's output between marks: whatever comes around it, in whatever parts."""

from __future__ import annotations

import subprocess

import pytest

from adbray_ctl.adapters.ssh.marks import PYTHON, Marked, Stage, command_line, python_words, shown

MARK = "adbray-0123456789abcdef"
NOISE = b"Welcome\n{}\n\xff\xfe\x1b[31m\n" + MARK[:-1].encode() + b" root\n"


def answered(output: bytes, noise: bytes = b"") -> bytes:
    begin = f"\n{MARK} login\n".encode() + noise + f"\n{MARK} root\n".encode()
    return noise + begin + output + f"\n{MARK} end 3\n".encode() + noise


@pytest.mark.parametrize("part", [1, 2, 7, 64, 100_000])
@pytest.mark.parametrize("output", [b"", b"{}\n", b"\n\n", b"a\n\nb", b"\x00\xff\n", b"x" * 500])
@pytest.mark.parametrize("noise", [b"", NOISE, b"no line end"])
def test_the_output_is_found_byte_for_byte(part: int, output: bytes, noise: bytes) -> None:
    text, marked = answered(output, noise), Marked(MARK)
    for at in range(0, len(text), part):
        if marked.status is None:
            marked.feed(text[at : at + part])
    assert (marked.stage, marked.status) == (Stage.COMMAND, 3)
    assert bytes(marked.output) == output


@pytest.mark.parametrize("part", [1, 3, 64, 100_000])
def test_lines_come_when_they_are_whole_and_none_is_lost(part: int) -> None:
    text, marked = answered(b"one\n\n\ntwo\nthree", NOISE), Marked(MARK)
    found: list[str] = []
    for at in range(0, len(text), part):
        if marked.status is None:
            marked.feed(text[at : at + part])
        if marked.stage is Stage.COMMAND:
            found += marked.lines()
    # The last one has no line end of its own, and may have got one by then.
    assert [*found[:-1], found[-1].rstrip()] == ["one\n", "\n", "\n", "two\n", "three"]


def test_a_line_does_not_wait_for_the_next_one() -> None:
    marked = Marked(MARK)
    marked.feed(answered(b"")[: -len(f"\n{MARK} end 3\n")] + b"ready\n")
    assert list(marked.lines()) == ["ready\n"]


def test_a_shell_that_prints_for_ever_takes_no_memory() -> None:
    marked = Marked(MARK)
    for _ in range(200):
        marked.feed(b"y\n" * 50_000)
    assert len(marked.output) + len(marked.before) < 10_000
    assert shown(marked.before) == "y"


def test_what_sudo_refuses_ends_before_it_is_root() -> None:
    marked = Marked(MARK)
    marked.feed(f"hello\n{MARK} login\n\n{MARK} end 1\n".encode())
    assert (marked.stage, marked.status) == (Stage.SUDO, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"\r\n\n  Please log in \x1b[1mas\x07 admin  \nmore", "Please log in \x1b[1mas\x07 admin"),
        (b"Gr\xfc\xdfe", "Gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}e"),
        (b"x" * 999, "x" * 157 + "..."),
        (b"", ""),
    ],
)
def test_what_others_printed_is_quoted_in_one_short_plain_line(text: bytes, line: str) -> None:
    assert shown(text) == line


@pytest.mark.parametrize("word", ["a b", "it's", '"$HOME"', "*", "\\", "line\nend", "", "-x", "é"])
def test_words_reach_the_script_as_they_are(word: str) -> None:
    script = "import sys; print(sys.argv[1:-1], sys.argv[-1], sys.stdin.read())"
    line = command_line(MARK, PYTHON, python_words(script, word), sudo=False)
    done = subprocess.run(
        ["sh", "-c", line],
        input=b"rest",
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "SSH_CONNECTION": "a 1 b 2"},
        check=True,
    )
    marked = Marked(MARK)
    marked.feed(done.stdout)
    assert marked.output.decode() == f"{[word]} a 1 b 2 rest\n"


@pytest.mark.parametrize("sudo", [True, False])
def test_the_command_has_nothing_that_a_strange_shell_would_take_for_its_own(sudo: bool) -> None:
    script = "print('!\\n')\n"
    line = command_line(MARK, PYTHON, python_words(script, "7"), sudo=sudo)
    assert "!" not in line, "csh looks for it in its history"
    assert "\n" not in line, "csh takes no line end between quotes"
    assert "\\" not in line, "fish takes it out of quotes"
