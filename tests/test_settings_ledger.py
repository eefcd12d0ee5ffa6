"""The rules of what may come into force, one by one and in any order."""

import shutil
import tempfile
from pathlib import Path

import pytest
from helpers_settings import FILE, OWNER, WELL, Rig, entry
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from device.config import check, parse
from device.config.keys import KEYS, changed, flatten, nested
from device.config.schema import Config
from device.disk import Disk
from device.settings import Evidence
from device.settings.ledger import Candidate, Known, Message, Refusal, Standing, kind_of, order, weigh
from device.settings.state import KEPT, Layers, State, config_of
from device.settings.trials import begin, confirm, roll_back

BASE = {"device": {"id": "kitchen", "group": "den"}, "keys": {"trusted": [entry("owner", OWNER)]}}


def message(config, version=1, *, scope="d/kitchen", signed=True):
    digest = repr((config, version, scope))
    return Message(scope, version, nested(config), "owner" if signed else None, digest)


def taken(state, *messages, proven=True):
    """``state`` after ``messages``, each of which comes into force."""
    for each in messages:
        candidate = weigh(Standing(BASE, state), each)
        assert isinstance(candidate, Candidate), candidate
        state = begin(state, candidate, sound=True, limit_s=120)
        state = confirm(state, BASE) if proven else state
    return state


def code(state, each):
    result = weigh(Standing(BASE, state), each)
    return result.faults[0].code if isinstance(result, Refusal) else type(result).__name__


SIGNED_5 = message({"wake.threshold": 0.7}, 5)
UNSIGNED_9 = message({"wake.threshold": 0.8}, 9, signed=False)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([], message({"wake.threshold": 0.7}, 1), "Candidate"),
        ([SIGNED_5], SIGNED_5, "Known"),
        ([SIGNED_5], message({"wake.threshold": 0.71}, 5), "version_reuse"),
        ([SIGNED_5], message({"wake.threshold": 0.71}, 4), "stale_version"),
        ([SIGNED_5], message({"wake.threshold": 0.71}, 6), "Candidate"),
        ([SIGNED_5], message({"wake.threshold": 0.71}, 6, signed=False), "Candidate"),
        ([SIGNED_5], message({"wake.threshold": 0.71}, 5, signed=False), "version_reuse"),
        ([SIGNED_5], message({"wake.threshold": 0.71}, 4, signed=False), "stale_version"),
        ([UNSIGNED_9], message({"wake.threshold": 0.71}, 1), "Candidate"),
        ([UNSIGNED_9], message({"wake.threshold": 0.71}, 9), "Candidate"),
        ([UNSIGNED_9], message({"wake.threshold": 0.71}, 8, signed=False), "stale_version"),
        ([UNSIGNED_9, SIGNED_5], message({"wake.threshold": 0.71}, 8, signed=False), "stale_version"),
        ([UNSIGNED_9, SIGNED_5], message({"wake.threshold": 0.71}, 10, signed=False), "Candidate"),
        ([UNSIGNED_9, SIGNED_5], message({"wake.threshold": 0.71}, 6), "Candidate"),
        ([SIGNED_5], message({"wake.threshold": 0.7}, 1, scope="g/den"), "Candidate"),
        ([], message({"device.group": "attic"}, 1), "Candidate"),
        ([], message({"device.group": "attic"}, 1, scope="g/den"), "wrong_scope"),
        ([], message({"device.id": "kitchen"}, 1), "local_only"),
        ([], message({"device.id": "kitchen"}, 1, signed=False), "local_only"),
        ([], message({"keys.trusted": []}, 1), "key_lockout"),
        ([], message({"keys.trusted": []}, 1, signed=False), "needs_signature"),
        ([], message({"keys.trusted": []}, 1, scope="g/den"), "key_lockout"),
        ([], message({"wake.words": ["/a.tflite"]}, 1), "Candidate"),
        ([], message({"wake.words": ["/a.tflite"]}, 1, signed=False), "needs_signature"),
        ([], message({"wake.words": ["../a"]}, 1, signed=False), "needs_signature"),
        ([], message({"endpoint.pool": "home"}, 1, signed=False), "Candidate"),  # it is home anyway
        ([], message({"endpoint.pool": "away"}, 1, signed=False), "needs_signature"),
        ([message({"endpoint.pool": "away"})], message({}, 2, signed=False), "needs_signature"),
        ([message({"endpoint.pool": "away"})], message({"endpoint.pool": "away"}, 2, signed=False), "needs_signature"),
        ([message({"voice.speed": 1.5})], message({}, 2, signed=False), "Candidate"),
    ],
)  # fmt: skip
def test_the_rules_of_versions_and_rights(before, now, expected):
    assert code(taken(State(), *before), now) == expected


