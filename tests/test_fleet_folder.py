"""The fleet's folder: certificates, keys, and what is written for the broker and for each member."""

import datetime
import ssl
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from device import cli
from device.config import Config
from device.config.load import load
from device.fleet.authority import BACKDATED, Authority
from device.fleet.description import ADMIN, Broker, FleetError, Member
from device.fleet.folder import Folder

KITCHEN = Member("kitchen", "device", house="home", group="downstairs")


@pytest.fixture
def folder(tmp_path):
    return Folder.create(tmp_path / "fleet", Broker(("broker.local", "10.0.0.2")))


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def revoked(folder):
    crl = x509.load_pem_x509_crl((folder.broker / "crl.pem").read_bytes())
    return {one.serial_number for one in crl}


def test_whatever_is_secret_only_its_owner_may_read(folder):
    folder.add([KITCHEN, Member("alice", "operator")])
    secret = [
        f for f in folder.path.rglob("*") if f.suffix in (".key", ".password") or f.name.endswith(".json")
    ]
    assert {f.name for f in secret} >= {
        "ca.key",
        "broker.key",
        "kitchen.key",
        "alice.password",
        "issued.json",
    }
    assert {stat.S_IMODE(f.stat().st_mode) for f in secret} == {0o600}


def test_a_member_is_its_common_name_and_good_for_a_client_only(folder):
    folder.add([KITCHEN])
    own = certificate(folder.member("kitchen") / "kitchen.crt")
    assert [one.value for one in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["kitchen"]
    purpose = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purpose) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    two_years = own.not_valid_after_utc - own.not_valid_before_utc - BACKDATED
    assert two_years == datetime.timedelta(days=730)


def test_the_broker_is_certified_for_its_names_and_for_its_own_machine(folder):
    own = certificate(folder.broker / "broker.crt")
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.local", "localhost"]
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {"10.0.0.2", "127.0.0.1", "::1"}


def test_key_and_certificate_of_a_member_belong_together_and_to_the_fleet(folder):
    folder.add([KITCHEN])
    context = ssl.create_default_context(cafile=str(folder.path / "ca.crt"))
    context.load_cert_chain(
        folder.member("kitchen") / "kitchen.crt", folder.member("kitchen") / "kitchen.key"
    )
    authority = certificate(folder.path / "ca.crt")
    certificate(folder.member("kitchen") / "kitchen.crt").verify_directly_issued_by(authority)


def test_the_lines_for_a_device_are_a_configuration_that_earshot_takes(folder):
    folder.add([KITCHEN])
    file = folder.member("kitchen") / "earshot.toml"
    config = load(file, {})
    assert isinstance(config, Config)
    assert (config.device.id, config.device.group, config.mqtt.host) == (
        "kitchen",
        "downstairs",
        "broker.local",
    )
    assert (config.mqtt.port, config.mqtt.tls, config.mqtt.key_file) == (8883, True, "kitchen.key")
    credential = (folder.member("kitchen") / "certificate.conf").read_text()
    assert "LoadCredential=kitchen.key:/etc/earshot/kitchen.key" in credential


def test_the_files_of_an_operator_work_where_they_lie(folder):
    folder.add([Member("alice", "operator")])
    config = load(folder.member("alice") / "earshot.toml", {})
    assert (config.mqtt.port, config.mqtt.username) == (8884, "alice")
    for key in ("ca_file", "cert_file", "key_file", "password_file"):
        assert Path(getattr(config.mqtt, key)).read_text()


def test_the_service_of_a_worker_is_started_with_what_the_endpoint_takes(folder):
    folder.add([Member("box", "worker", pool="home")])
    started = (folder.member("box") / "certificate.conf").read_text().splitlines()[-1]
    args = cli.parser().parse_args(started.removeprefix("ExecStart=/opt/earshot/bin/earshot ").split())
    assert (args.name, args.pool, args.host, args.port) == ("box", "home", "broker.local", 8883)
    assert (args.ca_file, args.cert_file) == ("/etc/earshot/ca.crt", "/etc/earshot/box.crt")
    assert args.key_file == "box.key"


def test_who_is_revoked_stands_on_the_list_is_in_no_rule_and_has_no_files(folder):
    folder.add([KITCHEN, Member("bath", "device", house="home")])
    serial = certificate(folder.member("kitchen") / "kitchen.crt").serial_number
    assert folder.revoke("kitchen") == 1
    assert revoked(folder) == {serial}
    assert not folder.member("kitchen").exists()
    assert folder.fleet.get("kitchen") is None
    for name in ("dynamic-security.json", "emqx-acl.conf"):
        text = (folder.broker / name).read_text()
        assert "kitchen" not in text
        assert "bath" in text


