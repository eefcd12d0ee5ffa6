"""A Debian in a folder, with systemd and everything that earshot needs, made once and kept.

    debootstrap ──► packages ──► pip: the pinned Python packages into /opt/earshot ──► stamp

Only the environment is in it, not earshot itself: that is put in anew at each run (``container``), into a layer over the folder
that is thrown away with it. Where packages come from is what this machine's apt and pip are set to.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "procps", "mosquitto", "ca-certificates",
    "python3", "python3-venv", "python3-dev", "gcc", "libc6-dev", "portaudio19-dev", "libasound2-plugins", "flite",
)  # fmt: skip
EXTRAS = ("kokoro",)
"""Of ``setup.cfg``: what a device may load beside the rest, and what the unit must let it load."""
SUITES = ("bookworm", "trixie")


class Unusable(Exception):
    """There is nothing to test with; the message says what to do about it."""


def prepare(suite: str, folder: Path, mirror: str = "") -> Path:
    """The folder with Debian ``suite`` below ``folder``, made where it is missing or not what is wanted now. Needs root and
    the network then; with a stamp that fits it needs neither."""
    root = folder / suite
    wanted = f"{' '.join(PACKAGES)}\n{hashlib.sha256(_requirements().encode()).hexdigest()}\n"
    stamp = folder / f"{suite}.stamp"
    made = stamp.read_text() if stamp.exists() else ""
    if made == wanted:
        return root
    stamp.unlink(missing_ok=True)
    if made.splitlines()[:1] != [" ".join(PACKAGES)]:
        _debian(suite, root, mirror or apt_mirror())
        stamp.write_text(" ".join(PACKAGES) + "\n")
    _environment(root)
    stamp.write_text(wanted)
    return root


def programs_missing() -> list[str]:
    """Debian packages that the rig itself needs on this machine and that are not there."""
    needed = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux"}
    return [package for program, package in needed.items() if shutil.which(program) is None]


def apt_mirror() -> str:
    """The first mirror of Debian that this machine's apt is set to."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL) $(CREATED_BY)"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    for line in listing.splitlines():
        uri, _, rest = line.partition(" ")
        if rest == "Debian Packages":
            return uri
    raise Unusable("apt knows no mirror of Debian here: name one (--mirror)")


def _requirements() -> str:
    """What pip is to install: the requirements of ``setup.cfg``, with ``EXTRAS``, and the versions pinned."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = [setup["options"]["install_requires"]]
    wanted += [setup["options.extras_require"][extra] for extra in EXTRAS]
    return "\n".join(wanted) + "\nsetuptools\nwheel\n#\n" + (ROOT / "constraints.txt").read_text("utf-8")


def _debian(suite: str, root: Path, mirror: str) -> None:
    print(f"{suite}: making a Debian of it; some minutes, 700 MB", file=sys.stderr)
    shutil.rmtree(root, ignore_errors=True)
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        suite,
        str(root),
        mirror,
    ]
    log = root.parent / f"{suite}.log"
    with log.open("w") as out:
        if subprocess.run(command, stdout=out, stderr=out, check=False).returncode:
            raise Unusable(f"debootstrap failed ({log} has it): {log.read_text().splitlines()[-1]}")
    # the broker of the distribution would start by itself and take the port
    (root / "etc/systemd/system/multi-user.target.wants/mosquitto.service").unlink(missing_ok=True)


def _environment(root: Path) -> None:
    print(f"{root.name}: installing the Python packages into its /opt/earshot; some minutes", file=sys.stderr)
    shutil.rmtree(root / "opt/earshot", ignore_errors=True)
    (root / "root/requirements.txt").write_text(_requirements().partition("#\n")[0])
    shutil.copy(ROOT / "constraints.txt", root / "root/constraints.txt")
    pip = "/opt/earshot/bin/pip install -q --progress-bar off --disable-pip-version-check"
    script = f"python3 -m venv /opt/earshot && {pip} -c /root/constraints.txt -r /root/requirements.txt"
    passed = [f"--setenv={key}={value}" for key, value in os.environ.items() if key.startswith("PIP_")]
    done = subprocess.run(
        [
            "systemd-nspawn", "-q", "-D", str(root), "--register=no", "--keep-unit", "--pipe",
            "--bind-ro=/etc/resolv.conf", "--bind-ro=/etc/ssl/certs", *passed, "sh", "-c", script,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Unusable("pip could not install the Python packages: " + " / ".join(said[-3:]))
