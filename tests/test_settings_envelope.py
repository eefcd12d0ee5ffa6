"""Signed envelopes: what is opened, what is refused and why, and that nothing else ever comes out; the owner's key file."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device.config.schema import KeysSection
from device.settings import signing
from device.settings.envelope import LIMIT, NEWEST, Refused, open_envelope, peek, seal

KITCHEN = "d/kitchen"
CONFIG = {"device": {"volume": 40}, "wake": {"words": ["hey_earshot"], "threshold": 0.7}}
OWNER, OTHER = signing.generate("owner"), signing.generate("other")
TRUSTED = [OWNER.public]


def signed(config=CONFIG, by=OWNER, **changed):
    return seal(config, **{"version": 7, "scope": KITCHEN, "key": by.key, "kid": by.name, **changed})


def changed(data, **fields):
    """The envelope ``data`` with other fields; None takes one out."""
    return json.dumps(
        {name: value for name, value in {**json.loads(data), **fields}.items() if value is not None}
    ).encode()


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unsigned_payload(text):
    return json.dumps({"v": 1, "payload": base64url(text.encode())}).encode()


def code(data, scope=KITCHEN, trusted=TRUSTED):
    with pytest.raises(Refused) as refused:
        open_envelope(data, scope, trusted)
    assert str(refused.value)
    return refused.value.code


# ---------------------------------------------------------------------- opened


def test_what_was_sealed_is_opened_and_says_who_signed_it():
    opened = open_envelope(signed(), KITCHEN, TRUSTED)
    assert (opened.scope, opened.version, opened.config, opened.kid) == (KITCHEN, 7, CONFIG, "owner")
    assert json.loads(opened.payload) == {"version": 7, "scope": KITCHEN, "config": CONFIG}


def test_an_unsigned_envelope_is_opened_and_says_that_nobody_signed_it():
    data = seal(CONFIG, version=1, scope="g/upstairs")
    assert set(json.loads(data)) == {"v", "payload"}
    assert open_envelope(data, "g/upstairs", []).kid is None


def test_while_keys_are_changed_either_of_two_may_sign():
    both = [OWNER.public, OTHER.public]
    assert open_envelope(signed(), KITCHEN, both).kid == "owner"
    assert open_envelope(signed(by=OTHER), KITCHEN, both).kid == "other"


def test_an_envelope_made_elsewhere_by_the_rules_of_the_contract_is_opened():
    payload = b'{ "version": 3, "scope": "d/kitchen", "config": {}, "later": 1 }'
    sig = OWNER.key.sign(b"earshot-config\0d/kitchen\0" + payload)
    envelope = {"v": 1, "kid": "owner", "payload": base64url(payload), "sig": base64url(sig), "more": []}
    assert open_envelope(json.dumps(envelope).encode(), KITCHEN, TRUSTED).payload == payload


def test_the_newest_version_there_can_be_is_opened():
    assert open_envelope(signed(version=NEWEST), KITCHEN, TRUSTED).version == NEWEST


def test_the_public_key_is_what_the_schema_of_trusted_keys_takes():
    import msgspec

    assert msgspec.convert({"trusted": [OWNER.public]}, KeysSection, strict=True).trusted == (OWNER.public,)


# ---------------------------------------------------------------------- refused


def test_a_signature_without_any_trusted_key_here_is_refused():
    assert code(signed(), trusted=[]) == "no_keys"


def test_a_key_that_is_not_trusted_here_is_refused():
    assert code(signed(by=OTHER)) == "unknown_signer"


def test_another_key_under_a_trusted_name_is_refused():
    assert code(signed(by=signing.generate("owner"))) == "bad_signature"


def test_a_changed_payload_is_refused():
    evil = open_envelope(signed(), KITCHEN, TRUSTED).payload.replace(b"40", b"99")
    assert code(changed(signed(), payload=base64url(evil))) == "bad_signature"


def test_an_envelope_for_another_device_is_refused_and_says_so():
    assert code(signed(), scope="d/bedroom") == "wrong_scope"
    assert code(seal(CONFIG, version=1, scope=KITCHEN), scope="d/bedroom") == "wrong_scope"


def test_a_device_named_like_a_group_is_not_the_group():
    assert code(signed(scope="g/kitchen")) == "wrong_scope"


def test_a_signature_is_good_for_its_scope_and_not_for_the_one_in_the_payload():
    payload = b'{"version":1,"scope":"d/bedroom","config":{}}'
    sig = OWNER.key.sign(b"earshot-config\0d/kitchen\0" + payload)
    envelope = {"v": 1, "kid": "owner", "payload": base64url(payload), "sig": base64url(sig)}
    assert code(json.dumps(envelope).encode(), scope=KITCHEN) == "wrong_scope"
    assert code(json.dumps(envelope).encode(), scope="d/bedroom") == "bad_signature"


def test_a_signature_for_another_purpose_is_refused():
    payload = json.dumps({"version": 7, "scope": KITCHEN, "config": CONFIG}).encode()
    sig = OWNER.key.sign(b"another-purpose\0d/kitchen\0" + payload)
    envelope = {"v": 1, "kid": "owner", "payload": base64url(payload), "sig": base64url(sig)}
    assert code(json.dumps(envelope).encode()) == "bad_signature"


def test_a_signature_cannot_be_taken_off_without_being_seen_as_unsigned():
    assert open_envelope(changed(signed(), kid=None, sig=None), KITCHEN, TRUSTED).kid is None
    assert code(changed(signed(), sig=None)) == "malformed"
    assert code(changed(signed(), kid=None)) == "malformed"


def test_one_byte_too_many_is_refused_before_anything_is_read():
    data = signed()
    padded = data[:-1] + b" " * (LIMIT - len(data)) + b"}"
    assert len(padded) == LIMIT
    assert open_envelope(padded, KITCHEN, TRUSTED).version == 7
    assert code(padded + b" ") == "too_big"
    assert code(b"[" * 1_000_000) == "too_big"


@pytest.mark.parametrize(
    "payload",
    [
        '{"version":0,"scope":"d/kitchen","config":{}}',
        '{"version":-1,"scope":"d/kitchen","config":{}}',
        '{"version":true,"scope":"d/kitchen","config":{}}',
        '{"version":1.0,"scope":"d/kitchen","config":{}}',
        '{"version":"1","scope":"d/kitchen","config":{}}',
        f'{{"version":{NEWEST + 1},"scope":"d/kitchen","config":{{}}}}',
        '{"version":1,"version":2,"scope":"d/kitchen","config":{}}',
        '{"version":1,"scope":"d/kitchen","config":{"wake":{"threshold":0.5,"threshold":0.9}}}',
        '{"version":1,"scope":"kitchen","config":{}}',
        '{"version":1,"scope":"d/Kitchen","config":{}}',
        '{"version":1,"scope":"d/kitchen\\n","config":{}}',
        '{"version":1,"scope":"d/kitchen","config":[]}',
        '{"version":1,"scope":"d/kitchen"}',
        '{"version":1,"scope":"d/kitchen","config":{"a":NaN}}',
        '{"version":1,"scope":"d/kitchen","config":{"a":1e999}}',
        '{"version":1,"scope":"d/kitchen","config":{"\\ud800":1}}',
        '{"version":1,"scope":"d/kitchen","config":{"a":' + "[" * 20 + "]" * 20 + "}}",
        '{"version":1,"scope":"d/kitchen","config":{"a":' + "[" * 9000 + "]" * 9000 + "}}",
        '{"version":1,"scope":"d/kitchen","config":{}',
        "",
        "null",
    ],
)
def test_a_payload_that_readers_could_take_in_two_ways_or_none_is_refused(payload):
    assert code(unsigned_payload(payload)) == "malformed"


@pytest.mark.parametrize(
    "fields",
    [{"v": 2}, {"v": True}, {"v": 1.0}, {"v": "1"}, {"kid": 5}, {"payload": []}, {"payload": None}, {"v": None}],
)  # fmt: skip
def test_an_envelope_of_another_make_is_refused(fields):
    assert code(changed(signed(), **fields)) == "malformed"


def test_a_key_that_is_twice_in_the_envelope_is_refused():
    data = signed().replace(b'{"v":1', b'{"v":1,"kid":"other"')
    assert code(data, trusted=[OWNER.public, OTHER.public]) == "malformed"


@pytest.mark.parametrize("spoil", ["=", "==", "\n", " ", "+", "/", "\u00e9", "A"])
def test_base64_that_is_not_the_one_way_to_write_the_bytes_is_refused(spoil):
    envelope = json.loads(signed())
    assert code(changed(signed(), sig=envelope["sig"] + spoil)) in ("malformed", "bad_signature")
    assert code(changed(signed(), payload=envelope["payload"] + spoil)) in ("malformed", "bad_signature")


def test_bits_beyond_the_last_byte_of_base64_are_refused():
    sig = json.loads(signed())["sig"]  # 64 bytes: the last of 86 characters holds two bits
    assert sig[-1] in "AQgw"
    twin = chr(ord(sig[-1]) + 1)
    assert base64.urlsafe_b64decode(sig[:-1] + twin + "==") == base64.urlsafe_b64decode(sig + "==")
    assert code(changed(signed(), sig=sig[:-1] + twin)) == "malformed"


@pytest.mark.parametrize(
    "entry", ["owner", "owner:", "owner:AAAA", "owner:" + "A" * 43, "owner:" + "_" * 43, ""]
)
def test_a_trusted_key_that_is_none_lets_nobody_in(entry):
    assert code(signed(), trusted=[entry]) in ("no_keys", "bad_signature")


# ---------------------------------------------------------------------- nothing else comes out

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "v": st.just(1) | JSON,
        "kid": st.just("owner") | JSON,
        "payload": st.just(json.loads(signed())["payload"])
        | st.dictionaries(st.sampled_from(["version", "scope", "config"]), JSON).map(
            lambda it: base64url(json.dumps(it).encode())
        )
        | st.binary(max_size=40).map(base64url)
        | JSON,
        "sig": st.just(json.loads(signed())["sig"]) | st.binary(min_size=64, max_size=64).map(base64url) | JSON,
    },
)  # fmt: skip


def only_refused(data, trusted):
    try:
        opened = open_envelope(data, KITCHEN, trusted)
    except Refused as refused:
        assert refused.code and len(str(refused)) < 500
        str(refused).encode()
    else:
        assert opened.scope == KITCHEN and 1 <= opened.version <= NEWEST
        assert opened.kid is None or opened.payload == peek(signed()).payload


@settings(max_examples=500)
@given(FIELDS.map(lambda it: json.dumps(it).encode()), st.sampled_from([[], TRUSTED, ["owner:" + "A" * 43]]))
def test_of_envelopes_of_every_make_only_good_ones_are_opened(data, trusted):
    only_refused(data, trusted)


@settings(max_examples=500)
@given(st.lists(st.tuples(st.integers(0, len(signed()) - 1), st.binary(max_size=3)), min_size=1, max_size=4))
@example([(len(signed()) - 1, b"")])
def test_of_envelopes_that_broke_on_the_way_only_whole_ones_are_opened(spots):
    data = signed()
    for at, instead in spots:
        data = data[:at] + instead + data[at + 1 :]
    only_refused(data, TRUSTED)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_of_bytes_none_are_opened(data):
    with pytest.raises(Refused):
        open_envelope(data, KITCHEN, TRUSTED)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"version": 0}, "malformed"),
        ({"version": NEWEST + 1}, "malformed"),
        ({"scope": "d/no"}, "malformed"),
        ({"scope": "g/A"}, "malformed"),
        ({"kid": ""}, "malformed"),
        ({"config": {"a": {"b": "x" * LIMIT}}}, "too_big"),
    ],
)
def test_nothing_is_sealed_that_would_not_be_opened(changed, code):
    with pytest.raises(Refused) as refused:
        signed(**changed)
    assert refused.value.code == code


# ---------------------------------------------------------------------- the key file


def test_a_key_is_kept_in_a_file_that_only_its_owner_can_read_and_comes_back_with_its_name(tmp_path):
    place = tmp_path / "deep" / "signing.pem"
    made = signing.generate("anna-2026")
    signing.save(made, place)
    assert place.stat().st_mode & 0o777 == 0o600 and not signing.open_to_others(place)
    back = signing.load(place)
    assert (back.name, back.public) == ("anna-2026", made.public)


def test_a_key_is_never_overwritten(tmp_path):
    place = tmp_path / "signing.pem"
    signing.save(OWNER, place)
    with pytest.raises(signing.SigningError, match="not overwritten"):
        signing.save(OTHER, place)
    assert signing.load(place).public == OWNER.public


def test_a_key_that_openssl_made_is_read_and_takes_the_usual_name(tmp_path):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    place = tmp_path / "plain.pem"
    place.write_bytes(OTHER.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert signing.load(place).public == OTHER.public.replace("other:", "owner:")


def test_a_file_that_is_no_usable_key_is_named_with_the_reason(tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    place = tmp_path / "signing.pem"
    pem = (Encoding.PEM, PrivateFormat.PKCS8)
    other_kind = ec.generate_private_key(ec.SECP256R1()).private_bytes(*pem, NoEncryption())
    for content, said in [
        (b"", "no private key"),
        (b"\xff" * 100, "no private key"),
        (other_kind, "no Ed25519 key"),
        (OWNER.key.private_bytes(*pem, BestAvailableEncryption(b"secret")), "is encrypted"),
    ]:
        place.write_bytes(content)
        with pytest.raises(signing.SigningError, match=said) as error:
            signing.load(place)
        assert str(place) in str(error.value)
    with pytest.raises(signing.SigningError, match="keygen"):
        signing.load(tmp_path / "nothing.pem")


def test_cryptography_is_loaded_only_when_something_is_signed_or_verified():
    code = (
        "import sys, device.settings.envelope, device.settings.signing; print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
