"""From tables to what the devices made of them: what ``push`` and ``rollback`` have in common."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from device.config.faults import Fault
from device.config.files import ConfigFile
from device.configure.broker import Watch
from device.configure.delivery import Delivery
from device.configure.display import Answer, Progress, data, say, signature, text
from device.configure.outcome import GOOD, Letter
from device.configure.versions import next_version
from device.link.visit import Visit
from device.settings.envelope import Refused, open_envelope, peek
from device.settings.signing import SigningKey, seal_by


def sealed(watch: Watch, tables: Mapping[str, Any], key: SigningKey | None, version: int | None) -> Letter:
    """``tables`` in an envelope, newer than what the broker and the devices of the scope have. Raises ``EarshotError``."""
    if version is None:
        version = next_version(_seen(watch), _own(watch, key), signed=key is not None)
    envelope = seal_by(key, tables, version=version, scope=watch.scope)
    return Letter(watch.scope, version, key.name if key else None, envelope)


def deliver(
    args: argparse.Namespace,
    watch: Watch,
    visit: Visit,
    letter: Letter,
    *,
    file: ConfigFile | None = None,
    warnings: Iterable[Fault] = (),
) -> int:
    """Publish ``letter``, wait, tell; the exit code. ``file``: where its keys stand; ``warnings`` have been told already.

    Raises ``LinkError`` where it cannot be published."""
    with Progress(quiet=args.json) as progress:
        delivery = Delivery(watch, visit, letter, args.timeout, progress.show)
        delivery.send()
        if args.no_wait:
            outcomes = []
        else:
            try:
                outcomes = delivery.wait()
            except KeyboardInterrupt:
                print(
                    "not waited for: the broker keeps it, and the devices take it all the same",
                    file=sys.stderr,
                )
                raise
    if visit.problem:
        print(f"warning: {visit.problem}", file=sys.stderr)
    answers = [Answer(each, watch.online(each.device), delivery.waited_s) for each in outcomes]
    if args.json:
        print(json.dumps(_json(letter, answers, file)))
    else:
        told = {fault.path for fault in warnings}
        for answer in answers:
            say(text(answer, letter, file, told))
        if not answers:
            print(_nobody(watch, letter, waited=not args.no_wait))
    good = bool(answers) and all(answer.outcome.fate in GOOD for answer in answers)
    return 0 if good or args.no_wait else 1


def _nobody(watch: Watch, letter: Letter, *, waited: bool) -> str:
    done = f"{watch.scope}: version {letter.version}, {signature(letter)}, is on the broker"
    if not waited:
        return f"{done}; not waited for"
    return f"{done}, but no device reports to be in this group; check the name, and their device.group"


def _json(letter: Letter, answers: list[Answer], file: ConfigFile | None) -> dict[str, Any]:
    return {
        "scope": letter.scope,
        "version": letter.version,
        "kid": letter.kid,
        "digest": letter.digest,
        "bytes": len(letter.data),
        "devices": [data(answer, file) for answer in answers],
    }


def _seen(watch: Watch) -> list[int]:
    """Versions of the scope that anybody knows of."""
    versions = []
    if watch.desired:
        with contextlib.suppress(Refused):  # garbage has no version
            versions.append(peek(watch.desired).version)
    for report in list(watch.reports.values()):
        seen = report.seen.get(watch.scope)
        versions += [seen.version] if seen and seen.version is not None else []
        versions += [report.applied[watch.scope]] if watch.scope in report.applied else []
    return versions


def _own(watch: Watch, key: SigningKey | None) -> list[int]:
    """The version that is on the broker, if ``key`` signed it."""
    if not watch.desired or key is None:
        return []
    try:
        opened = open_envelope(watch.desired, watch.scope, [key.public])
    except Refused:
        return []
    return [opened.version] if opened.kid else []
