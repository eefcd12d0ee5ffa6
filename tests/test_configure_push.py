"""The owner's commands against a real broker and a device whose transport and steward are the real ones."""

from __future__ import annotations

import contextlib
import io
import json
import threading

import msgspec
import pytest
from helpers_broker import Mosquitto, Spy, broker, free_port, spy, until  # noqa: F401
from helpers_steward import StewardDevice
from hypothesis import given, settings
from hypothesis import strategies as st

from device import cli
from device.config.faults import Fault
from device.config.files import ConfigFile
from device.config.keys import KEYS, value
from device.configure.differences import differences
from device.configure.display import Answer, data, placed, say, text
from device.configure.get import page
from device.configure.outcome import Letter, outcome_of, patience_s
from device.configure.versions import PLAUSIBLE, next_version
from device.errors import EarshotError, LinkError
from device.link.messages import decode
from device.link.reports import ConfigFault, ConfigReport, Seen
from device.settings import signing
from device.settings.envelope import NEWEST, open_envelope, peek, seal

OWNER = signing.generate("owner")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nobody's key, and no configuration of this machine."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def key(home):
    signing.save(OWNER, signing.default_place())
    return OWNER


@pytest.fixture
def start(broker, tmp_path):  # noqa: F811
    """Starts devices that trust ``OWNER``; stops them in the end."""
    devices = []

    def start(name="kitchen", group="", **options):
        tables = {
            "device": {"id": name, "group": group},
            "mqtt": {"port": broker.port},
            "keys": {"trusted": [OWNER.public]},
            "rollout": {"probation_s": 20},
        }
        device = StewardDevice(tmp_path / name, tables, **options).start()
        devices.append(device)
        until(lambda: device.transport.reported, f"{name} reporting")
        return device

    yield start
    for device in devices:
        device.stop()


@pytest.fixture
def config(broker, capsys):  # noqa: F811
    """``earshot config`` with this broker: exit code, standard output, standard error."""

    def config(command, *arguments):
        code = cli.main(["config", command, "--broker", f"127.0.0.1:{broker.port}", *map(str, arguments)])
        done = capsys.readouterr()
        return code, done.out, done.err

    return config


@pytest.fixture
def file(tmp_path):
    def file(text, name="kitchen.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return file


def volume(device):
    return value(device.steward.config, "device.volume")


# ---------------------------------------------------------------------- push


def test_a_pushed_key_is_in_force_when_push_says_applied(config, start, file, key):
    kitchen = start()
    code, out, err = config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    assert (code, err) == (0, "")
    assert out.startswith("kitchen: applied, version 1, signed by owner (")
    assert volume(kitchen) == 40


def test_an_empty_file_takes_back_what_was_pushed_and_is_said_to(config, start, file, key):
    kitchen = start()
    config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    code, _, err = config("push", "--device", "kitchen", file("# nothing yet\n"))
    assert code == 0 and "sets nothing" in err
    assert volume(kitchen) == KEYS["device.volume"].default


def test_the_broker_is_the_one_of_the_configuration_unless_another_is_named(broker, start, file, key, capsys):  # noqa: F811
    kitchen = start()
    own = file(f"[mqtt]\nport = {broker.port}\n", "own.toml")
    pushed = file("[device]\nvolume = 40\n")
    assert cli.main(["config", "push", "--device", "kitchen", str(pushed), "--config", str(own)]) == 0
    assert volume(kitchen) == 40


def test_each_push_takes_the_next_version_and_programs_get_json(config, start, file, key):
    start()
    config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    code, out, _ = config("push", "--device", "kitchen", file("[device]\nvolume = 41\n"), "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["scope"], found["version"], found["kid"]) == ("d/kitchen", 2, "owner")
    (device,) = found["devices"]
    assert (device["device"], device["state"], device["online"]) == ("kitchen", "applied", True)


def test_without_a_key_what_can_do_no_harm_is_applied_and_the_rest_is_rejected_with_its_line(
    config, start, file
):
    kitchen = start()
    assert config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))[0] == 0
    path = file('[device]\nvolume = 50\n[endpoint]\npool = "elsewhere"\n')
    code, out, err = config("push", "--device", "kitchen", path)
    assert err.startswith("note: unsigned, and endpoint.pool may need a signature")
    assert code == 1 and volume(kitchen) == 40
    assert out.startswith("kitchen: rejected, nothing changed\n")
    assert f"{path}:4: endpoint.pool: " in out and "[needs_signature]" in out
    assert "earshot config keygen" in out


