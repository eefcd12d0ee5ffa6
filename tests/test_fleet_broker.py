"""The rules against a real mosquitto: every attack, what is allowed beside it, and rules that are wrong on purpose."""

import re
import shutil

import msgspec
import pytest
from helpers_broker import CHECKOUT, until
from helpers_fleet import FLEET, needs_mosquitto

from device import cli
from device.fleet import dynamic_security, mosquitto, proof
from device.fleet.attacks import MATRIX
from device.fleet.control import apply, ask, rules_of
from device.fleet.description import ADMIN, Fleet, FleetError, Member
from device.fleet.dynamic_security import document
from device.fleet.folder import Folder
from device.fleet.rights import Rights, rights
from device.fleet.session import Refused
from device.fleet.stage import Stage
from device.link import topics

pytestmark = needs_mosquitto
BATH = Member("bath", "device", house="home")


def told(outcomes):
    return [f"{o.case.who}: {o.case.tries}: {o.how or o.error or 'let through'}" for o in outcomes]


def test_every_attack_is_refused_and_everything_that_is_allowed_works():
    outcomes = proof.prove(FLEET)
    assert told(proof.wrong(outcomes)) == []
    attacks = sum(one.case.refused for one in outcomes)
    assert attacks >= 60
    assert proof.verdict(outcomes).startswith(f"{attacks} of {attacks} attacks refused, ")
    page = (CHECKOUT / "docs" / "fleet.md").read_text()
    assert f"{attacks} attacks and {len(outcomes) - attacks} things that must work" in page


def widened(member):
    """A device that may do what a fleet's devices must not."""
    mine = rights(member)
    if member.role != "device":
        return mine
    pool = ("home", topics.up("+", "turn/home"))
    return Rights((*mine.write, topics.up("+", "#")), (*mine.read, f"{topics.PREFIX}#"), (pool,))


def curious(member):
    """An operator who may read the answers of devices."""
    mine = rights(member)
    return mine if member.role != "operator" else Rights(mine.write, (*mine.read, topics.down("+", "turn")))


WRONG = {
    "rights that let an operator hear": (
        (dynamic_security, "rights", curious),
        {"takes over the device's session: must hear no answer"},
    ),
    "rights that are too wide": (
        (dynamic_security, "rights", widened),
        {
            "another's retained status: must stay as it is",
            "another's status as its last will",
            "joins the workers of a pool: they must get 20 of 20",
            "what another is sent",
            "a question in another's name",
        },
    ),
    "rights that are too narrow": (
        (dynamic_security, "rights", lambda member: Rights()),
        {"its own configuration, commands and answers: they arrive", "a question to its pool", "an answer"},
    ),
    "subscriptions that need no rule": (
        (dynamic_security, "DEFAULTS", {**dynamic_security.DEFAULTS, "subscribe": True}),
        {"everything", "joins the workers of a pool: they must get 20 of 20"},
    ),
    "client ids that are free": (
        (mosquitto, "_IDENTITY", "use_identity_as_username true\n"),
        {"takes the device's client id: must not push it off"},
    ),
    "revocations that nobody reads": (
        (mosquitto, "_LISTENER", mosquitto._LISTENER.replace("crlfile {folder}/crl.pem\n", "")),
        {"connects with a revoked certificate"},
    ),
}


@pytest.mark.parametrize("why", WRONG)
def test_the_proof_finds_rules_that_are_wrong(monkeypatch, why):
    (module, name, value), expected = WRONG[why]
    monkeypatch.setattr(module, name, value)
    found = {one.case.tries for one in proof.wrong(proof.prove(FLEET))}
    assert expected <= found
    assert len(found) < len(MATRIX)


