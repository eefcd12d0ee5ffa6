"""``earshot endpoint``: answer the turns of the devices on a broker."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from device.config.schema import EndpointSection, MqttSection
from device.errors import EarshotError
from device.link.credentials import locate
from device.link.options import add_security_options, broker_of, usual_port

if TYPE_CHECKING:
    from device.endpoint.backend import Backend

log = logging.getLogger("earshot.endpoint")

EPILOG = """\
examples:
  earshot endpoint
      built-in answers: time, date, sums, a story; enough to try the device
  earshot endpoint --backend openai --base-url http://127.0.0.1:11434/v1 --model llama3.2:3b
      a model in Ollama on this machine
  earshot endpoint --backend openai --base-url https://api.example.com/v1 --model some-model --api-key-file key.txt
      a hosted model; the key is read from the first line of a file, never from the command line

Several workers may run, here or on other machines: each turn goes to one of them. Ctrl-C or SIGTERM ends it."""

OLLAMA = "http://127.0.0.1:11434/v1"


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "endpoint",
        help="answer the turns of the devices on this broker",
        description="Run a worker: take what users say from the MQTT broker as text, have it answered by the "
        "built-in answers or by a language model, and stream the answer back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    broker, pool = MqttSection(), EndpointSection().pool
    parser.add_argument("--host", default=broker.host, help=f"MQTT broker (default: {broker.host})")
    parser.add_argument(
        "--port", type=int, help=f"its port (default: {usual_port(False)}, with TLS {usual_port(True)})"
    )
    parser.add_argument(
        "--pool", default=pool, help=f"which devices: those with this endpoint.pool (default: {pool})"
    )
    parser.add_argument(
        "--name",
        default="",
        help="name of this worker, unique on the broker (default: host name and process)",
    )
    parser.add_argument(
        "--backend", choices=("builtin", "openai"), default="builtin",
        help="builtin: no language model; openai: any OpenAI-compatible server (default: builtin)",
    )  # fmt: skip
    parser.add_argument(
        "--base-url",
        default=OLLAMA,
        metavar="URL",
        help=f"openai: where the server is (default: Ollama's, {OLLAMA})",
    )
    parser.add_argument("--model", default="", help="openai: name of the model, as the server calls it")
    parser.add_argument(
        "--api-key-file", default="", metavar="FILE",
        help="openai: file with the key; a bare name is looked up in $CREDENTIALS_DIRECTORY first (systemd)",
    )  # fmt: skip
    parser.add_argument(
        "--system-prompt-file",
        default="",
        metavar="FILE",
        help="openai: instead of the built-in instructions",
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=40.0,
        metavar="WORDS",
        help="builtin: words per second (default: 40, 0 = at once)",
    )
    parser.add_argument(
        "--concurrency", type=int, default=8, metavar="N", help="turns answered at once (default: 8)"
    )
    parser.add_argument("--verbose", action="store_true", help="log in detail (never what was said)")
    add_security_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then."""
    import asyncio

    name = args.name or default_name()
    _check(args, name)
    broker = _broker(args)
    backend = make_backend(args)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    what = (
        f"the model {backend.model!r} at {args.base_url}"
        if backend.model
        else "built-in answers (no language model)"
    )
    print(
        f"earshot endpoint: worker {name!r} answers pool {args.pool!r} on broker {broker.host}:{broker.port} "
        f"with {what}. Ctrl-C ends it.",
        flush=True,
    )
    asyncio.run(_serve(broker, args, name, backend))
    print("earshot endpoint: stopped", flush=True)
    return 0


def _broker(args: argparse.Namespace) -> MqttSection:
    section = broker_of(args)
    return replace(section, host=args.host, port=args.port or usual_port(section.tls))


async def _serve(broker: MqttSection, args: argparse.Namespace, name: str, backend: Backend) -> None:
    import asyncio

    from device.endpoint.worker import Worker

    worker = Worker(broker, args.pool, name, backend, limit=args.concurrency)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.stop)
    await worker.run()


def default_name() -> str:
    """Host name and process id: two workers on one machine must not push each other off the broker."""
    host = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:24] or "worker"
    return f"{host}-{os.getpid()}"


def make_backend(args: argparse.Namespace) -> Backend:
    """The backend that the command line asks for; raises ``EarshotError``."""
    if args.backend == "builtin":
        from device.endpoint.backends.builtin import BuiltinBackend

        return BuiltinBackend(args.pace)
    if not args.model:
        raise EarshotError(
            "--model is missing: give the model's name as the server calls it "
            f"(list them with: curl {args.base_url.rstrip('/')}/models)"
        )
    if not re.match(r"https?://[^/\s]+", args.base_url):
        raise EarshotError(f"--base-url {args.base_url!r} is no http:// or https:// address, e.g. {OLLAMA}")
    from device.endpoint.backends.openai import SYSTEM_PROMPT, OpenAIBackend

    key = read_key(args.api_key_file)
    if (
        key
        and args.base_url.startswith("http://")
        and not re.match(r"http://(localhost|127\.|\[::1\])", args.base_url)
    ):
        print(f"warning: the key travels unencrypted to {args.base_url}; use https://", file=sys.stderr)
    prompt = _read(args.system_prompt_file, "--system-prompt-file") or SYSTEM_PROMPT
    return OpenAIBackend(args.base_url, args.model, api_key=key, system_prompt=prompt)


def read_key(path: str) -> str | None:
    """The first line of the key file; a bare name is looked up among systemd's credentials first."""
    text = _read(str(locate(path)) if path else "", "--api-key-file")
    if text is None:
        return None
    key = text.partition("\n")[0].strip()
    if not key or not key.isascii() or not key.isprintable():
        raise EarshotError(f"--api-key-file {path!r}: the first line must be the key, in printable ASCII")
    return key


def _read(path: str, option: str) -> str | None:
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise EarshotError(f"{option} {path!r} cannot be read: {exc}") from exc


def _check(args: argparse.Namespace, name: str) -> None:
    problems = [
        (not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name), f"--name {name!r}: letters, digits, - and _ only, 64 at most"),
        (not re.fullmatch(r"[a-z0-9-]{1,32}", args.pool), f"--pool {args.pool!r}: a-z, 0-9 and - only, 32 at most"),
        (args.port is not None and not 1 <= args.port <= 65535, f"--port {args.port}: must be 1..65535"),
        (not 1 <= args.concurrency <= 1000, f"--concurrency {args.concurrency}: must be 1..1000"),
        (not 0 <= args.pace <= 10_000, f"--pace {args.pace}: must be 0..10000 words per second"),
        (not args.host, "--host must not be empty"),
    ]  # fmt: skip
    wrong = [text for failed, text in problems if failed]
    if wrong:
        raise EarshotError("; ".join(wrong))
