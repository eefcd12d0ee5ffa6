"""A device that is told what to be, in lock-step: the real steward, ledger and files; a clock and engines by hand."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.config import Config
from device.config.faults import Fault
from device.config.keys import nested
from device.disk import Disk
from device.errors import EngineError
from device.link.reports import ConfigReport
from device.settings import Adopt, Changed, Evidence, Publish, Reloaded, Restart, Steward
from device.settings.boot import boot
from device.settings.envelope import seal
from device.settings.store import Store

OWNER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"x" * 32)


def entry(name: str, key: Ed25519PrivateKey) -> str:
    """A line of keys.trusted."""
    public = key.public_key().public_bytes_raw()
    return f"{name}:{base64.urlsafe_b64encode(public).decode().rstrip('=')}"


FILE = f'''[device]
id = "kitchen"
[keys]
trusted = ["{entry("owner", OWNER)}"]
'''
WELL = Evidence(sound=True, broker=True, reported=True, settled=True)


@dataclass
class Made:
    """What ``prepare`` made."""

    old: Config
    new: Config
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class Rig:
    """One device's folder and file; ``boot()`` starts a life of it."""

    folder: Path
    disk: Disk | None = None
    now_s: float = 0.0
    steward: Steward | None = None
    running: Config | None = None
    adopted: list[Made] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    reports: list[ConfigReport] = field(default_factory=list)
    changes: dict[str, tuple[Fault, ...]] = field(default_factory=dict)
    reloaded: list[Reloaded] = field(default_factory=list)
    restart: str = ""
    missing: tuple[str, ...] = ()
    """Wake words without a model."""
    unloadable: str = ""

    @property
    def file(self) -> Path:
        return self.folder / "earshot.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def boot(self, text: str | None = None, **given: Any) -> Rig:
        """A new life, with the file as it is or as ``text``."""
        if text is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file.write_text(text)
        if self.steward is not None:
            self.steward.close()
        self.restart = ""
        booted = boot(self.file, None, self.state, disk=self.disk)
        self.steward = Steward(booted, meaning=self.meaning, prepare=self.prepare, threaded=False, **given)
        self.running = booted.config
        return self

    def meaning(self, config: Config) -> list[Fault]:
        return [
            Fault(f"wake.words: no model {word}", "wake.words", "model_missing")
            for word in config.wake.words
            if word in self.missing
        ]

    def prepare(self, old: Config, new: Config) -> Made:
        if self.unloadable and self.unloadable in new.wake.words:
            raise EngineError(f"{self.unloadable} cannot be loaded")
        self.made.append(Made(old, new))
        return self.made[-1]

    def poll(self, evidence: Evidence = WELL, after_s: float = 0.1) -> Rig:
        assert self.steward is not None
        self.now_s += after_s
        for action in self.steward.poll(self.now_s, evidence):
            match action:
                case Adopt(prepared=prepared):
                    assert prepared.old == self.running
                    self.adopted.append(prepared)
                    self.running = prepared.new
                case Restart(reason=reason):
                    self.restart = reason
                case Publish(report=report):
                    self.reports.append(report)
                case Changed(token=token, faults=faults):
                    self.changes[token] = faults
                case Reloaded():
                    self.reloaded.append(action)
        return self

    def reload(self, text: str) -> Reloaded:
        """The file is ``text`` now, and read anew."""
        assert self.steward is not None
        self.file.write_text(text)
        self.steward.file_changed()
        return self.poll().poll().reloaded[-1]  # what restarts waits a moment for the report

    def run(self, seconds: float, evidence: Evidence = WELL) -> Rig:
        for _ in range(round(seconds)):
            self.poll(evidence, 1.0)
        return self

    def push(
        self,
        config: dict[str, Any],
        version: int,
        *,
        scope: str = "d/kitchen",
        key: Ed25519PrivateKey | None = OWNER,
        kid: str = "owner",
        evidence: Evidence = WELL,
    ) -> ConfigReport:
        """``config`` by path; the report after the next poll."""
        assert self.steward is not None
        data = seal(nested(config), version=version, scope=scope, key=key, kid=kid if key else "")
        self.steward.desired(scope, data)
        self.poll(evidence)
        return self.reports[-1]

    def change(self, values: dict[str, Any], token: str = "t") -> list[str]:
        """A command; the codes of its faults."""
        assert self.steward is not None
        self.steward.change(token, values)
        self.poll()
        return [fault.code for fault in self.changes[token]]

    @property
    def report(self) -> ConfigReport:
        return self.reports[-1]

    def codes(self) -> list[str]:
        return [error.code for error in self.report.errors]

    def stored(self) -> Any:
        return Store(self.state).load()
