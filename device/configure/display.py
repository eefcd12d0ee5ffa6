"""How a push shows itself: what is waited for, what became of it on each device, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, TextIO

from device.config.files import ConfigFile
from device.configure.draft import rows
from device.configure.outcome import Letter, Outcome

HINTS = {
    "needs_signature": "sign it: `earshot config keygen` makes a key, once; the device trusts it by keys.trusted in its own file",
    "no_keys": "the device trusts no key yet: put the line that `earshot config keygen` printed into its file. --unsigned pushes "
    "what needs no signature",
    "unknown_signer": "put this key's line into keys.trusted of the device's file, or sign with one that it trusts (--key)",
    "bad_signature": "the device knows another key by this name: sign with that one (--key), or correct keys.trusted on the device",
    "key_lockout": "a push is the whole layer: keys.trusted with this key must stand in FILE too, where the device's own file does not "
    "name it",
    "stale_version": "somebody has pushed a newer one: look at it (`earshot config get`), then push again, or as the version that is named",
    "version_reuse": "somebody has pushed something else as this version: push again, which takes the next one",
    "bad_version": "this version was rolled back before: push again, which takes the next one",
}  # fmt: skip
"""What to do about a fault, by code; the others say it themselves."""


def say(lines: Iterable[str], file: TextIO | None = None) -> None:
    """Print what may hold words of others, who shall not steer this terminal: what cannot be printed becomes ``\ufffd``."""
    for line in lines:
        print("".join(char if char.isprintable() else "\ufffd" for char in line), file=file)


@dataclass(frozen=True)
class Answer:
    """An outcome with what is needed to tell it: whether the device is there (None: it never said a word)."""

    outcome: Outcome
    online: bool | None
    waited_s: float


def text(answer: Answer, letter: Letter, file: ConfigFile | None, told: Container[str] = ()) -> list[str]:
    """The lines for people: one that says it all, then each fault with its place, then what to do. ``told`` are keys whose warnings
    have been shown before."""
    outcome = answer.outcome
    lines = [f"{outcome.device}: {_sentence(answer, letter)}"]
    lines += [f"  {placed(row, file)}" for row in rows(outcome.errors, file)]
    lines += [
        f"  warning: {placed(row, file)}" for row in rows(outcome.warnings, file) if row["path"] not in told
    ]
    codes = dict.fromkeys(fault.code for fault in outcome.errors)
    return lines + [f"  {HINTS[code]}" for code in codes if code in HINTS]


def data(answer: Answer, file: ConfigFile | None) -> dict[str, Any]:
    """The same for programs."""
    outcome = answer.outcome
    return {
        "device": outcome.device,
        "state": "no_answer" if outcome.fate in ("waiting", "offline") else outcome.fate,
        "online": answer.online,
        "confirmed": outcome.confirmed,
        "ms": outcome.ms,
        "errors": rows(outcome.errors, file),
        "warnings": rows(outcome.warnings, file),
    }


def signature(letter: Letter) -> str:
    """Who signed, in words."""
    return f"signed by {letter.kid}" if letter.kid else "unsigned"


def _sentence(answer: Answer, letter: Letter) -> str:
    outcome = answer.outcome
    match outcome.fate:
        case "applied":
            return f"applied, version {letter.version}, {signature(letter)} ({outcome.ms} ms)"
        case "pending":
            return f"still pending after {answer.waited_s:.0f} s: it has not proved itself yet; see `earshot config get`"
        case "rejected":
            return "rejected, nothing changed"
        case "rolled_back":
            return "rolled back: it did not prove itself, and what was before is in force again"
        case "superseded":
            return "overtaken: somebody else has pushed another configuration meanwhile"
    if answer.online:
        return (
            f"no answer in {answer.waited_s:.0f} s, though it is online; does the broker let it read its dn/config, "
            "and us its up/config?"
        )
    if answer.online is None:
        return (
            f"no answer in {answer.waited_s:.0f} s, and no device of this name has ever reported to this broker; "
            "check the name. The broker keeps the configuration"
        )
    return "no answer, it is offline; the broker keeps the configuration, and the device takes it when it is back"


def placed(row: dict[str, Any], file: ConfigFile | None) -> str:
    """One of ``rows`` as a line, also where the message has several; with its place where it has one."""
    message = "; ".join(part.strip() for part in row["message"].splitlines())
    if row["path"] not in message:
        message = f"{row['path']}: {message}"
    place = f"{file.name}:{row['line']}: " if file and row["line"] else ""
    return f"{place}{message} [{row['code']}]"


class Progress:
    """Whom is still waited for: a line that changes on a terminal, a line a change elsewhere; on standard error. A context manager."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet, self._said, self._status = quiet, "", None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("")

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._status:
            self._status.stop()

    def show(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """As ``Delivery`` calls it."""
        line = "; ".join(_waits(outcomes)) or "waiting for devices"
        if self._status:
            self._status.update(f"{line} ({seconds:.0f} s)")
        elif not self._quiet and line != self._said and seconds > 1:  # what answers at once needs no line
            print(line, file=sys.stderr, flush=True)
            self._said = line


def _waits(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for fate, words in (("waiting", "waiting for"), ("pending", "must prove itself:")):
        names = [each.device for each in outcomes if each.fate == fate]
        limit = max((each.probation_s for each in outcomes if each.fate == fate), default=0)
        if names:
            many = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield f"{words} {', '.join(names[:3])}{many}{f', within {limit} s' if limit else ''}"
