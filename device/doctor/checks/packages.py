"""The Python packages: those that are needed are there, and none stands in another's way."""

from __future__ import annotations

import platform
import re
from importlib import metadata

from device.doctor.finding import Finding, fault, ok, warning
from device.doctor.patient import Patient


def check(patient: Patient) -> list[Finding]:
    from device import __version__
    from device.daemon_command import package_conflicts

    found = []
    for conflict in package_conflicts():
        text, _, mend = conflict.partition(" (to mend it: ")
        found.append(warning(text, mend.rstrip(")")))
    wanted = _wanted()
    for name in wanted:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(fault(f"the Python package {name} is not installed", f"pip install {name}"))
    counted = f", {len(wanted)} packages" if wanted else ""
    return found or [ok(f"earshot {__version__} on Python {platform.python_version()}{counted}")]


def _wanted() -> list[str]:
    """What earshot needs without its extras; nothing in a checkout that was never installed."""
    try:
        lines = metadata.requires("earshot") or []
    except metadata.PackageNotFoundError:
        return []
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line]
