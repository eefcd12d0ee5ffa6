"""The parts of the PortAudio backend without PortAudio: what its callbacks hand over is made here, on a clock made here."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.backends.pa_capture import STALL_S, CaptureSide, To16k
from device.audio.backends.pa_clock import JUMP, Contiguous, StreamClock
from device.audio.backends.pa_devices import Device, choose
from device.audio.backends.pa_playback import FULL, LEAD, MOST_LEAD, REVIEW, PlaybackSide
from device.audio.backends.pa_taps import ABORT, QUEUED, InputTap, OutputTap, Stamp
from device.audio.backends.portaudio import PortAudioBackend
from device.config.schema import AudioSection
from device.errors import AudioError
from device.values import FRAME, RATE_HZ

USB = Device(3, "USB PnP Sound Device: Audio (hw:1,0)", "ALSA", 1, 2, 44_100)
ARRAY = Device(4, "ReSpeaker: USB Audio (hw:2,0)", "ALSA", 6, 2, 16_000)
HEADPHONES = Device(1, "bcm2835 Headphones: - (hw:0,0)", "ALSA", 0, 8, 48_000)
DEFAULT = Device(7, "default", "ALSA", 32, 32, 48_000, default_input=True, default_output=True)
DEFAULTISH = Device(8, "default_too", "ALSA", 32, 32, 48_000)
ALL = [HEADPHONES, USB, ARRAY, DEFAULT, DEFAULTISH]


# ------------------------------------------------------------------ choosing a device


def test_part_of_a_name_in_any_case_chooses_a_device():
    assert choose(ALL, "respeaker", "input") is ARRAY
    assert choose(ALL, "hw:1,0", "input") is USB


def test_an_empty_choice_is_the_default_and_a_full_name_wins_over_parts():
    assert choose(ALL, "", "output") is DEFAULT
    assert choose(ALL, "default", "input") is DEFAULT


def test_without_a_default_the_first_device_of_that_direction_is_taken():
    assert choose([HEADPHONES, USB], "", "input") is USB


def test_a_name_that_fits_several_devices_is_refused_with_their_names():
    with pytest.raises(
        AudioError, match=r"microphone 'usb' fits 2 devices: 'USB PnP.*'ReSpeaker.*audio\.input"
    ):
        choose(ALL, "usb", "input")


def test_a_name_that_fits_none_is_refused_with_what_there_is():
    with pytest.raises(AudioError, match="loudspeaker 'hdmi' not found; there are: 'bcm2835"):
        choose(ALL, "hdmi", "output")
    with pytest.raises(AudioError, match="microphone 'bcm' not found"):
        choose(ALL, "bcm", "input")


def test_no_device_at_all_says_what_to_look_at():
    with pytest.raises(AudioError, match="no microphone found .*group 'audio'"):
        choose([HEADPHONES], "usb", "input")


def test_a_microphone_array_is_opened_whole_and_a_stereo_card_in_stereo():
    assert ARRAY.channel_choices("input") == [6, 1, 2]
    assert HEADPHONES.channel_choices("output") == [2, 8, 1]
    assert USB.channel_choices("input") == [1]
    assert DEFAULT.channel_choices("input") == [1, 2, 8]


# ------------------------------------------------------------------ time stamps


@pytest.mark.parametrize("epoch", [0.0, 1_795_000_000.0], ids=["monotonic", "wall clock"])
def test_either_clock_of_portaudio_is_recognised(epoch):
    stamp = Stamp(now=100.0, wall=1_795_000_100.0, current=epoch + 99.999, converter=epoch + 100.030)
    assert stamp.monotonic(0.5) == pytest.approx(100.030, abs=1e-6)


def test_a_host_that_tells_no_time_is_taken_at_its_latency():
    assert Stamp(100.0, 1e9, 0.0, 0.0).monotonic(0.03) == 100.03
    assert Stamp(100.0, 1e9, 100.0, -1e9).monotonic(-0.02) == 99.98


@given(st.lists(st.floats(0, 0.2), min_size=40, max_size=60), st.integers(0, 2**40))
def test_late_callbacks_do_not_move_the_clock(lateness, first):
    clock = StreamClock(RATE_HZ)
    for i in range(160):
        late = lateness[i // 3] if i % 3 == 0 and i // 3 < len(lateness) else 0.0
        clock.observe(first + i * FRAME, 50.0 + i * 0.01 + late)
    assert clock.time_of(first + 160 * FRAME) == pytest.approx(51.6, abs=1e-4)
    assert clock.count_at(51.6) == pytest.approx(first + 160 * FRAME, abs=2)


@given(st.lists(st.floats(-JUMP * 0.99, JUMP * 0.99), min_size=1, max_size=50))
def test_jitter_below_5_ms_leaves_playback_contiguous(jitter):
    contiguous = Contiguous()
    contiguous.place(1000, False)
    placed = [contiguous.place(1000 + (i + 1) * FRAME + j, False) for i, j in enumerate(jitter)]
    assert placed == [1000 + (i + 1) * FRAME for i in range(len(jitter))]
    assert contiguous.jumps == 0


def test_a_real_jump_is_followed_once():
    contiguous = Contiguous()
    contiguous.place(0, False)
    assert contiguous.place(FRAME + 200, False) == FRAME + 200
    assert contiguous.place(2 * FRAME + 200, False) == 2 * FRAME + 200
    assert contiguous.jumps == 1


# ------------------------------------------------------------------ capture


class Microphone:
    """A card with its own clock: ``deliver`` is what PortAudio does every 10 ms."""

    def __init__(self, rate_hz=RATE_HZ, channels=1, at=100.0, channel=0):
        self.tap = InputTap(rate_hz, channels, channel)
        self.at = at
        self.sample = 0

    def deliver(self, signal=None, blocks=1):
        for _ in range(blocks):
            n, channels = self.tap.frames, self.tap.channels
            block = np.zeros((n, channels), np.int16)
            if signal is not None:
                block[:] = 9999  # other channels must not be heard
                block[:, self.tap.channel] = signal[self.sample : self.sample + n]
            # the block met the converter 20 ms before it is handed over
            self.tap.queue.put(
                (self.tap.blocks, block.tobytes(), Stamp(self.at, 0.0, self.at, self.at - 0.02))
            )
            self.tap.blocks += 1
            self.sample += n
            self.at += n / self.tap.rate_hz


def frames_of(side, now):
    frames = []
    while (frame := side.frame(now)) is not None:
        frames.append(frame)
    return frames


def capture_with(mic):
    side = CaptureSide()
    side.start(mic.at - 0.02)
    side.attach(mic.tap)
    return side


@pytest.mark.parametrize(
    "rate_hz, channels, channel",
    [
        (16_000, 1, 0),
        (16_000, 6, 0),
        (16_000, 6, 1),
        (48_000, 2, 1),
        (44_100, 1, 0),
        (8_000, 1, 0),
        (22_050, 2, 1),
    ],
)
def test_the_channel_to_use_arrives_at_16_khz_in_its_place_whatever_the_card_has(rate_hz, channels, channel):
    t = np.arange(rate_hz) / rate_hz
    sweep = np.sin(2 * np.pi * (200 * t + 1000 * t * t))
    mic = Microphone(rate_hz, channels, channel=channel)
    side = capture_with(mic)
    frames = []
    for _ in range(95):
        mic.deliver((sweep * 20_000).astype(np.int16))
        frames += frames_of(side, mic.at)
    assert [f.position for f in frames] == [i * FRAME for i in range(len(frames))]
    got = np.concatenate([f.samples for f in frames])
    t16 = (np.arange(len(got)) - To16k(rate_hz, channels).delay) / RATE_HZ
    expected = np.sin(2 * np.pi * (200 * t16 + 1000 * t16 * t16)) * 20_000 / 32_768
    assert len(got) > 0.8 * RATE_HZ
    np.testing.assert_allclose(got[400:-400], expected[400:-400], atol=0.01)


def test_positions_are_tied_to_when_the_sound_met_the_converter():
    mic = Microphone()
    side = capture_with(mic)
    mic.deliver(blocks=200)
    frames_of(side, mic.at)
    assert side.clock.time_of(side.position) == pytest.approx(mic.at - 0.02, abs=1e-3)


def test_a_card_that_delivers_44100_samples_as_48000_is_found_out_by_the_clock():
    rates = {}
    for true_hz in (48_000, 44_100):
        mic = Microphone(48_000)
        side = capture_with(mic)
        for _ in range(1500):
            mic.deliver()
            mic.at += 0.01 * (48_000 / true_hz - 1)
            frames_of(side, mic.at)
        rates[true_hz] = side.rate.hz
    assert rates[48_000] == pytest.approx(RATE_HZ, rel=1e-6)
    assert rates[44_100] == pytest.approx(RATE_HZ * 44_100 / 48_000, rel=1e-6)


def test_without_a_microphone_frames_are_missing_and_positions_follow_the_clock():
    side = CaptureSide()
    side.start(10.0)
    assert frames_of(side, 10.0) == []
    frames = frames_of(side, 11.0)
    assert len(frames) in (96, 97) and all(f.missing and not f.samples.any() for f in frames)
    assert [f.position for f in frames] == [i * FRAME for i in range(len(frames))]
    assert side.counters["missing_frames"] == len(frames)


def test_a_microphone_that_stalls_is_replaced_by_the_clock_and_taken_again():
    mic = Microphone()
    side = capture_with(mic)
    mic.deliver(blocks=50)
    before = frames_of(side, mic.at)
    assert frames_of(side, mic.at + STALL_S * 0.9) == []  # late is not gone
    gone = frames_of(side, mic.at + 2.0)
    assert side.stalled and 195 <= len(gone) <= 200 and all(f.missing for f in gone)
    mic.at += 2.0
    mic.deliver(blocks=10)
    back = frames_of(side, mic.at)
    assert not side.stalled and [f.missing for f in back] == [False] * 10
    assert np.all(np.diff([f.position for f in before + gone + back]) == FRAME)
    assert side.counters["stalls"] == 1


def test_a_backlog_whose_positions_have_passed_is_not_heard_late():
    mic = Microphone()
    side = capture_with(mic)
    mic.deliver(blocks=10)
    frames_of(side, mic.at)
    frames_of(side, mic.at + 1.0)
    mic.deliver(blocks=100)  # one second that the driver kept for us
    back = [f for f in frames_of(side, mic.at) if not f.missing]
    assert len(back) < 30 and side.counters["stale_blocks"] > 70
    assert side.clock.time_of(side.position) == pytest.approx(mic.at - 0.02, abs=0.01)


@pytest.mark.parametrize("kept_s", [0, 4])
@pytest.mark.parametrize("stamped", ["when it was", "as if it were of now"])
def test_what_was_kept_for_a_device_that_was_stopped_is_not_heard_and_its_time_has_passed(kept_s, stamped):
    mic = Microphone()
    side = capture_with(mic)
    loud = np.full(RATE_HZ * 60, 5000, np.int16)
    mic.deliver(blocks=10)
    frames = frames_of(side, mic.at)
    mic.at += 10.0
    for _ in range(kept_s * 100):  # handed over all at once
        converter = mic.at - 0.02 if stamped != "when it was" else mic.at - kept_s + 0.01 * mic.tap.blocks
        mic.tap.queue.put((mic.tap.blocks, loud[:FRAME].tobytes(), Stamp(mic.at, 0.0, mic.at, converter)))
        mic.tap.blocks += 1
    for _ in range(100):
        frames += frames_of(side, mic.at)
        mic.deliver()
    frames += frames_of(side, mic.at)
    assert not any(frame.samples.any() for frame in frames)
    assert not any(frame.missing for frame in frames[-50:])
    assert side.counters["sleeps"] == 1 and side.counters["missing_frames"] >= 990
    assert side.counters["stale_blocks"] >= kept_s * 100
    assert np.all(np.diff([f.position for f in frames]) == FRAME)
    assert side.clock.time_of(side.position) == pytest.approx(mic.at - 0.02, abs=0.02)


def test_what_an_overslept_ear_lost_is_counted_and_its_positions_are_skipped():
    mic = Microphone()
    for _ in range(QUEUED + 30):
        mic.tap(bytes(320), FRAME, {"current_time": mic.at, "input_buffer_adc_time": mic.at}, 0)
    assert mic.tap.dropped == 30
    side = CaptureSide()
    side.start(0.0)
    side.attach(mic.tap)
    frames = [side.frame(1e-3) for _ in range(QUEUED)]
    mic.tap(bytes(320), FRAME, {"current_time": 0.0, "input_buffer_adc_time": 0.0}, 0)
    assert side.frame(1e-3).position == frames[-1].position + 31 * FRAME
    assert side.counters["lost_blocks"] == 30


def test_a_callback_counts_what_the_driver_admits():
    tap = InputTap(RATE_HZ, 1)
    tap(bytes(320), FRAME, {"current_time": 1.0, "input_buffer_adc_time": 1.0}, 0x2)
    assert tap.flagged == 1


# ------------------------------------------------------------------ playback


class Loudspeaker:
    """A card that plays 48 kHz, with 30 ms between callback and sound."""

    def __init__(self, channels=1, at=100.0):
        self.tap = OutputTap(48_000, channels)
        self.tap.last = at
        self.at = at
        self.played = []

    def take(self):
        block, _ = self.tap(None, 480, {"current_time": self.at, "output_buffer_dac_time": self.at + 0.03}, 0)
        self.tap.last = self.at
        # the tap stamps with the machine's own clocks: put ours in their place
        number, stamp = self.tap.stamps.pop()
        self.tap.stamps.append((number, stamp._replace(now=self.at, wall=0.0)))
        self.played.append(np.frombuffer(block, np.int16))
        self.at += 0.01


class CaptureAt:
    """The capture's clock: position 0 at 100 s."""

    def __init__(self):
        self.position = 0
        self.clock = StreamClock(RATE_HZ)
        self.clock.restart(100.0)


