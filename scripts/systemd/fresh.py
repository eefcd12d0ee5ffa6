"""A Debian to install on: over a folder of ``debian_root``, without earshot's environment; what is written goes into a folder of
its own on disk, and is thrown away.

Before it is booted it has the network of this machine, for apt and pip; booted it has none.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from container import CHECKOUT, ENVIRONMENT
from debian_root import ROOT, Unusable

SOURCE = (
    "device models systemd scripts setup.cfg pyproject.toml constraints.txt README.md LICENSE THIRD_PARTY.md"
)
HERE = "/root/earshot"
"""A copy of the checkout in it, that stays as it is while somebody edits the checkout."""
OFFLINE = "/mnt/offline"
BARE = (
    "python3-venv",
    "'^python3[.][0-9]+-venv$'",
    "python3-dev",
    "gcc",
    "libc6-dev",
    "portaudio19-dev",
    "libportaudio2",
    "mosquitto",
)
"""Packages that a fresh Debian does not have, and that the cached one has; as the shell and apt take them."""


@contextlib.contextmanager
def fresh(root: Path, offline: Path) -> Iterator[Path]:
    """A writable Debian with the checkout at ``HERE``; ``offline`` is seen at ``OFFLINE`` in it (``options``)."""
    with tempfile.TemporaryDirectory(prefix="earshot-install-", dir=root.parent) as folder:
        layers = [Path(folder) / name for name in ("written", "work", "root")]
        for layer in layers:
            layer.mkdir()
        written, work, merged = layers
        mount = f"lowerdir={root},upperdir={written},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", mount, str(merged)], check=True)
        try:
            shutil.rmtree(merged / "opt/earshot", ignore_errors=True)
            (merged / HERE.lstrip("/")).mkdir()
            (merged / OFFLINE.lstrip("/")).mkdir()
            for name in SOURCE.split():
                subprocess.run(["cp", "-r", str(ROOT / name), str(merged / HERE.lstrip("/"))], check=True)
            yield merged
        finally:
            subprocess.run(["umount", "--lazy", str(merged)], check=True)


def options(offline: Path) -> tuple[str, ...]:
    """For ``Container``."""
    return (f"--bind-ro={offline}:{OFFLINE}",)


def unbooted(merged: Path, offline: Path, script: str) -> tuple[int, str]:
    """Exit code and output of a shell script in it, as while an image is made: no systemd runs, there is network."""
    passed = [f"--setenv={key}={value}" for key, value in os.environ.items() if key.startswith("PIP_")]
    passed += [f"--setenv={key}={value}" for key, value in ENVIRONMENT.items()]
    if Path("/etc/pip.conf").exists():
        passed.append("--bind-ro=/etc/pip.conf")
    done = subprocess.run(
        [
            "systemd-nspawn", "-q", "-D", str(merged), "--register=no", "--keep-unit", "--pipe",
            f"--bind-ro={ROOT}:{CHECKOUT}", f"--bind={offline}:{OFFLINE}",
            "--bind-ro=/etc/resolv.conf", "--bind-ro=/etc/ssl/certs", *passed, "bash", "-c", script,
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def prepared(suite: str, root: Path) -> Path:
    """The folder for --offline, made once with ``scripts/install --prepare``; in place of a model for people it has a tiny one."""
    offline = root.parent / f"{suite}-offline"
    whole = offline / "whole"
    wanted = (ROOT / "setup.cfg").read_text() + (ROOT / "constraints.txt").read_text()
    if whole.exists() and whole.read_text() == wanted:
        return offline
    offline.mkdir(exist_ok=True)
    whole.unlink(missing_ok=True)
    with fresh(root, offline) as merged:
        code, said = unbooted(merged, offline, f"{HERE}/scripts/install --prepare {OFFLINE}")
    if code:
        raise Unusable("scripts/install --prepare failed: " + " / ".join(said.splitlines()[-3:]))
    shutil.copytree(ROOT / "models/vosk-tiny-en", offline / "models/vosk-tiny-en", dirs_exist_ok=True)
    whole.write_text(wanted)
    return offline