def test_every_mistake_of_a_file_is_named_with_its_line_and_nothing_is_sent(config, broker, spy, file):  # noqa: F811
    lines = [
        "[device]", "volume = 'loud'", "group = 5", "[wake]", "threshold = 7", "words = 'alexa'", "[barge_in]", "hold_ms = 1.5",
        "duck_db = true", "[voice]", "speed = 'fast'", "cache = 1", "[mqtt]", "port = 0", "tls = 'yes'",
    ]  # fmt: skip
    path = file("\n".join(lines))
    code, out, err = config("push", "--device", "kitchen", path)
    assert code == 2 and out == ""
    for number, line in enumerate(lines, 1):
        if "=" in line:
            assert f"line {number}: " in err
    code, out, _ = config("push", "--device", "kitchen", path, "--json")
    assert code == 2
    assert [row["line"] for row in json.loads(out)["errors"]] == [2, 3, 5, 6, 8, 9, 11, 12, 14, 15]
    assert not spy.seen("dn/config")


def test_an_unknown_key_is_warned_of_and_the_rest_is_applied(config, start, file, key):
    kitchen = start()
    path = file("[device]\nvolume = 40\nvolumen = 3\n")
    code, out, err = config("push", "--device", "kitchen", path)
    assert code == 0 and volume(kitchen) == 40
    assert "line 3: device.volumen: unknown key; did you mean 'volume'?" in err
    assert "volumen" not in out
    code, out, _ = config("push", "--device", "kitchen", path, "--json")
    assert json.loads(out)["devices"][0]["warnings"][0]["line"] == 3


def test_what_only_the_device_can_know_is_rejected_there_with_the_line_here(config, start, file, key):
    def meaning(new):
        return [Fault("voice.name = 'nobody': no such voice", "voice.name", "model_missing")] * (
            new.voice.name == "nobody"
        )

    start(meaning=meaning)
    path = file('[device]\nvolume = 40\n\n[voice]\nname = "nobody"\n')
    code, out, _ = config("push", "--device", "kitchen", path)
    assert code == 1
    assert f"{path}:5: voice.name = 'nobody': no such voice [model_missing]" in out


def test_a_broker_that_does_not_answer_is_rolled_back_and_push_says_so(config, start, file, key):
    kitchen = start()
    path = file("[mqtt]\nport = 1\n")
    code, out, _ = config("push", "--device", "kitchen", path)
    assert code == 1
    assert out.startswith("kitchen: rolled back: it did not prove itself")
    assert f"{path}:2: mqtt.port" in out or f"{path}:2: mqtt.host" in out
    assert config("push", "--device", "kitchen", file("[device]\nvolume = 33\n"))[0] == 0
    assert volume(kitchen) == 33


def test_a_change_that_restarts_the_device_is_waited_for_until_it_has_proved_itself(config, start, file, key):
    kitchen = start()
    code, out, _ = config("push", "--device", "kitchen", file('[audio]\ninput = "USB"\n'))
    assert (code, kitchen.restarts) == (0, 1)
    assert "applied, version 1" in out


def test_a_name_that_never_reported_is_no_answer_and_the_broker_keeps_the_configuration(config, spy, file):  # noqa: F811
    path = file("[device]\nvolume = 40\n")
    code, out, _ = config("push", "--device", "bedroom", path, "--timeout", 0.3)
    assert code == 1 and "no device of this name has ever reported" in out
    assert peek(spy.wait("d/bedroom/dn/config").payload).version == 1
    code, out, _ = config("push", "--device", "bedroom", path, "--timeout", 0.3, "--json")
    found = json.loads(out)
    assert (found["version"], found["devices"][0]["state"], found["devices"][0]["online"]) == (
        2,
        "no_answer",
        None,
    )


def test_a_device_that_is_off_is_said_to_be_and_takes_the_configuration_later(config, start, file, key):
    kitchen = start()
    kitchen.stop()
    code, out, _ = config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"), "--timeout", 0.3)
    assert code == 1 and "offline" in out and "when it is back" in out
    kitchen.start()
    until(lambda: volume(kitchen) == 40, "taking what came while it was off")


def test_a_device_that_comes_back_while_push_waits_is_heard(config, start, file, key):
    kitchen = start()
    kitchen.stop()
    coming = threading.Timer(0.5, kitchen.start)
    coming.start()
    assert config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))[0] == 0
    coming.join()


