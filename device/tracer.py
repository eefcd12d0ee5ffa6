"""From values to trace: what each event and command of a step looks like to somebody who watches."""

from __future__ import annotations

from typing import Any

from device import values as v
from device.trace import Trace, TraceEvent


class Tracer:
    """Tells ``trace`` what happens. Remembers only what it takes to tell it once."""

    def __init__(self, trace: Trace | None) -> None:
        self._trace = trace or (lambda event: None)
        self._first_token: int | None = None
        self._guess = ""

    def note(self, event: str, position: int, text: str = "", **data: Any) -> None:
        self._trace(TraceEvent(event, position, text, data))

    def event(self, event: v.Event, now: int, reply_text: str) -> None:
        """An event on its way to the conversation at ``now``; ``reply_text`` is the whole text of the reply it is about.

        A partial's own position is that of the audio it is made of: catching up with the pre-roll that lies before the
        wake word was decided. To whoever watches it happens when it arrives.
        """
        note, at = self.note, event.position
        match event:
            case v.SpeechBegan(onset=onset):
                note("speech_began", at, onset=onset)
            case v.SpeechEnded(last=last):
                note("speech_ended", at, last=last)
            case v.Wake(word=word, score=score, end=end):
                note("wake", at, word, score=round(score, 3), end=end)
            case v.StopHeard(word=word, score=score):
                note("stop_word", at, word, score=round(score, 3))
            case v.BargeIn(onset=onset, score=score):
                note("barge_in", at, onset=onset, score=round(score, 2))
            case v.BargeInEnded(last=last):
                note("barge_in_ended", at, last=last)
            case v.Partial(utterance=utterance, text=text, accepted=accepted):
                note("partial", now, text, utterance=utterance, accepted=accepted)
            case v.Final(utterance=utterance, text=text, accepted=accepted, intent=intent):
                words = [[w.text, w.start, w.end] for w in event.words]
                note("final", now, text, utterance=utterance, accepted=accepted, words=words)
                if intent is not None and accepted:
                    note("intent", now, intent.name, utterance=utterance, slots=dict(intent.slots))
            case v.PlausibleEnd(utterance=utterance, last=last):
                note("plausible_end", at, utterance=utterance, last=last)
            case v.Endpoint(utterance=utterance, last=last):
                note("endpoint", at, utterance=utterance, last=last)
            case v.ReplyStarted(reply=reply):
                note("reply_start", at, reply_text, reply=reply)
            case v.ReplyEnded(reply=reply, heard=heard, words=words):
                note("reply_end", at, reply_text, reply=reply)
                note("heard", at, heard, reply=reply, words=words, interrupted=False)
            case v.ReplyCut(reply=reply, heard=heard, chars=chars, words=words, ms=heard_ms):
                note("reply_cut", at, reply_text, reply=reply)
                data = {"reply": reply, "words": words, "chars": chars, "ms": heard_ms, "interrupted": True}
                note("heard", at, heard, **data)
            case v.TurnAcked(turn=turn):
                note("ack", at, turn=turn)
            case v.TurnDelta(turn=turn, text=text):
                if turn != self._first_token:
                    self._first_token = turn
                    note("first_token", at, text, turn=turn)
            case v.TurnEnded(turn=turn, expect_reply=expect_reply):
                note("turn_end", at, turn=turn, expect_reply=expect_reply)
            case v.TurnFailed(turn=turn, code=code):
                note("turn_failed", at, code, turn=turn)
                note("error", at, code, room="link", turn=turn)
            case v.EngineFailed(engine=engine, reason=reason):
                note("error", at, f"{engine}: {reason}", room=engine)

    def command(self, command: v.Command, position: int, audible: int) -> None:
        """A command just carried out; ``audible`` is the position at which a change of gain decided now is complete."""
        note = self.note
        match command:
            case v.Duck():
                note("duck", position, audible=audible)
            case v.Hold():
                note("hold", position, audible=audible)
            case v.Resume():
                note("resume", position, audible=audible)
            case v.Cancel(reply=reply):
                note("cancel", position, reply=reply, audible=audible)
            case v.OpenTurn(turn=turn, text=text, speculative=True) | v.ReviseTurn(to=turn, text=text):
                self._guess = text
                note("guess", position, text, turn=turn)
            case v.OpenTurn(turn=turn, text=text):
                note("turn", position, text, turn=turn)
            case v.CommitTurn(turn=turn):
                note("turn", position, self._guess, turn=turn, guessed=True)
            case v.CancelTurn(turn=turn, reason=reason):
                note("turn_cancelled", position, reason, turn=turn)
            case v.Say(reply=reply, text=text):
                note("say", position, text, reply=reply)
            case v.Earcon(name=name):
                note("earcon", position, name)
            case v.Announced(announcement=number, outcome=outcome):
                note("announced", position, outcome, announcement=number)
            case v.Show():
                held = [name for name in v.Show.__slots__ if getattr(command, name)]
                note("state", position, ", ".join(held) or "idle")
