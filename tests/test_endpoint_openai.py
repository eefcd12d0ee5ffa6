"""The openai backend against a real HTTP server that behaves, misbehaves, and notices when it is hung up on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from helpers_broker import free_port

from device.endpoint.backend import BackendError, Finish, Question
from device.endpoint.backends.openai import LONGEST, OpenAIBackend

Writer = asyncio.StreamWriter


class Server:
    """One HTTP server; ``script`` writes the response. ``requests`` are (headers, body), ``hung_up`` tells of EOF or reset."""

    def __init__(self, script: Callable[[Server, Writer], Awaitable[None]]) -> None:
        self.requests: list[tuple[str, dict]] = []
        self.hung_up = asyncio.Event()
        self._script = script

    async def handle(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(
            next(line for line in head.lower().splitlines() if "content-length" in line).split(":")[1]
        )
        self.requests.append((head, json.loads(await reader.readexactly(length))))
        watch = asyncio.create_task(self._watch(reader))
        try:
            await self._script(self, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            await watch

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionResetError):  # hung up with our bytes unread
            await reader.read()
        self.hung_up.set()


@asynccontextmanager
async def serving(script, **options) -> AsyncIterator[tuple[Server, OpenAIBackend]]:
    server = Server(script)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    backend = OpenAIBackend(f"http://127.0.0.1:{port}/v1", "tiny", **options)
    try:
        yield server, backend
    finally:
        await backend.close()
        listener.close()


def head(status: str = "200 OK", content: str = "text/event-stream") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {content}\r\nConnection: close\r\n\r\n".encode()


def chunk(text: str | None, finish: str | None = None) -> bytes:
    data = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}
    return f"data: {json.dumps(data)}\n\n".encode()


def writes(*parts: bytes):
    async def script(server: Server, writer: Writer) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return script


def collect(script, **options) -> tuple[str, list[Finish], BackendError | None, Server]:
    async def main():
        text, finishes, error = "", [], None
        async with serving(script, **options) as (server, backend):
            try:
                async for item in backend.stream(Question("hello there")):
                    if isinstance(item, Finish):
                        finishes.append(item)
                    else:
                        text += item
            except BackendError as exc:
                error = exc
        return text, finishes, error, server

    return asyncio.run(asyncio.wait_for(main(), 60))


def test_an_answer_streams_in_and_the_request_is_what_servers_expect():
    usage = b'data: {"choices": [], "usage": {"total_tokens": 7}}\n\n'
    text, finishes, error, server = collect(
        writes(head(), b": keep-alive\n\n", chunk(""), chunk("Hel"), chunk("lo."), chunk(None, "stop"), usage,
               b"data: [DONE]\n\n"),
        api_key="sesame",
    )  # fmt: skip
    assert (text, finishes, error) == ("Hello.", [Finish("stop")], None)
    ((request, body),) = server.requests
    assert request.startswith("POST /v1/chat/completions ") and "Bearer sesame" in request
    assert body["stream"] is True and body["model"] == "tiny"
    assert body["messages"][-1] == {"role": "user", "content": "hello there"}


def test_tokens_are_handed_on_as_they_come():
    async def main():
        first_seen = asyncio.Event()

        async def script(server: Server, writer: Writer) -> None:
            writer.write(head() + chunk("One, "))
            await writer.drain()
            await first_seen.wait()  # the second token is written only when the first has arrived
            writer.write(chunk("two.", "stop") + b"data: [DONE]\n\n")
            await writer.drain()

        async with serving(script) as (_, backend):
            text = ""
            async for item in backend.stream(Question("count")):
                text += "" if isinstance(item, Finish) else item
                first_seen.set()
            return text

    assert asyncio.run(asyncio.wait_for(main(), 60)) == "One, two."


def test_a_cancelled_turn_hangs_up_so_that_the_server_stops_working():
    async def main():
        async def script(server: Server, writer: Writer) -> None:
            writer.write(head())
            while not server.hung_up.is_set():
                writer.write(chunk("and on "))
                await writer.drain()
                await asyncio.sleep(0.01)

        async with serving(script) as (server, backend):
            tokens = 0

            async def read() -> None:
                nonlocal tokens
                async for _ in backend.stream(Question("talk")):
                    tokens += 1

            task = asyncio.create_task(read())
            while tokens < 3:
                await asyncio.sleep(0.005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await server.hung_up.wait()

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("401 Unauthorized", "upstream_unauthorised"),
        ("404 Not Found", "upstream_not_found"),
        ("429 Too Many Requests", "busy"),
        ("400 Bad Request", "upstream_refused"),
        ("500 Internal Server Error", "upstream_error"),
        ("503 Service Unavailable", "upstream_error"),
    ],
)
def test_a_refusal_becomes_a_code_and_its_reason_is_kept_for_the_log(status, code):
    reply = writes(head(status, "application/json"), b'{"error": {"message": "because of the weather"}}')
    text, finishes, error, _ = collect(reply)
    assert (text, finishes) == ("", []) and error.code == code
    assert "because of the weather" in str(error) and status[:3] in str(error)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([head(), chunk("Half an ans")], "upstream_broken"),
        ([head(), b"data: {not json\n\n"], "upstream_garbage"),
        ([head(), b'data: {"choices": "many"}\n\n'], "upstream_garbage"),
        ([head(), b"data: [" + b"[" * 5000 + b"\n\n"], "upstream_garbage"),
        ([head("200 OK", "text/html"), b"<html>login</html>"], "upstream_garbage"),
        ([head(), chunk("a"), b'data: {"error": {"message": "out of memory"}}\n\n'], "upstream_error"),
        ([b"\x00\xff not http at all\r\n\r\n"], "upstream_broken"),
        ([], "upstream_broken"),
    ],
    ids=["cut", "no-json", "wrong-type", "deep", "html", "error-event", "no-http", "closed"],
)
def test_a_server_that_breaks_becomes_a_code_never_a_traceback(parts, code):
    _, finishes, error, _ = collect(writes(*parts))
    assert finishes == [] and error.code == code


def test_no_server_and_a_silent_server_have_codes_of_their_own():
    async def nobody():
        backend = OpenAIBackend(f"http://127.0.0.1:{free_port()}/v1", "tiny")
        async for _ in backend.stream(Question("hello")):
            pass

    with pytest.raises(BackendError) as caught:
        asyncio.run(nobody())
    assert caught.value.code == "upstream_down" and caught.value.retry_ms > 0

    async def silent(server: Server, writer: Writer) -> None:
        await server.hung_up.wait()

    _, _, error, _ = collect(silent, silence_s=0.05)
    assert error.code == "upstream_timeout"


def test_an_endless_answer_is_cut_off_and_says_so():
    text, finishes, error, _ = collect(writes(head(), *[chunk("blah " * 200)] * 10))
    assert error is None and finishes == [Finish("length")] and len(text) <= LONGEST + 1000


def test_a_reasoning_models_thoughts_stay_silent():
    reply = writes(
        head(), chunk("<th"), chunk("ink>hm, "), chunk("hm</think>\n\n"), chunk("Yes."), b"data: [DONE]\n\n"
    )
    assert collect(reply)[0] == "Yes."