def test_no_wait_leaves_as_soon_as_the_broker_has_it(config, broker, spy, file):  # noqa: F811
    code, out, _ = config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"), "--no-wait")
    assert code == 0 and "not waited for" in out
    spy.wait("d/kitchen/dn/config")
    late = Spy(broker, "late")
    assert late.wait("d/kitchen/dn/config").retain
    late.close()


def test_a_group_is_waited_for_as_a_whole_and_each_device_is_listed(config, start, file, key):
    start("attic", group="upstairs")
    start(
        "bedroom", group="upstairs", meaning=lambda new: [Fault("no", "device.volume", "x")] * (new.device.volume == 41)
    )  # fmt: skip
    cellar = start("cellar", group="downstairs")
    code, out, _ = config("push", "--group", "upstairs", file("[device]\nvolume = 40\n"))
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()] == ["attic: applied", "bedroom: applied"]
    code, out, _ = config("push", "--group", "upstairs", file("[device]\nvolume = 41\n"))
    assert code == 1
    assert out.splitlines()[0].startswith("attic: applied, version 2")
    assert out.splitlines()[1] == "bedroom: rejected, nothing changed"
    assert volume(cellar) == 70


def test_a_group_that_nobody_is_in_is_said_to_be_empty(config, start, file, key):
    start("cellar", group="downstairs")
    code, out, _ = config("push", "--group", "upstairs", file("[device]\nvolume = 40\n"))
    assert code == 1 and "no device reports to be in this group" in out


def test_what_is_too_big_is_refused_before_anybody_is_called(config, spy, file):  # noqa: F811
    words = ", ".join(f'"{"x" * 60}{number}"' for number in range(1200))
    for content, said in [
        (f"[later]\nwords = [{words}]\n", "allowed are 65536"),
        ("#" * 1_100_000, "more than 1048576 bytes"),
    ]:
        code, _, err = config("push", "--device", "kitchen", file(content))
        assert code == 2 and said in err
    assert not spy.seen("dn/config")


def test_a_broker_that_is_not_there_is_said_in_one_line(capsys, file):
    port = free_port()
    arguments = ["--broker", f"127.0.0.1:{port}", "--device", "kitchen", str(file("[device]\nvolume = 40\n"))]
    assert cli.main(["config", "push", *arguments]) == 2
    err = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in err and "connection refused" in err


def test_a_broker_whose_rules_do_not_let_us_write_is_said(tmp_path, capsys, file):
    rules = tmp_path / "acl"
    rules.write_text("topic read earshot/#\n")
    mosquitto = Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {rules}").start()
    try:
        arguments = ["--broker", f"127.0.0.1:{mosquitto.port}", str(file("[device]\nvolume = 40\n"))]
        assert cli.main(["config", "push", "--device", "kitchen", *arguments]) == 2
    finally:
        mosquitto.stop()
    assert "does not take earshot/1/d/kitchen/dn/config from this user" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "K"], "--device 'K': must be 3 to 32"),
        (["--device", "../x"], "--device '../x': must be"),
        (["--group", "a/b"], "--group 'a/b': must be 1 to 32"),
        (["--device", "kitchen", "--timeout", "0"], "--timeout 0: must be more than 0"),
        (["--device", "kitchen", "--key", "nothing.pem"], "signing key nothing.pem cannot be read"),
        (["--device", "kitchen", "--version", "0"], "version 0: must be from 1"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_the_reason(config, file, arguments, said):
    code, _, err = config("push", *arguments, file("[device]\nvolume = 40\n"))
    assert code == 2 and said in err


def test_numbers_that_somebody_planted_do_not_keep_the_owner_out(config, start, spy, file, key):  # noqa: F811
    kitchen = start()
    planted = seal({"device": {"volume": 1}}, version=NEWEST, scope="d/kitchen")
    spy.publish("earshot/1/d/kitchen/dn/config", planted, retain=True)
    until(lambda: volume(kitchen) == 1, "taking what was planted")
    code, out, _ = config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    assert code == 0 and "version 1, signed" in out and volume(kitchen) == 40


def test_garbage_that_is_retained_is_in_nobodys_way(config, start, spy, file, key):  # noqa: F811
    spy.publish("earshot/1/d/kitchen/dn/config", b"\xff\x00{", retain=True)
    kitchen = start()
    assert config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))[0] == 0
    assert volume(kitchen) == 40


