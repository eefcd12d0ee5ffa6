"""The journal, the endpoint's unit, the broker's unit."""

from __future__ import annotations

import json
import time

from cases import BROKER, CHECKOUT, EARSHOT, ENDPOINT, PYTHON, UNIT, case, connected, need, retained, running
from container import Container, until

TOPIC = "earshot/1/d/kitchen/dn/config"


@case("a word is said by order, through the broker", "said to its end by the service")
def announce(box: Container) -> str:
    running(box)
    connected(box)
    box.must(EARSHOT, "say", "--device", "kitchen", "one two three", timeout_s=60)
    return ""


@case("journal", "unit, priority and fields of earshot's own to search by")
def journal(box: Container) -> str:
    since = time.time()
    pid = running(box)
    connected(box)
    box.must(EARSHOT, "say", "--device", "kitchen", "one two three", timeout_s=60)
    lines = box.must(
        "journalctl", "-o", "json", "--no-pager", f"--since=@{since:.6f}", f"_PID={pid}"
    ).splitlines()
    entries = [json.loads(line) for line in lines]
    need(entries, "nothing is in it")
    names = sorted({name for entry in entries for name in entry if name.startswith("EARSHOT_")})
    need(names, "no field of its own: " + ", ".join(sorted(entries[-1])))
    priorities = {entry.get("PRIORITY") for entry in entries}
    need(priorities > {"6"} or priorities == {"6"}, f"priorities {priorities}")
    need(
        all(entry.get("SYSLOG_IDENTIFIER") == "earshot" for entry in entries),
        "another identifier than earshot",
    )
    return ", ".join(names)


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
