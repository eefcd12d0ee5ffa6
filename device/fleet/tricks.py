"""Attacks that take more than one message. Each returns how it was stopped, or "" where it was not.

None waits for something not to happen: a marker sent behind the attack, on the same path, shows when it would have arrived.
"""

from __future__ import annotations

import ssl
import uuid
import warnings

from device.fleet.description import ADMIN, FleetError, Member
from device.fleet.dynamic_security import CONTROL
from device.fleet.session import Refused, Session
from device.fleet.stage import HOST, Stage
from device.link.topics import any_up, ctl, down, shared_turns, turn, up

FORGED = b'{"forged":true}'


def without_tls(stage: Stage) -> str:
    try:
        Session(HOST, stage.port, None, stage.cast.device.name).close()
    except Refused as exc:
        return str(exc)
    return ""


def old_tls(stage: Stage) -> str:
    context = stage.tls(stage.cast.neighbour.name)
    context.set_ciphers("ALL:@SECLEVEL=0")  # else this side refuses first
    with warnings.catch_warnings():
        # that they are not to be used is why they are tried
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    try:
        Session(HOST, stage.port, context, stage.cast.neighbour.name).close()
    except Refused as exc:
        return str(exc)
    return ""


def device_as_broker(stage: Stage) -> str:
    """A device's certificate on the side of the server: a client of the fleet must refuse it. No broker takes part."""
    name = stage.cast.neighbour.name
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = stage.folder.member(name)
    server.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    victim = stage.tls(stage.cast.device.name).wrap_bio(back, there, server_hostname=HOST)
    thief = server.wrap_bio(there, back, server_side=True)
    for _ in range(10):
        for end in (victim, thief):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as exc:
                return f"the client: {exc.verify_message}"
    return ""


def unlisted(stage: Stage) -> str:
    """The authority has certified it, and it stands in no rule: as between `revoke` and the broker's next reload."""
    session = stage.connect(Member("proof-unlisted", "device"))
    refused = session.publish(up("proof-unlisted", "status"))
    session.close()
    return refused


def steal_client_id(stage: Stage) -> str:
    victim, thief = stage.session(stage.cast.device), stage.cast.stranger
    try:
        session = stage.connect(thief, client_id=stage.cast.device.name)
    except Refused as exc:
        return str(exc)
    alive = victim.publish(up(stage.cast.device.name, "state")) == ""
    session.close()
    return "gets its own name as its id" if alive else ""


def user_name(stage: Stage) -> str:
    session = stage.connect(stage.cast.stranger, username=stage.cast.device.name, password="x")
    refused = session.publish(up(stage.cast.device.name, "state"))
    session.close()
    return refused


def poison_status(stage: Stage) -> str:
    """With every QoS, also the one to which the broker does not answer: nobody sees it, now or later."""
    topic, thief = up(stage.cast.device.name, "status"), stage.session(stage.cast.neighbour)
    true = _marker()
    _must(stage.session(stage.cast.device).publish(topic, true, retain=True))
    for qos in (0, 2):
        thief.publish(topic, FORGED, qos=qos, retain=True)
    refused = thief.publish(topic, FORGED, qos=1, retain=True)
    watcher = stage.session(stage.cast.operator)
    watcher.received.clear()
    _must(watcher.subscribe(topic))
    watcher.wait(lambda: watcher.received, "the retained status")
    watcher.unsubscribe(topic)
    return refused if watcher.received == [(topic, true)] else ""


def foreign_will(stage: Stage) -> str:
    """The broker takes the connection and checks the will when it is due."""
    topic, thief = up(stage.cast.device.name, "status"), stage.cast.stranger
    watcher = stage.session(stage.cast.operator)
    watcher.received.clear()
    _must(watcher.subscribe(topic))
    session = stage.connect(thief, will=(topic, FORGED))
    session.cut()
    # its next life takes over the session: the will of the one before has been dealt with by then
    stage.connect(thief).close()
    marker = _marker()
    _must(stage.session(stage.cast.device).publish(topic, marker))
    watcher.wait(lambda: (topic, marker) in watcher.received, "the marker behind the will")
    watcher.unsubscribe(topic)
    return "" if (topic, FORGED) in watcher.received else "the will is not published"