def test_a_push_that_somebody_overtakes_says_so(config, start, spy, file, key):  # noqa: F811
    kitchen = start()
    kitchen.stop()  # it gets the later one only

    def overtake():
        spy.wait("dn/config", v=1)
        spy.publish(
            "earshot/1/d/kitchen/dn/config",
            seal({}, version=8, scope="d/kitchen", key=key.key, kid="owner"),
            retain=True,
        )
        kitchen.start()

    other = threading.Thread(target=overtake)
    other.start()
    code, out, _ = config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    other.join()
    assert code == 1 and "kitchen: overtaken" in out


def test_words_of_others_do_not_steer_the_terminal(config, spy, capsys):  # noqa: F811
    report = ConfigReport(
        state="rejected",
        errors=(ConfigFault(path="", code="x", message="\x1b[2Jgone\nkitchen: applied\x9b"),),
        effective={"voice.name": "\x1b]0;title\x07"},
        origin={"voice.name": "\x1b[1m"},
    )
    spy.publish("earshot/1/d/kitchen/up/config", msgspec.json.encode(report), retain=True)
    code, out, _ = config("get", "--device", "kitchen")
    assert code == 0 and "gone" in out and "\nkitchen: applied" not in out
    assert all(char.isprintable() or char == "\n" for char in out)


def test_a_broker_that_goes_away_while_push_waits_is_said(config, broker, spy, file):  # noqa: F811
    def go():
        spy.wait("dn/config")
        broker.stop()

    going = threading.Thread(target=go)
    going.start()
    code, out, err = config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"), "--timeout", 0.5)
    going.join()
    assert code == 1 and "no answer" in out
    assert f"broker 127.0.0.1:{broker.port}" in err


# ---------------------------------------------------------------------- keygen, sign


def test_a_new_key_signs_what_a_device_with_its_line_takes(tmp_path, capsys, file):
    assert cli.main(["config", "keygen"]) == 0
    out = capsys.readouterr().out
    line = out.split('trusted = ["')[1].split('"')[0]
    assert cli.main(["config", "sign", str(file("[device]\nvolume = 40\n")), "--device", "kitchen"]) == 0
    opened = open_envelope(capsys.readouterr().out.strip().encode(), "d/kitchen", [line])
    assert (opened.kid, opened.config) == ("owner", {"device": {"volume": 40}})
    assert signing.default_place().stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_overwritten_and_a_name_that_cannot_be_is_refused(capsys):
    assert cli.main(["config", "keygen"]) == 0
    assert cli.main(["config", "keygen"]) == 2
    said = capsys.readouterr()
    assert "not overwritten" in said.err
    assert cli.main(["config", "keygen", "--show"]) == 0
    assert said.out.partition("trusted = ")[2] == capsys.readouterr().out.partition("trusted = ")[2] != ""
    assert cli.main(["config", "keygen", "Anna!"]) == 2
    assert "key name 'Anna!'" in capsys.readouterr().err


def test_sign_without_a_key_says_how_to_get_one(capsys, file):
    assert cli.main(["config", "sign", str(file("")), "--device", "kitchen"]) == 2
    assert "earshot config keygen" in capsys.readouterr().err


def test_what_was_signed_elsewhere_can_be_pushed_by_somebody_without_the_key(config, start, file, tmp_path):
    kitchen = start()
    signing.save(OWNER, tmp_path / "owner.pem")
    sealed = tmp_path / "sealed.json"
    arguments = ["--key", tmp_path / "owner.pem", "--device", "kitchen", "--version", 7, "--out", sealed]
    signed = cli.main(["config", "sign", str(file('[endpoint]\npool = "den"\n')), *map(str, arguments)])
    code, out, _ = config("push", "--device", "kitchen", sealed)
    assert (signed, code) == (0, 0) and "version 7, signed by owner" in out
    assert value(kitchen.steward.config, "endpoint.pool") == "den"
    code, _, err = config("push", "--device", "bedroom", sealed)
    assert code == 2 and "an envelope for d/kitchen" in err
    code, _, err = config("push", "--device", "kitchen", sealed, "--version", 8)
    assert code == 2 and "leave out --key, --unsigned and --version" in err