def playback(channels=1):
    card, capture = Loudspeaker(channels), CaptureAt()
    side = PlaybackSide(48_000, capture)
    side.attach(card.tap)
    side._attached_at = card.at  # the clock of this test
    return card, capture, side


def block(value=0.5):
    return np.full(480, value, np.float32)


def test_a_block_leaves_at_the_position_that_play_returned():
    card, capture, side = playback()
    leaves = []
    for i in range(100):
        leaves.append(side.play(block(0.001 + i / 1000), card.at))
        card.take()
        capture.position += FRAME
    played = np.concatenate(card.played)
    for i in range(60, 90):  # after the first stamps
        sample = int(np.flatnonzero(played == np.rint((0.001 + i / 1000) * 32767))[0])
        seconds = 0.03 + sample / 48_000  # after the first callback, which came at capture position 0
        assert leaves[i] == pytest.approx(seconds * RATE_HZ, abs=JUMP)
    assert np.all(np.diff(leaves[50:]) == FRAME)
    assert side.counters["underruns"] == 0


def test_stereo_gets_the_same_on_both_sides():
    card, _, side = playback(channels=2)
    side.play(np.linspace(-1, 1, 480, dtype=np.float32), card.at)
    for _ in range(LEAD + 1):
        card.take()
    left, right = card.played[-1][::2], card.played[-1][1::2]
    assert np.array_equal(left, right) and left[0] == -32767 and left[-1] == 32767


