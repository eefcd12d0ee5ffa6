"""A worker: takes turns from the pool's shared subscription and streams the backend's answers back.

A worker keeps nothing that a user would miss: clean start, session expiry 0, the history comes with each turn. So
when it dies, the broker gives its share to the others at once (a worker that kept a session went on swallowing half
of the turns, parked in a queue that nobody read).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import OrderedDict

import msgspec

from device import __version__
from device.config.schema import MqttSection
from device.endpoint.answering import Answering
from device.endpoint.backend import Backend
from device.errors import LinkError
from device.link import topics
from device.link.client import BrokerClient, Received, Will
from device.link.messages import (
    Ack,
    Cancel,
    Commit,
    Control,
    Delta,
    Err,
    HeardMessage,
    Open,
    Reply,
    Resend,
    Revise,
    WorkerStatus,
    decode,
    encode,
)
from device.link.outbox import Outgoing
from device.link.topics import TRAVEL

log = logging.getLogger(__name__)

REMEMBERED = 64
"""Finished turns kept for ``resend`` and for attempts that come late."""
STATUS_S = 1.0
"""The load is published at most this often."""
OFFLINE_EXPIRY_S = 86_400
"""A worker that is gone for good leaves no retained status behind for ever."""
INBOX = 1000


class Worker:
    """``run`` serves until ``stop``. One per process and asyncio loop.

    ``limit`` turns are answered at once; more are refused with the code ``busy``, so that another worker gets them.
    """

    def __init__(self, broker: MqttSection, pool: str, name: str, backend: Backend, limit: int = 8) -> None:
        self.name, self.pool, self.backend, self.limit = name, pool, backend, limit
        self.counters = dict.fromkeys(
            (
                "turns",
                "revised",
                "answered",
                "failed",
                "cancelled",
                "busy",
                "again",
                "resent",
                "heard",
                "unknown_turn",
            ),
            0,
        )
        self._broker = broker
        self._boot = os.urandom(6).hex()
        self._turns: OrderedDict[str, Answering] = OrderedDict()
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._client: BrokerClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._status: WorkerStatus | None = None
        self._connection = 0
        self._status_at = 0.0
        self._waiting = 0

    @property
    def load(self) -> int:
        """Turns being answered."""
        return sum(turn.active for turn in self._turns.values())

    @property
    def ready(self) -> bool:
        """Whether turns reach this worker now."""
        return self._client is not None and self._client.connected

    def stop(self) -> None:
        """End ``run``; from the loop's thread (a signal handler of the loop)."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Serve until ``stop``; then tell the devices, say offline and leave, within 2 s."""
        self._loop = asyncio.get_running_loop()
        self._client = BrokerClient(
            self._broker,
            f"worker-{self.name}",
            subscriptions=(topics.shared_turns(self.pool), topics.any_ctl(self.name)),
            receive=self._receive,
            will=self._will,
            session_expiry_s=0,
            connected_now=self._woken,
        )
        try:
            while not self._stopping.is_set():
                self._client.check()
                self._client.pubacks.clear()
                self._publish_status(self._client)
                self._wake.clear()
                try:
                    async with asyncio.timeout(STATUS_S):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for turn in self._turns.values():
                turn.fail("worker_stopped")
            tasks = [turn.task for turn in self._turns.values() if not turn.task.done()]
            if tasks:
                await asyncio.wait(tasks, timeout=0.3)
            self._client.close(self._will(self._client.conn), wait_s=0.5)
            await self.backend.close()

    # ----------------------------------------------------------------- what comes in

    def _receive(self, received: Received) -> None:
        """In paho's thread: decode, and hand over to the loop."""
        assert self._client is not None and self._loop is not None
        faults = self._client.faults
        if received.retain:
            # the specification forbids it, mosquitto 2.0 does it: an old turn to a new subscriber
            faults.report("garbage_retained", f"{received.topic}: retained, which a request never is")
            return
        device = topics.device_of(received.topic)
        kind = "turn" if "/up/turn/" in received.topic else "ctl"
        try:
            if device is None:
                raise LinkError("not a device's topic")
            message = decode(kind, received.payload)
        except LinkError as exc:
            faults.report("garbage", f"{received.topic}: {exc}")
            return
        if received.response_topic not in (None, topics.down(device, "turn")):
            # a worker may write to every device, so nobody may point its answers elsewhere
            faults.report(
                "bad_response_topic", f"{received.topic}: response topic {received.response_topic!r}"
            )
            return
        if self._waiting >= INBOX:
            faults.report("inbox_full", f"more than {INBOX} messages wait; the newest are dropped")
            return
        self._waiting += 1
        try:
            self._loop.call_soon_threadsafe(self._handle, device, message)
        except RuntimeError:
            self._waiting -= 1  # the loop has ended: so does this worker

    def _handle(self, device: str, message: Open | Control) -> None:
        self._waiting -= 1
        if self._stopping.is_set():
            return
        if isinstance(message, Open):
            self._open(device, message)
            return
        turn = self._turns.get(message.turn)
        if turn is None or turn.device != device:
            self.counters["unknown_turn"] += 1
            if isinstance(message, Revise | Commit | Resend):
                # a device that waits for an answer of the life before this one need not wait any longer
                code = "unknown_turn"
                self._publish(device, Err(turn=message.turn, rev=message.rev, worker=self.name, code=code))
            return
        match message:
            case Revise(rev=rev, text=text) if rev > turn.rev:
                turn.cancel("revised")
                self.counters["revised"] += 1
                self._begin(device, msgspec.structs.replace(turn.open, rev=rev, text=text, speculative=True))
            case Commit(rev=rev) if rev == turn.rev:
                turn.committed = True
            case Cancel(reason=reason):
                if turn.active:
                    self.counters["cancelled"] += 1
                    log.info("turn %s of %s: cancelled (%s)", message.turn, device, reason)
                turn.cancel(reason)
            case Resend(rev=rev, seq=seq) if rev == turn.rev:
                self.counters["resent"] += 1
                turn.resend(seq)
            case HeardMessage(chars=chars):
                # nothing is kept between turns, so there is nothing to cut: the next open tells what was heard
                self.counters["heard"] += 1
                log.info("turn %s of %s: cut in after %d characters", message.turn, device, chars)
        self._wake.set()

    def _open(self, device: str, message: Open) -> None:
        known = self._turns.get(message.turn)
        if known and known.device == device and known.rev == message.rev and known.cancelled is None:
            # a second attempt of what this worker has: the ack was slow, not lost
            self.counters["again"] += 1
            self._ack(device, message)
            if not known.active:
                known.resend(0)
            return
        if known and known.device == device:
            if known.rev > message.rev:  # a copy from before the revision
                self._ack(device, message)
                return
            known.cancel("revised")
        if self.load >= self.limit:
            self.counters["busy"] += 1
            busy = Err(turn=message.turn, rev=message.rev, worker=self.name, code="busy", retry_ms=1000)
            self._publish(device, busy)
            return
        self.counters["turns"] += 1
        self._ack(device, message)
        self._begin(device, message)
        self._wake.set()

    def _ack(self, device: str, message: Open) -> None:
        ack = Ack(turn=message.turn, rev=message.rev, attempt=message.attempt, worker=self.name)
        self._publish(device, ack)

    def _begin(self, device: str, message: Open) -> None:
        def publish(reply: Reply) -> None:
            self._publish(device, reply)

        turn = Answering(self.name, device, message, self.backend, publish)
        turn.task.add_done_callback(lambda _: self._done(turn))
        self._turns[message.turn] = turn
        self._turns.move_to_end(message.turn)
        for old in [key for key, known in self._turns.items() if not known.active][:-REMEMBERED]:
            del self._turns[old]

    def _done(self, turn: Answering) -> None:
        now, first = time.monotonic(), turn.first_s
        if turn.error:
            self.counters["failed"] += 1
            log.info("turn %s of %s: failed (%s)", turn.open.turn, turn.device, turn.error)
        elif turn.cancelled is None:
            self.counters["answered"] += 1
            log.info(
                "turn %s of %s: %d characters in %.2f s, the first after %.2f s",
                turn.open.turn, turn.device, turn.characters,
                now - turn.started_s, (first or now) - turn.started_s,
            )  # fmt: skip
        self._wake.set()

    # ----------------------------------------------------------------- what goes out

    def _publish(self, device: str, reply: Reply) -> None:
        assert self._client is not None
        travel = TRAVEL["reply"]
        try:
            payload = encode("reply", reply)
        except LinkError as exc:
            self._client.faults.report("unsendable", str(exc))
            return
        delta = isinstance(reply, Delta)
        self._client.publish(
            Outgoing(
                topics.down(device, "turn"),
                payload,
                qos=0 if delta else travel.qos,
                expiry_s=travel.expiry_s,
                correlation=None if delta else reply.turn.encode(),
                # an end that outlives a short outage repairs the whole answer
                keep_offline=not delta,
            )
        )

    def _publish_status(self, client: BrokerClient) -> None:
        status = WorkerStatus(
            state="online", worker=self.name, pool=self.pool, backend=self.backend.name, model=self.backend.model,
            load=self.load, boot=self._boot, conn=client.conn, version=__version__,
        )  # fmt: skip
        now = time.monotonic()
        new = self._connection != client.conn
        if not client.connected or not (
            new or (status != self._status and now >= self._status_at + STATUS_S)
        ):
            return
        travel = TRAVEL["worker"]
        topic, payload = topics.worker_status(self.name), encode("worker", status)
        if client.publish(Outgoing(topic, payload, qos=travel.qos, retain=True)):
            self._status, self._connection, self._status_at = status, client.conn, now

    def _will(self, conn: int) -> Will:
        status = WorkerStatus(
            state="offline", worker=self.name, pool=self.pool, backend=self.backend.name, model=self.backend.model,
            boot=self._boot, conn=conn, version=__version__,
        )  # fmt: skip
        return Will(topics.worker_status(self.name), encode("worker", status), expiry_s=OFFLINE_EXPIRY_S)

    def _woken(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._wake.set)