def test_a_list_of_the_revoked_holds_for_years_since_a_broker_refuses_everybody_after_it(folder):
    crl = x509.load_pem_x509_crl((folder.broker / "crl.pem").read_bytes())
    assert crl.next_update_utc - datetime.datetime.now(datetime.UTC) > datetime.timedelta(days=3000)


def test_a_name_that_was_revoked_may_be_given_again_with_another_certificate(folder):
    folder.add([KITCHEN])
    first = certificate(folder.member("kitchen") / "kitchen.crt").serial_number
    folder.revoke("kitchen")
    folder.add([KITCHEN])
    second = certificate(folder.member("kitchen") / "kitchen.crt").serial_number
    assert first != second
    assert revoked(folder) == {first}


def test_a_renewal_leaves_the_old_certificate_good_until_it_is_revoked(folder):
    folder.add([KITCHEN])
    old = certificate(folder.member("kitchen") / "kitchen.crt").serial_number
    folder.renew("kitchen")
    assert revoked(folder) == set()
    assert folder.revoke("kitchen", old_only=True) == 1
    assert revoked(folder) == {old}
    assert folder.fleet.get("kitchen") == KITCHEN
    assert folder.revoke("kitchen", old_only=True) == 0


def test_the_broker_and_the_administrator_may_be_renewed_but_not_taken_out(folder):
    for name in ("broker", ADMIN):
        folder.renew(name)
        with pytest.raises(FleetError, match="renew"):
            folder.revoke(name)
        assert folder.revoke(name, old_only=True) == 1


def test_a_new_password_comes_with_a_renewal_and_only_its_hash_goes_to_the_broker(folder):
    folder.add([Member("alice", "operator")])
    before = folder.password("alice")
    folder.renew("alice")
    assert folder.password("alice") != before
    assert folder.ledger.passwords["alice"].number == 2
    assert folder.password("alice") not in (folder.broker / "dynamic-security.json").read_text()


@pytest.mark.parametrize("name", ["broker", ADMIN, "kitchen"])
def test_a_name_is_given_once(folder, name):
    folder.add([KITCHEN])
    with pytest.raises(FleetError, match="taken"):
        folder.add([Member(name, "device", house="home")])


@pytest.mark.parametrize("name", ["ab", "Kitchen", "kit/chen", "kitchen+", "../etc", "a" * 33, "kitchen\n"])
def test_a_name_that_means_something_in_a_topic_or_a_path_is_refused_and_nothing_is_made(folder, name):
    before = sorted(folder.path.rglob("*"))
    with pytest.raises(FleetError, match="cannot be a name"):
        folder.add([Member("bath", "device", house="home"), Member(name, "device", house="home")])
    assert sorted(folder.path.rglob("*")) == before


def test_files_that_were_changed_by_hand_are_noticed_and_written_anew(folder):
    folder.add([KITCHEN])
    rules = folder.broker / "dynamic-security.json"
    rules.write_text(rules.read_text().replace("earshot/1/d/kitchen/up/#", "earshot/1/#"))
    (folder.broker / "earshot.conf").unlink()
    assert folder.stale() == ["earshot.conf", "dynamic-security.json"]
    folder.write_rules()
    assert folder.stale() == []


def test_a_description_that_was_edited_by_hand_becomes_the_rules(folder):
    folder.add([KITCHEN])
    file = folder.path / "fleet.toml"
    file.write_text(file.read_text().replace('group = "downstairs"', 'group = "upstairs"'))
    assert "dynamic-security.json" in folder.stale()
    folder.write_rules()
    assert "earshot/1/g/upstairs/dn/config" in (folder.broker / "dynamic-security.json").read_text()
    file.write_text(file.read_text() + "\n[devices.attic]\n")
    with pytest.raises(FleetError, match="earshot fleet renew attic"):
        folder.write_rules()
    folder.renew("attic")
    folder.write_rules()
    assert folder.ledger.good("attic")


def test_in_whatever_order_members_come_the_files_are_those_of_the_description(folder):
    folder.add([Member("alice", "operator")])
    folder.add([Member("box", "worker", pool="home")])
    folder.add([KITCHEN])
    assert folder.stale() == []
    file = folder.path / "fleet.toml"
    file.write_text("[operators.zoe]\n" + file.read_text())
    folder.renew("zoe")
    assert folder.stale() == []


def test_without_the_administrators_key_nothing_is_applied_and_the_way_to_a_new_one_is_told(folder, capsys):
    (folder.member("fleet-admin") / "fleet-admin.key").unlink()
    code, said = run(capsys, "apply", "--dir", str(folder.path))
    assert code == 2
    assert "earshot fleet renew fleet-admin" in said.err


