"""Runs the installer's steps on one Debian each: with a prepared folder and no network, and with the network and no folder."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cases_install
from cases import UNIT, Case
from container import Container, Failed, until
from fresh import BARE, HERE, fresh, options, prepared, unbooted
from report import Outcome, _where

_PURGE = (
    f"apt-get purge -y -qq {' '.join(BARE)} >/dev/null 2>&1; apt-get autoremove -y -qq >/dev/null 2>&1;"
    "if command -v mosquitto gcc || python3 -c 'import ensurepip' 2>/dev/null; then echo 'it is not bare'; exit 9; fi;"
)
_KILLED = (
    f"setsid {HERE}/scripts/install --yes >/dev/null 2>&1 & group=$!;"
    "until [ -d /usr/share/doc/mosquitto ]; do sleep 0.02; done; kill -9 -- -$group; wait;"
)
"""Its first run is killed while dpkg unpacks."""


def offline(suite: str, root: Path, only: list[str]) -> Outcome:
    """Every step of ``cases_install``; each boots nothing anew."""
    folder = prepared(suite, root)
    outcome = Outcome(f"{suite}, from a prepared folder")
    with fresh(root, folder) as merged:
        box = Container(merged, options(folder))
        try:
            outcome.where = _where(box)
            for step in cases_install.STEPS:
                if not only or any(word in step.name for word in only):
                    _try(box, step, outcome)
        finally:
            box.stop()
    return outcome


def online(suite: str, root: Path) -> Outcome:
    """Packages, wheels and model from the network, as into an image; then it is booted without a network."""
    folder = prepared(suite, root)
    outcome = Outcome(f"{suite}, from the network")
    with fresh(root, folder) as merged:
        began = time.monotonic()
        code, said = unbooted(merged, folder, f"{_PURGE} {_KILLED} {HERE}/scripts/install --yes")
        took_s = time.monotonic() - began
        left = [line.strip()[:160] for line in said.splitlines() if "could not" in line]
        told = f"{took_s:.0f} s" + "".join(f"; “{line}”" for line in left)
        outcome.rows.append(
            (
                "killed while dpkg works, run again; no systemd runs there",
                "exit code 0",
                code == 0,
                told if code == 0 else said[-500:],
                took_s,
            )
        )
        print(outcome.rows[-1], file=sys.stderr, flush=True)
        if code:
            return outcome
        box = Container(merged, options(folder))
        try:
            outcome.where = _where(box)
            _try(box, Case("booted", "active; 'broker ok'; doctor runs", _booted), outcome)
        finally:
            box.stop()
    return outcome


def _booted(box: Container) -> str:
    until(lambda: box.show(UNIT, "ActiveState") == ["active"], "an active service", 40)
    until(lambda: "broker ok" in box.status(UNIT), "'broker ok' in its status", 40)
    done = box.run("/opt/earshot/bin/earshot", "doctor", timeout_s=120)
    if done.returncode not in (0, 1) or "✓ broker" not in done.stdout:
        raise Failed(f"the doctor ended with {done.returncode}: {done.stdout[-200:]}{done.stderr[-200:]}")
    return f"“{box.status(UNIT)}”; doctor: “{done.stdout.strip().splitlines()[-1].strip()}”"


def _try(box: Container, step: Case, outcome: Outcome) -> None:
    began = time.monotonic()
    try:
        ok, found = True, step.run(box)
    except (Failed, subprocess.SubprocessError) as exc:
        ok, found = False, str(exc)
    took_s = time.monotonic() - began
    outcome.rows.append((step.name, step.must, ok, found, round(took_s, 1)))
    print(f"{'✓' if ok else '✗'} {took_s:5.1f} s  {step.name}: {found}", file=sys.stderr, flush=True)
