"""The device table is whole, and the right entry is found for a card."""

from __future__ import annotations

import pytest
from helpers_echo import entry

from device.audio.backends.cards import card_of, is_bluetooth, same_card
from device.audio.backends.pa_devices import Device, playback_rate, recognise, sound_path
from device.audio.echo_devices import find, load_table, the_table
from device.errors import AudioError


def card(name, inputs=1, outputs=2, rate_hz=44_100):
    return Device(0, name, "ALSA", inputs, outputs, rate_hz)


@pytest.fixture
def proc(tmp_path):
    """A /proc/asound with three cards."""
    cards = {0: ("Headphones", "bcm2835 Headphones", None), 2: ("ArrayUAC10", "ReSpeaker 4 Mic Array", "2886:0018"),
             3: ("USB", "Jabra SPEAK 510 USB", "0B0E:0420")}  # fmt: skip
    listing = ""
    for number, (short, long, usb) in cards.items():
        folder = tmp_path / f"card{number}"
        folder.mkdir()
        (folder / "id").write_text(short + "\n")
        if usb:
            (folder / "usbid").write_text(usb + "\n")
        listing += f" {number} [{short:15}]: USB-Audio - {long}\n                      {long} at usb-1\n"
    (tmp_path / "cards").write_text(listing)
    return tmp_path


# ------------------------------------------------------------------ the table


@pytest.mark.parametrize("device", the_table(), ids=lambda d: d.id)
def test_every_entry_is_found_by_each_of_its_ids_and_names(device):
    for usb in device.usb:
        assert find(the_table(), usb, "a name that says nothing") is device
    for name in device.cards:
        assert find(the_table(), None, f"The {name.upper()} thing: USB Audio (hw:1,0)") is device
    for count in device.channels:
        assert 0 <= device.use(count) < count
    assert not device.quirk or device.quirk.rstrip().endswith(".")


def test_the_table_knows_what_is_known():
    assert entry("xvf3800").use(6) == 1 and entry("xvf3800").use(2) == 0
    assert entry("xvf3000").use(6) == 0 and entry("xvf3000").reference == {6: 5}
    assert entry("respeaker-lite").aec == "unproven"
    assert entry("seeed-2mic").aec == entry("seeed-8ch").aec == "no"
    assert entry("jabra-speak").playback_hz == 48_000


def test_a_usb_id_wins_over_a_name_and_nothing_matches_a_plain_card():
    assert find(the_table(), "2886:001a", "Jabra Speak").id == "xvf3800"
    assert find(the_table(), "1234:5678", "USB PnP Sound Device: Audio (hw:1,0)") is None


GOOD = 'id = "x-1"\nname = "X"\nusb = ["0001:0002"]\naec = "yes"\nchannels = [2]\nchannel = { 2 = 1 }\n'


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("channels = [2]", "channels = [2, 6]"), r"x-1: no channel for \[6\]"),
        (("{ 2 = 1 }", "{ 2 = 2 }"), "x-1: channel 2 of 2"),
        (("0001:0002", "1:2"), r"device\[0\]\.usb"),
        (('"yes"', '"perhaps"'), "perhaps"),
        (('usb = ["0001:0002"]', ""), "x-1: neither usb nor cards"),
        (("name", "nome"), "nome"),
        (("[2]", "[2"), "TOML|array|Unclosed"),
    ],
)
def test_a_table_with_a_fault_is_refused_with_the_file_and_the_fault(tmp_path, change, fault):
    path = tmp_path / "table.toml"
    path.write_text("[[device]]\n" + GOOD)
    assert load_table(path)[0].use(2) == 1
    path.write_text("[[device]]\n" + GOOD.replace(*change))
    with pytest.raises(AudioError, match=rf"device table .*table\.toml: .*({fault})"):
        load_table(path)


def test_two_entries_for_one_device_are_refused(tmp_path):
    path = tmp_path / "table.toml"
    path.write_text("[[device]]\n" + GOOD + "[[device]]\n" + GOOD.replace("x-1", "x-2"))
    with pytest.raises(AudioError, match="x-2: '0001:0002' is also in x-1"):
        load_table(path)


# ------------------------------------------------------------------ cards


def test_a_card_is_known_by_its_usb_id(proc):
    found = card_of("ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)", proc)
    assert (found.number, found.usb_id) == (2, "2886:0018")
    assert card_of("pulse", proc) is None
    assert card_of("bcm2835 Headphones: - (hw:0,0)", proc).usb_id is None
    assert card_of("gone (hw:7,0)", proc).usb_id is None


def test_an_array_is_recognised_with_its_channel_and_rates(proc):
    array = card("Unhelpful: USB Audio (hw:2,0)", inputs=6)
    path = sound_path(array, array, root=proc)
    assert path.device is entry("xvf3000") and (path.channel, path.channels, path.same_card) == (0, 6, True)
    jabra = card("Whatever: - (hw:3,0)")
    assert recognise(jabra, proc).id == "jabra-speak"
    assert playback_rate(jabra, proc) == 48_000
    assert playback_rate(card("bcm2835 Headphones: - (hw:0,0)", rate_hz=48_000), proc) == 48_000


def test_a_card_without_a_usb_id_is_known_by_its_name(proc):
    hat = card("seeed2micvoicec: bcm2835-i2s-wm8960-hifi wm8960-hifi-0 (hw:1,0)", inputs=2)
    assert recognise(hat, proc).id == "seeed-2mic"


def test_one_card_is_told_from_another_and_from_what_cannot_be_known():
    assert same_card("a (hw:2,0)", "b (hw:2,1)") is True
    assert same_card("a (hw:2,0)", "b (hw:0,0)") is False
    assert same_card("a (hw:2,0)", "default") is None
    assert is_bluetooth("bluealsa") and is_bluetooth("Living room (A2DP)") and not is_bluetooth("default")