@pytest.mark.parametrize("path", [path for path, key in KEYS.items() if not key.policy.unsigned])
def test_no_key_that_needs_a_signature_is_changed_without_one(path):
    key = KEYS[path]
    old = getattr(getattr(parse(BASE), key.section), key.name)
    if key.choices:
        others = [each for each in key.choices if each != old] or list(key.choices)
    elif isinstance(old, bool):
        others = [not old]
    elif isinstance(old, int | float):
        others = [key.le if old != key.le else key.ge, key.ge]
    else:
        others = [[], "x"] if path == "keys.trusted" else ["other", "/etc/other"]
    standing = Standing(BASE, State())
    for other in others:
        for result in (
            weigh(standing, message({path: other}, 3, signed=False)),
            order(standing, {path: other}),
        ):
            assert isinstance(result, Refusal) or not result.changed


def test_a_version_that_was_rolled_back_is_bad_for_ever_and_the_next_one_is_not():
    bad = message({"mqtt.host": "nowhere"}, 2)
    before = taken(State(), message({"wake.threshold": 0.7}, 1))
    state = roll_back(taken(before, bad, proven=False), [])
    assert state.layers == before.layers and state.trial is None
    assert weigh(Standing(BASE, state), bad) == Known(in_force=False)  # as was reported
    assert code(state, message({"mqtt.host": "there"}, 2)) == "bad_version"
    later = taken(state, message({"mqtt.host": "there"}, 3))
    assert code(later, bad) == "bad_version"
    assert weigh(Standing(BASE, state), message({"wake.threshold": 0.7}, 1)) == Known(in_force=True)


def test_only_so_many_bad_versions_and_scopes_are_remembered():
    state = State()
    for version in range(1, 100):
        state = roll_back(taken(state, message({"mqtt.host": f"h{version}"}, version), proven=False), [])
    assert len(state.marks["d/kitchen"].signed.bad) == KEPT
    assert code(state, message({"mqtt.host": "h1"}, 1)) in ("bad_version", "stale_version")


def test_live_changes_that_follow_each_other_are_one_trial_and_go_back_together():
    first = taken(State(), message({"wake.threshold": 0.7}, 1))
    state = taken(
        first,
        message({"wake.threshold": 0.8}, 2),
        message({"voice.speed": 1.5}, 1, scope="g/den"),
        proven=False,
    )
    assert {push.scope for push in state.trial.pushes} == {"d/kitchen", "g/den"}
    back = roll_back(state, [])
    assert back.layers == first.layers
    assert back.marks["g/den"].signed.bad == (1,) and back.marks["d/kitchen"].signed.bad == (2,)


def test_what_a_change_restarts_is_the_most_of_what_its_keys_restart():
    assert kind_of(frozenset({"wake.threshold"})) == "live"
    assert kind_of(frozenset({"wake.threshold", "voice.name"})) == "rooms"
    assert kind_of(frozenset({"mqtt.host", "audio.input"})) == "daemon"
    assert kind_of(frozenset()) == "live"


# ---------------------------------------------------------------------- in any order


class Quick(Disk):
    """Without waiting for the card: whether it waits is another test."""

    def sync(self, handle):
        pass


