"""The house keeps its doors: which room imports which, what is pure, and what starting up loads."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DEVICE = Path(__file__).parent.parent / "device"
ROOMS = sorted(folder.name for folder in DEVICE.iterdir() if (folder / "__init__.py").is_file())

BASE = {"values", "errors", "config"}
"""What any room may know: the values that walk between rooms, the errors, the configuration."""
DOORS = {
    "adoption": {*BASE, "daemon", "ear", "engines", "link", "mouth"},
    "audio": {*BASE, "problems"},
    "config": {"errors"},
    "configure": {*BASE, "disk", "link", "settings"},
    "conversation": {"values", "config"},
    "ear": {*BASE, "audio", "engines", "models"},
    "endpoint": {"config", "errors", "link"},
    "fleet": {"errors", "link", "subprocesses"},
    "homeassistant": {*BASE, "link"},
    "latency": {*BASE, "link", "pictures"},
    "engines": {"errors", "subprocesses"},
    "link": BASE,
    "models": {"disk", "errors"},
    "mouth": {*BASE, "audio", "engines", "models", "orders"},
    "orders": {*BASE, "link", "skills"},
    "panel": BASE,
    "service": {*BASE, "daemon", "ear"},
    "settings": {*BASE, "disk", "link"},
    "skills": {*BASE, "disk"},
    # above the device: they run it, and nothing in it knows them
    "scenario": {*BASE, "audio", "daemon", "endpoint", "link", "mouth", "pictures", "subprocesses", "trace"},
    "bench": {
        *BASE,
        *["adoption", "audio", "conversation", "daemon", "daemon_command", "ear", "engines", "link", "mouth"],
        *["pictures", "scenario", "settings", "subprocesses", "trace"],
    },
    # single files
    "values": set(),
    "errors": set(),
    "disk": set(),
    "problems": set(),
    "subprocesses": set(),
    "pictures": {"errors"},
    "trace": set(),
    "tracer": {"values", "trace"},
    "daemon": {
        *BASE,
        *[
            "audio",
            "controls",
            "conversation",
            "ear",
            "engines",
            "front",
            "hands",
            "latency",
            "link",
            "mouth",
        ],
        *["orders", "panel", "remote", "settings", "skills", "trace", "tracer"],
    },
    "controls": {"values", "audio"},
    "front": {*BASE, "daemon", "panel"},
    "hands": {*BASE, "daemon"},
    "remote": {*BASE, "adoption", "daemon", "ear", "homeassistant", "link", "mouth", "settings"},
    "daemon_command": {
        *BASE,
        *["adoption", "audio", "daemon", "disk", "ear", "link", "panel", "service", "settings", "skills"],
    },
    "doctor": {
        *BASE,
        *[
            "adoption",
            "audio",
            "configure",
            "daemon_command",
            "disk",
            "ear",
            "engines",
            "link",
            "models",
            "mouth",
        ],
        *["problems", "service", "settings"],
    },
    "demo": {"errors", "pictures", "scenario", "subprocesses"},
    "cli": {"errors"},
    "__main__": {"cli"},
}
LIBRARIES = {
    "config": {"msgspec"},
    "configure": {"msgspec", "rich"},
    "conversation": set(),
    "endpoint": {"msgspec", "httpx", "httpx_sse"},
    "engines": set(),
    "homeassistant": {"msgspec"},
    "link": {"msgspec", "paho"},
    "models": {"httpx", "rich"},
    "orders": {"msgspec", "rich"},
    "panel": {"gpiozero", "lgpio"},
    "service": set(),
    "settings": {"msgspec", "cryptography"},
    "skills": set(),
}
"""Third-party packages of the rooms that must stay light: a server runs the endpoint with no more than these."""
OUTSIDE_WORLD = {
    "asyncio", "fcntl", "http", "io", "logging", "multiprocessing", "os", "paho", "queue", "random", "select", "signal",
    "socket", "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
"""Clocks, threads, files and networks: no decision is made of them."""


def imports(file: Path, *, types: bool = False) -> Iterator[str]:
    """Every module that ``file`` imports, anywhere in it, as an absolute name; those for the type checker only with
    ``types``."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    unseen = {
        node
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and isinstance(guard.test, ast.Name) and guard.test.id == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    package = ("device", *file.relative_to(DEVICE).parts[:-1])
    for node in ast.walk(tree):
        if node in unseen and not types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            yield from (f"device.{alias.name}" for alias in node.names) if module == "device" else (module,)


