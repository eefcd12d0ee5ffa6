"""The endpoint: is there a worker for this device's pool, and how soon does it begin to answer a test question?

The question goes under the device's own name, for no broker with rules takes it under another. So it is put only while the
device itself is not there: neither on this machine, nor by its status on the broker.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device.doctor.checks.broker import unwell
from device.doctor.finding import Finding, fault, ok, skipped, warning
from device.doctor.patient import Patient
from device.errors import LinkError

if TYPE_CHECKING:
    from device.config import Config
    from device.doctor.visitor import Visitor

TEXT = "what time is it"
START = "start one for this pool: `earshot endpoint` (`systemctl status earshot-endpoint`)"
ACK_S, ANSWER_S = 3.0, 12.0
"""A worker says within a moment that it takes a turn; a language model from a slow disk begins within 12 s, or is too slow."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is retained: the workers of the pool that are online, the status of the device itself. ``blind``: we may not look."""

    workers: tuple[Any, ...] = ()
    status: Any = None
    blind: bool = False

    @property
    def online(self) -> bool:
        return self.status is not None and self.status.state in ("online", "degraded", "updating")


def check(patient: Patient) -> list[Finding]:
    from device.doctor.visitor import identified

    config = patient.config
    if not config.mqtt.enabled:
        return [skipped("mqtt.enabled is false: nobody is asked")]
    if patient.running and identified(config.mqtt):
        return [
            skipped(f"not asked: {patient.running}; `earshot trace` shows how its questions are answered")
        ]
    seen = look(patient)
    if seen is None:
        return [skipped("not asked: the broker is not usable, see broker")]
    found = unwell(seen.status.problems) if seen.online else []
    pool = config.endpoint.pool
    names = ", ".join(f"{worker.worker} ({worker.model or worker.backend})" for worker in seen.workers)
    if not seen.workers and not seen.blind:
        return [*found, fault(f"nobody serves the pool {pool!r}: no worker is online", START, pool=pool)]
    if patient.running or seen.online:
        where = str(patient.running) if patient.running else f"a device {config.device.id!r} is online"
        text = f"{names or 'workers cannot be seen'}; no test question: {where}"
        return [*found, (ok if names else skipped)(text, pool=pool)]
    return [*found, ask(patient, names)]


def look(patient: Patient) -> Seen | None:
    """What the broker keeps about workers and the device; None where it lets us in no more."""
    from device.doctor.visitor import Visitor
    from device.link.messages import decode
    from device.link.topics import up, worker_status

    config = patient.config
    own = up(config.device.id, "status")
    with Visitor(config, (worker_status("+"), own), lambda: patient.remaining_s - 0.5) as visitor:
        trouble = visitor.connect()
        if trouble is not None and not (
            trouble.code == "broker_unauthorised" and "refuses: " in trouble.text
        ):
            return None
        visitor.settle()
        workers, status = [], None
        for received in visitor.received:
            try:
                message = decode("status" if received.topic == own else "worker", received.payload)
            except LinkError:
                continue
            if received.topic == own:
                status = message
            elif message.state == "online" and message.pool == config.endpoint.pool:
                workers.append(message)
        # a broker with rules sends nothing of what may not be read, and some do not say so
        blind = trouble is not None or (
            not visitor.received and bool(config.mqtt.username or config.mqtt.cert_file)
        )
        return Seen(tuple(workers), status, blind)


def ask(patient: Patient, names: str) -> Finding:
    """One question as the device, until the first words of the answer; then the worker is told to stop."""
    from device.doctor.visitor import Visitor
    from device.link.topics import down

    config = patient.config
    topic = down(config.device.id, "turn")
    with Visitor(config, (topic,), lambda: patient.remaining_s - 0.5, name=config.device.id) as visitor:
        if visitor.connect():
            return skipped("not asked: the broker is not usable, see broker")
        return judge(_turn(visitor, config), names, config)


@dataclass
class Answer:
    """Seconds from the question to each step, None where it did not come."""

    ack_s: float | None = None
    first_s: float | None = None
    worker: str = ""
    text: str = ""
    error: str = ""
    unread: bool = False
    """The broker says that nobody subscribes to the pool's turns."""
    refused: bool = False


def judge(answer: Answer, names: str, config: Config) -> Finding:
    pool = config.endpoint.pool
    data = {"pool": pool, "ack_s": answer.ack_s, "first_token_s": answer.first_s, "worker": answer.worker}
    who = answer.worker or names
    if answer.refused:
        mend = (
            "its access rules must let the device write below its own up/ (`earshot fleet` makes such rules)"
        )
        return fault("the broker does not let this device ask questions", mend, **data)
    if answer.error:
        text = f"worker {who} answers with the error {answer.error!r}"
        return fault(text, "the worker's log says why (`journalctl -u earshot-endpoint`)", **data)
    if answer.ack_s is None:
        why = "the broker says that nobody listens" if answer.unread else f"no answer within {ACK_S:.0f} s"
        return fault(f"nobody takes a question for the pool {pool!r}: {why}", START, **data)
    if answer.first_s is None:
        text = f"{who} takes the question and says nothing within {ANSWER_S:.0f} s"
        return fault(text, "is its language model loaded, and the machine fast enough? its log says", **data)
    told = f"{who}: first words after {answer.first_s:.2f} s"
    limit_s = config.budget.first_token_ms / 1000
    if answer.first_s > limit_s:
        text = f"{told}; more than budget.first_token_ms ({limit_s:.2f} s)"
        return warning(text, "choose a smaller or a faster language model (docs/endpoint.md)", **data)
    return ok(told, **data)


def _turn(visitor: Visitor, config: Config) -> Answer:
    from device.doctor.visitor import REFUSED
    from device.link.client import NO_MATCHING_SUBSCRIBERS
    from device.link.ids import uuid7
    from device.link.messages import Ack, Cancel, Delta, End, Err, Open, decode, encode
    from device.link.outbox import Outgoing
    from device.link.topics import TRAVEL, ctl, down, turn

    answer, device, turn_id = Answer(), config.device.id, uuid7()
    opened = Outgoing(
        turn(device, config.endpoint.pool),
        encode("turn", Open(turn=turn_id, text=TEXT, lang=config.device.language)),
        expiry_s=TRAVEL["turn"].expiry_s,
        response_topic=down(device, "turn"),
        correlation=turn_id.encode(),
    )
    began = time.monotonic()
    reason = visitor.publish(opened)
    answer.unread = reason == NO_MATCHING_SUBSCRIBERS
    answer.refused = reason is not None and reason >= REFUSED
    read = 0
    while not answer.refused and not answer.error and answer.first_s is None:
        waited_s = time.monotonic() - began
        if waited_s > (ANSWER_S if answer.worker else ACK_S):
            break
        for received in visitor.received[read:]:
            read += 1
            try:
                message = decode("reply", received.payload)
            except LinkError:
                continue
            if message.turn != turn_id:
                continue
            match message:
                case Ack(worker=worker):
                    answer.ack_s, answer.worker = waited_s, worker
                case Delta(text=text) if text:
                    answer.first_s, answer.text = waited_s, text
                case End(text=text) if answer.first_s is None and text:
                    answer.first_s, answer.text = waited_s, text
                case Err(code=code):
                    answer.error = code
        visitor.step()
    if answer.worker and not answer.error:
        cancel = Cancel(turn=turn_id, worker=answer.worker, reason="superseded")
        visitor.publish(Outgoing(ctl(device, answer.worker), encode("ctl", cancel), expiry_s=15))
    return answer
