"""``earshot run``: the daemon. One thread is the ear and drives everything else; signals only set a flag."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from types import FrameType
from typing import Any

from device.config import Config
from device.config.options import add_options, config_of, overrides

__all__ = ["overrides"]

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
    add_options(parser)
    parser.add_argument("--check", action="store_true", help="only check the configuration, then leave")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    config = config_of(args)
    if args.check:
        print("the configuration is valid")
        return 0
    logging.basicConfig(
        level=config.log.level.upper(), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    return serve(config)


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
    # the simulated room's path is known, and no sound at all has none
    measure = config.audio.measure_at_start and config.audio.backend == "portaudio"
    device = Device(config, backend, open_transport(config), measure=measure)
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
