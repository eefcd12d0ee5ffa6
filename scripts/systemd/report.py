"""Runs the cases in one boot, and shows what came of them."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import cases_rights  # noqa: F401  (registers its cases, as the next ones do)

import cases_life  # noqa: F401  isort: skip
import cases_faults  # noqa: F401  isort: skip
import cases_others  # noqa: F401  isort: skip
import cases_doctor  # noqa: F401  isort: skip
from cases import ALL, UNIT
from container import Container, Failed, booted
from install import install


@dataclass
class Outcome:
    """``rows``: name, what must be, whether it is, figure or reason, seconds that it took."""

    suite: str
    where: str = ""
    rows: list[tuple[str, str, bool, str, float]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(not ok for _, _, ok, _, _ in self.rows) or not self.rows

    @property
    def data(self) -> dict[str, Any]:
        keys = ("name", "must", "ok", "found", "seconds")
        rows = [dict(zip(keys, row, strict=True)) for row in self.rows]
        return {"suite": self.suite, "where": self.where, "failed": self.failed, "cases": rows}


def run_all(suite: str, root: Path, only: list[str], progress: IO[str]) -> Outcome:
    wanted = [case for case in ALL if not only or any(word in case.name for word in only)]
    outcome = Outcome(suite)
    with booted(root) as box:
        install(box)
        outcome.where = _where(box)
        for case in wanted:
            began, since = time.monotonic(), time.time()
            try:
                ok, found = True, case.run(box)
            except (Failed, subprocess.SubprocessError) as exc:
                ok, found = False, str(exc)
            took_s = time.monotonic() - began
            outcome.rows.append((case.name, case.must, ok, found, round(took_s, 1)))
            print(f"{'✓' if ok else '✗'} {took_s:5.1f} s  {case.name}: {found}", file=progress, flush=True)
            if not ok:
                said = box.run(
                    "journalctl", "-u", UNIT, "-o", "cat", "--no-pager", f"--since=@{since:.3f}"
                ).stdout
                print(
                    "\n".join("      | " + line for line in said.splitlines()[-25:]),
                    file=progress,
                    flush=True,
                )
    return outcome


def _where(box: Container) -> str:
    """Versions and machine, for whoever reads the figures."""
    systemd = box.must("systemctl", "--version").splitlines()[0]
    python = box.must("python3", "--version")
    broker = box.run("mosquitto", "-h").stdout.splitlines()[0]
    return f"{systemd}; {python}; {broker}; {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"


def show(outcome: Outcome) -> None:
    """A table in Markdown, as it is kept in docs/systemd.md."""
    print(f"\n{outcome.suite}: {outcome.where}\n\n| | Case | Must | Found |\n|---|---|---|---|")
    for name, must, ok, found, _ in outcome.rows:
        print(f"| {'✓' if ok else '✗'} | {name} | {must} | {found.replace('|', '/')} |")
    wrong = sum(not ok for _, _, ok, _, _ in outcome.rows)
    print(f"\n{len(outcome.rows)} cases, {wrong} not as it should be")
