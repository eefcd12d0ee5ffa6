"""Talkers speak with voices of their own, each clip rendered once."""

import shutil
import stat

import numpy as np
import pytest

from device.audio.levels import clip_edges
from device.errors import ScenarioError
from device.scenario import talkers

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="the program flite is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for remembered in (talkers._flite_program, talkers._flite_version, talkers._flite_voices):
        remembered.cache_clear()
    yield tmp_path / "earshot" / "talkers"
    for remembered in (talkers._flite_program, talkers._flite_version, talkers._flite_voices):
        remembered.cache_clear()


def spoken(clip: np.ndarray) -> float:
    first, last = clip_edges(clip)
    return (last - first) / 16_000


@needs_flite
def test_a_flite_voice_speaks_at_16_khz():
    clip = talkers.render("Alexa, what time is it?", "flite:slt")
    assert clip.dtype == np.float32 and clip.ndim == 1
    assert 1.0 < spoken(clip) < 2.5


def test_an_espeak_voice_speaks_also_by_its_language_and_with_a_variant():
    for voice in ("en-gb+f3", "en", "gmw/en-GB-scotland", "espeak:en-029"):
        assert 0.3 < spoken(talkers.render("Alexa", voice)) < 1.5, voice


def test_two_voices_do_not_sound_alike():
    one, other = (talkers.render("hello there", voice) for voice in ("en", "en+f3"))
    assert len(one) != len(other) or not np.allclose(one, other)


def test_a_clip_is_rendered_once(cache, monkeypatch):
    first = talkers.render("once only", "en+m3")
    assert [path.suffix for path in cache.iterdir()] == [".npy"]
    monkeypatch.setattr(talkers, "_espeak", lambda *_: pytest.fail("rendered again"))
    assert np.array_equal(talkers.render("once only", "en+m3"), first)


def test_a_damaged_cache_file_is_rendered_again(cache):
    first = talkers.render("once more", "en+m3")
    (kept,) = cache.iterdir()
    kept.write_bytes(b"\x93NUMPY but no more")
    assert len(talkers.render("once more", "en+m3")) == pytest.approx(len(first), abs=40)
    assert kept.stat().st_size > 1000


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert spoken(talkers.render("hello", "en+m3")) > 0.2


@needs_flite
def test_a_voice_that_flite_does_not_have_is_refused_with_those_it_has():
    # flite itself would speak with its default voice and say nothing
    with pytest.raises(ScenarioError, match=r"flite:nobody.*it has: .*slt"):
        talkers.render("hello", "flite:nobody")


@pytest.mark.parametrize(
    ("voice", "words"),
    [
        ("martian", "no espeak-ng voice 'martian'"),
        ("en+nobody", "no variant 'nobody'"),
        ("festival:slt", "write `flite:NAME`"),
    ],
)
def test_an_unknown_voice_is_refused_by_name(voice, words):
    with pytest.raises(ScenarioError, match=words):
        talkers.render("hello", voice)


def test_without_flite_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ScenarioError, match="apt install flite"):
        talkers.render("hello", "flite:slt")


def test_a_text_without_sound_is_refused():
    with pytest.raises(ScenarioError, match="no sound"):
        talkers.render(" ", "en+m3")


def test_a_renderer_that_breaks_is_named(tmp_path, monkeypatch):
    program = tmp_path / "flite"
    program.write_text(
        '#!/bin/sh\ncase "$1" in -lv) echo "Voices available: slt";; --version) echo "version: x";; '
        "*) echo broken pipe organ >&2; exit 7;; esac\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ScenarioError, match=r"exit code 7.*broken pipe organ"):
        talkers.render("hello", "flite:slt")