VALUES = {
    "wake.threshold": [0.6, 0.7, 0.8],
    "voice.speed": [1.0, 1.5],
    "voice.name": ["", "en-gb"],
    "endpoint.pool": ["home", "away"],
    "mqtt.host": ["127.0.0.1", "there"],
    "audio.keep_s": [10.0, 20.0],
    "endpointing.min_ms": [200, 800],
    "endpointing.max_ms": [1200, 300],
    "device.group": ["", "den", "attic"],
    "wake.hue": [1],
    "wake.stop_threshold": [0.5, 7],
}
CONFIGS = st.fixed_dictionaries({}, optional={path: st.sampled_from(each) for path, each in VALUES.items()})
PUSHES = st.tuples(
    st.just("push"), CONFIGS, st.integers(1, 6), st.sampled_from(["d/kitchen", "g/den", "g/attic"]), st.booleans()
)  # fmt: skip
ACTIONS = st.one_of(
    PUSHES,
    PUSHES,
    st.tuples(st.just("command"), CONFIGS),
    st.tuples(st.just("run"), st.sampled_from([2, 15, 130]), st.booleans()),
    st.just(("restart",)),
)
OPEN = {path for path, key in KEYS.items() if key.policy.unsigned}


@settings(max_examples=120)
@given(st.lists(ACTIONS, max_size=14))
@example([("push", {"wake.threshold": 0.7}, 6, "d/kitchen", False), ("push", {}, 1, "d/kitchen", True)])
@example([("push", {"audio.keep_s": 20.0}, 1, "d/kitchen", True), ("restart",), ("restart",), ("restart",)])
@example([("push", {"device.group": "attic"}, 1, "d/kitchen", True), ("push", {}, 1, "g/attic", False)])
def test_after_any_sequence_what_is_in_force_is_whole_and_the_owner_gets_through(actions):
    folder = Path(tempfile.mkdtemp(prefix="earshot-ledger-"))
    try:
        _play(Rig(folder, Quick()).boot(FILE.replace("[keys]", 'group = "den"\n[keys]')), actions)
    finally:
        shutil.rmtree(folder)


def _play(rig: Rig, actions) -> None:
    pushed = {}
    for action in actions:
        before = rig.running
        match action:
            case ("push", config, version, scope, signed):
                pushed.setdefault((scope, version, signed), []).append(config)
                rig.push(config, version, scope=scope, key=OWNER if signed else None)
                if not signed:
                    assert changed(before, rig.running) <= OPEN or _released(rig)
            case ("command", config):
                rig.change(config)
                assert changed(before, rig.running) <= OPEN
            case ("run", seconds, well):
                rig.run(seconds, WELL if well else Evidence(sound=True))
        if action[0] == "restart" or rig.restart:
            rig.boot()
        _whole(rig, pushed)
    newest = max([version for scope, version, signed in pushed if scope == "d/kitchen" and signed], default=0)
    for _ in range(3):
        rig.push({"conversation.history": 7}, newest + 1)  # it is retained: it comes again with every start
        rig.run(15)
        if rig.restart:
            rig.boot()
    assert rig.running.conversation.history == 7 and rig.report.applied["d/kitchen"] == newest + 1
    assert rig.report.confirmed and rig.stored().trial is None


def _released(rig: Rig) -> bool:
    """Whether a signed configuration that was senseless before came into force in the same moment."""
    state = rig.stored()
    return state.layers.of(state.outcome.scope).signed


def _whole(rig: Rig, pushed) -> None:
    """Every layer in force is what one message said, together they are valid, and the device runs on them."""
    state = rig.stored() or State()
    for layer in (state.layers.group, state.layers.device):
        if layer is None:
            continue
        known = [
            {path: each for path, each in config.items() if path in KEYS}
            for config in pushed[layer.scope, layer.version, layer.signed]
        ]
        kept = known if layer.signed else [{p: v for p, v in each.items() if p in OPEN} for each in known]
        assert flatten(layer.config) in kept
    tables = state.layers.over(rig.steward._force.booted.file).tables
    assert check(tables) == []
    if not (rig.restart or (state.trial and state.trial.kind == "daemon")):
        rig.run(1, Evidence(sound=True))
        rig.run(1, Evidence(sound=True))
        assert changed(rig.running, parse(tables)) == set()
    if state.trial is not None:
        config_of(state.trial.base, rig.steward._force.booted.file)


def test_the_values_that_the_sequences_push_are_keys():
    assert set(VALUES) - set(KEYS) == {"wake.hue"}
    assert Config().endpointing.max_ms == 1200 and replace(Layers(), command={}) == Layers()
