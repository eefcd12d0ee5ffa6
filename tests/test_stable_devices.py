"""Devices that come and go: names that survive another order of cards, who holds a card, when what is missing is tried again."""

import os

import pytest

from device.audio.backends.card_use import Holder, holder
from device.audio.backends.cards import Card, every_card
from device.audio.backends.pa_devices import Device, choose
from device.audio.backends.retry import EAGER_S, LIST_AGAIN_S, RETRY_S, Retry, Round
from device.audio.backends.stable_ids import StableId, best_id, parse
from device.errors import AudioError

STICK = "0d8c:0014"


def plug(tmp_path, *cards):
    """/proc/asound and /sys with ``cards`` (id, usb id, serial, port) in this order."""
    listing = ""
    for number, (short, usb, serial, port) in enumerate(cards):
        proc, sys = tmp_path / "proc" / f"card{number}", tmp_path / "sys" / f"card{number}"
        interface = tmp_path / "devices" / port / f"{port}:1.0"
        for folder in (proc, sys, interface):
            folder.mkdir(parents=True)
        (proc / "id").write_text(f"{short}\n")
        if usb:
            (proc / "usbid").write_text(f"{usb}\n")
            (sys / "device").symlink_to(interface)
            (interface.parent / "serial").write_text(f"{serial}\n")
        listing += f" {number} [{short:15}]: USB-Audio - {short}\n                      {short} at usb\n"
    (tmp_path / "proc" / "cards").write_text(listing)
    return tmp_path / "proc", tmp_path / "sys"


def device(number, pcm=0, inputs=1, outputs=0):
    return Device(number * 10 + pcm, f"USB: Audio (hw:{number},{pcm})", "ALSA", inputs, outputs, 48_000)


TWO_STICKS = (
    ("Headphones", "", "", "none"),
    ("Device", STICK, "0", "1-1.2"),
    ("Array", "2886:0018", "A1B2C3", "1-1.3"),
    ("Device_1", STICK, "0", "1-1.4"),
)


def test_an_id_says_which_card_whatever_its_number(tmp_path):
    for order in (TWO_STICKS, TWO_STICKS[::-1]):
        folder = tmp_path / order[0][0]
        root, _ = plug(folder, *order)
        there = [device(number) for number in range(len(order))]
        for wanted, short in (
            ("card:Array", "Array"),
            ("usb:2886:0018", "Array"),
            ("usb:2886:0018", "Array"),
        ):
            number = [card[0] for card in order].index(short)
            assert choose(there, wanted, "input", root) is there[number]


@pytest.mark.parametrize(
    ("wanted", "means"),
    [
        ("card:vc4hdmi,1", StableId(card="vc4hdmi", device=1)),
        ("usb:2886:001A", StableId(usb="2886:001a")),
        ("usb:0d8c:0014:A1B2@1-1.4,2", StableId(usb=STICK, serial="A1B2", port="1-1.4", device=2)),
        ("node:alsa_input.usb-X.mono", StableId(node="alsa_input.usb-X.mono")),
        ("usb", None),
        ("hw:1,0", None),
        ("usb:headset", None),
    ],
)
def test_an_id_is_told_from_a_part_of_a_name(wanted, means):
    assert parse(wanted) == means


def test_what_is_shown_to_be_written_means_this_card_and_no_other(tmp_path):
    cards = every_card(*plug(tmp_path, *TWO_STICKS))
    ids = [best_id(card, cards) for card in cards]
    assert ids == ["card:Headphones", f"usb:{STICK}@1-1.2", "usb:2886:0018", f"usb:{STICK}@1-1.4"]
    for card, written in zip(cards, ids, strict=True):
        assert [other for other in cards if parse(written).fits(other)] == [card]


def test_a_serial_number_of_its_own_tells_twins_apart_better_than_the_socket():
    cards = [
        Card(n, STICK, "", f"Device_{n}", serial, f"1-1.{n}") for n, serial in enumerate(("AAAA", "BBBB"))
    ]
    assert best_id(cards[1], cards) == f"usb:{STICK}:BBBB"


