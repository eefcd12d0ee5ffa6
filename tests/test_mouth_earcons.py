"""Earcons: short, distinct, and without a click."""

from __future__ import annotations

import numpy as np
import pytest
from helpers_mouth import Rig

from device import values as v
from device.conversation.announcing import BELLS, CHIME
from device.errors import AudioError
from device.mouth.earcons import EARCONS, LOUD, PEAK, render


@pytest.mark.parametrize("rate_hz", [16000, 22050, 48000])
@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_is_short_and_begins_and_ends_in_silence(name: str, rate_hz: int) -> None:
    sound = render(name, rate_hz)
    longest = {"chime": 0.5, "alarm": 2.05}.get(name, 0.25)
    assert sound.dtype == np.float32 and 0.1 < len(sound) / rate_hz < longest
    peak = LOUD.get(name, PEAK)
    assert np.abs(sound).max() == pytest.approx(peak)
    assert abs(sound[0]) < 1e-4 and abs(sound[-1]) < 1e-3
    # no step that a sine of the loudest partial could not make: a click is broad-band
    assert np.abs(np.diff(sound)).max() < 2 * np.pi * 2500 / rate_hz * peak
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    above = np.fft.rfftfreq(len(sound), 1 / rate_hz) > 5000
    assert spectrum[above].sum() < 0.005 * spectrum.sum()


def test_a_chime_is_over_before_the_text_and_bells_leave_no_gap_before_the_next() -> None:
    assert len(render("chime", 16000)) <= CHIME
    assert BELLS < len(render("alarm", 16000)) < BELLS + 800
    assert np.abs(render("alarm", 16000)[-8000:]).max() < 0.01  # but a pause: "stop" is heard best in it


def test_an_unknown_earcon_is_refused_by_name_and_does_not_stop_the_mouth() -> None:
    with pytest.raises(AudioError, match="'fanfare'.*attend, done, error, thinking, chime, alarm"):
        render("fanfare", 16000)
    rig = Rig()
    rig.do(v.Earcon("fanfare"), v.Earcon("attend"))
    rig.run_ms(400)
    assert rig.mouth.counters["unknown"] == 1
    assert np.abs(rig.loudspeaker()).max() > 0.5 * PEAK