def test_sign_claims_no_envelope_that_it_could_not_write(capsys, file, key, tmp_path):
    path = file("[device]\nvolume = 40\n")
    assert cli.main(["config", "sign", str(path), "--device", "kitchen", "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"earshot config: --out {tmp_path}: cannot be written") and "version" not in err


def test_a_signature_that_the_device_does_not_trust_comes_with_what_to_do(config, start, file, tmp_path):
    start()
    signing.save(signing.generate("stranger"), tmp_path / "stranger.pem")
    code, out, _ = config(
        "push", "--device", "kitchen", file("[device]\nvolume = 40\n"), "--key", tmp_path / "stranger.pem"
    )
    assert code == 1 and "[unknown_signer]" in out and "keys.trusted" in out


def test_a_fault_is_a_line_even_where_the_device_says_it_in_several():
    row = {
        "path": "recogniser.model", "code": "model_missing", "line": 2,
        "message": "model 'nix' is not on this machine\n  looked in /a\n  looked in /b",
    }  # fmt: skip
    assert placed(row, ConfigFile("kitchen.toml", {}, {})) == (
        "kitchen.toml:2: recogniser.model: model 'nix' is not on this machine; looked in /a; looked in /b [model_missing]"
    )


# ---------------------------------------------------------------------- get, diff, rollback


def test_get_shows_what_is_in_force_and_where_each_value_is_from(config, start, file, key):
    start()
    config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    code, out, _ = config("get", "--device", "kitchen")
    assert code == 0
    assert "d/kitchen version 1" in out and "kitchen, online" in out
    assert [line.split() for line in out.splitlines() if line.startswith("volume")] == [
        ["volume", "=", "40", "#", "device"]
    ]
    code, out, _ = config("get", "--device", "kitchen", "--json")
    found = json.loads(out)
    assert found["report"]["effective"]["device.volume"] == 40
    assert found["report"]["origin"]["device.volume"] == "device"
    assert found["status"]["state"] == "online"


def test_get_of_a_device_that_never_reported_or_of_another_make_says_so(config, broker, spy):  # noqa: F811
    code, _, err = config("get", "--device", "nobody")
    assert code == 1 and "has not reported" in err
    spy.publish("earshot/1/d/strange/up/config", b'{"state": 5}', retain=True)
    code, _, err = config("get", "--device", "strange")
    assert code == 1 and "none that this version of earshot knows" in err


def test_diff_says_what_a_push_would_change_and_nothing_afterwards(config, start, file, key):
    start()
    config("push", "--device", "kitchen", file("[device]\nvolume = 40\n[wake]\nthreshold = 0.7\n"))
    path = file("[wake]\nthreshold = 0.8\n")
    code, out, _ = config("diff", "--device", "kitchen", path)
    assert code == 1
    assert out.splitlines() == [
        "device.volume: 40 (device) -> what group, file or default say",
        "wake.threshold: 0.7 (device) -> 0.8",
    ]
    assert config("push", "--device", "kitchen", path)[0] == 0
    assert config("diff", "--device", "kitchen", path)[:2] == (0, "kitchen: nothing would change\n")
    code, out, _ = config("diff", "--device", "kitchen", file("[device]\nvolume = 9\n"), "--json")
    assert [each["path"] for each in json.loads(out)["differences"]] == ["device.volume", "wake.threshold"]


def test_rollback_signs_anew_what_the_device_had_before(config, start, file, key):
    kitchen = start()
    config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    config("push", "--device", "kitchen", file("[device]\nvolume = 90\n"))
    code, out, err = config("rollback", "--device", "kitchen", "--yes")
    assert code == 0 and volume(kitchen) == 40
    assert "back to version 1" in err and "device.volume: 90 (device) -> 40" in err
    assert "applied, version 3, signed by owner" in out


def test_rollback_is_not_signed_without_being_looked_at(config, start, spy, file, key, monkeypatch):  # noqa: F811
    kitchen = start()
    code, _, err = config("rollback", "--device", "kitchen", "--yes")
    assert code == 2 and "no configuration before" in err
    config("push", "--device", "kitchen", file("[device]\nvolume = 40\n"))
    config("push", "--device", "kitchen", file("[device]\nvolume = 90\n"))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # no terminal
    code, _, err = config("rollback", "--device", "kitchen")
    assert code == 2 and "give --yes" in err
    assert volume(kitchen) == 90 and len(spy.seen("dn/config")) == 2


# ---------------------------------------------------------------------- pure


LETTER = Letter("d/kitchen", 7, "owner", b"bytes")
OTHER = Seen(version=6, digest="0" * 16)
OURS = Seen(version=7, digest=LETTER.digest)


@pytest.mark.parametrize(
    ("report", "fate"),
    [
        (None, "waiting"),
        (ConfigReport(state="applied"), "waiting"),
        (ConfigReport(state="applied", scope="d/kitchen", seen={"d/kitchen": OTHER}), "waiting"),
        (ConfigReport(state="applied", scope="d/kitchen", seen={"d/kitchen": OURS}), "applied"),
        (ConfigReport(state="pending", scope="d/kitchen", seen={"d/kitchen": OURS}), "pending"),
        (ConfigReport(state="rejected", scope="d/kitchen", seen={"d/kitchen": OURS}), "rejected"),
        (ConfigReport(state="rolled_back", scope="d/kitchen", seen={"d/kitchen": OURS}), "rolled_back"),
        (
            ConfigReport(
                state="applied", scope="d/kitchen", seen={"d/kitchen": Seen(version=8, digest="1" * 16)}
            ),
            "superseded",
        ),
        (
            ConfigReport(
                state="rejected", scope="g/home", seen={"d/kitchen": OURS}, applied={"d/kitchen": 7}
            ),
            "applied",
        ),
        (
            ConfigReport(
                state="rejected", scope="g/home", seen={"d/kitchen": OURS}, applied={"d/kitchen": 6}
            ),
            "waiting",
        ),
    ],
)
def test_a_report_is_about_our_push_only_if_it_names_its_bytes(report, fate):
    assert outcome_of(LETTER, "kitchen", report, 5, later="1" * 16).fate == fate


def test_a_device_is_waited_for_as_long_as_it_has_to_prove_itself():
    applied, pending = ConfigReport(state="applied"), ConfigReport(state="pending", probation_s=120)
    assert patience_s(None, None) == patience_s(applied, True) == 30
    assert patience_s(applied, False) == 10
    assert patience_s(pending, True) == patience_s(pending, False) == 150  # off: it may be starting again


def test_the_next_version_is_one_more_than_there_is_but_a_signed_one_follows_no_planted_number():
    assert next_version([], [], signed=True) == next_version([], [], signed=False) == 1
    assert next_version([3, 8], [5], signed=True) == next_version([3, 8], [5], signed=False) == 9
    assert next_version([8, NEWEST], [], signed=True) == 9
    assert next_version([8, NEWEST], [PLAUSIBLE + 3], signed=True) == PLAUSIBLE + 4
    with pytest.raises(EarshotError, match="sign this one"):
        next_version([NEWEST], [], signed=False)
    with pytest.raises(EarshotError, match="--version"):
        next_version([], [NEWEST], signed=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.sampled_from(sorted(KEYS)) | st.text(max_size=6)
TABLES = st.dictionaries(st.sampled_from(["wake", "device", "later"]), JSON, max_size=3)
FAULTS = st.lists(
    st.builds(lambda path, text: {"path": path, "code": "no_keys", "message": text}, PATHS, st.text(max_size=9))
)  # fmt: skip
REPORTS = st.fixed_dictionaries(
    {"state": st.sampled_from(["applied", "pending", "rejected", "rolled_back"])},
    optional={
        "scope": st.sampled_from(["d/kitchen", "g/home", ""]) | st.text(max_size=5),
        "seen": st.just({"d/kitchen": {"version": None, "digest": LETTER.digest}}) | JSON,
        "applied": st.dictionaries(st.just("d/kitchen"), st.integers()),
        "errors": FAULTS,
        "warnings": FAULTS,
        "probation_s": st.integers(),
        "effective": st.dictionaries(PATHS, JSON, max_size=4),
        "origin": st.dictionaries(PATHS, st.text(max_size=5), max_size=4),
        "previous": st.fixed_dictionaries({"version": st.integers(), "config": TABLES}),
    },
)


@settings(max_examples=200)
@given(REPORTS, TABLES)
def test_whatever_a_report_holds_it_can_be_shown(made, tables):
    try:
        report = decode("report", json.dumps(made).encode())
    except LinkError:
        return
    answer = Answer(outcome_of(LETTER, "kitchen", report, 5), True, 1.0)
    lines = [
        *page("kitchen", report, None),
        *map(str, differences(tables, report)),
        *text(answer, LETTER, None),
    ]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        say(lines)
    assert len(out.getvalue().splitlines()) == len(lines)
    json.dumps(data(answer, None))


def test_a_secret_is_never_compared_and_never_shown():
    report = ConfigReport(state="applied", effective={"mqtt.password_file": "***", "mqtt.username": "a"})
    (found,) = differences({"mqtt": {"password_file": "/run/secret", "username": "a"}}, report)
    assert found.kind == "secret" and "/run/secret" not in str(found)