def test_an_underrun_plays_zeros_is_counted_and_lengthens_the_lead_within_bounds():
    card, capture, side = playback()
    for _ in range(20):
        for _ in range(30):
            side.play(block(), card.at)
            card.take()
        for _ in range(8):  # the ear oversleeps 80 ms
            card.take()
        capture.position += 38 * FRAME
    assert side.counters["underruns"] > 0 and LEAD < side.lead <= MOST_LEAD
    assert any(not b.any() for b in card.played[LEAD + 2 :])


def test_a_surplus_goes_in_silence_and_never_grows_without_bound():
    card, capture, side = playback()
    for _ in range(2 * FULL):  # a burst: the ear catches up
        side.play(block(), card.at)
    assert len(card.tap.fifo) <= FULL
    for _ in range(3 * REVIEW):
        side.play(block(0.0), card.at)
        card.take()
        capture.position += FRAME
    assert len(card.tap.fifo) <= LEAD + 1
    assert side.counters["trimmed_blocks"] > 0


def test_without_a_loudspeaker_playback_goes_on_at_the_pace_of_capture():
    capture = CaptureAt()
    side = PlaybackSide(48_000, capture)
    leaves = []
    for _ in range(50):
        leaves.append(side.play(block(), 0.0))
        capture.position += FRAME
    assert np.all(np.diff(leaves) == FRAME) and leaves[0] >= 0


