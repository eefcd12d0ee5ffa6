"""Problems: every code has its meaning and its fix, the page is the table, and nobody reports what is not in it."""

import ast
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.audio.backends.pa_supervisor import MISSING
from device.cli import main
from device.problems import CATALOGUE, markdown

ROOT = Path(__file__).parent.parent
REPORTERS = {"Problem", "_problem", "Trouble"}
"""What is called with a code first."""
CODE = re.compile(
    "(mic|speaker|echo|recogniser|voice|model|turn_model|config|state|broker|clock|credentials)_"
    "(missing|failed|silent|stuck|clipping|unconverged|invalid|rolled_back|unwritable|damaged|unset|unreadable|unauthorised|"
    r"unreachable|untrusted|flapping)\Z"
)
"""What looks like a code, however it is reported."""


ELSEWHERE = {ROOT / "device" / "problems.py", ROOT / "device" / "adoption" / "lacking.py"}
"""The catalogue itself; and what is wrong with a pushed configuration, whose codes stand among the errors of its report."""


@functools.cache
def reported() -> tuple[tuple[str, str], ...]:
    """Every code in the source, and where."""
    return tuple(_reported())


def _reported() -> Iterator[tuple[str, str]]:
    for file in set((ROOT / "device").rglob("*.py")) - ELSEWHERE:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            where = f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in REPORTERS and node.args:
                yield from ((code, where) for code in _texts(node.args[0]) if code)
            elif any(text in CATALOGUE or CODE.match(text) for text in _texts(node)):
                yield from ((code, where) for code in _texts(node))


def _texts(node: ast.AST) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def test_every_code_that_the_source_reports_is_in_the_catalogue():
    assert not {f"{code} ({where})" for code, where in reported() if code not in CATALOGUE}


def test_every_entry_of_the_catalogue_is_reported_by_somebody():
    assert set(CATALOGUE) - {code for code, _ in reported()} == set()


def test_the_scan_finds_codes_however_they_are_written():
    found = {code for code, _ in reported()}
    assert {
        "mic_clipping",
        "echo_bluetooth",
        "turn_model_failed",
        "recogniser_failed",
        "clock_unset",
    } <= found
    assert set(MISSING.values()) == {"mic_missing", "speaker_missing"} <= found


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_an_entry_is_one_line_each_for_what_it_means_and_what_to_do(entry):
    assert re.fullmatch(r"[A-Z][^\n|]{10,200}\.", entry.means)
    assert re.fullmatch(r"[^\n|]{10,240}", entry.fix) and not entry.fix.endswith(".")


def test_the_page_is_what_the_command_prints(capsys):
    assert main(["doctor", "problems", "--markdown"]) == 0
    page = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == page == markdown(), (
        "run: earshot doctor problems --markdown > docs/problems.md"
    )


def test_the_command_explains_one_code_and_knows_what_was_meant(capsys):
    assert main(["doctor", "problems", "mic_clipping"]) == 0
    told = capsys.readouterr().out
    assert "full scale" in told and "alsamixer" in told and "mic_rate" not in told
    assert main(["doctor", "problems", "--json", "clock_unset", "mic_rate"]) == 0
    assert [entry["code"] for entry in json.loads(capsys.readouterr().out)["problems"]] == [
        "clock_unset",
        "mic_rate",
    ]
    assert main(["doctor", "problems", "mic_cliping"]) == 2
    assert "did you mean 'mic_clipping'?" in capsys.readouterr().err
