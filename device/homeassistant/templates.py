"""Home Assistant's templates (Jinja): messages of the device to values, and values to orders. Pure.

``value_json`` is a message that came, ``value`` what somebody chose or typed. What is rendered is checked against a real Home
Assistant by ``scripts/check-homeassistant``.
"""

from __future__ import annotations

from collections.abc import Mapping

NEW_ID = "'ha-' ~ now().timestamp()"
"""An order is done once per id, so each press needs one of its own: the time in microseconds, of one process that renders one
template after the other."""


def cmd(name: str, args: Mapping[str, str] | None = None) -> str:
    """An order for ``dn/cmd``; ``args`` are expressions: ``{"percent": "value | int"}``."""
    inside = ", ".join(f"{_quoted(key)}: {expression}" for key, expression in (args or {}).items())
    return f"{{{{ {{'id': {NEW_ID}, 'cmd': {_quoted(name)}, 'args': {{{inside}}}}} | to_json }}}}"


def set_key(path: str, expression: str = "value") -> str:
    """The order that sets one key of the configuration."""
    return cmd("set", {"key": _quoted(path), "value": expression})


def say(language: str) -> str:
    """An order for ``dn/say``."""
    return f"{{{{ {{'id': {NEW_ID}, 'text': value, 'lang': {_quoted(language)}}} | to_json }}}}"


def key(path: str) -> str:
    """What ``path`` is set to, of ``up/config``; nothing where the report does not say."""
    return f"{{{{ value_json.effective.get({_quoted(path)}, '') }}}}"


def event(kinds: Mapping[str, str], kind: str = "value_json.kind") -> str:
    """``up/event`` as an event of Home Assistant of type ``kind``; ``kinds`` give the attributes of each as keyword arguments.
    Anything else renders to nothing, which Home Assistant ignores."""
    branches = "".join(
        f"{{% {'elif' if number else 'if'} value_json.kind == {_quoted(name)} %}}"
        f"{{{{ dict(event_type={kind}{attributes and ', '}{attributes}) | to_json }}}}"
        for number, (name, attributes) in enumerate(kinds.items())
    )
    return f"{branches}{{% endif %}}"


def _quoted(text: str) -> str:
    """A literal; names of commands, keys and languages have nothing in them that would need escaping."""
    return f"'{text}'"
