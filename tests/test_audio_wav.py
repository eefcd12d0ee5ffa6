"""WAV files: any rate, channels and width in; broken ones refused by name."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.wav import WavWriter, read_wav, write_wav
from device.errors import AudioError


def riff(fmt: bytes, data: bytes, declared: int | None = None, extra: bytes = b"") -> bytes:
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + extra
    chunks += b"data" + struct.pack("<I", len(data) if declared is None else declared) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def fmt(kind: int, channels: int, rate_hz: int, bits: int) -> bytes:
    align = channels * bits // 8
    return struct.pack("<HHIIHH", kind, channels, rate_hz, rate_hz * align, align, bits)


def tone(rate_hz: int, n: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(n) / rate_hz)).astype(np.float32)


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, tone(16_000, 1600))
    np.testing.assert_allclose(read_wav(path), tone(16_000, 1600), atol=1e-4)
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)


def test_a_recording_can_grow_in_two_channels(tmp_path):
    with WavWriter(tmp_path / "two.wav", 16_000, channels=2) as file:
        for _ in range(5):
            file.write(np.stack((np.full(160, 0.5), np.full(160, -0.25)), axis=1).astype(np.float32))
        with pytest.raises(ValueError, match="2 channels"):
            file.write(np.zeros((10, 3), np.float32))
    mono = read_wav(tmp_path / "two.wav")
    assert len(mono) == 800
    np.testing.assert_allclose(mono, 0.125, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "bits", "encode"),
    [
        (1, 8, lambda x: np.rint(x * 127 + 128).astype(np.uint8).tobytes()),
        (1, 16, lambda x: (x * 32767).astype("<i2").tobytes()),
        (1, 24, lambda x: (x * 8388607).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()),
        (1, 32, lambda x: (x.astype(np.float64) * 2147483647).astype("<i4").tobytes()),
        (3, 32, lambda x: x.astype("<f4").tobytes()),
        (3, 64, lambda x: x.astype("<f8").tobytes()),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_width_and_channel_count_is_read(tmp_path, kind, bits, encode, channels):
    x = tone(16_000, 400)
    path = tmp_path / "x.wav"
    path.write_bytes(riff(fmt(kind, channels, 16_000, bits), encode(np.repeat(x, channels))))
    np.testing.assert_allclose(read_wav(path), x, atol=0.01 if bits == 8 else 1e-4)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_another_rate_is_converted_in_place(tmp_path, rate_hz):
    path = tmp_path / "r.wav"
    write_wav(path, tone(rate_hz, rate_hz), rate_hz)
    x = read_wav(path)
    assert x.dtype == np.float32 and abs(len(x) - 16_000) <= 1
    np.testing.assert_allclose(x[2000:14_000], tone(16_000, 16_000)[2000:14_000], atol=0.005)


def test_the_extensible_header_and_unknown_chunks_are_understood(tmp_path):
    head = fmt(0xFFFE, 1, 16_000, 16) + struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    path = tmp_path / "e.wav"
    path.write_bytes(riff(head, (tone(16_000, 300) * 32767).astype("<i2").tobytes(), extra=odd))
    np.testing.assert_allclose(read_wav(path), tone(16_000, 300), atol=1e-4)


def test_a_length_that_its_writer_could_not_know_means_to_the_end(tmp_path):
    path = tmp_path / "pipe.wav"
    path.write_bytes(riff(fmt(1, 1, 16_000, 16), bytes(320), declared=0x7FFFFFFF))
    assert len(read_wav(path)) == 160


GOOD = fmt(1, 1, 16_000, 16)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a RIFF WAV"),
        (b"ID3\x04" + bytes(100), "not a RIFF WAV"),
        (riff(GOOD, bytes(100), declared=5000), "cut off: it declares 5000 bytes of sound and holds 100"),
        (riff(GOOD, b""), "holds no samples"),
        (b"RIFF\0\0\0\0WAVE", "no format chunk"),
        (riff(GOOD, b"")[:36], "no data chunk"),
        (riff(GOOD[:10], bytes(10)), "format chunk of 10 bytes"),
        (riff(fmt(6, 1, 8_000, 8), bytes(10)), "encoding 0x0006 with 8 bits"),
        (riff(fmt(1, 0, 16_000, 16), bytes(10)), "0 channels"),
        (riff(fmt(1, 1, 3, 16), bytes(10)), "rate of 3 Hz"),
        (riff(struct.pack("<HHIIHH", 1, 2, 16_000, 64_000, 2, 16), bytes(8)), "2 bytes per sample frame"),
        (riff(fmt(3, 1, 16_000, 32), np.full(4, np.nan, "<f4").tobytes()), "not numbers"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, content, says):
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match="broken.wav: .*" + says.replace("(", r"\(")):
        read_wav(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(AudioError, match="nowhere.wav: cannot be read"):
        read_wav(tmp_path / "nowhere.wav")
    with pytest.raises(AudioError, match="cannot be written"):
        write_wav(tmp_path / "no" / "such" / "folder.wav", tone(16_000, 10))


@given(st.binary(max_size=200), st.integers(0, 80))
def test_garbage_is_an_error_and_never_a_traceback(tmp_path_factory, garbage, at):
    path = tmp_path_factory.getbasetemp() / "garbage.wav"
    whole = riff(GOOD, bytes(64))
    path.write_bytes(whole[:at] + garbage + whole[at + len(garbage) :])
    try:
        samples = read_wav(path)
    except AudioError:
        return
    assert samples.dtype == np.float32 and np.isfinite(samples).all()
