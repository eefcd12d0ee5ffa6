"""What the sound server tells of its nodes and of where our streams are: the bytes, the verdicts, and a server that misbehaves."""

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.backends.placement import View, absent, displaced, hindrance
from device.audio.backends.pulse_wire import (
    CONTROL,
    HEADER,
    Command,
    Node,
    Stream,
    WireError,
    length,
    nodes,
    packet,
    read,
    streams,
)
from device.audio.backends.sound_server import SoundServer

MIC, USB = Node(54, "mic", "", False, False, False), Node(60, "usb", "", False, False, False)
SPK, MONITOR = Node(44, "spk", "", False, False, False), Node(44, "spk.monitor", "", True, False, False)
NOTHING = Node(9, "auto_null", "Dummy Output", False, False, False)


def source(index, name, monitor_of):
    """A source as a server of version 15 writes it."""
    head = packet(Command.REPLY, 1, index, name, name.title())[HEADER.size + 10 :]
    form = b"a\x05\x01\x00\x00\xbb\x80m\x01\x00" + b"L\x00\x00\x00\x07" + b"v\x01\x00\x01\x00\x00" + b"0"
    tail = (
        b"L" + monitor_of.to_bytes(4, "big") + b"N" + b"U" + bytes(8) + b"tPipeWire\0" + b"L\0\0\0b" + b"PN"
    )
    return (
        head
        + form
        + tail
        + b"U"
        + bytes(8)
        + b"V\0\1\0\0"
        + b"L\0\0\0\2"
        + b"L\0\1\0\0"
        + b"L\xff\xff\xff\xff"
    )


def test_the_nodes_of_a_reply_are_read_with_monitors_told_from_microphones():
    payload = (
        packet(Command.REPLY, 3)[HEADER.size :] + source(44, "spk.monitor", 44) + source(54, "mic", CONTROL)
    )
    command, tag, values = read(payload)
    assert (command, tag) == (Command.REPLY, 3)
    assert nodes(values, sources=True) == (
        Node(44, "spk.monitor", "Spk.Monitor", True, True, False),
        Node(54, "mic", "Mic", False, True, False),
    )
    with pytest.raises(WireError, match="no multiple"):
        nodes(values[:-1], sources=True)


def test_a_stream_tells_its_node_and_its_process():
    entry = [80, "ALSA Capture", CONTROL, 79, 54, b"", b"", 0, 0, "", "", {"application.process.id": "4711"}]
    assert streams(entry, recording=True) == (Stream(54, 4711),)
    entry[-1] = {}
    assert streams(entry, recording=True) == (Stream(54, None),)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_are_more_than_a_wire_error(noise):
    for payload in (noise, packet(Command.REPLY, 1)[HEADER.size :] + noise):
        try:
            _, _, values = read(payload)
            nodes(values, sources=True)
            streams(values, recording=True)
        except WireError:
            pass
    with pytest.raises(WireError):
        length(HEADER.pack(1 << 24, CONTROL, 0, 0, 0))


# ------------------------------------------------------------------ where our streams are


def test_a_stream_that_was_moved_to_what_the_loudspeaker_plays_is_no_microphone():
    view = View(sources=(MONITOR,), recording=(44,))
    assert displaced(view, "input", "") == "was moved to what the loudspeaker plays ('spk.monitor')"
    assert absent(view, "input", "") == "the sound server has no microphone"


def test_a_monitor_is_fine_for_who_names_it():
    view = View(sources=(MONITOR, MIC), recording=(44,))
    assert displaced(view, "input", "spk.monitor") is None and absent(view, "input", "spk.monitor") is None


def test_the_default_may_be_any_microphone_but_a_named_one_only_itself():
    view = View(sources=(MONITOR, MIC, USB), recording=(60,))
    assert displaced(view, "input", "") is None
    assert displaced(view, "input", "mic") == "was moved to 'usb' by the sound server"
    assert absent(view, "input", "mic") is None
    assert (
        absent(view, "input", "gone")
        == "microphone 'node:gone' not found; the sound server has: 'mic', 'usb'"
    )


def test_a_default_that_is_a_monitor_is_not_listened_to_and_the_microphone_beside_it_is_shown():
    view = View(sources=(MONITOR, MIC), default_source="spk.monitor")
    assert "pactl set-default-source mic" in absent(view, "input", "")
    assert absent(view, "input", "", default=False) is None  # a device of its own, that means another node
    assert absent(View(sources=(MONITOR, MIC), default_source="mic"), "input", "") is None


def test_the_sink_that_a_server_makes_up_is_no_loudspeaker():
    view = View(sinks=(NOTHING,), playing=(9,))
    assert (
        displaced(view, "output", "") and absent(view, "output", "") == "the sound server has no loudspeaker"
    )
    assert absent(View(sinks=(NOTHING, SPK)), "output", "") is None


def test_a_node_that_is_suspended_or_muted_says_so_with_what_undoes_it():
    muted, asleep = Node(54, "mic", "", False, False, True), Node(44, "spk", "", False, True, False)
    view = View(sources=(muted,), sinks=(asleep,), recording=(54,), playing=(44,))
    assert "pactl set-source-mute mic 0" in hindrance(view, "input")
    assert "pactl suspend-sink spk 0" in hindrance(view, "output")
    assert hindrance(View(sources=(muted, MIC), recording=()), "input") is None


def test_streams_that_are_not_on_the_server_are_not_judged():
    assert displaced(View(sources=(MONITOR,)), "input", "mic") is None


# ------------------------------------------------------------------ a server that misbehaves


@pytest.mark.parametrize(
    "answer",
    [b"", b"\xff" * 40, packet(Command.ERROR, 1, 1), None],
    ids=["leaves", "noise", "refuses", "hangs"],
)
def test_a_server_that_answers_nonsense_or_nothing_leaves_us_knowing_nothing(tmp_path, monkeypatch, answer):
    path, over = tmp_path / "native", threading.Event()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)

    def serve():
        client, _ = server.accept()
        client.recv(4096)
        if answer is not None:
            client.sendall(answer)
            client.close()
        over.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setenv("PULSE_SERVER", f"unix:{path}")
    asked = SoundServer()
    try:
        assert asked.look() is None
        assert asked.look() is None  # not asked again at once: nobody accepts a second connection
    finally:
        over.set()
        thread.join()
        asked.close()
        server.close()
