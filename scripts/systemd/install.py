"""earshot in the container, by the very commands of docs/systemd.md; what the machine has already, and no network, left out."""

from __future__ import annotations

import re

from container import CHECKOUT, Container
from debian_root import ROOT

CARD, OTHER = "/dev/snd/earshot-test", "/dev/earshot-other"
PAGE = ROOT / "docs" / "systemd.md"
SOURCE = "device models systemd setup.cfg pyproject.toml README.md LICENSE THIRD_PARTY.md"
SETTINGS = """\
[device]
id = "kitchen"
[audio]
backend = "room"
"""
"""What the cases start from: the simulated room sounds and hears as a card does, in real time."""


def commands() -> str:
    """The block of shell commands below the heading *The units* of the page."""
    section = PAGE.read_text("utf-8").partition("\n### The units\n")[2]
    found = re.search(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"{PAGE}: there are no commands below 'The units' to install with")
    return found[1]


def install(box: Container) -> None:
    # built from a copy: setuptools leaves folders in the tree it builds from
    box.shell(f"mkdir /tmp/source; cd {CHECKOUT}; cp -r {SOURCE} /tmp/source/")
    pip = "/opt/earshot/bin/pip install -q --no-deps --no-build-isolation --no-index --disable-pip-version-check"
    box.must(*pip.split(), "/tmp/source")
    box.shell(commands())
    box.write("/etc/earshot/earshot.toml", SETTINGS)
    # one device that stands for a sound card, of which there may be none, and one that anybody but the unit may open
    box.shell(
        f"mkdir -p /dev/snd; mknod {CARD} c 10 229; chgrp audio {CARD}; chmod 660 {CARD};"
        f"mknod {OTHER} c 10 200; chmod 666 {OTHER}; mkdir /home/somebody; echo x >/home/somebody/letter"
    )
