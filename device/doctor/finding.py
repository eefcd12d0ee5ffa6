"""What a check has found: one line, how grave it is, and what to do in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["ok", "warning", "fault", "skipped"]
"""``skipped``: it was not tried, and the text says why; nobody is to blame."""
GRAVITY: dict[Severity, int] = {"fault": 3, "warning": 2, "ok": 1, "skipped": 0}


@dataclass(frozen=True, slots=True)
class Finding:
    """``check``: the name of the check (filled in by ``checkup``); ``data``: values of JSON, for programs."""

    severity: Severity
    text: str
    fix: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    check: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "severity": self.severity,
            "text": self.text,
            "fix": self.fix,
            "data": self.data,
        }


def ok(text: str, **data: Any) -> Finding:
    return Finding("ok", one_line(text), "", data)


def skipped(text: str, **data: Any) -> Finding:
    return Finding("skipped", one_line(text), "", data)


def warning(text: str, fix: str, **data: Any) -> Finding:
    return Finding("warning", one_line(text), one_line(fix), data)


def fault(text: str, fix: str, **data: Any) -> Finding:
    return Finding("fault", one_line(text), one_line(fix), data)


def one_line(text: str) -> str:
    return " ".join(text.split())


def split(message: str, fix: str) -> tuple[str, str]:
    """The first line of an error's message as text and fix, on both sides of its first semicolon; ``fix`` where it has none."""
    text, _, rest = one_line(message.strip().partition("\n")[0]).partition("; ")
    return text, rest or fix


def worst(findings: Iterable[Finding]) -> Severity:
    """The gravest severity; "skipped" where there is nothing else, and nothing at all."""
    return max((finding.severity for finding in findings), key=GRAVITY.__getitem__, default="skipped")
