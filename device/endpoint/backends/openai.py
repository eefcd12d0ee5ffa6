"""Any server that speaks OpenAI's streaming chat completions: Ollama, llama.cpp, vLLM, a hosted one.

API: POST {base_url}/chat/completions with ``stream: true``; answers are server-sent events, each a JSON object with
``choices[0].delta.content``, until ``data: [DONE]``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import httpx_sse
import msgspec
from msgspec import Meta, Struct

from device.endpoint.backend import BackendError, Finish, Question
from device.endpoint.backends.thinking import ThinkFilter
from device.link.messages import Line

SYSTEM_PROMPT = """\
You are the voice of earshot, a smart speaker. Everything you write is spoken aloud by a speech synthesiser.
Answer in one to three short sentences of plain, natural speech. Say more only if the user asks for something long.
Never use markdown, lists, headings, emoji, tables, code or web addresses. Write numbers and units as they are spoken.
What the user says comes from a speech recogniser and may be misheard; if it makes no sense, ask back in a few words.
People may talk over you. A message of yours that ends in [interrupted] was cut off there: the user did not hear the
rest. [listener: yeah] tells what the user said meanwhile to show that he follows. Do not write either of these yourself, and do
not repeat what was heard unless you are asked to."""

INTERRUPTED = "[interrupted]"
LONGEST = 6000
"""Characters of one answer, some six minutes of speech; more is cut off with finish ``length``."""


class _Delta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: Annotated[list[_Choice], Meta(max_length=64)] = []
    error: Any = None


_chunks = msgspec.json.Decoder(_Chunk)


def build_messages(question: Question, system_prompt: str = SYSTEM_PROMPT) -> list[dict[str, str]]:
    """The chat: system prompt, history as it was heard, the question.

    Chat templates of local servers refuse two messages of one role in a row and an assistant who begins, so those
    are joined and dropped.
    """
    chat: list[dict[str, str]] = []
    lines = [(line.role, _as_heard(line)) for line in question.conversation]
    if not lines or lines[-1] != ("user", question.text):
        lines.append(("user", question.text))
    for role, text in lines:
        if not text.strip() or (role == "assistant" and not chat):
            continue
        if chat and chat[-1]["role"] == role:
            chat[-1]["content"] += f"\n{text}"
        else:
            chat.append({"role": role, "content": text})
    return [{"role": "system", "content": system_prompt}, *chat]


def _as_heard(line: Line) -> str:
    """What was said, where the user nodded to it, and whether he heard it to its end."""
    parts = [line.text]
    if line.notes:
        parts.append(f"[listener: {', '.join(line.notes)}]")
    if line.interrupted:
        parts.append(INTERRUPTED)
    return " ".join(parts).strip()


class OpenAIBackend:
    """``base_url`` ends before ``/chat/completions``. Timeouts in seconds: to connect, and between two pieces."""

    name = "openai"

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        system_prompt: str = SYSTEM_PROMPT,
        connect_s: float = 3.0,
        silence_s: float = 30.0,
    ) -> None:
        self.model = model
        self._system_prompt = system_prompt
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            timeout=httpx.Timeout(silence_s, connect=connect_s),
        )

    async def stream(self, question: Question) -> AsyncIterator[str | Finish]:
        """Tokens as they come; leaving the iterator closes the HTTP stream, which stops the server's work."""
        body = {
            "model": self.model,
            "stream": True,
            "messages": build_messages(question, self._system_prompt),
        }
        length, thoughts, finish = 0, ThinkFilter(), None
        try:
            async with self._client.stream("POST", self._url, json=body) as response:
                if response.status_code != 200:
                    raise await self._refusal(response)
                async for event in httpx_sse.EventSource(response).aiter_sse():
                    if event.data == "[DONE]":
                        finish = finish or "stop"
                        break
                    choice = self._choice(event.data)
                    if choice is None:
                        continue
                    text = thoughts.feed(choice.delta.content or "")
                    if text:
                        yield text
                    length += len(text)
                    finish = choice.finish_reason or finish
                    if length > LONGEST:
                        finish = "length"
                        break
        except httpx.TimeoutException as exc:
            raise BackendError("upstream_timeout", f"{self._url}: {type(exc).__name__}", 5000) from exc
        except httpx.ConnectError as exc:
            raise BackendError("upstream_down", f"{self._url}: {exc}", 10_000) from exc
        except httpx_sse.SSEError as exc:
            raise BackendError(
                "upstream_garbage", f"{self._url} answers with no event stream: {exc}"
            ) from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise BackendError("upstream_broken", f"{self._url}: {type(exc).__name__}: {exc}", 1000) from exc
        if rest := thoughts.finish():
            yield rest
        if finish is None:
            raise BackendError("upstream_broken", f"{self._url}: the stream ended in mid-answer", 1000)
        yield Finish("length" if finish == "length" else "stop")

    async def close(self) -> None:
        await self._client.aclose()

    def _choice(self, data: str) -> _Choice | None:
        try:
            chunk = _chunks.decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
            raise BackendError("upstream_garbage", f"{self._url}: {exc} in {data[:120]!r}") from exc
        if chunk.error is not None:
            raise BackendError("upstream_error", f"{self._url}: {str(chunk.error)[:300]}", 5000)
        return chunk.choices[0] if chunk.choices else None  # the usage report at the end has no choice

    async def _refusal(self, response: httpx.Response) -> BackendError:
        detail = b""
        async for part in response.aiter_bytes():
            detail += part
            if len(detail) > 500:
                break
        text = f"{self._url}: HTTP {response.status_code}: {detail[:500].decode('utf-8', 'replace').strip()}"
        match response.status_code:
            case 401 | 403:
                return BackendError("upstream_unauthorised", f"{text} (check --api-key-file)")
            case 404:
                return BackendError(
                    "upstream_not_found", f"{text} (check --base-url and --model {self.model!r})"
                )
            case 429:
                return BackendError("busy", text, 5000)
            case status if status >= 500:
                return BackendError("upstream_error", text, 5000)
        return BackendError("upstream_refused", text)