def test_a_loudspeaker_that_hangs_does_not_keep_a_reply_from_ending():
    card, capture, side = playback()
    for _ in range(50):
        side.play(block(), card.at)
        card.take()
        capture.position += FRAME
    first = side.play(block(), card.at)
    for i in range(200):
        last = side.play(block(), card.at + i * 0.01)
        capture.position += FRAME
    assert last - first > 190 * FRAME


def test_a_card_with_another_rate_than_the_playback_is_resampled():
    tap = OutputTap(16_000, 1)
    tap.last = 100.0
    side = PlaybackSide(48_000, CaptureAt())
    side.attach(tap)
    side._attached_at = 100.0
    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000).astype(np.float32)
    out = []
    for i in range(100):
        side.play(tone[i * 480 : (i + 1) * 480] * 0.5, 100.0)
        out.append(
            np.frombuffer(
                tap(None, 160, {"current_time": 0.0, "output_buffer_dac_time": 0.0}, 0)[0], np.int16
            )
        )
        tap.last = 100.0
    spectrum = np.abs(np.fft.rfft(np.concatenate(out)[8_000:].astype(float)))
    assert np.argmax(spectrum) * RATE_HZ / 8_000 == pytest.approx(440, abs=3)


# ------------------------------------------------------------------ opening what the device table knows


