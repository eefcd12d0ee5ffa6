"""What the fleet's description means: names, rights, mosquitto's rules and EMQX's, without a broker."""

import json
import re
from dataclasses import replace

import pytest
from helpers_broker import CHECKOUT

from device.fleet import attacks, dynamic_security, emqx
from device.fleet.attack import play
from device.fleet.attacks import MATRIX
from device.fleet.description import ADMIN, Broker, Fleet, FleetError, Member, read, write
from device.fleet.dynamic_security import document, plan
from device.fleet.passwords import hashed
from device.fleet.rights import rights
from device.fleet.stage import cast
from device.link import topics

KITCHEN = Member("kitchen", "device", house="home", group="downstairs")
BATH = Member("bath", "device", house="home")
BOX = Member("box", "worker", pool="home")
ALICE = Member("alice", "operator")
HASS = Member("hass", "homeassistant")
FLEET = Fleet(Broker(("broker.local", "10.0.0.2")), (KITCHEN, BATH, BOX, ALICE, HASS))
PASSWORDS = {"alice": hashed("secret", 1), "hass": hashed("other", 1)}
PLAIN = {"alice": "secret", "hass": "other"}


def test_a_fleet_that_is_written_and_read_is_the_same():
    assert read(write(FLEET), "fleet.toml") == FLEET


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[broker]\n", "broker.names is None: a list of host names"),
        ('[broker]\nnames = ["a b"]\n', "broker.names"),
        ('[broker]\nnames = ["a"]\nport = 0\n', "broker.port is 0: 1..65535"),
        ('[broker]\nnames = ["a"]\nport = 8884\n', "two ports are needed"),
        ('[broker]\nnames = ["a"]\nfolder = "x y"\n', "an absolute path"),
        ('[broker]\nnames = ["a"]\nhost = "a"\n', "broker.host is no key"),
        ('[broker]\nnames = ["a"]\n[devices.Kitchen]\n', "'Kitchen' cannot be a name"),
        ('[broker]\nnames = ["a"]\n[devices."kit/+"]\n', "'kit/+' cannot be a name"),
        ('[broker]\nnames = ["a"]\n[devices.kitchen]\nhouse = "#"\n', "house '#' of kitchen"),
        ('[broker]\nnames = ["a"]\n[devices.kitchen]\npool = "home"\n', "kitchen.pool is no key of a device"),
        ('[broker]\nnames = ["a"]\n[workers.box]\npool = 1\n', "box.pool must be a text"),
        ('[broker]\nnames = ["a"]\n[devices.box]\n[workers.box]\n', "'box' is there twice"),
        ('[broker]\nnames = ["a"]\n[operators.fleet-admin]\n', "'fleet-admin' is there twice or reserved"),
        ('[broker]\nnames = ["a"]\n[servers.box]\n', "[servers] is no table of a fleet"),
        ("names = [", "is no TOML"),
    ],
)
def test_a_description_that_cannot_be_used_says_why(text, says):
    with pytest.raises(FleetError, match=re.escape(says)):
        read(text, "fleet.toml")


def test_all_faults_of_a_description_are_told_at_once():
    with pytest.raises(FleetError, match="3 problem"):
        read('[broker]\nnames = ["a"]\nport = 0\n[devices.X]\n[servers.box]\n', "fleet.toml")


def test_a_device_writes_below_up_of_its_own_name_and_reads_below_dn():
    mine = rights(KITCHEN)
    assert topics.up("kitchen", "#") in mine.write
    assert topics.down("kitchen", "#") in mine.read
    assert not any("/dn/" in topic for topic in mine.write)
    assert not any("/up/" in topic for topic in mine.read)


def test_nobody_but_a_worker_of_the_pool_may_be_told_what_was_said():
    for member in FLEET.members:
        heard = [topic for topic in rights(member).read if "/up/turn" in topic or topic.endswith("dn/turn")]
        assert heard == []
    assert rights(BOX).shared == (("home", "earshot/1/d/+/up/turn/home"),)


def test_only_operators_may_write_configuration():
    writers = {m.name for m in FLEET.members if any(t.endswith("dn/config") for t in rights(m).write)}
    assert writers == {"alice"}


def test_only_people_have_a_password_and_home_assistant_is_bound_to_its_client_id():
    clients = {one["username"]: one for one in document(FLEET, PASSWORDS)["clients"]}
    assert {name for name, one in clients.items() if "password" in one} == {"alice", "hass"}
    assert clients["hass"]["clientid"] == "hass"
    assert "secret" not in json.dumps(clients)


