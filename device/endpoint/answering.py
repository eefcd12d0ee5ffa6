"""One turn at the worker: the backend's tokens become deltas, numbered so that the device can repair what is lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from device.endpoint.backend import Backend, BackendError, Finish, Question
from device.endpoint.batching import Batcher
from device.link.messages import Delta, End, Err, Open, Reply

log = logging.getLogger(__name__)

LIMIT_S = 120.0
"""Nobody listens to one answer for longer."""


class Answering:
    """Runs one revision of one turn. ``publish`` sends a message to the device; nothing is sent once cancelled."""

    def __init__(
        self,
        worker: str,
        device: str,
        message: Open,
        backend: Backend,
        publish: Callable[[Reply], Any],
    ) -> None:
        self.device, self.open, self.rev = device, message, message.rev
        self.committed = not message.speculative
        self.cancelled: str | None = None
        self.started_s = time.monotonic()
        self.first_s: float | None = None
        self._worker, self._backend, self._publish = worker, backend, publish
        self._loop = asyncio.get_running_loop()
        self._batcher = Batcher()
        self._deltas: list[Delta] = []
        self._length = 0
        self._last: End | Err | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.task = asyncio.create_task(self._run(), name=f"turn {message.turn}")

    @property
    def active(self) -> bool:
        return self._last is None and self.cancelled is None

    @property
    def characters(self) -> int:
        return self._length

    @property
    def error(self) -> str | None:
        return self._last.code if isinstance(self._last, Err) else None

    def cancel(self, reason: str) -> None:
        """Stop within one token; with the task the backend's stream is closed. Idempotent."""
        if self.active:
            self.cancelled = reason
            self._stop_timer()
            self.task.cancel()

    def fail(self, code: str) -> None:
        """Stop and tell the device why, at once."""
        if self.active:
            self._fail(code, 1000)
            self.task.cancel()

    def resend(self, seq: int) -> None:
        """Everything from delta ``seq`` on once more, and the end if there was one."""
        for message in [*self._deltas[seq:], *([self._last] if self._last else [])]:
            self._publish(message)

    async def _run(self) -> None:
        message = self.open
        try:
            async with asyncio.timeout(LIMIT_S):
                finish = await self._stream(Question(message.text, message.lang, message.conversation))
        except BackendError as exc:
            log.warning("turn %s: %s: %s", message.turn, exc.code, exc)
            return self._fail(exc.code, exc.retry_ms)
        except TimeoutError:
            log.warning("turn %s: no end after %.0f s", message.turn, LIMIT_S)
            return self._fail("upstream_timeout", 0)
        except Exception:  # whatever a backend does, the device gets an answer
            log.exception("turn %s: the backend %r failed", message.turn, self._backend.name)
            return self._fail("internal", 0)
        self._send(self._batcher.flush(self._now_ms()))
        text = "".join(delta.text for delta in self._deltas)
        asks = finish.expect_reply
        return self._finish(
            End(
                turn=message.turn, rev=self.rev, worker=self._worker,
                n=len(self._deltas), len=len(text), finish=finish.reason,
                expect_reply=asks if asks is not None else text.rstrip(" \n\"')").endswith("?"),
                text=text if len(text) <= 8192 else None,
            )
        )  # fmt: skip

    async def _stream(self, question: Question) -> Finish:
        finish = Finish()
        stream: Any = self._backend.stream(question)
        async with aclosing(stream) as items:
            async for item in items:
                if isinstance(item, Finish):
                    finish = item
                else:
                    self.first_s = self.first_s or time.monotonic()
                    self._send(self._batcher.add(item, self._now_ms()))
        return finish

    def _fail(self, code: str, retry_ms: int) -> None:
        self._finish(
            Err(turn=self.open.turn, rev=self.rev, worker=self._worker, code=code, retry_ms=retry_ms)
        )

    def _finish(self, last: End | Err) -> None:
        self._stop_timer()
        if self.active:
            self._last = last
            self._publish(last)

    def _send(self, pieces: list[str]) -> None:
        self._stop_timer()
        for piece in pieces:
            delta = Delta(
                turn=self.open.turn, rev=self.rev, worker=self._worker,
                seq=len(self._deltas), off=self._length, text=piece,
            )  # fmt: skip
            self._deltas.append(delta)
            self._length += len(piece)
            self._publish(delta)
        due = self._batcher.due_ms
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self._now_ms()) / 1000, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if self.active:
            self._send(self._batcher.flush(self._now_ms()))

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _now_ms(self) -> float:
        return self._loop.time() * 1000