class PortAudio:
    """PortAudio with two cards that take only what they are: an array, and a loudspeaker that plays 48 kHz."""

    paInt16 = 8
    LIST = (
        Device(0, "XVF3800: USB Audio (hw:2,0)", "ALSA", 6, 0, 44_100),
        Device(1, "Jabra Speak 510 USB: Audio (hw:3,0)", "ALSA", 1, 2, 44_100),
    )

    def __init__(self):
        self.opened = []

    def PyAudio(self):
        return self

    def open(self, **how):
        wanted = (48_000, 2) if how.get("output") else (16_000, 6)
        if (how["rate"], how["channels"]) != wanted:
            raise OSError(-9997, "Invalid sample rate")
        self.opened.append(how)
        return self

    def is_active(self):
        return True

    def close(self): ...

    def terminate(self): ...


def test_a_known_device_is_opened_as_the_table_says_with_the_channel_that_has_no_echo(monkeypatch):
    from device.audio.backends import pa_supervisor

    portaudio = PortAudio()
    monkeypatch.setattr(pa_supervisor, "import_pyaudio", lambda: portaudio)
    monkeypatch.setattr(pa_supervisor, "list_devices", lambda manager: list(portaudio.LIST))
    capture = CaptureSide()
    supervisor = pa_supervisor.Supervisor("xvf", "jabra", capture, PlaybackSide(48_000, capture))
    supervisor.list()
    meant = supervisor.path
    assert meant.device.id == "xvf3800" and meant.same_card is False
    supervisor.attend(100.0)
    microphone, loudspeaker = portaudio.opened
    assert (microphone["rate"], microphone["channels"]) == (16_000, 6)
    assert (loudspeaker["rate"], loudspeaker["channels"]) == (48_000, 2)
    assert supervisor.input.tap.channel == 1
    path = supervisor.path
    assert path is supervisor.path and (path.channel, path.channels) == (1, 6)
    supervisor.stop()