def test_rules_come_to_a_running_broker_and_nobody_is_disturbed_without_need():
    with Stage(FLEET) as stage:
        folder, kitchen = stage.folder, stage.session(FLEET.members[0])
        admin = stage.session(Member(ADMIN, "admin"))

        def bring():
            return apply(admin, folder.fleet, folder.ledger.passwords, folder.passwords())

        assert bring() == []
        folder.add([BATH])
        assert [one["command"] for one in bring()] == ["createRole", "createClient"]
        bath = stage.session(BATH)
        assert bath.publish(topics.up("bath", "status")) == ""
        assert kitchen.publish(topics.up("kitchen", "status")) == ""
        folder.revoke("bath")
        bring()
        assert bath.publish(topics.up("bath", "status")) == "disconnected: Administrative action"
        assert kitchen.publish(topics.up("kitchen", "status")) == ""
        # all of it from nothing but the administrator, in commands: the same as the file
        alone = Fleet(folder.fleet.broker)
        apply(admin, alone, {}, {})
        assert {one["username"] for one in rules_of(admin)["clients"]} == {ADMIN}
        bring()
        have, want = rules_of(admin), document(folder.fleet, folder.ledger.passwords)
        assert {one["rolename"]: sorted(map(str, one["acls"])) for one in have["roles"]} == {
            one["rolename"]: sorted(map(str, one["acls"])) for one in want["roles"]
        }
        assert bring() == []
        assert stage.connect(FLEET.members[2]).subscribe(topics.any_up("state")) == ""


def test_a_command_that_the_broker_refuses_is_named():
    with Stage(FLEET) as stage:
        admin = stage.session(Member(ADMIN, "admin"))
        admin.subscribe(dynamic_security.RESPONSE)
        with pytest.raises(FleetError, match="createClient kitchen: Client already exists"):
            ask(admin, [{"command": "listClients"}, {"command": "createClient", "username": "kitchen"}])


def test_a_revoked_certificate_is_refused_after_a_reload_and_a_renewed_one_works_beside_the_old():
    with Stage(FLEET) as stage:
        folder = stage.folder
        old = shutil.copytree(folder.member("kitchen"), folder.path / "old")
        for suffix in ("crt", "key"):
            (old / f"kitchen.{suffix}").rename(old / f"old.{suffix}")
        folder.renew("kitchen")
        kitchen = FLEET.members[0]
        stage.connect(kitchen, certificate="old").close()
        stage.connect(kitchen).close()
        folder.revoke("kitchen", old_only=True)
        stage.reload()

        def refused():
            try:
                stage.connect(kitchen, certificate="old").close()
            except Refused:
                return True
            return False

        until(refused, "the refusal of the old certificate")
        assert stage.connect(kitchen).publish(topics.up("kitchen", "status")) == ""


def test_the_command_brings_the_rules_and_says_what_it_did(capsys):
    with Stage(FLEET) as stage:
        folder = stage.folder
        words = ["fleet", "apply", "--dir", str(folder.path), "--broker", f"localhost:{stage.port}"]
        assert cli.main(words) == 0
        assert "nothing was different" in capsys.readouterr().out
        folder.renew("alice")
        assert cli.main([*words, "--json"]) == 0
        said = capsys.readouterr().out
        assert [one["command"] for one in msgspec.json.decode(said)["commands"]] == [
            "deleteClient",
            "createClient",
        ]
        assert folder.password("alice") not in said
        another = Folder.create(folder.path.parent / "another", FLEET.broker)
        assert cli.main([*words, "--dir", str(another.path)]) == 2
        assert "do not come together: TLS: " in capsys.readouterr().err
        # the password was moved to where it is used before the broker had it
        folder.renew("alice")
        (folder.member("alice") / "alice.password").unlink()
        assert cli.main(words) == 1
        assert "earshot fleet renew alice" in capsys.readouterr().err


def test_without_a_mosquitto_nothing_is_proved_and_the_command_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda *names, **where: None)
    assert cli.main(["fleet", "prove", "--dir", str(tmp_path)]) == 2
    assert "apt install mosquitto" in capsys.readouterr().err


def test_the_command_proves_a_fleet_and_fails_when_its_files_are_not_what_was_proved(tmp_path, capsys):
    folder = Folder.create(tmp_path / "fleet", FLEET.broker)
    folder.add(FLEET.members)
    words = ["fleet", "prove", "--dir", str(folder.path)]
    assert cli.main([*words, "--json"]) == 0
    proved = msgspec.json.decode(capsys.readouterr().out)
    assert proved["ok"]
    assert re.fullmatch(r"mosquitto \d+\.\d+\.\d+", proved["broker"])
    assert {one["name"] for one in proved["cases"]} >= {"kitchen", "box", "alice", "hass", ""}
    rules = folder.broker / mosquitto.RULES_FILE
    rules.write_text(rules.read_text().replace("earshot/1/d/kitchen/up/#", "earshot/1/#"))
    assert cli.main(words) == 1
    assert "dynamic-security.json is not what fleet.toml says" in capsys.readouterr().err
