"""`scripts/bench-peers`: the harness counts right, earshot runs in it, and what cannot be set up says why."""

import asyncio
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

PEERS = Path(__file__).parent.parent / "scripts" / "peers"
MODULES = ("harness", "table", "picture", "systems", "utterances", "earshot_peer", "arguments")


@pytest.fixture(scope="module")
def peers():
    """The modules of ``scripts/peers``, which import one another by their plain names."""
    sys.path.insert(0, str(PEERS))
    before = {name: sys.modules.pop(name, None) for name in MODULES}
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(PEERS))
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


@pytest.fixture(scope="module")
def said(peers, tmp_path_factory):
    """What is said in the harness."""
    folder = tmp_path_factory.mktemp("utterances")
    peers["utterances"].main(folder, None)
    return peers["harness"].load_utterances(folder)


def report(**more):
    whole = {
        "versions": {"thing": "1"},
        "stop_s": [0.3, 0.5, None],
        "v2v_s": [0.85, 0.95, 2.5, None],
        "context": [{"heard": 5.5, "kept": 3}, {"heard": 6.0, "kept": 6}, {"heard": 4.0, "kept": None}],
        "backchannels": [{"text": "yeah", "stopped": True}, {"text": "okay", "stopped": False}],
        "cpu_s_per_s": {"idle": 0.03, "speaking": 0.05},
        "rss_mb": {"idle": 70.0},
        "extra": {"llm_calls": 10},
    }
    return whole | more


# ---------------------------------------------------------------------- the harness


def test_everything_that_is_said_has_its_words_in_order_and_ends_with_the_last_one(peers, said):
    harness = peers["harness"]
    assert {harness.QUESTION, *harness.CUT_INS, *harness.BACKCHANNELS} <= set(said)
    for one in said.values():
        assert " ".join(word for word, _, _ in one.words) == one.text
        assert one.words[-1][2] == pytest.approx(len(one.pcm) / harness.IN_RATE_HZ, abs=1e-3)
        assert np.abs(one.pcm).max() == pytest.approx(0.7 * 32767, rel=0.01)


def test_a_stretch_of_sound_goes_on_over_small_gaps_and_ends_at_a_pause(peers):
    Span, Speaker = peers["harness"].Span, peers["harness"].Speaker
    speaker = Speaker()
    speaker.spans = [Span(1.0, 2.0), Span(2.1, 3.0), Span(3.5, 4.0)]
    run = speaker.run_around(1.5)
    assert (run.start, run.end) == (1.0, 3.0)
    assert speaker.run_around(3.2) is None
    assert speaker.first_after(2.05) == 2.1
    assert speaker.heard_between(1.5, 3.6) == pytest.approx(0.5 + 0.9 + 0.1)


def test_the_microphone_gives_what_is_said_with_the_next_chunk_and_tells_when(peers, said):
    harness = peers["harness"]
    chunks, told = [], []

    async def speak():
        mic = harness.Mic()
        mic.listeners.append(lambda *one: told.append(one))
        feed = asyncio.create_task(mic.run(chunks.append))
        first, last = await mic.say(said["okay"])
        while len(chunks) < len(said["okay"].pcm) // 320 + 3:
            await asyncio.sleep(0.01)
        feed.cancel()
        return first, last

    first, last = asyncio.run(speak())
    pcm = np.frombuffer(b"".join(chunks), np.int16).astype(float)
    assert last - first == pytest.approx(len(said["okay"].pcm) / 16_000)
    assert told == [(said["okay"], first, last)]
    start = next(k for k in range(0, len(pcm), 320) if np.abs(pcm[k : k + 320]).max() > 200)
    assert np.corrcoef(pcm[start : start + len(said["okay"].pcm)], said["okay"].pcm)[0, 1] > 0.99


# ---------------------------------------------------------------------- earshot in it


def test_earshot_answers_in_the_harness_and_keeps_the_words_that_were_heard(peers, said):
    harness = peers["harness"]
    peer = peers["earshot_peer"].Peer(harness.Speaker(), partials=True)

    def hear(pcm: np.ndarray, seconds: float) -> None:
        sound = np.random.default_rng(1).normal(0, 16, int(seconds * 50) * 320)
        sound[: len(pcm)] += pcm
        for chunk in sound.reshape(-1, 320):
            peer.push(chunk.astype(np.int16).tobytes())

    hear(np.zeros(0), 1.0)
    question, cut_in = said[harness.QUESTION], said[harness.CUT_INS[4]]
    peer.said(question, 0.0, 0.0)
    hear(question.pcm, len(question.pcm) / 16_000 + 3.0)
    assert peer.device.state.speaking and peer.calls >= 1
    peer.said(cut_in, 0.0, 0.0)
    hear(cut_in.pcm, len(cut_in.pcm) / 16_000 + 1.5)
    (cut,) = [(claimed, peer.heard(reply)) for reply, claimed in peer.cuts if claimed or peer.heard(reply)]
    assert cut[0] > 0 and abs(cut[0] - cut[1]) <= 0.5
    assert peer.device.engine.echo.mode == "hardware" and peer.device.counters.get("ear.barge_ins", 0) >= 1
    peer.device.stop()


# ---------------------------------------------------------------------- table, picture, faults


def test_a_row_takes_the_median_of_answers_in_time_and_counts_the_others_as_stalls(peers):
    row = peers["table"].row("thing", report(), report(v2v_s=[0.6, 0.62], extra={"llm_calls": 3}))
    assert (row["v2v_p50_s"], row["v2v_stalls"]) == (pytest.approx(0.9), "2/4")
    assert (row["v2v_partials_p50_s"], row["v2v_partials_stalls"]) == (pytest.approx(0.61), "0/2")
    assert (row["stop_p50_s"], row["stops_missed"]) == (pytest.approx(0.4), 1)
    assert (row["context_error_words"], row["context_worst_words"]) == (pytest.approx(-1.25), -2.5)
    assert row["context_lost"] == 1 and row["backchannels_stopped"] == "1/2"
    assert row["llm_calls_per_turn"] == 1.0


def test_the_row_of_a_system_that_could_not_run_says_why_beside_the_others(peers):
    table = peers["table"]
    text = table.text(
        [table.row("thing", report(), None), table.row("other", None, None, "its run failed: no room")]
    )
    assert "other: its run failed: no room" in text and "0.900" in text


def test_a_system_that_cannot_be_installed_fails_with_its_reason(peers, tmp_path):
    systems = peers["systems"]
    with pytest.raises(systems.Failed, match="its installation failed"):
        systems.python_of(systems.System("nobody", (str(tmp_path / "no-such-package"),)), tmp_path)


def test_an_adapter_that_dies_fails_with_its_last_line(peers, tmp_path):
    systems = peers["systems"]
    with pytest.raises(systems.Failed, match=r"its run failed \(exit code 1\): .*utterances.json"):
        systems.run(systems.System("earshot"), sys.executable, tmp_path, tmp_path, 1, 1.0, False)


def test_the_comparison_becomes_a_picture_also_where_a_run_is_missing(peers, tmp_path):
    pytest.importorskip("matplotlib")
    reports = {"pipecat": {"finals": report()}, "earshot": {"finals": report(), "partials": report()}}
    peers["picture"].draw(json.loads(json.dumps(reports)), tmp_path / "peers.png")
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")
