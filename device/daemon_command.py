"""``earshot run``: the daemon. One thread is the ear and drives everything else; signals only set a flag."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tomllib
from pathlib import Path
from types import FrameType
from typing import Any

from device.config import Config, load
from device.errors import ConfigError

log = logging.getLogger("earshot")

SWITCH_INTERVAL_S = 0.0005
"""Python's default of 5 ms lets a busy thread make the 10 ms step 16 ms late (p99); 0.5 ms makes that 2.5 ms."""

EPILOG = """\
examples:
  earshot run                                   with /etc/earshot/earshot.toml, or the defaults
  earshot run --config kitchen.toml             with this file
  earshot run --set wake.words=['"okay_nabu"'] --set device.volume=40
  earshot run --set audio.backend=none          without sound, to try the link and the config

Without a broker, an endpoint or a microphone it runs all the same, says what is missing, and tries again.
Ctrl-C or SIGTERM ends it within 2 s."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "run",
        help="listen and answer: the daemon",
        description="Run the smart speaker in the foreground: listen for the wake word, carry out local commands, "
        "and send everything else as text to the endpoint over MQTT.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file (default: /etc/earshot/earshot.toml)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. mqtt.host=broker.local; may be given several times",
    )
    parser.add_argument("--check", action="store_true", help="only check the configuration, then leave")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    config = load(args.config, overrides(args.set))
    if args.check:
        print("the configuration is valid")
        return 0
    logging.basicConfig(
        level=config.log.level.upper(), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    return serve(config)


def overrides(pairs: list[str]) -> dict[str, Any]:
    """``["wake.threshold=0.7"]`` as nested tables; a value that is no TOML is taken as text."""
    tables: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError("--set", [f"{pair!r}: must be KEY=VALUE, as in --set device.volume=40"])
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        *path, last = key.strip().split(".")
        table = tables
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError("--set", [f"{pair!r}: {part!r} is set as a value and as a table"])
        table[last] = parsed
    return tables


def package_conflicts() -> list[str]:
    """Installed packages that do not work together and that ``pip check`` does not find, each with its mend."""
    from importlib.metadata import PackageNotFoundError, version

    def major(package: str) -> int | None:
        try:
            return int(version(package).split(".")[0])
        except (PackageNotFoundError, ValueError):
            return None

    numpy, found = major("numpy"), []
    if numpy is not None and numpy >= 2 and major("tflite-runtime") is not None:
        found.append(
            f"tflite-runtime is installed beside numpy {version('numpy')}, and it works with numpy 1 only: the wake word "
            "uses ai-edge-litert instead (to mend it: pip uninstall tflite-runtime, or pip install 'numpy<2')"
        )
    if numpy is not None and numpy < 2 and major("kokoro-onnx") is not None:
        found.append(
            f"kokoro-onnx is installed beside numpy {version('numpy')}, and it needs numpy 2: the voice stays espeak-ng "
            "(to mend it: pip install 'numpy>=2.0.2' and uninstall tflite-runtime)"
        )
    return found


def serve(config: Config) -> int:
    """Run until SIGTERM or SIGINT."""
    import gc

    from device.audio import open_backend
    from device.daemon import Device
    from device.ear.recognisers import recogniser_settings
    from device.link import open_transport

    stopping = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    backend = open_backend(config)
    device = Device(config, backend, open_transport(config))
    try:
        device.start()
        for conflict in package_conflicts():
            log.warning("%s", conflict)
        # what start-up has made stays for good: keep the collector from walking it every time (a 10 ms step cannot
        # afford a full collection)
        gc.collect()
        gc.freeze()
        if config.audio.backend == "none":
            log.info(
                "no sound, as configured (audio.backend = none): the clock, the link and the config work"
            )
        else:
            log.info("listening for %s", " or ".join(repr(word) for word in config.wake.words))
        if recogniser_settings(config).engine == "pocketsphinx":
            log.info("understands commands only; for free speech: earshot models fetch vosk-small-en-us")
        while not stopping:
            if not device.step():
                backend.wait(0.05)
    finally:
        device.stop()
    log.info("stopped")
    return 0
