"""Runs in the container, as the device's service in all but the command: what its unit lets it do, and what not.

Prints one JSON object: {"works": {what: "" or the error}, "refused": {what: "" or what it could do all the same}}.
"""

import ctypes
import json
import mmap
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EARSHOT = Path(sys.prefix) / "bin" / "earshot"
SCENARIOS = Path("/mnt/earshot/tests/scenarios")
STATE = Path(os.environ["STATE_DIRECTORY"])


def command(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, cwd=tempfile.gettempdir(), check=False)
    return "" if done.returncode == 0 else f"{done.returncode}: {(done.stdout + done.stderr)[-300:]}"


def attempt(what: Callable[[], Any]) -> str:
    """ "" where it worked, else the refusal."""
    try:
        return what() or ""
    except Exception as exc:  # noqa: BLE001  the refusal is the result
        return f"{type(exc).__name__}: {exc}"


def sound() -> str:
    import pyaudio

    pyaudio.PyAudio().get_device_count()  # the library's own callback is machine code made at its build
    return ""


def onnx() -> str:
    import onnxruntime

    onnxruntime.SessionOptions()
    return ""


def voice() -> str:
    out = str(Path(tempfile.gettempdir()) / "said.wav")
    say = (str(EARSHOT), "say", "--out", out)
    return command(*say, "--engine", "kokoro", "--model", "kokoro-tiny", "hello") or command(
        *say, "--engine", "espeak", "hello"
    )


def scenario(name: str) -> Callable[[], str]:
    """Wake word, recogniser, intents, canceller and voice: the whole device, over the simulated room."""
    return lambda: command(str(EARSHOT), "scenario", str(SCENARIOS / name))


def locked() -> str:
    libc, memory = ctypes.CDLL(None, use_errno=True), mmap.mmap(-1, 4 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return "" if libc.mlock(ctypes.c_void_p(address), 4 << 20) == 0 else os.strerror(ctypes.get_errno())


def limits() -> str:
    """What the unit asks for is in force, where the container itself may have as much."""
    for line, limit, wanted in (
        ("Max realtime priority", resource.RLIMIT_RTPRIO, 60),
        ("Max locked memory", resource.RLIMIT_MEMLOCK, 64 << 20),
        ("Max core file size", resource.RLIMIT_CORE, 0),
    ):
        (found,) = [text for text in Path("/proc/1/limits").read_text().splitlines() if text.startswith(line)]
        hard = found.removeprefix(line).split()[1]
        expected = wanted if hard == "unlimited" else min(wanted, int(hard))
        if resource.getrlimit(limit)[1] != expected:
            return f"{line}: {resource.getrlimit(limit)}"
    return ""


def unshare() -> None:
    # by another program: one that has threads may not in any case
    subprocess.run(["unshare", "--user", "true"], check=True, capture_output=True)


def may_open(path: str, mode: str) -> Callable[[], None]:
    def open_it() -> None:
        with open(path, mode, buffering=0 if "b" in mode else -1):
            pass

    return open_it


def executable_in(folder: Path) -> Callable[[], None]:
    def run_it() -> None:
        program = folder / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        subprocess.run([program], check=True)

    return run_it


WORKS = {
    "PyAudio": sound,
    "PocketSphinx, espeak-ng, wake word (TFLite)": scenario("wake_and_command.toml"),
    "Vosk": scenario("no_broker.toml"),
    "ONNX Runtime": onnx,
    "Kokoro": voice,
    "callbacks from C": lambda: ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 0)() or "",
    "writing its state": may_open(str(STATE / "x"), "wb"),
    "writing its cache": may_open(os.environ["CACHE_DIRECTORY"] + "/x", "wb"),
    "locking memory": locked,
    "limits": limits,
    "cpuinfo": may_open("/proc/cpuinfo", "rb"),
    "names of other processes": may_open("/proc/1/comm", "rb"),
    "the sound card": may_open("/dev/snd/earshot-test", "rb"),
}
REFUSED = {
    "writing /etc": may_open("/etc/earshot/x", "w"),
    "writing its own code": may_open(sys.prefix + "/x", "w"),
    "reading /home": may_open("/home/somebody/letter", "rb"),
    "running what lies in its state": executable_in(STATE),
    "running what lies in its cache": executable_in(Path(os.environ["CACHE_DIRECTORY"])),
    "memory that is written and run": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close(),
    "raw packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "another device": may_open("/dev/earshot-other", "rb+"),
    "a user namespace": unshare,
    "setting the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
}  # fmt: skip


works = {name: attempt(what) for name, what in WORKS.items()}
refused = {name: "" if attempt(what) else "it could" for name, what in REFUSED.items()}
print(json.dumps({"works": works, "refused": refused}), flush=True)
sys.exit(any(works.values()) or any(refused.values()))