class TestPlan:
    """Commands for a broker that runs."""

    def there(self, fleet=FLEET, **changes):
        rules = json.loads(json.dumps(document(fleet, PASSWORDS)))
        defaults = [{"acltype": k, "allow": v} for k, v in rules["defaultACLAccess"].items()]
        return {"clients": rules["clients"], "roles": rules["roles"], "defaults": defaults, **changes}

    def commands(self, fleet, there):
        return [
            (one["command"], one.get("username") or one.get("rolename"))
            for one in plan(fleet, PASSWORDS, PLAIN, there)
        ]

    def test_a_broker_that_has_the_rules_needs_no_command(self):
        assert self.commands(FLEET, self.there()) == []

    def test_who_is_new_gets_a_role_and_nobody_else_is_disturbed(self):
        without = self.there(FLEET.without("bath"))
        assert self.commands(FLEET, without) == [("createRole", "earshot-bath"), ("createClient", "bath")]

    def test_who_is_gone_is_thrown_out(self):
        gone = FLEET.without("bath")
        assert self.commands(gone, self.there()) == [("deleteClient", "bath"), ("deleteRole", "earshot-bath")]

    def test_another_group_is_another_role_and_no_new_connection(self):
        moved = replace(FLEET, members=(replace(KITCHEN, group="upstairs"), *FLEET.members[1:]))
        assert self.commands(moved, self.there()) == [("modifyRole", "earshot-kitchen")]

    def test_rules_that_somebody_widened_are_narrowed_again(self):
        there = self.there()
        there["roles"][1]["acls"].append(
            {"acltype": "publishClientSend", "topic": "#", "priority": 9, "allow": True}
        )
        there["defaults"][0]["allow"] = True
        assert self.commands(FLEET, there) == [
            ("setDefaultACLAccess", None),
            ("modifyRole", there["roles"][1]["rolename"]),
        ]

    def test_a_new_password_is_noticed_and_needs_the_password_itself(self):
        newer = {**PASSWORDS, "alice": hashed("new", 2)}
        found = plan(FLEET, newer, {**PLAIN, "alice": "new"}, self.there())
        assert [one["command"] for one in found] == ["deleteClient", "createClient"]
        assert found[1]["password"] == "new"
        with pytest.raises(KeyError, match="alice"):
            plan(FLEET, newer, {"hass": "other"}, self.there())

    def test_an_administrator_that_was_made_by_hand_is_not_thrown_out_by_himself(self):
        there = self.there(Fleet(FLEET.broker))
        there["clients"] = [{"username": ADMIN, "roles": [{"rolename": "admin"}]}]
        there["roles"] = [{"rolename": "admin", "acls": []}]
        assert ADMIN not in [name for _, name in self.commands(Fleet(FLEET.broker), there)]

    def test_others_on_the_same_broker_are_left_alone(self):
        there = self.there()
        there["clients"].append({"username": "zigbee", "roles": [{"rolename": "earshot-like"}]})
        there["roles"].append({"rolename": "earshot-like", "acls": []})
        assert self.commands(FLEET, there) == []


class Reader:
    """EMQX's reading of acl.conf: the first line that fits decides. Stands in for a broker that is not at hand."""

    LINE = re.compile(
        r'\{allow, \{username, "([^"]+)"\}, (publish|subscribe), \[((?:"[^"]+"(?:, )?)+)\]\}\.\Z'
    )

    def __init__(self, text):
        self.lines, self.cast = [], None
        terms = [line for line in text.splitlines() if line and not line.startswith("%%")]
        assert terms.pop() == "{deny, all}."
        for term in terms:
            found = self.LINE.match(term)
            assert found, f"no term of acl.conf: {term}"
            self.lines.append((found[1], found[2], re.findall('"([^"]+)"', found[3])))

    def allows(self, name, action, topic):
        return any(
            name == who and action == what and any(self.fits(topic, one) for one in filters)
            for who, what, filters in self.lines
        )

    @staticmethod
    def fits(topic, allowed):
        """Whether everything that ``topic``, itself perhaps a filter, stands for is within ``allowed``."""
        wanted, levels = topic.split("/"), allowed.split("/")
        for at, level in enumerate(levels):
            if level == "#":
                return True
            if at >= len(wanted) or wanted[at] == "#" or (level != "+" and level != wanted[at]):
                return False
        return len(wanted) == len(levels)

    def session(self, member):
        outer = self

        class Session:
            def publish(self, topic, payload=b"", *, retain=False):
                return "" if outer.allows(member.name, "publish", topic) else "denied"

            def subscribe(self, topic):
                plain = topic.split("/", 2)[2] if topic.startswith("$share/") else topic
                return "" if outer.allows(member.name, "subscribe", plain) else "denied"

            def unsubscribe(self, topic):
                pass

        return Session()


def test_the_rules_for_emqx_say_the_same_by_the_matrix():
    people = cast(FLEET)
    everybody = {one.name: one for one in (*FLEET.members, *(getattr(people, f) for f in people.__slots__))}
    reader = Reader(emqx.acl(replace(FLEET, members=tuple(everybody.values()))))
    reader.cast = people
    plain = [case for case in MATRIX if case.run.__qualname__.startswith(("publishes.", "subscribes."))]
    assert len(plain) > 55
    assert [case.tries for case in plain if not play(case, reader).as_expected] == []


def test_a_line_too_many_for_emqx_is_noticed():
    people = cast(FLEET)
    text = emqx.acl(FLEET).replace('"earshot/1/d/box', '"earshot/1/d/+')
    wide = text.replace('{username, "box"}, publish, [', '{username, "box"}, publish, ["earshot/1/#", ')
    reader = Reader(wide)
    reader.cast = people
    found = [case.tries for case in attacks.WORKERS if not play(case, reader).as_expected]
    assert "a device's configuration" in found


def test_whatever_the_page_on_security_points_at_is_there():
    page = (CHECKOUT / "docs" / "security.md").read_text()
    named = set(re.findall(r"tests/\w+\.py|scripts/[\w-]+", page))
    named |= {f"docs/{name}" for name in re.findall(r"\]\((\w+\.md)", page)}
    assert len(named) >= 5
    assert [name for name in named if not (CHECKOUT / name).exists()] == []


def test_the_administrator_may_change_rules_and_nothing_else():
    acls = dynamic_security.rules(Member(ADMIN, "admin"))
    assert {one["topic"] for one in acls} == {"$CONTROL/dynamic-security/#"}
