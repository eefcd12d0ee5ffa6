"""``earshot run``: the daemon. One thread is the ear and drives everything else; signals only set a flag.

lock ──► boot ──► Device ──► step, step, step ... ──► SIGTERM: leave
          ▲  └ cannot be made: what was before ▲  │       └ a change, or an order, wants a start from scratch: exec this command again
          └───────────────────────────────────────┼───────────┘
                                 SIGHUP: read the file anew, by the steward
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

from device.config import Config
from device.config.options import add_options, config_of, overrides
from device.errors import ConfigError, EngineError

if TYPE_CHECKING:
    from device.audio.backends import Backend
    from device.daemon import Device
    from device.service.crash import Crash
    from device.service.lock import Lock
    from device.service.service import Service
    from device.settings import Reloaded
    from device.settings.boot import Booted

__all__ = ["overrides"]

log = logging.getLogger("earshot")

RESTARTED = "EARSHOT_RESTARTED"
"""In the environment of a daemon that has started itself again."""
EX_CONFIG = 78
"""Exit code where no configuration is usable (sysexits.h): systemd need not try again."""
SWITCH_INTERVAL_S = 0.0005
"""Python's default of 5 ms lets a busy thread make the 10 ms step 16 ms late (p99); 0.5 ms makes that 2.5 ms."""

EPILOG = """\
examples:
  earshot run                                   with /etc/earshot/earshot.toml, or the defaults
  earshot run --config kitchen.toml             with this file
  earshot run --set wake.words=['"okay_nabu"'] --set device.volume=40
  earshot run --set audio.backend=none          without sound, to try the link and the config

Without a broker, an endpoint or a microphone it runs all the same, says what is missing, and tries again.
A file with mistakes: it runs on the last configuration that worked, and says so; with none it leaves, exit code 78.
What was pushed over MQTT (earshot config push) is kept in $STATE_DIRECTORY, /var/lib/earshot or ~/.local/state/earshot.
Ctrl-C or SIGTERM ends it within 2 s; SIGHUP reads the file anew. A second one with the same state folder leaves, exit code 1."""


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
    if args.check:
        config_of(args)
        print("the configuration is valid")
        return 0
    from device.disk import state_folder
    from device.service import journal
    from device.service.crash import Crash
    from device.service.lock import AlreadyRunning, Lock
    from device.service.service import Service
    from device.settings.boot import boot

    logging.basicConfig(level="INFO", handlers=[journal.handler()])
    crash = Crash()
    crash.watch()
    given = overrides(args.set)
    try:
        lock = Lock(state_folder())
    except AlreadyRunning as exc:
        print(f"earshot run: {exc}", file=sys.stderr)
        return 1
    service = Service()
    service.start()
    try:
        return serve(boot(args.config, given), service, crash, lock)
    except ConfigError as exc:
        print(f"earshot run: {exc}", file=sys.stderr)
        return EX_CONFIG
    finally:
        service.close()
        lock.release()
        crash.rest()


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


class Wishes:
    """What signals ask for; the ear's thread looks after every step."""

    def __init__(self) -> None:
        self.stop = self.reload = False
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        signal.signal(signal.SIGHUP, self._reload)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stop = True

    def _reload(self, signum: int, frame: FrameType | None) -> None:
        self.reload = True


def serve(booted: Booted, service: Service, crash: Crash, lock: Lock) -> int:
    """Run until SIGTERM or SIGINT, or until a thread has died that is needed (1). Raises EngineError where models are missing, for
    what was in force before, too."""
    import gc

    wishes = Wishes()
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    device, backend = start(booted)
    try:
        device.start()
        for conflict in package_conflicts():
            log.warning("%s", conflict)
        # what start-up has made stays for good: keep the collector from walking it every time (a 10 ms step cannot
        # afford a full collection)
        gc.collect()
        gc.freeze()
        _greet(device.config)
        while not wishes.stop and device.restart is None and crash.fatal is None:
            if not device.step():
                backend.wait(0.05)
            service.beat(device)
            if wishes.reload:
                wishes.reload = False
                service.reloading()
                device.remote.reload()
            while device.remote.reloaded:
                _reloaded(device.remote.reloaded.popleft(), service)
    finally:
        if device.restart is not None and not wishes.stop:
            service.starting_again()
        else:
            service.stopping(crash.fatal or "stopping")
        device.stop()
    if crash.fatal is not None:
        log.critical("leaving: %s", crash.fatal)
        return 1
    if device.restart is not None and not wishes.stop:
        _start_again(lock)
    log.info("stopped")
    return 0


def _reloaded(result: Reloaded, service: Service) -> None:
    """The file has been read anew; a restart that it needs follows, and then the next life is ready."""
    if result.faults:
        log.error("the configuration stays as it was: %s", "; ".join(result.faults))
    elif not result.restarts:
        log.info("the configuration was read anew")
    if not result.restarts:
        service.reloaded()


def _start_again(lock: Lock) -> None:
    """In the same process: whoever watches over it (systemd) sees no end."""
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # outlives the exec: a reload in between would kill
    lock.pass_on()
    environment = {**os.environ, RESTARTED: "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def start(booted: Booted) -> tuple[Device, Backend]:
    """A device by ``booted.config``; where none can be made of that, by what was in force before."""
    from device.adoption import meaning, prepare, vital
    from device.audio import open_backend
    from device.daemon import Device
    from device.disk import state_folder
    from device.link import open_transport
    from device.panel import Mark, Panel
    from device.settings import Steward
    from device.skills import TimerFile

    # a missing password file is no reason: there may be no broker, and everything else works
    while missing := vital(booted.config):
        if not booted.abandon("; ".join(missing)):
            raise EngineError("\n".join(missing))
    config = booted.config
    logging.getLogger().setLevel(config.log.level.upper())
    panel = Panel(config.panel, Mark(state_folder()))
    panel.start()  # first: its lights say that models are being loaded
    backend = open_backend(config)
    # the simulated room's path is known, and no sound at all has none
    measure = config.audio.measure_at_start and config.audio.backend == "portaudio"
    steward = Steward(booted, meaning=meaning, prepare=prepare)
    timers = TimerFile(state_folder() / "timers.json")
    transport = open_transport(config)
    device = Device(
        config, backend, transport,
        measure=measure, steward=steward, timers=timers, panel=panel, restarted=RESTARTED in os.environ,
    )  # fmt: skip
    return device, backend


def _greet(config: Config) -> None:
    from device.ear.recognisers import recogniser_settings

    if config.audio.backend == "none":
        log.info("no sound, as configured (audio.backend = none): the clock, the link and the config work")
    else:
        log.info("listening for %s", " or ".join(repr(word) for word in config.wake.words))
    if recogniser_settings(config).engine == "pocketsphinx":
        log.info("understands commands only; for free speech: earshot models fetch vosk-small-en-us")