def test_two_cards_of_one_kind_are_refused_with_their_ids_and_a_missing_one_with_what_there_is(tmp_path):
    root, _ = plug(tmp_path, *TWO_STICKS)
    there = [device(number) for number in range(4)]
    with pytest.raises(AudioError, match=r"fits 2 devices: .*write one of these in audio\.input"):
        choose(there, f"usb:{STICK}", "input", root)
    with pytest.raises(
        AudioError, match="'card:Gone' not found; there are: 'card:Headphones', .*'usb:2886:0018'"
    ):
        choose(there, "card:Gone", "input", root)
    with pytest.raises(AudioError, match="libasound2-plugins"):
        choose(there, "node:mic", "input", root)


def test_of_a_card_with_several_devices_the_first_that_fits_is_meant_or_the_one_that_is_named(tmp_path):
    root, _ = plug(tmp_path, *TWO_STICKS)
    there = [device(2, 1), device(2, 0, inputs=0, outputs=2), device(2, 3)]
    assert choose(there, "card:Array", "input", root) is there[0]
    assert choose(there, "card:Array,3", "input", root) is there[2]


# ------------------------------------------------------------------ a card that somebody else has


def test_the_program_that_has_the_card_is_named(tmp_path):
    status = tmp_path / "card2" / "pcm0c" / "sub0" / "status"
    status.parent.mkdir(parents=True)
    for number, name in ((812, "pulseaudio"), (813, "pulseaudio")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "status").write_text(f"Name:\t{name}\nTgid:\t812\n")
        (tmp_path / str(number) / "comm").write_text(f"{name}\n")
    status.write_text("state: RUNNING\nowner_pid   : 813\ntrigger_time: 1.2\n")  # the thread that opened it
    assert str(holder(2, "input", tmp_path, tmp_path)) == "'pulseaudio' (process 812)"
    assert holder(2, "output", tmp_path, tmp_path) is None
    status.write_text("state: RUNNING\nowner_pid   : 99\n")  # another user's: its name is hidden
    assert holder(2, "input", tmp_path, tmp_path) == Holder(99, "")
    status.write_text(f"state: RUNNING\nowner_pid   : {os.getpid()}\n")
    assert holder(2, "input", tmp_path, tmp_path) is None
    status.write_text("closed\n")
    assert holder(2, "input", tmp_path, tmp_path) is None


# ------------------------------------------------------------------ when to try again


def rounds(retry, start, seconds, every=0.25, **how):
    """The times in which something was tried."""
    how = {"cards": "a", "news": "", "alone": False, "in_use": True} | how
    times = [start + k * every for k in range(round(seconds / every))]
    return [at for at in times if retry.round(at, **how) != Round()]


def settled():
    retry = Retry()
    retry.listed("a", 0.0)
    retry.round(0.0, "a", "", alone=False, in_use=True)
    rounds(retry, 0.25, EAGER_S)
    return retry


def test_without_news_a_missing_device_is_tried_once_a_second():
    assert rounds(settled(), 10.0, 4.0) == [10.0, 11.0, 12.0, 13.0]


def test_a_card_that_comes_is_listed_and_opened_at_once_and_tried_every_round_until_it_may_be_used():
    retry = settled()
    assert retry.round(10.0, "a b", "", alone=False, in_use=True) == Round(list_first=True, open=True)
    retry.listed("a b", 10.0)
    assert rounds(retry, 10.25, 2.0, cards="a b") == [10.25 + k * 0.25 for k in range(8)]


def test_a_card_that_is_set_free_is_opened_at_once_and_listed_where_it_was_left_out():
    retry = settled()
    retry.round(10.0, "a", Holder(812, "aplay"), alone=False, in_use=True)
    plan = retry.round(10.25, "a", None, alone=False, in_use=True)
    assert plan == Round(open=True, list_after=True)


def test_a_new_list_never_interrupts_a_microphone_that_works_unless_a_card_came_or_went():
    retry, later = settled(), LIST_AGAIN_S + 1
    assert retry.round(later, "a", "", alone=False, in_use=True) == Round(open=True)
    assert retry.round(later + RETRY_S, "a", "", alone=False, in_use=False).list_after
    assert retry.round(later + 2 * RETRY_S, "a b", "", alone=False, in_use=True).list_first
