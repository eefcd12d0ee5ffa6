"""The scripted endpoint behind a real broker: the project's own worker with a backend that follows the script.

``python -m device.scenario.scripted_worker FILE HOST PORT POOL``; prints one line when it has subscribed, ends on
SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec

from device import subprocesses
from device.config.schema import MqttSection
from device.endpoint.backend import Finish, Question
from device.endpoint.worker import Worker
from device.errors import LinkError
from device.scenario import format
from device.scenario.endpoint import WORKER, choose, tokens
from device.scenario.tables import Endpoint, Scenario

START_S = 30


class ScriptedBackend:
    """Answers as the file says, at the pace the file says."""

    name = "scripted"
    model = ""

    def __init__(self, script: Endpoint) -> None:
        self._script = script

    async def stream(self, question: Question) -> AsyncIterator[str | Finish]:
        loop = asyncio.get_running_loop()
        reply, begun = choose(self._script.reply, question.text), loop.time()
        for token in tokens(self._script, reply.text):
            await asyncio.sleep(max(0.0, begun + token.at_ms / 1000 - loop.time()))
            yield token.text
        yield Finish(expect_reply=reply.expect_reply)

    async def close(self) -> None:
        """Nothing to let go of."""


@contextlib.contextmanager
def worker_process(scenario: Scenario, host: str, port: int, pool: str) -> Iterator[None]:
    """The worker of ``scenario`` in a process of its own, subscribed when the block begins."""
    command = [sys.executable, "-m", "device.scenario.scripted_worker", scenario.path, host, str(port), pool]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=subprocesses.environment(), text=True
    )
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "ready":
            raise LinkError("the scripted endpoint did not start; run with --verbose to see why")
        yield
    finally:
        subprocesses.end(process)
        process.stdout.close()


async def serve(path: str, host: str, port: int, pool: str) -> int:
    """Serve until SIGTERM."""
    mqtt = msgspec.structs.replace(MqttSection(), host=host, port=port)
    worker = Worker(mqtt, pool, WORKER, ScriptedBackend(format.load(path).endpoint))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    running = asyncio.create_task(worker.run())
    deadline = loop.time() + START_S
    while not worker.ready and loop.time() < deadline and not running.done():
        await asyncio.sleep(0.02)
    if not worker.ready:
        print(f"the broker at {host}:{port} was not reached", flush=True)
        worker.stop()
        await running
        return 1
    print("ready", flush=True)
    await running
    return 0


if __name__ == "__main__":
    file, host, port, pool = sys.argv[1:]
    sys.exit(asyncio.run(serve(file, host, int(port), pool)))