def test_devices_says_what_is_recognised_and_which_canceller_would_work(tmp_path, monkeypatch, capsys):
    from device.audio.backends import pa_devices
    from device.cli import main

    portaudio = PortAudio()
    monkeypatch.setattr(pa_devices, "import_pyaudio", lambda: portaudio)
    monkeypatch.setattr(pa_devices, "list_devices", lambda manager: list(portaudio.LIST))
    config = tmp_path / "earshot.toml"
    config.write_text('[audio]\ninput = "xvf"\noutput = "jabra"\n')
    assert main(["devices", "--config", str(config)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Recognised: ReSpeaker XVF3800 USB; channel 1 of 6 is used." in told
    assert "Use firmware 2.0.10 or later." in told
    assert (
        "Echo canceller: software (ReSpeaker XVF3800 USB has an echo canceller, but playback goes through"
        in told
    )
    assert "to do: connect the loudspeaker to it" in told
    main(["devices", "--json", "--config", str(config)])
    echo = json.loads(capsys.readouterr().out)["echo"]
    assert (echo["mode"], echo["recognised"], echo["channel"]) == ("software", "xvf3800", 1)
    assert echo["problems"][0]["code"] == "echo_hardware_other_card"


# ------------------------------------------------------------------ stopping


def speaking(card, capture, side, blocks=60):
    for i in range(blocks):
        side.play(block(0.25 + i / 1000), card.at)
        card.take()
        capture.position += FRAME


def test_a_flush_turns_the_head_of_the_queue_into_a_ramp_and_the_rest_into_silence_and_moves_nothing():
    card, capture, side = playback()
    speaking(card, capture, side)
    queued = len(card.tap.fifo)
    silent_from = side.flush(card.at)
    following = side.play(block(0.0), card.at)
    assert following - silent_from == (queued - 1) * FRAME > 0
    before = len(card.played)
    for _ in range(queued + 1):
        card.take()
    ramp, *rest = card.played[before:]
    assert ramp[0] > 0.25 * 32000 and ramp[-1] < 10 and np.all(np.diff(ramp) <= 0)
    assert not any(block.any() for block in rest)
    heard = (len(card.played) - len(rest)) * 0.01 + 0.03  # the ramp's end, from the first callback on
    assert silent_from == pytest.approx(heard * RATE_HZ, abs=JUMP)
    assert side.counters["aborts"] == side.counters["underruns"] == 0


def test_a_flush_when_the_queue_is_silent_changes_nothing():
    card, capture, side = playback()
    speaking(card, capture, side)
    side.flush(card.at)
    assert side.flush(card.at) is None
    assert playback()[2].flush(100.0) is None


def test_a_flush_while_a_callback_takes_the_head_ramps_the_next_block():
    card, _, side = playback()
    for _ in range(4):
        side.play(block(), card.at)
    side._read_stamps(card.tap)

    class Hasty(type(card.tap.fifo)):
        """The callback comes between the look at the head and the change of it."""

        def __setitem__(self, index, value):
            if len(self) == full:
                card.played.append(np.frombuffer(self.popleft(), np.int16))
            super().__setitem__(index, value)

    full = len(card.tap.fifo)
    card.tap.fifo = Hasty(card.tap.fifo)
    side.flush(card.at)
    assert len(card.tap.fifo) == full - 1
    queued = np.concatenate([np.frombuffer(b, np.int16) for b in card.tap.fifo])
    assert not queued[480:].any()
    assert np.abs(np.diff(queued.astype(int))).max() < 200


def deep(card):
    """A device that holds 200 ms."""

    def take():
        answer = card.tap(None, 480, {"current_time": card.at, "output_buffer_dac_time": card.at + 0.2}, 0)
        card.tap.last = card.at
        if answer[1] == ABORT:
            return answer
        number, stamp = card.tap.stamps.pop()
        card.tap.stamps.append((number, stamp._replace(now=card.at, wall=0.0)))
        card.played.append(np.frombuffer(answer[0], np.int16))
        card.at += 0.01
        return answer

    card.take = take
    return card


def test_a_flush_that_may_be_taken_back_never_aborts_a_device_that_holds_much():
    card, capture, side = playback()
    deep(card)
    asked = []
    side.on_abort = lambda: asked.append(True)
    speaking(card, capture, side, 100)
    assert side.flush(card.at, abort=False) is not None
    assert not asked and side.counters["aborts"] == 0
    assert card.take()[1] != ABORT


def test_a_device_that_holds_much_is_told_to_drop_it_and_started_again_with_the_positions_true():
    card, capture, side = playback()
    deep(card)
    asked = []
    side.on_abort = lambda: asked.append(True)
    speaking(card, capture, side, 100)
    silent_from = side.flush(card.at)
    assert asked == [True] and side.counters["aborts"] == 1
    assert silent_from == pytest.approx((card.at - 100.0) * RATE_HZ, abs=FRAME)  # with the next callback
    assert card.take()[1] == ABORT
    assert side.flush(card.at) is None  # nothing is left to take back
    side.play(block(0.0), card.at)
    begun = side.play(block(0.75), card.at)  # an answer that begins before the stream does
    capture.position += 2 * FRAME
    card.at += 0.02
    old, jumps = card, side.counters["playback_jumps"]
    card = deep(Loudspeaker(at=old.at))
    side.attach(card.tap)
    side._attached_at = card.at
    places = []
    for _ in range(60):
        places.append(side.play(block(0.5), card.at))
        card.take()
        capture.position += FRAME
    assert any(np.all(b == round(0.75 * 32767)) for b in card.played)
    assert begun > silent_from and np.all(np.diff(places[5:]) == FRAME)
    assert side.counters["playback_jumps"] - jumps <= 1
    played = np.concatenate(card.played)
    first = int(np.flatnonzero(played == 16384)[0]) / 48_000 + 0.2 + (old.at - 100.0)
    assert places[0] == pytest.approx(first * RATE_HZ, abs=2 * JUMP)


# ------------------------------------------------------------------ the backend where nothing fits, and the command


def test_a_backend_without_its_devices_says_so_and_keeps_the_clock():
    backend = PortAudioBackend(AudioSection(input="no such microphone", output="no such loudspeaker"))
    backend.start()
    try:
        positions = []
        while len(positions) < 20:
            backend.wait(0.2)
            if (captured := backend.capture()) is not None:
                assert captured.missing
                positions.append(captured.position)
                assert (
                    backend.play(np.zeros(backend.playback_rate_hz // 100, np.float32)) >= captured.position
                )
    finally:
        backend.stop()
    assert np.all(np.diff(positions) == FRAME)
    assert "microphone" in backend.problem and "loudspeaker" in backend.problem
    assert backend.counters["missing_frames"] == 20
    backend.stop()


def test_devices_as_json_names_what_would_be_used_and_why_not(tmp_path, capsys):
    from device.cli import main

    config = tmp_path / "earshot.toml"
    config.write_text('[audio]\ninput = "no such microphone"\n')
    assert main(["devices", "--json", "--config", str(config)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["input"]["used"] is None and "microphone" in report["input"]["problem"]
    assert report["input"]["wanted"] == "no such microphone"
    assert {"backend", "input", "output", "echo"} == set(report)
    assert report["echo"]["mode"] == "software" and report["echo"]["recognised"] is None