def files(place: str) -> list[Path]:
    folder = DEVICE / place
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def neighbours(place: str, *, types: bool = False) -> dict[str, str]:
    """The rooms and files of the house that ``place`` imports, each with one file that does."""
    found = {}
    for file in files(place):
        for name in imports(file, types=types):
            top, _, inside = name.partition(".")
            other = inside.partition(".")[0]
            if top == "device" and other not in ("", place, "__version__"):
                found[other] = f"{file.relative_to(DEVICE)} imports {name}"
    return found


def test_every_room_and_every_file_of_the_house_has_its_doors_written_down():
    there = {*ROOMS, *(file.stem for file in DEVICE.glob("*.py") if file.name != "__init__.py")}
    assert there == set(DOORS)


@pytest.mark.parametrize("place", DOORS)
def test_a_room_imports_only_what_its_doors_allow(place):
    wrong = [how for other, how in neighbours(place, types=True).items() if other not in DOORS[place]]
    assert not wrong


def test_no_two_rooms_import_each_other_even_by_a_detour():
    order = graphlib.TopologicalSorter({place: neighbours(place) for place in DOORS})
    order.prepare()  # CycleError names the loop


def test_only_the_runner_of_scenarios_knows_the_daemon_among_them():
    knowing = {file.name for file in files("scenario") if "device.daemon" in set(imports(file))}
    assert knowing == {"runner.py"}


def test_the_endpoint_takes_of_the_link_only_messages_topics_and_the_broker_client_with_its_options():
    taken = {
        name for file in files("endpoint") for name in imports(file, types=True) if "device.link" in name
    }
    allowed = ("", ".messages", ".topics", ".client", ".outbox", ".options", ".credentials")
    assert taken <= {f"device.link{part}" for part in allowed}


@pytest.mark.parametrize("place", LIBRARIES)
def test_a_light_room_stays_light(place):
    tops = {name.partition(".")[0] for file in files(place) for name in imports(file)}
    assert tops - set(sys.stdlib_module_names) - {"device"} <= LIBRARIES[place]


def test_what_calls_itself_pure_touches_no_clock_thread_file_or_network():
    pure = []
    for file in DEVICE.rglob("*.py"):
        doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        if re.search(r"\bPure\b", doc) or "conversation" in file.parts:
            pure.append(file)
            touched = {name.partition(".")[0] for name in imports(file)} & OUTSIDE_WORLD
            assert not touched, f"{file.relative_to(DEVICE)} imports {touched}"
    assert len(pure) > 20


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_enters_what_leaves_which_thread_runs_it_and_what_it_imports(room):
    doc = ast.get_docstring(ast.parse((DEVICE / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    missing = [word for word in ("enters", "leaves", "thread", "import") if word not in doc.lower()]
    assert not missing


@pytest.mark.parametrize(
    ("module", "never"),
    [
        (
            "device.daemon",
            "vosk pocketsphinx onnxruntime kokoro_onnx hassil soxr matplotlib rich httpx multiprocessing",
        ),
        ("device.conversation", "numpy asyncio paho"),
        ("device.endpoint.worker", "numpy httpx soxr device.audio device.conversation"),
        ("device.engines.child", "numpy msgspec subprocess device.config device.values"),
        ("device.mouth.voices.espeak", "numpy device.audio device.mouth.mouth"),
    ],
)
def test_starting_loads_no_more_than_it_needs(module, never):
    code = f"import sys, {module}; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    command = [sys.executable, "-c", code, *never.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=DEVICE.parent)
    assert done.stdout.split() == []
