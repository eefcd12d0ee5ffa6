"""LiveKit Agents with its default turn handling in the harness, offline: its own session, VAD and turn detector.

No room and no server: an ``AgentSession`` gets an audio input and output in the same process. Runs in an environment of its
own (``livekit-agents``); see scripts/bench-peers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from importlib.metadata import version

import arguments
from harness import (
    ANSWER,
    FINAL_S,
    FIRST_BYTE_S,
    FIRST_TOKEN_S,
    IN_RATE_HZ,
    OUT_RATE_HZ,
    PARTIAL_S,
    TOKEN_S,
    WORD_S,
    Mic,
    Report,
    Speaker,
    load_utterances,
    measure,
    tone,
)
from livekit import rtc
from livekit.agents import Agent, AgentSession, LanguageCode, llm, stt, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities, TextOutput
from livekit.agents.voice.transcription.synchronizer import TranscriptSynchronizer


class MicInput(AudioInput):
    def __init__(self):
        super().__init__(label="bench-mic")
        self._chunks = asyncio.Queue()

    def push(self, chunk):
        self._chunks.put_nowait(rtc.AudioFrame(chunk, IN_RATE_HZ, 1, len(chunk) // 2))

    async def __anext__(self):
        return await self._chunks.get()


class SpeakerOutput(AudioOutput):
    """A loudspeaker that can pause and plays 20 ms at a time."""

    STEP_S = 0.02

    def __init__(self, speaker):
        super().__init__(
            label="bench-speaker",
            capabilities=AudioOutputCapabilities(pause=True),
            sample_rate=OUT_RATE_HZ,
        )
        self._speaker = speaker
        self._left = self._played = 0.0
        """[s] Handed over and not yet played; played of this answer."""
        self._flushed = self._started = False
        self._running, self._more = asyncio.Event(), asyncio.Event()
        self._running.set()
        self._task = asyncio.create_task(self._play())

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        self._left += frame.duration
        self._more.set()

    def flush(self):
        super().flush()
        self._flushed = True
        self._more.set()

    def clear_buffer(self):
        self._speaker.cut()
        if self._started or self._left:
            self._finish(interrupted=True)

    def pause(self):
        super().pause()
        self._running.clear()

    def resume(self):
        super().resume()
        self._running.set()
        self._more.set()

    def _finish(self, interrupted):
        played, self._played, self._left = self._played, 0.0, 0.0
        self._flushed = self._started = False
        self.on_playback_finished(playback_position=played, interrupted=interrupted)

    async def _play(self):
        while True:
            await self._running.wait()
            if self._left > 1e-6:
                if not self._started:
                    self._started = True
                    self.on_playback_started(created_at=time.time())
                step = min(self.STEP_S, self._left)
                self._left -= step
                self._played += step
                heard = self._speaker.add(step)
                await asyncio.sleep(max(0.0, heard - time.monotonic()))
            elif self._flushed and self._started:
                self._finish(interrupted=False)
            else:
                self._more.clear()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._more.wait(), 1)


class NoText(TextOutput):
    def __init__(self):
        super().__init__(label="bench-text", next_in_chain=None)

    async def capture_text(self, text):
        pass

    def flush(self):
        pass


class ScriptedSTT(stt.STT):
    def __init__(self, mic, partials):
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=partials))
        self.mic, self.partials = mic, partials

    async def _recognize_impl(self, buffer, *, language, conn_options):
        raise NotImplementedError

    def stream(self, *, language=None, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        return ScriptedSTTStream(stt=self, conn_options=conn_options)


class ScriptedSTTStream(stt.RecognizeStream):
    async def _run(self):
        tasks = set()

        def spoken(*said):
            task = asyncio.create_task(self._emit(*said))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        self._stt.mic.listeners.append(spoken)
        try:
            async for _ in self._input_ch:
                pass
        finally:
            self._stt.mic.listeners.remove(spoken)

    def _send(self, kind, text):
        data = stt.SpeechData(text=text, language=LanguageCode("en"))
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[data]))

    async def _emit(self, utterance, first, last):
        words = [word for word, _, _ in utterance.words]
        for k, (_, _, end) in enumerate(utterance.words, 1):
            if self._stt.partials:
                await asyncio.sleep(max(0, first + end + PARTIAL_S - time.monotonic()))
                self._send(stt.SpeechEventType.INTERIM_TRANSCRIPT, " ".join(words[:k]))
        await asyncio.sleep(max(0, last + FINAL_S - time.monotonic()))
        self._send(stt.SpeechEventType.FINAL_TRANSCRIPT, utterance.text)


class ScriptedLLM(llm.LLM):
    calls = 0

    def chat(self, *, chat_ctx, tools=None, conn_options=DEFAULT_API_CONNECT_OPTIONS, **more):
        ScriptedLLM.calls += 1
        return ScriptedLLMStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class ScriptedLLMStream(llm.LLMStream):
    async def _run(self):
        await asyncio.sleep(FIRST_TOKEN_S)
        for word in ANSWER.split():
            delta = llm.ChoiceDelta(role="assistant", content=word + " ")
            self._event_ch.send_nowait(llm.ChatChunk(id="x", delta=delta))
            await asyncio.sleep(TOKEN_S)


class ScriptedTTS(tts.TTS):
    def __init__(self):
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=OUT_RATE_HZ, num_channels=1
        )

    def synthesize(self, text, *, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        return ScriptedTTSStream(tts=self, input_text=text, conn_options=conn_options)


class ScriptedTTSStream(tts.ChunkedStream):
    async def _run(self, out):
        out.initialize(request_id="x", sample_rate=OUT_RATE_HZ, num_channels=1, mime_type="audio/pcm")
        await asyncio.sleep(FIRST_BYTE_S)
        pcm, step = tone(len(self._input_text.split())), OUT_RATE_HZ // 5 * 2
        for at in range(0, len(pcm), step):
            out.push(pcm[at : at + step])
            await asyncio.sleep(0)
        out.flush()


async def main():
    given = arguments.parse(__doc__)
    logging.basicConfig(level=logging.WARNING)
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_INFERENCE_URL"):
        os.environ.pop(name, None)  # nothing of this goes to a server
    mic, speaker = Mic(), Speaker()
    session = AgentSession(stt=ScriptedSTT(mic, given.partials), llm=ScriptedLLM(), tts=ScriptedTTS())
    microphone = MicInput()
    synchronizer = TranscriptSynchronizer(
        next_in_chain_audio=SpeakerOutput(speaker), next_in_chain_text=NoText()
    )
    session.input.audio = microphone
    session.output.audio = synchronizer.audio_output
    session.output.transcription = synchronizer.text_output
    kept = []

    @session.on("conversation_item_added")
    def _(event):
        if getattr(event.item, "role", "") == "assistant" and getattr(event.item, "interrupted", False):
            kept.append((time.monotonic(), event.item.text_content or ""))

    await session.start(Agent(instructions="You are a speaker."), record=False)
    feed = asyncio.create_task(mic.run(microphone.push))
    await asyncio.sleep(3)

    async def on_stop(first, answered, run):
        if run is None:
            return
        heard = speaker.heard_between(answered - 0.01, run.end) / WORD_S
        text = None
        for _ in range(40):  # the message is committed once the final transcript confirms the interruption
            text = next((text for at, text in kept if at >= first), None)
            if text is not None:
                break
            await asyncio.sleep(0.02)
        report.context.append({"heard": round(heard, 1), "kept": None if text is None else len(text.split())})

    packages = ("livekit-agents", "livekit", "livekit-local-inference")
    report = Report("livekit", {name: version(name) for name in packages})
    await measure(
        mic, speaker, report, load_utterances(given.utterances), on_stop, lambda: ScriptedLLM.calls,
        trials=given.trials, idle_s=given.idle, full=not given.partials,
    )  # fmt: skip
    report.write(given.json)
    feed.cancel()
    await session.aclose()


if __name__ == "__main__":
    asyncio.run(main())
