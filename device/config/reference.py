"""The reference page of every key, in Markdown. Pure."""

from __future__ import annotations

import json
from typing import Any

from device.config.keys import KEYS, Key, hints
from device.config.schema import Config

_INTRO = """\
# Every key of the configuration

This page is printed by `earshot config docs`; `earshot config schema` says the same as a JSON Schema, for editors.

A configuration is a TOML file of sections and keys. Every key has a default, so the smallest file is an empty one. Later
layers win, key by key: built-in defaults, `/etc/earshot/earshot.toml` (or `--config FILE`, and `--set section.key=value` in
it), what was pushed to the device's group, what was pushed to the device, what a command set.
`earshot config show --origin` says what is in force and which layer it is from, `earshot config check FILE` whether a file is
valid.

**A change takes effect**: *at once*, while the device goes on listening; or it restarts one part: the old recogniser, voice or
turn-end model works until the new one is ready; or it connects anew; or it restarts the daemon.

**Over MQTT** a key comes *signed*, in a configuration that a key of `keys.trusted` has signed; a few that can do no harm come
*unsigned* too; the others *never*, only in the file on the device. A *secret* never leaves the device: its value is shown as
`***`.
"""

_EFFECT = {
    "live": "at once",
    "recogniser": "restarts the recogniser",
    "voice": "restarts the voice",
    "turn_model": "restarts the turn-end model",
    "connection": "connects anew",
    "daemon": "restarts the daemon",
}
_HEADINGS = ("Key", "Type and range", "Default", "What it is", "A change", "Over MQTT")


def page() -> str:
    """The page: an introduction, and a table a section."""
    sections = (_section(name, kind) for name, kind in hints(Config).items())
    return _INTRO + "".join(sections)


def effect(key: Key) -> str:
    """What a change of ``key`` takes: ``at once``, ``restarts the voice``."""
    return _EFFECT[key.policy.apply]


def over_mqtt(key: Key) -> str:
    """Who may change ``key`` over MQTT: ``unsigned``, ``signed``, ``never``."""
    return "never" if key.policy.local else "unsigned" if key.policy.unsigned else "signed"


def toml(value: Any) -> str:
    """A value as TOML has it: for what a key can be (truth, numbers, text, lists of text) that is what JSON has, but for the
    characters that JSON may leave as they are and TOML may not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _section(name: str, kind: type) -> str:
    rows = [_row(key) for key in KEYS.values() if key.section == name]
    lines = ["| " + " | ".join(row) + " |" for row in (_HEADINGS, ("---",) * len(_HEADINGS), *rows)]
    return f"\n## [{name}]\n\n{kind.__doc__}\n\n" + "\n".join(lines) + "\n"


def _row(key: Key) -> tuple[str, ...]:
    secret = ", secret" if key.policy.secret else ""
    cells = (
        f"`{key.path}`", key.words, f"`{toml(key.default)}`", key.help, effect(key), over_mqtt(key) + secret
    )  # fmt: skip
    return tuple(cell.replace("|", "\\|") for cell in cells)
