"""The installer: every step on a Debian that knows nothing of earshot, cut off, repaired, upgraded to good and bad, taken away.

They run in this order on one Debian, each on what the one before has left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from cases import CONFIG, UNIT, Case, need
from container import Container, until
from fresh import HERE, OFFLINE
from install import SETTINGS

STEPS: list[Case] = []
INSTALL = f"{HERE}/scripts/install --yes --offline {OFFLINE}"
UPGRADE = f"scripts/upgrade --yes --offline {OFFLINE} --prove-s 8"
NEXT = "/root/next"
TAKES_S = 900.0
OTHERS = "/etc/mosquitto /etc/systemd/system/mosquitto.service.d"


def step(name: str, must: str) -> Callable[[Callable[[Container], str]], Callable[[Container], str]]:
    def register(run: Callable[[Container], str]) -> Callable[[Container], str]:
        STEPS.append(Case(name, must, run))
        return run

    return register


def shell(box: Container, script: str) -> tuple[int, str]:
    """Exit code and all output of a command line."""
    done = box.run("bash", "-c", f"({script}) 2>&1", timeout_s=TAKES_S)
    return done.returncode, done.stdout


def must(box: Container, script: str) -> str:
    code, said = shell(box, script)
    need(code == 0, f"exit code {code}: " + " / ".join(said.splitlines()[-4:]))
    return said


def refused(box: Container, script: str, code: int, *words: str) -> str:
    """It ends with ``code`` and its last line says ``words``; that line."""
    got, said = shell(box, script)
    last = [line for line in said.splitlines() if line.startswith("earshot: ")][-1:]
    need(got == code, f"exit code {got}: {said[-300:]}")
    need(last and all(word in last[0] for word in words), f"it says {said[-300:]}")
    return "“" + last[0].removeprefix("earshot: ")[:160] + "”"


def killed(box: Container, command: str, when: str) -> None:
    """``command``, killed with all its children as soon as the shell condition ``when`` is true."""
    script = (
        f"setsid bash -c '{command}' >/tmp/killed.log 2>&1 & group=$!\n"
        f"until {when}; do kill -0 $group 2>/dev/null || exit 3; sleep 0.02; done; kill -9 -- -$group; wait"
    )
    code, _ = shell(box, script)
    need(
        code != 3,
        "it had ended before it could be killed: " + box.run("tail", "-3", "/tmp/killed.log").stdout,
    )


def environments(box: Container) -> list[str]:
    return box.run("bash", "-c", "cd /opt/earshot && ls -d env-*").stdout.split()


def version(box: Container) -> str:
    return box.must("/opt/earshot/bin/earshot", "--version").split()[-1]


def active(box: Container) -> str:
    need(box.show(UNIT, "ActiveState") == ["active"], f"it is {box.show(UNIT, 'ActiveState')[0]}")
    return box.status(UNIT)


def make_next(box: Container, number: str, spoil: str = "") -> None:
    """Another version of the checkout at NEXT; ``spoil``: shell commands in it."""
    box.shell(
        f"rm -rf {NEXT}; cp -r {HERE} {NEXT}; cd {NEXT}; sed -i 's/^__version__.*/__version__ = \"{number}\"/' device/__init__.py; {spoil}"
    )


@step("--dry-run", "says everything, changes nothing")
def dry_run(box: Container) -> str:
    before = box.must("bash", "-c", "find /etc /opt /var/lib -newer /etc/hostname | sort | sha256sum")
    said = must(box, f"{INSTALL} --dry-run")
    need("nothing was changed" in said and "/opt/earshot" in said, said[-300:])
    need(
        before == box.must("bash", "-c", "find /etc /opt /var/lib -newer /etc/hostname | sort | sha256sum"),
        "something changed",
    )
    return ""


@step("not root", "exit code 2, says so")
def not_root(box: Container) -> str:
    box.shell(f"cp -r {HERE} /tmp/copy; chmod -R a+rX /tmp/copy")
    return refused(box, "runuser -u nobody -- /tmp/copy/scripts/install", 2, "root")


@step("no room", "exit code 2, nothing changed")
def no_room(box: Container) -> str:
    box.shell("mount -t tmpfs -o size=300M tmpfs /opt")
    try:
        return refused(box, INSTALL, 2, "make room")
    finally:
        box.shell("umount /opt")


@step("no network, and no prepared folder", "exit code 1, says so, no half environment")
def no_network(box: Container) -> str:
    said = refused(box, f"{HERE}/scripts/install --yes", 1, "check the network")
    need(not environments(box), "half an environment is left")
    return said


@step("wheels are missing", "exit code 1, what was there is as it was")
def incomplete(box: Container) -> str:
    box.shell(
        f"mkdir -p /root/part/wheels; cp {OFFLINE}/wheels/[ps]*.whl {OFFLINE}/wheels/wheel* /root/part/wheels/"
    )
    said = refused(box, f"{HERE}/scripts/install --yes --offline /root/part", 1, "not what this Python needs")
    need(not environments(box), "half an environment is left")
    return said


@step("the disk fills up while pip installs", "exit code 1, says so, no half environment")
def disk_full(box: Container) -> str:
    box.shell("mount -t tmpfs -o size=900M tmpfs /opt")
    wait = "until compgen -G '/opt/earshot/env-*/lib/python3*/site-packages/numpy' >/dev/null; do sleep 0.02; done"
    fill = "dd if=/dev/zero of=/opt/full bs=1M status=none"
    try:
        said = refused(box, f"({wait}; {fill}) & {INSTALL}; code=$?; wait; exit $code", 1, "disk is full")
        need(not environments(box), "half an environment is left")
        return said
    finally:
        box.shell("umount /opt")


@step("two at once", "the second ends with exit code 2")
def two(box: Container) -> str:
    return refused(box, f"flock /run/lock/earshot-install.lock {INSTALL}", 2, "another installation")


@step(
    "killed (kill -9) while pip installs, after the switch, while the model is copied; a broker of others on 1883",
    "leaves nothing that a later run minds",
)
def cut_off(box: Container) -> str:
    box.shell("systemd-run --quiet --unit=another-broker mosquitto -p 1883; sleep 1")
    killed(box, INSTALL, "compgen -G /opt/earshot/env-*/lib/python3*/site-packages/numpy >/dev/null")
    need(len(environments(box)) == 1, f"there are {environments(box)}")
    killed(box, INSTALL, "[ -L /opt/earshot/current ]")
    killed(box, INSTALL, "[ -e /var/lib/earshot/models ]")
    return f"{len(environments(box))} environment left"


@step("run again after that", "active; a port of its own; the other broker's files untouched; doctor runs")
def finished(box: Container) -> str:
    before = box.must("bash", "-c", f"find {OTHERS} -type f 2>/dev/null | xargs sha256sum")
    began = time.monotonic()
    said = must(box, INSTALL)
    took_s = time.monotonic() - began
    need("✓ broker" in said, f"the doctor did not run: {said[-300:]}")
    need(
        before == box.must("bash", "-c", f"find {OTHERS} -type f 2>/dev/null | xargs sha256sum"),
        "another's file changed",
    )
    need("port = 1884" in box.must("cat", CONFIG), "its configuration does not name port 1884")
    until(lambda: "broker ok" in active(box), "'broker ok' in its status", 30)
    need(len(environments(box)) == 1, f"there are {environments(box)}")
    for unit in ("earshot-broker", "earshot-endpoint", "earshot"):
        box.must("systemctl", "is-enabled", unit)
        box.must("systemctl", "is-active", unit)
    need("vosk-tiny-en" in box.must("ls", "/var/lib/earshot/models"), "its model is missing")
    need(
        box.must("stat", "-c", "%U", "/var/lib/earshot/models/vosk-tiny-en") == "earshot",
        "its model is not its own",
    )
    return f"{took_s:.0f} s; “{active(box)}”"


@step("run again", "changes nothing, restarts nothing")
def again(box: Container) -> str:
    box.write(CONFIG, "# mine\n" + SETTINGS + "[mqtt]\nport = 1884\n")
    box.must("systemctl", "restart", UNIT)
    pid, before = box.main_pid(UNIT), environments(box)
    began = time.monotonic()
    must(box, INSTALL)
    took_s = time.monotonic() - began
    need(box.main_pid(UNIT) == pid, "it was restarted")
    need(environments(box) == before, f"there are {environments(box)}")
    need(box.must("head", "-1", CONFIG) == "# mine", "the configuration was overwritten")
    return f"{took_s:.0f} s, the doctor among it"


@step("damage: a file of a package cut short, a unit deleted", "repaired by being run again")
def repaired(box: Container) -> str:
    before = environments(box)
    box.shell(
        ": >$(echo /opt/earshot/current/lib/python3*/site-packages/msgspec/__init__.py); rm /etc/systemd/system/earshot.service"
    )
    must(box, INSTALL + " --prove-s 5")
    need(environments(box)[-1] not in before, "there is no new environment")
    active(box)
    return ""


@step("upgrade", "the new version, proven; the one before is kept, older ones are not")
def upgraded(box: Container) -> str:
    make_next(box, "0.9.1")
    began = time.monotonic()
    must(box, f"cd {NEXT}; {UPGRADE}")
    took_s = time.monotonic() - began
    need(version(box) == "0.9.1", f"it is {version(box)}")
    need(len(environments(box)) == 2, f"there are {environments(box)}")
    need(box.must("head", "-1", CONFIG) == "# mine", "the configuration was overwritten")
    return f"{took_s:.0f} s with 8 s of proof; “{active(box)}”"


def _back(box: Container, number: str, spoil: str, *words: str) -> str:
    make_next(box, number, spoil)
    said = refused(box, f"cd {NEXT}; {UPGRADE}", 1, *words)
    need(version(box) == "0.9.1", f"it is {version(box)}")
    need(active(box).startswith("listening"), f"its status is “{active(box)}”")
    need(not any(number in name for name in environments(box)), "the bad one is left")
    return said


@step("upgrade to one that does not start", "goes back")
def does_not_start(box: Container) -> str:
    return _back(
        box, "0.9.2", "echo 'raise RuntimeError(\"spoiled\")' >>device/daemon.py", "not used", "spoiled"
    )


@step("upgrade to one that ends after 4 s", "goes back")
def ends_soon(box: Container) -> str:
    spoil = "sed -i 's/^    crash.watch()$/    crash.watch(); __import__(\"threading\").Timer(4, os._exit, [9]).start()/' device/daemon_command.py"
    return _back(box, "0.9.3", spoil, "ended after")


@step("upgrade to one that hears nothing", "goes back")
def deaf(box: Container) -> str:
    spoil = "sed -i 's/^    backend = open_backend(config)$/    import msgspec; config = msgspec.structs.replace(config, audio=msgspec.structs.replace(config.audio, backend=\"portaudio\")); backend = open_backend(config)/' device/daemon_command.py"
    return _back(box, "0.9.4", spoil, "hears nothing")


@step("upgrade with a broken wheel", "nothing is switched")
def broken_wheel(box: Container) -> str:
    make_next(box, "0.9.5")
    box.shell(f"cp -r {OFFLINE} /root/broken; truncate -s 20000 /root/broken/wheels/numpy-*.whl")
    pid = box.main_pid(UNIT)
    said = refused(box, f"cd {NEXT}; {UPGRADE.replace(OFFLINE, '/root/broken')}", 1, "as it was")
    need(box.main_pid(UNIT) == pid and version(box) == "0.9.1", "something changed")
    return said


@step("upgrade to one that does not take the configuration", "said before anything is switched")
def old_config(box: Container) -> str:
    make_next(
        box, "0.9.6", 'sed -i \'s/"portaudio", "room", "none"/"portaudio", "none"/\' device/config/schema.py'
    )
    pid = box.main_pid(UNIT)
    said = refused(box, f"cd {NEXT}; {UPGRADE}", 1, "does not take")
    need(box.main_pid(UNIT) == pid and version(box) == "0.9.1", "something changed")
    return said


@step("killed while the new version proves itself; run again", "it proves itself then")
def cut_off_proof(box: Container) -> str:
    make_next(box, "0.9.7")
    killed(box, f"cd {NEXT}; {UPGRADE} --prove-s 60", "grep -q 'has to run' /tmp/killed.log")
    need(version(box) == "0.9.7", f"it is {version(box)}")
    said = must(box, f"cd {NEXT}; {UPGRADE}")
    need("has to run" in said and "making" not in said, "it was not proven")
    need(len(environments(box)) == 2, f"there are {environments(box)}")
    return ""


@step("another endpoint and broker", "the units and a hint; the configuration stays")
def others(box: Container) -> str:
    said = must(
        box,
        f"cd {NEXT}; scripts/install --yes --offline {OFFLINE} --endpoint http://127.0.0.1:9/v1 --model small --broker mqtts://me@broker.test",
    )
    need("mqtt.host" in said and "password" in said, said[-600:])
    line = box.must(
        "bash", "-c", "grep '^ExecStart=.' /etc/systemd/system/earshot-endpoint.service.d/installed.conf"
    )
    need(
        re.search(
            r"--backend openai --base-url \S+ --model small --host broker.test --port 8883 --tls", line
        ),
        line,
    )
    return ""


@step("uninstall", "services, users, environment gone; settings and state stay")
def uninstalled(box: Container) -> str:
    must(box, f"{HERE}/scripts/uninstall --yes")
    for gone in ("/opt/earshot", "/etc/systemd/system/earshot.service", "/etc/sysusers.d/earshot.conf"):
        need(box.run("test", "-e", gone).returncode == 1, f"{gone} is left")
    need(box.run("getent", "passwd", "earshot").returncode == 2, "its user is left")
    need(not box.run("pgrep", "-f", "/opt/earshot").stdout, "something of it runs")
    box.must("test", "-e", CONFIG)
    box.must("test", "-d", "/var/lib/earshot/models")
    return ""


@step("install again, uninstall --purge", "works with what was left; then nothing of it is left")
def purged(box: Container) -> str:
    must(box, INSTALL)
    until(lambda: "broker ok" in active(box), "'broker ok' in its status", 30)
    need(active(box).startswith("listening"), f"its status is “{active(box)}”")
    must(box, f"{HERE}/scripts/uninstall --yes --purge; {HERE}/scripts/uninstall --yes --purge")
    left = box.must(
        "bash",
        "-c",
        "find / -xdev -name '*earshot*' -not -path '/proc/*' -not -path '/root/*' -not -path '/tmp/*' -not -path '/mnt/*' -not -path '/run/*' -not -path '/var/log/*'",
    )
    need(not left, f"left: {left}")
    return ""
