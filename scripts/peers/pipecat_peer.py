"""Pipecat with its default turn handling in the harness, offline: its own pipeline, Silero VAD and Smart Turn model.

Runs in an environment of its own (``pipecat-ai[silero]``); see scripts/bench-peers.
"""

from __future__ import annotations

import asyncio
import sys
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
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner


class MicTransport(BaseInputTransport):
    def __init__(self, mic, params):
        super().__init__(params)
        self._mic = mic
        self._feed = None

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._feed = asyncio.create_task(self._mic.run(self._push))

    async def cleanup(self):
        if self._feed:
            self._feed.cancel()
        await super().cleanup()

    async def _push(self, chunk):
        await self.push_audio_frame(InputAudioRawFrame(chunk, IN_RATE_HZ, 1))


class SpeakerTransport(BaseOutputTransport):
    def __init__(self, speaker, params):
        super().__init__(params)
        self._speaker = speaker

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        heard = self._speaker.add(len(frame.audio) / 2 / frame.sample_rate)
        await asyncio.sleep(max(0.0, heard - time.monotonic()))
        return True


class ScriptedSTT(STTService):
    """Its final transcripts are flagged as final, which most local recognisers cannot do and Pipecat gains 0.6 s from."""

    def __init__(self, mic, partials):
        super().__init__(audio_passthrough=True)
        self._partials = partials
        mic.listeners.append(lambda *said: self.create_task(self._emit(*said)))

    async def _emit(self, utterance, first, last):
        words = [word for word, _, _ in utterance.words]
        for k, (_, _, end) in enumerate(utterance.words, 1):
            if self._partials:
                await asyncio.sleep(max(0, first + end + PARTIAL_S - time.monotonic()))
                text = " ".join(words[:k])
                await self.push_frame(InterimTranscriptionFrame(text, "user", time_now_iso8601()))
        await asyncio.sleep(max(0, last + FINAL_S - time.monotonic()))
        text = utterance.text
        await self.push_frame(TranscriptionFrame(text, "user", time_now_iso8601(), finalized=True))

    async def run_stt(self, audio):
        yield None


class ScriptedLLM(LLMService):
    calls = 0

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        ScriptedLLM.calls += 1
        await self.push_frame(LLMFullResponseStartFrame())
        await asyncio.sleep(FIRST_TOKEN_S)
        for word in ANSWER.split():
            await self._push_llm_text(word + " ")
            await asyncio.sleep(TOKEN_S)
        await self.push_frame(LLMFullResponseEndFrame())


class ScriptedTTS(TTSService):
    def __init__(self):
        super().__init__(
            push_start_frame=True, push_stop_frames=True, push_text_frames=True, sample_rate=OUT_RATE_HZ
        )

    async def run_tts(self, text, context_id):
        await asyncio.sleep(FIRST_BYTE_S)
        pcm, step = tone(len(text.split())), OUT_RATE_HZ // 5 * 2
        for at in range(0, len(pcm), step):
            yield TTSAudioRawFrame(pcm[at : at + step], OUT_RATE_HZ, 1, context_id=context_id)


async def main():
    given = arguments.parse(__doc__)
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    mic, speaker = Mic(), Speaker()
    context = LLMContext([{"role": "system", "content": "You are a speaker."}])
    pair = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    kept = []

    @pair.assistant().event_handler("on_assistant_turn_stopped")
    async def _(aggregator, message):
        if message.interrupted:
            kept.append((time.monotonic(), message.content or ""))

    params = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    pipeline = Pipeline(
        [
            MicTransport(mic, params),
            ScriptedSTT(mic, given.partials),
            pair.user(),
            ScriptedLLM(),
            ScriptedTTS(),
            SpeakerTransport(speaker, params),
            pair.assistant(),
        ]
    )
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=IN_RATE_HZ, audio_out_sample_rate=OUT_RATE_HZ),
        idle_timeout_secs=None,
        enable_rtvi=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    running = asyncio.create_task(runner.run(worker))
    await asyncio.sleep(3)

    async def on_stop(first, answered, run):
        if run is None:
            return
        heard = speaker.heard_between(answered - 0.01, run.end) / WORD_S
        await asyncio.sleep(0.05)
        text = next((text for at, text in kept if at >= first), None)
        report.context.append({"heard": round(heard, 1), "kept": None if text is None else len(text.split())})

    report = Report("pipecat", {name: version(name) for name in ("pipecat-ai", "onnxruntime", "numpy")})
    await measure(
        mic, speaker, report, load_utterances(given.utterances), on_stop, lambda: ScriptedLLM.calls,
        trials=given.trials, idle_s=given.idle, full=not given.partials,
    )  # fmt: skip
    report.write(given.json)
    await runner.cancel()
    await asyncio.wait([running], timeout=5)


if __name__ == "__main__":
    asyncio.run(main())