def test_a_change_of_a_port_goes_to_the_broker_by_hand_and_the_command_says_so(folder, capsys):
    file = folder.path / "fleet.toml"
    file.write_text(file.read_text().replace("port = 8883", "port = 9883"))
    code, said = run(capsys, "rules", "--dir", str(folder.path))
    assert code == 0
    assert "earshot.conf to /etc/mosquitto/conf.d/" in said.out
    assert "earshot fleet apply" not in said.out


def test_a_fleet_is_not_made_over_another(folder):
    key = (folder.path / "ca.key").read_bytes()
    with pytest.raises(FleetError, match="not written over"):
        Folder.create(folder.path, Broker(("localhost",)))
    assert (folder.path / "ca.key").read_bytes() == key


def test_a_key_that_does_not_belong_to_the_authority_is_refused(folder):
    (folder.path / "ca.key").write_bytes(Authority.create().key)
    with pytest.raises(FleetError, match="do not belong together"):
        folder.add([KITCHEN])


def test_two_additions_at_once_both_get_in(folder):
    command = [sys.executable, "-m", "device", "fleet", "add", "--dir", str(folder.path)]
    running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in ("attic", "cellar")]
    assert [one.wait(60) for one in running] == [0, 0]
    for one in running:
        one.stdout.close()
    assert {one.name for one in folder.fleet.members} == {"attic", "cellar"}
    assert folder.ledger.good("attic")
    assert folder.ledger.good("cellar")


def run(capsys, *words):
    code = cli.main(["fleet", *words])
    return code, capsys.readouterr()


def test_the_command_line_leads_from_nothing_to_a_fleet(tmp_path, capsys):
    where = ("--dir", str(tmp_path / "f"))
    code, said = run(capsys, "init", "--broker-name", "broker.local", *where)
    assert code == 0
    assert "install -m 600 -o mosquitto broker.key /etc/mosquitto/earshot/" in said.out
    assert said.err == ""
    assert "--broker-name HOST" in run(capsys, "init", "--dir", str(tmp_path / "local"))[1].err
    assert run(capsys, "add", "kitchen", "bath", "--group", "downstairs", *where)[0] == 0
    assert run(capsys, "add", "box", "--role", "worker", *where)[0] == 0
    code, said = run(capsys, "list", "--json", *where)
    members = {one["name"]: one for one in msgspec.json.decode(said.out)["members"]}
    assert list(members) == ["broker", "fleet-admin", "kitchen", "bath", "box"]
    assert members["box"]["what"] == "worker, pool home"
    assert members["kitchen"]["days"] in (729, 730)
    assert "2 are good" not in run(capsys, "list", *where)[1].out
    assert run(capsys, "renew", "bath", *where)[0] == 0
    assert "2 are good" in " ".join(run(capsys, "list", *where)[1].out.split())
    code, said = run(capsys, "revoke", "kitchen", *where)
    assert "systemctl reload mosquitto" in said.out
    assert "earshot fleet apply" in said.out
    assert tomllib.loads((tmp_path / "f" / "fleet.toml").read_text())["devices"].keys() == {"bath"}
    code, said = run(capsys, "rules", "--for", "emqx", *where)
    assert said.out.endswith("{deny, all}.\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "kitchen", "--pool", "home"), "--pool does not go with --role device"),
        (("add", "box", "--role", "worker", "--group", "x"), "--group does not go with --role worker"),
        (("add", "kitchen", "--house", "a/b"), "house 'a/b' of kitchen"),
        (("revoke", "nobody"), "'nobody' is not in this fleet"),
        (("renew", "nobody"), "'nobody' is not in this fleet"),
        (("apply", "--broker", "x:0"), "must be HOST or HOST:PORT"),
        (("apply", "--broker", "127.0.0.1:1"), "cannot be reached"),
        (("init", "--broker-name", "192.168.1.300"), "must be a host name or an IP address"),
        (("init", "--broker-name", "broker.local:8883"), "without a port"),
        (("init",), "holds a fleet already"),
    ],
)
def test_what_cannot_be_tried_exits_2_and_says_why(folder, capsys, words, says):
    code, said = run(capsys, *words, "--dir", str(folder.path))
    assert code == 2
    assert says in said.err


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    code, said = run(capsys, "init", "--dir", str(tmp_path / "file" / "fleet"))
    assert code == 2
    assert "cannot be written: Not a directory" in said.err


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path, capsys):
    long = str(tmp_path / ("x" * 300))  # file modes keep root from nothing
    for words in (("list",), ("init",), ("prove",)):
        code, said = run(capsys, *words, "--dir", long)
        assert code == 2
        assert f"{long} cannot be read" in said.err


def test_without_a_fleet_the_commands_say_how_to_make_one(tmp_path, capsys):
    code, said = run(capsys, "list", "--dir", str(tmp_path))
    assert code == 2
    assert "earshot fleet init" in said.err
