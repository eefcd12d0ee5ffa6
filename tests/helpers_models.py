"""A real HTTP server with the habits, good and bad, that a download meets; and models packed as archives."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / "models"


@dataclass
class Served:
    """One path of the server: its bytes, and how it misbehaves."""

    data: bytes
    etag: str = ""
    ranges: bool = True
    cut_at: list[int] = field(default_factory=list)
    """For each answer in turn: break the connection after so many bytes of the body."""
    status: int = 200
    location: str = ""
    content_type: str = "application/octet-stream"
    requests: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    pause: threading.Event | None = None
    """When set on a file, the body stops half-way until the event is set."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: dict[str, Served]

    def do_GET(self) -> None:
        served = self.files.get(self.path)
        if served is None:
            self.send_error(404)
            return
        served.requests.append(dict(self.headers))
        if served.location:
            self.send_response(302)
            self.send_header("Location", served.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if served.status != 200:
            self.send_error(served.status)
            return
        begin, data = 0, served.data
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range", served.etag) == served.etag
        if wanted and served.ranges and fresh:
            begin = int(wanted[1])
            if begin >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", served.content_type)
        self.send_header("Content-Length", str(len(data) - begin))
        if served.etag:
            self.send_header("ETag", served.etag)
        self.end_headers()
        body = data[begin:]
        cut = served.cut_at.pop(0) if served.cut_at else None
        if cut is not None:
            body = body[:cut]
        with contextlib.suppress(ConnectionError):
            if served.pause is not None:
                half = len(body) // 2
                self.wfile.write(body[:half])
                self.wfile.flush()
                served.pause.wait(30)
                body = body[half:]
            self.wfile.write(body)
        served.sent += len(body)
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def http_server(files: dict[str, Served]) -> Iterator[str]:
    """Serve ``files`` on a free loopback port; yields the base URL."""
    handler = type("Handler", (_Handler,), {"files": files})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def vosk_zip(
    top: str = "vosk-model-x/", marker: bool = False, extra: dict[str, bytes] | None = None
) -> bytes:
    """The tiny Vosk model as the publisher would pack it; without its marker unless ``marker``."""
    out = io.BytesIO()
    source = MODELS / "vosk-tiny-en"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for file in sorted(p for p in source.rglob("*") if p.is_file()):
            if marker or file.name != "earshot.toml":
                z.writestr(zipfile.ZipInfo(top + file.relative_to(source).as_posix()), file.read_bytes())
        for name, data in (extra or {}).items():
            z.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def vosk_tar(path: Path) -> Path:
    """The same as a .tar.gz with a leading "./", as tar itself makes it."""
    with tarfile.open(path, "w:gz") as t:
        t.add(MODELS / "vosk-tiny-en", arcname=".")
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Told:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int | None, int]] = []
        self.notes: list[str] = []
        self.bytes = 0

    def start(self, what: str, total: int | None, done: int) -> None:
        self.starts.append((what, total, done))

    def advance(self, n: int) -> None:
        self.bytes += n

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stop(self) -> None:
        pass
