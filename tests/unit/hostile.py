"""Texts that are legal where users, hosts and Ray write them, and that programs take for commands.

``TEXTS`` is the fixed corpus. Nothing in it is an attack on a program of others: they are texts.
"""

# ruff: noqa: RUF001 - letters that look alike are what it is about

from __future__ import annotations

from collections.abc import Iterator

# Rich's markup and emoji, as users write them without knowing of it.
MARKUP = (
    *("ls [/x/y]; sleep 300", "d[k]", "x[0:3]", "[bold red]x[/bold red]", "[/]", "[/bold]", "[b]"),
    *("[not closed", "closed]", "a]b[c", "[[x]]", "\\[x]", "\\\\[x]", "[link=http://h/x]y[/link]"),
    *("[@click=app.quit]x[/]", "[#ff0000]x", "[on red]x", "[conceal]x[/conceal]", "[blink]x"),
    *("[1] [2]", "['a', 'b']", '["a"]', "[a-z]*", "[!x]", "numpy[extra]", "ray[default]==2.60.0"),
    *("[red]", "[default]", "[none]", "[y/N]", "[ ]", "[]", "[[]]", "[/[x]]", "[b][i]x[/b][/i]"),
    *(":smile:", ":warning: :x:", ":bug:text", "[:smile:]", "12:30:00", "a::b", "http://[::1]:80/"),
)
# What format, %, Jinja, shells, YAML, systemd, HTML, SQL, CSV and patterns read in a text.
OTHERS = (
    *("{}", "{0}", "{x!r:>10}", "{", "}", "{{}}", "{self.__class__}", "%s", "%(x)s", "%n", "100%"),
    *("%d%%", "%", "%h/%i", "%%", "{{ 7 * 7 }}", "{{ x }}", "{% raw %}", "{% endraw %}", "{# x #}"),
    *("{{ lookup('env', 'HOME') }}", "{{", "}}", "{%", "#}", "!unsafe x", "!vault |", "!!str x"),
    *("$HOME", "${HOME}", "$(id)", "`id`", "$$", "$((1+1))", "~", "~root", "a && b || c", "a; b"),
    *(
        "a | b",
        "a > b",
        "a < b",
        "a & b",
        "!!",
        "!x",
        "'",
        '"',
        "''",
        '""',
        "'\"'\"'",
        "\\",
        "\\\\",
    ),
    *(
        "it's",
        'say "x"',
        "a\\",
        "\\n",
        "\\t",
        "\\x1b[31m",
        "\\u202e",
        "\\N{BELL}",
        "\\0",
        "^",
        "^^",
    ),
    *(
        "---",
        "...",
        "- x",
        "? x",
        ": x",
        "x: y",
        "x #y",
        "# x",
        "&a x",
        "*a",
        "|",
        ">",
        "@x",
        "`x`",
    ),
    *(
        "null",
        "true",
        "no",
        "0o17",
        "0x1f",
        "1e3",
        "1_000",
        ".inf",
        "2026-01-01",
        "=",
        "<<",
        "%YAML",
    ),
    *("<b>x</b>", "<script>x</script>", "&amp;", "&#x1b;", "]]>", "<!-- x -->", "javascript:x"),
    *("x'; DROP TABLE runs; --", "=1+1", "+1", "-1", "=HYPERLINK(x)", "a,b", "a;b", '"a","b"'),
    *("(a+)+$", "(?P<x>", "(", ")", "a{2,1}", "[z-a]", "*", "?", "**", ".*", "\\d", "\\1", "$^"),
    *('{"a": 1}', "[1, 2", "NaN", "../..", "/", "C:\\x", "ftp:///x", "--help", "-x", "--", "-"),
    *("error: x", "next: x", "! x", "interrupted", "Traceback (most recent call last):"),
    *("\\b", "x\n\\b\ny", "Usage: x", "a=b", "export X=1", "None", "undefined", "x" * 2000),
)
# Sequences for terminals: colours, titles, links, erasing, moving, questions.
SEQUENCES = (
    *("\x1b[31mred\x1b[0m", "\x1b[1;36m(pid=7)\x1b[0m x", "\x1b]0;title\x07", "\x1b]2;t\x1b\\"),
    *(
        "\x1b]8;;http://h/x\x1b\\link\x1b]8;;\x1b\\",
        "\x1b[2J",
        "\x1b[H",
        "\x1b[1A\x1b[2Kx",
        "\x1bc",
    ),
    *("\x1b[6n", "\x1b[c", "\x1b[?1049h", "\x1b[?25l", "\x1bP1$r\x1b\\", "\x1b]52;c;eA==\x07"),
    *("\x1b[8mhidden\x1b[0m", "\x1b", "\x1b[", "\x9b31mred", "\x9d0;title\x9c", "\x90x\x9c"),
    *("safe\rfake", "50%|####     |\r60%|#####    |\r", "abc\b\b\bxyz", "bell\x07", "a\x0bb\x0cc"),
    *("x\x00y", "a\x7fb", "\x0e\x0f", "\x1b(0qqq\x1b(B", "\x1b#8", "\x1b[1000B", "\x1b[3;5r"),
)
# Writing systems, and characters that cannot be seen or change what is seen.
UNICODE = (
    *(
        "é",
        "e\u0301",
        "中文作业",
        "日本語",
        "한국어",
        "العربية",
        "עברית",
        "हिन्दी",
        "ไทย",
        "ﷺ",
        "ß",
        "İ",
        "ı",
    ),
    *("🎉", "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "❤️", "∑∫√", "│┌┐└┘─", "█▓▒░", "⣿", "", "Ⅷ", "①", "ﬁ"),
    *("Z\u0351\u036b\u0343a\u0321\u0353l\u0310g\u0329o", "a\u00a0b", "a\u3000b", "a\u2003b"),
    *("invoice\u202egpj.exe", "\u202dx\u202c", "a\u2066b\u2069c", "\u200fx", "\u061cx"),
    *("\u3164", "a\u2800b", "\u115f\u1160", "a\u034fb\uffa0"),
    *(
        "a\u200bb",
        "a\u200cb",
        "a\u200db",
        "a\u2060b",
        "a\ufeffb",
        "a\u00adb",
        "a\u2028b",
        "a\u2029b",
    ),
    *("a\x85b", "\udcff", "a\ud800b", "\uffff", "\U000e0041x", "\ufff9a\ufffab\ufffb", "x\u3164"),
    *("а\u0301 раураl", "Ω≈ç√", "𝕏𝕐", "\U0010ffff", "\u180ex"),
)
# Blanks and lines.
BLANKS = (
    *(" x", "x ", "  x  y  ", "a\tb", "\ta", "a\nb", "a\n\nb", "a\r\nb", "x\nerror: y\n  next: z"),
    *("x\n", "a\n\tb", "one\ntwo\nthree\nfour", "word " * 60 + "end", "a\u00a0" * 40 + "b"),
)
# What Ray, sshd, pip and Python say.
ERRORS = (
    "Runtime env setup failed: ['pip', 'install', '[x]'] returned 1:\n  ERROR: [/tmp/x] {y} %s",
    "ray.exceptions.RayTaskError(KeyError): \x1b[36mray::f()\x1b[39m (pid=7, ip=10.0.0.1)\n  d[k]",
    "Job entrypoint command failed with exit code 2, last available logs:\nls: [/x/y]: no",
    "*** Welcome [prod] ***\r\n\x1b[1mAuthorized use only\x1b[0m\r\n\a",
    "debconf: {{ apt }} [E] 100% [/var/cache] $(uname -r)",
    "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: '\\xff\udcff'",
)


def _embedded() -> Iterator[str]:
    """Some of them inside of what users usually write."""
    frames = ("python train.py --name {} --epochs 3", "bash -c 'echo {}'", "numpy=={}", "PATH={}:x")
    for number, text in enumerate(("[/x]", "d[k]", "%s", "{{ x }}", "\x1b[31m", "\u202e", "a\nb")):
        yield from (frame.replace("{}", text) for frame in frames[: 4 if number < 4 else 2])


def _controls() -> Iterator[str]:
    """Each control character there is, but for those of lines and columns."""
    for number in (*range(0x20), *range(0x7F, 0xA0)):
        if chr(number) not in "\n\t":
            yield f"a{chr(number)}b"


TEXTS = tuple(
    dict.fromkeys(
        (*MARKUP, *OTHERS, *SEQUENCES, *UNICODE, *BLANKS, *ERRORS, *_embedded(), *_controls())
    )
)
