"""One file over HTTP into a ``.part`` file that survives a cut line, Ctrl-C and a restart.

The part file grows from the front; beside it lies ``.part.json`` with the URL and the server's validator (a strong
ETag, else Last-Modified). A later call asks for the rest with ``Range`` and ``If-Range`` (RFC 9110, 13.1.5 and 14.2): a
server whose file has changed, or that knows no ranges, answers 200 with the whole file and the part starts anew.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from device.errors import EarshotError

TRIES_WITHOUT_GAIN = 3
"""A broken transfer is taken up again as long as each try brings bytes; this many empty ones in a row end it."""
PAUSE_S = 1.0
"""Before a broken transfer is taken up again."""
PAGE_TYPES = ("text/html", "application/xhtml+xml")


class FetchError(EarshotError):
    """A model could not be brought onto this machine; what was already downloaded is kept."""


class Progress(Protocol):
    """Who is told how a fetch goes on."""

    def start(self, what: str, total: int | None, done: int) -> None: ...
    def advance(self, n: int) -> None: ...
    def note(self, text: str) -> None: ...
    def stop(self) -> None: ...


RoomFor = Callable[[int], None]


class _Cut(Exception):
    """The transfer broke off; worth another try."""


def download(
    url: str,
    part: Path,
    progress: Progress,
    *,
    room_for: RoomFor | None = None,
    limit: int = 0,
) -> None:
    """Bring ``url`` whole into ``part``, going on from what is there. Blocks; raises ``FetchError``.

    ``room_for(n)`` is called with the bytes still to come before they do and may raise; more than ``limit`` bytes
    (0 = any) are refused.
    """
    import httpx

    if not url.startswith(("http://", "https://")):
        raise FetchError(
            f"{url!r} is not a http:// or https:// address; a file on this machine goes with --from FILE"
        )
    part.parent.mkdir(parents=True, exist_ok=True)
    empty = 0
    with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(30, connect=10)) as client:
        while True:
            before = _size(part)
            try:
                _once(client, url, part, progress, room_for, limit)
                _note_path(part).unlink(missing_ok=True)
                return
            except (_Cut, httpx.TransportError, httpx.TooManyRedirects, httpx.InvalidURL) as error:
                gained = _size(part) > before
                empty = 0 if gained else empty + 1
                reason = _reason(error)
                if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)) and not gained:
                    raise FetchError(
                        f"cannot reach {url}: {reason}. Is there a network? If this machine has none, download that "
                        "file elsewhere and give it with --from FILE"
                    ) from None
                if not isinstance(error, (_Cut, httpx.TransportError)) or empty >= TRIES_WITHOUT_GAIN:
                    kept = f"{_size(part) / 1e6:.1f} MB are kept: run the same command again to go on"
                    raise FetchError(f"the download of {url} broke off: {reason}. {kept}") from None
                progress.note(f"connection broke ({reason}), going on at {_size(part) / 1e6:.1f} MB")
                time.sleep(PAUSE_S)


def _once(
    client: Any, url: str, part: Path, progress: Progress, room_for: RoomFor | None, limit: int
) -> None:
    have, validator = _resumable(part, url)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    with client.stream("GET", url, headers=headers) as answer:
        if url.startswith("https://") and answer.url.scheme != "https":
            raise FetchError(f"{url} leads to {answer.url}, which is not encrypted; refused")
        if answer.status_code == 416:  # asked beyond the end: the part is not of this file
            _forget(part)
            raise _Cut("the part on disk does not fit the file on the server, starting over")
        if answer.status_code not in (200, 206):
            hint = (
                "; the file may have moved: give its new address with --url"
                if answer.status_code == 404
                else ""
            )
            raise FetchError(f"{url}: the server answered {answer.status_code} {answer.reason_phrase}{hint}")
        if answer.status_code == 206 and not answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        ):
            _forget(part)
            raise _Cut("the server sent another range than asked for")
        if answer.headers.get("Content-Type", "").split(";")[0].strip().lower() in PAGE_TYPES:
            raise FetchError(f"{url}: the server sent a web page, not a model (a log-in or captive portal?)")
        if answer.status_code == 200:
            have = 0
        length = answer.headers.get("Content-Length", "")
        rest = int(length) if length.isdigit() else None
        total = have + rest if rest is not None else None
        if limit and total is not None and total > limit:
            raise FetchError(
                f"{url} is {total / 1e6:.0f} MB, more than the {limit / 1e6:.0f} MB allowed for this model"
            )
        if room_for is not None:
            room_for(rest or 0)
        if not have:
            part.write_bytes(b"")  # before the note: a note must never vouch for bytes of an older file
            _remember(part, url, answer.headers)
        progress.start(part.name.removesuffix(".part"), total, have)
        got = have
        with part.open("ab" if have else "wb") as file:
            for chunk in answer.iter_raw():
                got += len(chunk)
                if limit and got > limit:
                    raise FetchError(f"{url} is more than the {limit / 1e6:.0f} MB allowed for this model")
                try:
                    file.write(chunk)
                except OSError as error:
                    raise FetchError(f"cannot write {part}: {error.strerror}") from None
                progress.advance(len(chunk))
        if total is not None and got < total:
            raise _Cut(f"{got} of {total} bytes came")


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)


def _remember(part: Path, url: str, headers: Any) -> None:
    etag = headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    _note_path(part).write_text(json.dumps({"url": url, "validator": validator}))


def _resumable(part: Path, url: str) -> tuple[int, str]:
    """How many bytes of ``url`` are there to go on from, and what proves that they are of the same file."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(_note_path(part).read_text())
        if note["url"] == url and note["validator"]:
            return _size(part), note["validator"]
    return (
        0,
        "",
    )  # no note, or a server without validators: gluing two halves of different files must not happen


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")