def new_user(stage: Stage) -> str:
    from device.fleet.control import rules_of

    command = b'{"commands":[{"command":"createClient","username":"forged","password":"x"}]}'
    refused = stage.session(stage.cast.neighbour).publish(CONTROL, command)
    admin = stage.session(Member(ADMIN, "admin"))
    admin.subscribe(f"{CONTROL}/response")
    there = {one["username"] for one in rules_of(admin)["clients"]}
    return refused if "forged" not in there else ""


def join_the_pool(stage: Stage) -> str:
    """With an acl_file the attacker is let in, and every second question vanishes."""
    pool, device = stage.cast.worker.pool, stage.cast.device
    worker, thief = stage.session(stage.cast.worker), stage.session(stage.cast.neighbour)
    end = ctl(device.name, stage.cast.worker.name)
    _must(worker.subscribe(shared_turns(pool)) or worker.subscribe(end))
    refused = thief.subscribe(shared_turns(pool))
    worker.received.clear()
    asked = [b'{"question":%d}' % number for number in range(20)]
    for question in asked:
        _must(stage.session(device).publish(turn(device.name, pool), question))
    _must(stage.session(device).publish(end, FORGED))
    worker.wait(lambda: (end, FORGED) in worker.received, "the message behind the questions")
    worker.unsubscribe(shared_turns(pool))
    got = [payload for topic, payload in worker.received if topic != end]
    return f"{refused}; the worker got {len(got)} of 20" if refused and got == asked else ""


def take_session(stage: Stage) -> str:
    """Whoever takes a client id gets the subscriptions that the broker keeps for it; what comes on them is checked by name."""
    people, marker = stage.cast, _marker()
    answers, commands = down(people.device.name, "turn"), down(people.device.name, "cmd")
    victim = stage.connect(people.device, lasting=True)
    _must(victim.subscribe(answers) or victim.subscribe(commands))
    try:
        thief = stage.connect(people.operator, client_id=people.device.name, lasting=True)
    except Refused as exc:
        return str(exc)
    _must(stage.session(people.worker).publish(answers, FORGED))
    _must(stage.session(people.homeassistant).publish(commands, marker))
    thief.wait(lambda: (commands, marker) in thief.received, "the command behind the answer")
    heard = (answers, FORGED) in thief.received
    thief.close()
    stage.connect(people.device).close()  # ends the session
    return "" if heard else "gets the commands that it may read, and no answer"


def own_down(stage: Stage) -> str:
    """Allowed: what an operator, a worker and Home Assistant send to a device comes to it."""
    people, marker = stage.cast, _marker()
    session, tree = stage.session(people.device), down(people.device.name, "#")
    if refused := session.subscribe(tree):
        return refused
    sent = ((people.operator, "config"), (people.worker, "turn"), (people.homeassistant, "cmd"))
    for sender, leaf in sent:
        if refused := stage.session(sender).publish(down(people.device.name, leaf), marker):
            return refused
    wanted = {(down(people.device.name, leaf), marker) for _, leaf in sent}
    session.wait(lambda: wanted <= set(session.received), "what was sent to the device")
    session.unsubscribe(tree)
    return ""


def twice(stage: Stage) -> str:
    """Allowed: `earshot trace --follow` in one window and `earshot config push` in another."""
    one = stage.session(stage.cast.operator)
    other = stage.connect(stage.cast.operator, client_id=f"push-{uuid.uuid4().hex[:8]}")
    refused = one.subscribe(any_up("metrics")) or other.subscribe(any_up("config"))
    other.close()
    return refused


def _must(refused: str) -> None:
    """Raises ``FleetError`` where something was refused that the attack itself needs."""
    if refused:
        raise FleetError(f"cannot be tried: {refused}")


def _marker() -> bytes:
    return f'{{"marker":"{uuid.uuid4().hex}"}}'.encode()
