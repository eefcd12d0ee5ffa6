"""Install, upgrade, uninstall: what they say, and each step that needs no root, in a folder that stands for /.

The whole of it on a Debian: ``scripts/test-install``."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from device.config import Config
from device.config.keys import KEYS
from device.config.load import parse
from device.config.skeleton import skeleton

ROOT = Path(__file__).parent.parent
COMMANDS = ("install", "upgrade", "uninstall")
pytestmark = pytest.mark.skipif(
    not shutil.which("dpkg") or not shutil.which("systemctl"), reason="needs dpkg and systemctl"
)


def run(command: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ) if root is None else {**os.environ, "DESTDIR": str(root)}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def steps(root: Path, script: str) -> str:
    """What ``script`` prints, with the installer's functions at hand."""
    done = run(f"usage() {{ :; }}; source scripts/appliance/install.sh; {script}", root)
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(root: Path, name: str, *, proven: bool = False, real: bool = False) -> Path:
    """An environment as the installer leaves one; with ``real`` its ``earshot`` is this checkout's, else it says nothing."""
    env = root / "opt/earshot" / name
    (env / "bin").mkdir(parents=True)
    (env / "share/earshot").mkdir(parents=True)
    shutil.copytree(ROOT / "systemd", env / "share/earshot/systemd")
    program = env / "bin/earshot"
    program.write_text(
        f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m device "$@"\n' if real else "#!/bin/sh\n"
    )
    program.chmod(0o755)
    (env / ".earshot").write_text("0123\n0.1.0\n\n")
    if proven:
        (env / ".proven").touch()
    return env


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------- command lines


