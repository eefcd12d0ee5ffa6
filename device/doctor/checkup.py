"""Runs checks one after the other, each with a limit, and all of them within a limit: nothing hangs, whatever a check does."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from device.doctor.checks import Check
from device.doctor.finding import Finding, Severity, fault, skipped, worst
from device.doctor.patient import Patient
from device.errors import EarshotError

WHOLE_S = 60.0
"""All checks together, those of ``--full`` apart."""
Tell = Callable[[str, float], None]
"""Told what is being done, and how far everything is (0..1)."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found, in the order of the checks. ``took_s``: seconds of each check."""

    findings: tuple[Finding, ...]
    took_s: dict[str, float]

    @property
    def verdict(self) -> Severity:
        return worst(self.findings)

    def of(self, check: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.check == check]

    def as_json(self) -> dict[str, Any]:
        from device import __version__

        return {
            "verdict": self.verdict,
            "version": __version__,
            "took_s": {name: round(took_s, 2) for name, took_s in self.took_s.items()},
            "findings": [finding.as_json() for finding in self.findings],
        }


def check_up(
    patient: Patient,
    checks: Sequence[Check],
    tell: Tell = lambda what, share: None,
    *,
    whole_s: float = WHOLE_S,
) -> Checkup:
    """Run ``checks`` on ``patient``. Raises nothing that a check raises: that is a finding."""
    findings: list[Finding] = []
    took_s: dict[str, float] = {}
    end = time.monotonic() + whole_s
    for number, check in enumerate(checks):
        tell(check.doing, number / len(checks))
        began = time.monotonic()
        limit_s = check.limit_s if check.full else min(check.limit_s, end - began)
        if limit_s <= 0:
            found = [skipped(f"not tried: the checks before took {whole_s:.0f} s")]
        else:
            found = _within(check, patient, limit_s)
        took_s[check.name] = time.monotonic() - began
        if check.full:
            end += took_s[check.name]
        findings += [dataclasses.replace(finding, check=check.name) for finding in found]
    tell("", 1.0)
    return Checkup(tuple(findings), took_s)


def _within(check: Check, patient: Patient, limit_s: float) -> list[Finding]:
    """What ``check`` finds, or that it hangs. A thread that hangs is left behind; it ends with the process."""
    mine = dataclasses.replace(patient, left=threading.Event(), deadline=time.monotonic() + limit_s)
    result: list[Finding] = []

    def run() -> None:
        try:
            result.extend(check.function(mine))
        except EarshotError as exc:
            result.append(fault(str(exc), f"see `earshot {_command(check.name)} --help`"))
        except Exception as exc:  # noqa: BLE001  one check that fails is a finding, the others go on
            result.append(
                fault(
                    f"the check itself failed: {type(exc).__name__}: {exc}",
                    "report this, with the output of `earshot doctor --json`",
                )
            )

    thread = threading.Thread(target=run, name=f"check {check.name}", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        mine.left.set()
        return [
            fault(
                f"hangs: no result within {limit_s:.0f} s",
                f"{check.stuck}; `earshot doctor --only {check.name}` tries it alone",
            )
        ]
    return result or [skipped("nothing to look at")]


def _command(check: str) -> str:
    return {"sound": "devices", "models": "models", "configuration": "config"}.get(check, "doctor")
