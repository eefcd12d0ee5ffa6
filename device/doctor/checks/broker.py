"""The broker: can it be reached, does it let this device in, and may the device read and write its topics there?"""

from __future__ import annotations

import os

from device.doctor.finding import Finding, fault, ok, skipped, split, warning
from device.doctor.patient import Patient
from device.link.trouble import Trouble


def check(patient: Patient) -> list[Finding]:
    from device.doctor.visitor import Visitor, identified, reach
    from device.link.inbox import subscriptions_of
    from device.link.trouble import where

    config = patient.config
    if not config.mqtt.enabled:
        return [skipped("mqtt.enabled is false: local commands only")]
    secure = "TLS" if config.mqtt.tls else "not encrypted"
    if patient.running and identified(config.mqtt):
        if trouble := reach(config.mqtt):
            return [told(trouble)]
        text = f"{where(config.mqtt)} answers ({secure}); its rights were not tried: {patient.running}"
        return [ok(f"{text}, and would lose its connection")]
    read, _ = subscriptions_of(config)
    with Visitor(config, read, lambda: patient.remaining_s - 0.5) as visitor:
        if trouble := visitor.connect():
            return [told(trouble)]
        return _write(patient, visitor, f"{where(config.mqtt)} ({secure}): may read and write its topics")


def told(trouble: Trouble) -> Finding:
    """A trouble of the link as a finding."""
    from device.problems import CATALOGUE

    text, fix = split(trouble.text, CATALOGUE[trouble.code].fix)
    return fault(text, fix, code=trouble.code)


def _write(patient: Patient, visitor: object, well: str) -> list[Finding]:
    from device.doctor.visitor import REFUSED, Visitor
    from device.link.messages import Event, encode
    from device.link.outbox import Outgoing
    from device.link.topics import TRAVEL, up

    assert isinstance(visitor, Visitor)
    device = patient.config.device.id
    event = Event(kind="doctor", seq=0, boot=os.urandom(6).hex())
    message = Outgoing(up(device, "event"), encode("event", event), expiry_s=TRAVEL["event"].expiry_s)
    reason = visitor.publish(message)
    if reason is None:
        return [
            warning(f"the broker did not confirm what was published to {message.topic}", "is it overloaded?")
        ]
    if reason >= REFUSED:
        text = f"the broker does not let this device write to {message.topic} (reason code 0x{reason:02X})"
        mend = (
            "its access rules must let the device write below its own up/ (`earshot fleet` makes such rules)"
        )
        return [fault(text, mend, code="broker_unauthorised", reason=reason)]
    return [ok(well)]


def unwell(problems: tuple[str, ...]) -> list[Finding]:
    """What a daemon reports of itself, with the fixes of the catalogue."""
    from device.problems import CATALOGUE

    found = []
    for code in problems:
        entry = CATALOGUE.get(code)
        text, fix = (
            (entry.means, entry.fix) if entry else (code, f"`earshot doctor problems {code}` says more")
        )
        found.append(warning(f"the running device reports: {text}", fix, code=code))
    return found