def test_the_shell_scripts_are_clean():
    if not (shellcheck := shutil.which("shellcheck")):
        pytest.skip("shellcheck is not installed")
    # and what they source; upgrade sources the same as install
    scripts = ("scripts/install", "scripts/uninstall")
    done = subprocess.run(
        [shellcheck, "-x", "-a", *scripts], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_explains_itself_and_refuses_what_it_does_not_know(name):
    shown = run(f"scripts/{name} --help")
    assert shown.returncode == 0 and shown.stdout.startswith(f"usage: sudo scripts/{name}")
    refused = run(f"scripts/{name} --no-such-thing")
    assert refused.returncode == 2 and "--no-such-thing is no option" in refused.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--broker broker.local", "must be mqtt://HOST"),
        ("--broker mqtt://me:secret@broker.local", "no password is written there"),
        ("--endpoint localhost:11434", "must be the http"),
        ("--endpoint 'http://a b'", "must be the http"),
        ("--endpoint http://a --model '$(reboot)'", "must be a name"),
        ("--prove-s soon", "whole number"),
        ("--offline /nowhere", "there is no folder wheels"),
        ("--broker", "needs a value"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(options, words, tmp_path):
    done = run(f"scripts/install --yes {options}", tmp_path)
    assert done.returncode == 2 and words in done.stderr
    assert "secret" not in done.stderr or "mqtt://me:secret" not in done.stderr
    assert files(tmp_path) == {}


def test_a_dry_run_tells_and_changes_nothing(tmp_path):
    done = run("scripts/install --dry-run --endpoint http://127.0.0.1:11434/v1", tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("packages", "earshot.service", "127.0.0.1:", "11434", "nothing was changed"):
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_upgrade_needs_something_to_upgrade(tmp_path):
    done = run("scripts/upgrade --yes", tmp_path)
    assert done.returncode == 2 and "scripts/install" in done.stderr


# --------------------------------------------------------------------------------------------------------- steps


def test_one_environment_follows_another_by_a_link(tmp_path):
    first = environment(tmp_path, "env-1", proven=True)
    second = environment(tmp_path, "env-2")
    steps(tmp_path, "switch_to env-1; switch_to env-2; drop_old")
    opt = tmp_path / "opt/earshot"
    assert (opt / "bin/earshot").resolve() == second / "bin/earshot"
    assert (opt / "previous").resolve() == first
    # env-2 never proved itself: what is gone back to stays env-1
    environment(tmp_path, "env-3")
    steps(tmp_path, "switch_to env-3; drop_old")
    assert (opt / "previous").resolve() == first
    assert sorted(path.name for path in opt.glob("env-*")) == ["env-1", "env-3"]


def test_what_is_half_made_is_taken_away_and_what_is_whole_is_not(tmp_path):
    environment(tmp_path, "env-1")
    half = environment(tmp_path, "env-2")
    (half / ".earshot").unlink()
    steps(tmp_path, "drop_half_made")
    assert [path.name for path in (tmp_path / "opt/earshot").iterdir()] == ["env-1"]


def test_the_digest_of_the_checkout_changes_with_a_file_and_with_the_extras(tmp_path):
    copy = tmp_path / "copy"
    for name in ("device/values", "models/stop-en", "systemd"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, copy / name)
    digest = f"ROOT={copy}; source_digest ''; source_digest kokoro"
    plain, extra = steps(tmp_path, digest).split()
    assert plain != extra
    assert steps(tmp_path, digest).split() == [plain, extra]
    (copy / "systemd/earshot.service").write_text("[Unit]\n")
    assert steps(tmp_path, digest).split()[0] != plain


PUT = "BROKER_URL=''; decide_broker; switch_to env-1; put_units; put_broker; put_config; put_endpoint"


def test_what_is_put_in_place_twice_is_the_same_as_once(tmp_path):
    environment(tmp_path, "env-1", real=True)
    (tmp_path / "etc/systemd").mkdir(parents=True)
    steps(tmp_path, PUT)
    once = files(tmp_path / "etc")
    for name in ("systemd/system/earshot.service", "systemd/system/earshot-broker.service", "sysusers.d/earshot.conf",
                 "earshot/earshot.toml", "earshot-broker/conf.d/listener.conf"):  # fmt: skip
        assert name in once
    assert steps(tmp_path, PUT + '; echo "changed:$CHANGED"').strip() == "changed:"
    assert files(tmp_path / "etc") == once


def test_settings_and_listener_that_are_there_stay(tmp_path):
    environment(tmp_path, "env-1", real=True)
    mine = {
        "etc/earshot/earshot.toml": "# mine\n",
        "etc/earshot-broker/conf.d/listener.conf": "listener 1999 127.0.0.1\n",
    }
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system/earshot-broker.service").touch()  # it was installed before
    for name, text in mine.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    said = steps(tmp_path, PUT + '; echo "${LATER[@]}"')
    assert {name: (tmp_path / name).read_text() for name in mine} == mine
    assert "mqtt.port=1999" in said  # what its owner has to write into it
    drop_in = tmp_path / "etc/systemd/system/earshot-endpoint.service.d/installed.conf"
    assert drop_in.read_text().endswith("earshot endpoint --port 1999\n")


def test_a_configuration_that_knows_its_broker_gets_no_second_one(tmp_path):
    environment(tmp_path, "env-1")
    (tmp_path / "etc/earshot").mkdir(parents=True)
    (tmp_path / "etc/earshot/earshot.toml").write_text('[mqtt]\nhost = "broker.local"\n')
    steps(tmp_path, PUT)
    assert not (tmp_path / "etc/systemd/system/earshot-broker.service").exists()


def test_a_port_that_somebody_has_is_left_to_them(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert steps(tmp_path, f"if listens {port}; then echo taken; fi") == "taken\n"
    assert steps(tmp_path, f"if listens {port}; then echo taken; fi") == ""


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user"),
    [
        ("mqtt://broker.local", "broker.local", "1883", "", ""),
        ("mqtts://broker.local", "broker.local", "8883", "1", ""),
        ("mqtts://kitchen@10.0.0.2:9883/", "10.0.0.2", "9883", "1", "kitchen"),
        ("mqtt://[fe80::1]:1884", "fe80::1", "1884", "", ""),
    ],
)
def test_the_address_of_a_broker(url, host, port, tls, user, tmp_path):
    said = steps(
        tmp_path, f'BROKER_URL={url}; read_broker_url; echo "$MQTT_HOST|$MQTT_PORT|$MQTT_TLS|$MQTT_USER"'
    )
    assert said.strip() == f"{host}|{port}|{tls}|{user}"


def test_settings_for_another_broker_with_the_password_where_only_systemd_reads_it(tmp_path):
    environment(tmp_path, "env-1", real=True)
    password = "not for everybody"
    steps(
        tmp_path,
        f"BROKER_URL=mqtts://kitchen@broker.local EARSHOT_MQTT_PASSWORD='{password}'; read_broker_url; decide_broker; "
        "switch_to env-1; put_units; put_broker; put_password; put_config; put_endpoint",
    )
    config = tomllib.loads((tmp_path / "etc/earshot/earshot.toml").read_text())
    assert config["mqtt"] == {
        "host": "broker.local", "port": 8883, "tls": True, "username": "kitchen", "password_file": "mqtt-password"
    }  # fmt: skip
    secret = tmp_path / "etc/credstore/earshot.mqtt-password"
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == (password + "\n", 0o600)
    assert [name for name, text in files(tmp_path).items() if password.encode() in text] == [
        "etc/credstore/earshot.mqtt-password"
    ]
    assert not (tmp_path / "etc/earshot-broker/mosquitto.conf").exists()


def test_a_percent_sign_in_an_address_is_none_to_systemd(tmp_path):
    environment(tmp_path, "env-1")
    steps(tmp_path, f"ENDPOINT_URL=http://a/%20b MODEL=small; {PUT}")
    text = (tmp_path / "etc/systemd/system/earshot-endpoint.service.d/installed.conf").read_text()
    assert "--base-url http://a/%%20b --model small" in text


@pytest.mark.parametrize(("id", "model"), [("llama3.2:3b", "llama3.2:3b"), ("x --base-url http://evil", "")])
def test_the_model_is_the_first_that_the_server_names(id, model, tmp_path):
    class Models(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"data": [{"id": id}, {"id": "second"}]}).encode())

        def log_message(self, *arguments):
            pass

    environment(tmp_path, "env-1")
    python = tmp_path / "opt/earshot/env-1/bin/python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with HTTPServer(("127.0.0.1", 0), Models) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1/"
        assert steps(tmp_path, f"switch_to env-1; ENDPOINT_URL={url} first_model").strip() == model
        server.shutdown()


def test_lgpio_of_the_system_is_linked_in_and_nothing_else_of_it(tmp_path):
    packages = tmp_path / "usr/lib/python3/dist-packages"
    packages.mkdir(parents=True)
    for name in ("lgpio.py", "_lgpio.cpython-313-aarch64-linux-gnu.so", "numpy.py"):
        (packages / name).touch()
    env, site = tmp_path / "opt/earshot/env-1", tmp_path / "site"
    (env / "bin").mkdir(parents=True)
    site.mkdir()
    (env / "bin/python").write_text(f"#!/bin/sh\necho {site}\n")
    (env / "bin/python").chmod(0o755)
    steps(tmp_path, 'link_lgpio "$OPT/env-1"')
    links = {path.name: os.readlink(path) for path in site.iterdir()}
    assert links["lgpio.py"] == "/usr/lib/python3/dist-packages/lgpio.py"
    assert sorted(links) == ["_lgpio.cpython-313-aarch64-linux-gnu.so", "lgpio.py"]


# ----------------------------------------------------------------------------------------------------- uninstall


@pytest.mark.parametrize("purge", [False, True])
def test_uninstalling_takes_its_own_and_nothing_else(purge, tmp_path):
    environment(tmp_path, "env-1")
    steps(tmp_path, PUT)
    others = tmp_path / "models-of-others"
    others.mkdir()
    (others / "model").write_text("theirs")
    state = tmp_path / "var/lib/earshot"
    state.mkdir(parents=True)
    (state / "models").symlink_to(others)
    (tmp_path / "opt/earshot/note").write_text("theirs")
    mosquitto = tmp_path / "etc/mosquitto/mosquitto.conf"
    mosquitto.parent.mkdir()
    mosquitto.write_text("theirs")

    done = run(f"scripts/uninstall --yes {'--purge' * purge}", tmp_path)
    assert done.returncode == 0, done.stderr
    left = set(files(tmp_path)) - {"run/lock/earshot-install.lock"}
    own = {
        name for name in left if name.startswith(("etc/", "var/")) and name != "etc/mosquitto/mosquitto.conf"
    }
    assert {"models-of-others/model", "opt/earshot/note", "etc/mosquitto/mosquitto.conf"} <= left
    if purge:
        assert own == set()
    else:
        assert "etc/earshot/earshot.toml" in own and not any("systemd" in name for name in own)
        assert (state / "models").is_symlink()
    assert run("scripts/uninstall --yes", tmp_path).returncode == 0  # once more: nothing is there


# ------------------------------------------------------------------------------------------------------ skeleton


def test_the_file_to_start_from_is_valid_and_changes_nothing():
    assert parse(tomllib.loads(skeleton({}))) == Config()


def test_every_line_of_it_is_the_default_once_its_mark_is_taken_away():
    lines = [line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
             for line in skeleton({}).splitlines()]  # fmt: skip
    tables = tomllib.loads("\n".join(lines))
    assert {f"{section}.{name}" for section, table in tables.items() for name in table} == set(KEYS)
    assert parse(tables) == Config()


def test_what_is_given_is_set_in_it():
    given = {"device": {"id": "kitchen"}, "mqtt": {"port": 1884, "tls": True}}
    assert tomllib.loads(skeleton(given))["mqtt"] == given["mqtt"]
    assert parse(tomllib.loads(skeleton(given))) == parse(given)
