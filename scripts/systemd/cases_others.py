"""The journal, the endpoint's unit, the broker's unit."""

from __future__ import annotations

import json
import time

from cases import (
    BROKER,
    CHECKOUT,
    EARSHOT,
    ENDPOINT,
    PYTHON,
    UNIT,
    case,
    connected,
    forget,
    need,
    retained,
    running,
)
from container import Container, until
from install import SETTINGS

TALK = """\
[recogniser]
engine = "vosk"
model = "vosk-tiny-en"
[log]
level = "debug"
"""
"""The tiny model understands simulated talkers."""
TOPIC = "earshot/1/d/kitchen/dn/config"


@case("a word is said by order, through the broker", "said to its end by the service")
def announce(box: Container) -> str:
    running(box)
    connected(box)
    box.must(EARSHOT, "say", "--device", "kitchen", "one two three", timeout_s=60)
    return ""


@case(
    "a conversation: a command, a question to the endpoint, a reload in the middle of it",
    "both heard to the end; their stages in the journal, no words",
)
def conversation(box: Container) -> str:
    box.must("systemctl", "start", BROKER, ENDPOINT)
    drop_in = f"/etc/systemd/system/{UNIT}.d/test.conf"
    box.write(
        drop_in, f"[Service]\nExecStart=\nExecStart={PYTHON} {CHECKOUT}/scripts/systemd/inside/talked_to.py\n"
    )
    box.must("systemctl", "daemon-reload")
    since = time.time()
    running(box, SETTINGS + TALK)

    def turns() -> dict[str, dict[str, str]]:
        found = box.run("journalctl", "-u", UNIT, "-o", "json", f"--since=@{since:.6f}", "--no-pager").stdout
        entries = [json.loads(line) for line in found.splitlines()]
        return {entry["EARSHOT_KIND"]: entry for entry in entries if "EARSHOT_TURN" in entry}

    until(turns, "a command in the journal", 40)
    busy = ("attending", "thinking", "speaking")
    until(lambda: box.status(UNIT).startswith(busy), "that the question is asked", 30)
    box.must("systemctl", "reload", UNIT)  # in the middle of it
    found = until(lambda: len(turns()) >= 2 and turns(), "a turn in the journal", 40)
    said = box.journal(UNIT, since)
    forget(box)
    for kind, entry in found.items():
        need(entry["EARSHOT_OUTCOME"] == "heard", f"{kind}: {entry['EARSHOT_OUTCOME']}")
        need("EARSHOT_STAGE" in entry and "EARSHOT_MS" in entry, f"{kind} has {sorted(entry)}")
    need(entry.get("SYSLOG_IDENTIFIER") == "earshot" and "PRIORITY" in entry, "no identifier or priority")
    need("weather" not in said, "what was said is in the journal")
    return "; ".join(
        f"{k} {e['EARSHOT_OUTCOME']}, {e['EARSHOT_VOICE_TO_VOICE_MS']} ms" for k, e in sorted(found.items())
    )


@case("earshot-broker", "on loopback only; what is retained survives its restart; comes back when killed")
def broker(box: Container) -> str:
    box.must("systemctl", "start", BROKER)
    listens = box.shell("awk '$4 == \"0A\" { print $2 }' /proc/net/tcp /proc/net/tcp6").split()
    need(listens == ["0100007F:075B"], f"it listens at {listens}")
    script = (
        "import paho.mqtt.publish as p; p.single("
        f"'{TOPIC}', '{{}}', qos=1, retain=True, hostname='127.0.0.1', protocol=5)"
    )
    box.must(PYTHON, "-c", script)
    box.must("systemctl", "restart", BROKER)
    need(retained(box, TOPIC) == "{}", "it has forgotten what was retained")
    pid = box.main_pid(BROKER)
    box.must("kill", "-9", str(pid))
    until(lambda: box.show(BROKER, "ActiveState", "NRestarts") == ["active", "1"], "a restart", 15)
    owner = box.must("stat", "-c", "%U %a", "/var/lib/earshot-broker")
    need(owner == "earshot-broker 700", f"its state is of {owner}")
    box.must(PYTHON, "-c", script.replace("'{}'", "''"))
    return ""


@case("earshot-endpoint", "answers a turn; back when killed")
def endpoint(box: Container) -> str:
    box.must("systemctl", "start", BROKER, ENDPOINT)
    ask = (PYTHON, f"{CHECKOUT}/scripts/systemd/inside/turn.py")
    answer = box.must(*ask)
    need("5" in answer or "five" in answer, f"it says “{answer}”")
    box.must("kill", "-9", str(box.main_pid(ENDPOINT)))
    box.must(*ask)
    return f"“{answer}”"


@case("a broker that comes late, a broker that goes", "the device connects by itself, and says so")
def late_broker(box: Container) -> str:
    box.must("systemctl", "stop", BROKER)
    pid = running(box)
    began = time.monotonic()
    connected(box)
    took_s = time.monotonic() - began
    box.must("systemctl", "stop", BROKER)
    until(lambda: "broker ok" not in box.status(UNIT), "the loss in its status", 20)
    need(box.main_pid(UNIT) == pid, "it was restarted")
    return f"connected after {took_s:.1f} s"
