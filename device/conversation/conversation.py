"""The duplex loop: events with sample positions in, commands out. Pure: no I/O, no clock, no thread.

Several things hold at once (attending, thinking, speaking, ducked, held), so this is no enumeration of states. Each
row is one sentence of tests/test_conversation_table.py; "open" is an utterance being recognised.

| While                      | Event                                | Commands                                            |
|----------------------------|--------------------------------------|-----------------------------------------------------|
| anything                   | StopHeard                            | Cancel, CancelTurn, Discard, StopSounds             |
| an alarm sounds            | BargeIn; Partial "stop"              | Listen for "stop"; StopSounds                       |
| anything                   | Wake                                 | Cancel, CancelTurn, Discard; Listen with pre-roll   |
| after Wake, 350 ms quiet   | tick                                 | Earcon attend (never over "wake word, command")     |
| attending, nobody speaks   | tick, attention_s later              | Discard, quietly                                    |
| follow-up, or thinking     | SpeechBegan                          | Listen from 300 ms before the onset                 |
| open, the floor is free    | PlausibleEnd, free text              | OpenTurn speculative; another text: ReviseTurn      |
| open, the floor is free    | PlausibleEnd, an intent              | Preview                                             |
| guessed                    | TurnDelta, SkillPreview              | ReplyBegin gated, ReplyText                         |
| guessed                    | Final of the same words              | CommitTurn, or Act; then Release                    |
| guessed                    | Final of others, or none; TurnFailed | CancelTurn, Cancel; then as if nothing was guessed  |
| open                       | Endpoint                             | Finalise                                            |
| open                       | Endpoint while he speaks on (max_s)  | Finalise, Listen to what follows                    |
| awaited                    | Final with an intent                 | Act; "stop" and "cancel" end everything             |
| awaited                    | Final "repeat that"                  | Say what was heard last                             |
| awaited                    | Final "go on"                        | ReplyBegin with what was not heard; or OpenTurn     |
| awaited                    | Final "no, I meant forty"            | Act: the last command, with another number          |
| awaited                    | Final, free text                     | OpenTurn with the history                           |
| awaited, interrupted       | Final of nothing                     | ReplyBegin with what was not heard; or nothing      |
| awaited, after Wake        | Final, not understood                | Say sorry; once: only commands are known; or earcon |
| awaited, follow-up         | Final, not understood or backchannel | nothing                                             |
| awaited, thinking          | Final, free text                     | CancelTurn; OpenTurn with both texts                |
| thinking                   | tick, 1.5 s                          | Earcon thinking                                     |
| thinking                   | tick, answer_s without words         | CancelTurn, Say why                                 |
| thinking                   | TurnFailed                           | Say why                                             |
| thinking, nobody speaks    | TurnDelta                            | ReplyBegin, ReplyText                               |
| speaking                   | TurnDelta, TurnEnded                 | ReplyText, ReplyFinish                              |
| speaking                   | TurnFailed                           | ReplyFinish; after it Say that the rest is lost     |
| speaking                   | BargeIn                              | Duck, Listen                                        |
| speaking                   | BargeIn of score 0, or not to act    | Listen; only "stop" acts                            |
| reply begun, not audible   | SpeechBegan                          | Duck, Hold, Listen                                  |
| reply begun, not audible   | ReplyEnded                           | Say that the answer was empty                       |
| ducked                     | tick, hold_ms after the onset        | Hold                                                |
| ducked or held             | Partial: "stop"                      | Cancel, CancelTurn; listens on                      |
| ducked or held             | Partial: hard word, or >= 2 words    | Cancel, CancelTurn; Listen to all of it again       |
| ducked or held             | tick, cancel_ms, no backchannel      | Cancel, CancelTurn; Listen to all of it again       |
| ducked or held             | a backchannel is known, and over     | Finalise, Resume                                    |
| ducked or held             | BargeInEnded, tick 240 ms            | Finalise                                            |
| ducked or held             | BargeInEnded(echo)                   | from now on only "stop" acts; else the same         |
| ducked or held             | Final without words; tick 540 ms     | Resume; a backchannel is noted in the history       |
| ducked or held             | Final with a word not listened for   | Listen to all of it again, Resume                   |
| ducked, held or resumed    | Final with words                     | Cancel, CancelTurn; then as any Final               |
| ducked                     | ReplyEnded                           | Resume (the gain); all of it again opens a turn     |
| speaking                   | ReplyEnded                           | nothing; follow-up window, history                  |
| cut                        | ReplyCut                             | SendHeard; history keeps the heard words            |
| acting                     | SkillDone                            | Say, or an earcon                                   |
| nothing of these           | Announce                             | Earcon chime or alarm; Say; at its end Announced    |
| something of these         | Announce                             | waits (``announcing``); an alarm: Cancel, then Say  |
| an alarm rings             | StopHeard; Partial or Final "stop"   | StopSounds, Announced                               |
| attending                  | EngineFailed(recogniser)             | Discard, Say why                                    |
| attending, open            | EngineFailed(microphone)             | Discard, Say why                                    |
| speaking                   | EngineFailed(voice)                  | Cancel, CancelTurn, Earcon error                    |
| anything                   | deafen: the microphone is closed     | Discard, Resume; nobody is attended until it opens  |
| nothing of these           | anything but Wake                    | nothing                                             |

A reply *begins* only while no utterance is open or awaited and no other reply is unreported: an answer never starts
over somebody who speaks. Deltas that come meanwhile are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device import values as v
from device.config import Config, Words
from device.conversation.acting import Acting
from device.conversation.announcing import Announcing, Floor
from device.conversation.answering import Answering
from device.conversation.apologies import Apologies
from device.conversation.attention import Attention
from device.conversation.hearing import Hearing, Purpose, Utterance
from device.conversation.meaning import Meaning, understand
from device.conversation.timing import NEVER, Timing
from device.conversation.words import Judge
from device.conversation.yielding import Move, Moves, Yielding

__all__ = ["Conversation"]

_OVER = (Purpose.OVER, Purpose.STOP_ONLY)
_UNASKED = (*_OVER, Purpose.LATE)
_GUESSED = (Purpose.WAKE, Purpose.EXPECTED, Purpose.FOLLOW_UP, Purpose.INTERRUPT)
"""Listening whose question nobody has to take back anything for, should the guess be wrong."""
_CALLED = (Purpose.WAKE, Purpose.EXPECTED, Purpose.INTERRUPT)
"""Listening where the user knows that we listen: silence on our side would puzzle them."""


class Conversation:
    """The duplex loop for one device, one ``Config`` and the ``Words`` of its language.

    ``handle`` takes one event, ``tick`` the passing of time (every step, 10 ms; a single comparison when nothing is
    due); both return the commands to carry out, in order. Positions must not run backwards by much: the latest one
    seen counts as now. An unknown event is a ``TypeError``.
    """

    def __init__(self, config: Config, words: Words) -> None:
        self._timing = Timing.of(config)
        self._judge = Judge(words)
        self._set_mode(config)
        self._hearing = Hearing(self._emit, self._timing)
        self._attention = Attention(self._emit, self._timing)
        self._yielding = Yielding(self._timing, instant=self._instant)
        self._answering = Answering(self._emit, self._timing, config)
        self._acting = Acting(self._emit, self._answering)
        self._apologies = Apologies(self._emit, self._answering)
        self._announcing = Announcing(self._emit, self._answering, self._cut)
        self._out: list[v.Command] = []
        self._now = 0
        self._due = NEVER
        self._heard_until = 0
        """The last sample of what was said last and is over."""
        self._speech = False
        """The VAD or the barge-in detector is open."""
        self._speech_since = 0
        """... since then, when it is."""
        self._sounding = False
        """An alarm or an earcon is to be heard."""
        self._shown = v.Show()
        self._handlers: dict[type, Callable[[Any], None]] = {
            v.Wake: self._wake,
            v.StopHeard: self._stop_heard,
            v.Sounding: self._set_sounding,
            v.SpeechBegan: self._speech_began,
            v.SpeechEnded: self._speech_ended,
            v.BargeIn: self._speech_began,
            v.BargeInEnded: self._speech_ended,
            v.Partial: self._partial,
            v.Final: self._final,
            v.PlausibleEnd: self._plausible_end,
            v.Endpoint: self._endpoint,
            v.FirstClause: lambda e: None,
            v.ReplyStarted: self._reply_started,
            v.ReplyEnded: self._reply_ended,
            v.ReplyCut: self._reply_cut,
            v.TurnAcked: lambda e: self._answering.acked(self._now, e.turn),
            v.TurnDelta: lambda e: self._answering.delta(self._now, e.turn, e.text),
            v.TurnEnded: lambda e: self._answering.ended(e.turn, e.expect_reply),
            v.TurnFailed: lambda e: self._answering.failed(e.turn, e.code),
            v.SkillPreview: lambda e: self._answering.previewed(e.intent, e.text),
            v.SkillDone: self._skill_done,
            v.Announce: lambda e: self._announcing.add(e),
            v.EngineFailed: self._engine_failed,
        }

    # ------------------------------------------------------------------ the door

    def handle(self, event: v.Event) -> list[v.Command]:
        """Take ``event``; the commands it leads to."""
        handler = self._handlers.get(type(event))
        if handler is None:
            raise TypeError(f"{type(event).__name__} is no event of device.values")
        self._now = max(self._now, event.position)
        handler(event)
        return self._settle()

    def tick(self, position: int) -> list[v.Command]:
        """Time has come to ``position``; the commands that were due."""
        if position < self._due:
            return []
        self._now = max(self._now, position)
        for lost in self._hearing.tick(self._now):
            if lost.purpose in _CALLED:
                self._recogniser_failed()
        self._make(self._yielding.tick(self._now))
        self._answering.tick(self._now)
        if self._attention.tick(self._now, self._speech) and not self._somebody_speaks():
            self._attention.close()
            self._hearing.discard()
            self._answering.forget()
        return self._settle()

    def attend(self, position: int) -> list[v.Command]:
        """Attend as after a wake word that ended at ``position``, without a chime: a button, or a remote "listen".

        While a timer rings it ends that: what else would somebody who presses a button want? While the microphone is closed
        by hand nobody could be heard, and that is said.
        """
        if self._announcing.ringing:
            return self.stop(position)
        if self._attention.deaf:
            self._now = max(self._now, position)
            self._emit(v.Earcon("error"))
            return self._settle()
        return self.handle(v.Wake(position, "", 1.0, position))

    def stop(self, position: int) -> list[v.Command]:
        """As if the user had said "stop": a button, or a remote "stop"."""
        self._now = max(self._now, position)
        self._stop()
        return self._settle()

    def deafen(self, position: int, deaf: bool) -> list[v.Command]:
        """The microphone is closed by hand (``deaf``), or opened again. Whoever speaks is let go without a word, and nothing of
        what was said goes anywhere; what is being answered goes on."""
        self._now = max(self._now, position)
        self._attention.deaf = deaf
        if deaf:
            self._speech = False
            self._attention.close()
            self._hearing.drop()
            self._answering.forget()
            self._make(self._yielding.release())
        return self._settle()

    def say(self, position: int, text: str) -> list[v.Command]:
        """Say ``text`` unasked, after what is being said."""
        self._now = max(self._now, position)
        self._answering.say_text(text)
        return self._settle()

    def reconfigure(self, config: Config) -> None:
        """Go on by ``config``. What is under way ends by the old rules: a turn that is asked, an utterance that is open,
        speech that the reply gives way to. What begins from now on goes by the new ones."""
        self._timing = Timing.of(config)
        self._set_mode(config)
        self._hearing.reconfigure(self._timing)
        self._attention.reconfigure(self._timing)
        self._yielding.reconfigure(self._timing, self._instant)
        self._answering.reconfigure(self._timing, config)

    def _set_mode(self, config: Config) -> None:
        mode = config.barge_in.mode
        self._instant = mode == "instant"
        self._gives_way = mode in ("considerate", "instant")
        self._wakes_over = mode != "off"
        self._hears_stop = mode != "off" or config.wake.stop in ("", "auto")
        """... in words: where a wake model hears it, "off" runs no recogniser over the playback at all."""

    # ------------------------------------------------------------------ the ear

    def _wake(self, event: v.Wake) -> None:
        if self._attention.deaf or (event.word and self._answering.speaking and not self._wakes_over):
            return
        self._drop("wake")
        self._attention.wake(self._now, event.end, chime=bool(event.word))
        self._hearing.listen(event.end - self._timing.wake_pre_roll, event.end, Purpose.WAKE)

    def _stop_heard(self, event: v.StopHeard) -> None:
        open_ = self._hearing.open
        attended = self._attention.is_open or open_ is not None
        # who has interrupted knows by the silence: the recogniser may have heard the same "stop" a moment before
        silenced = open_ is not None and open_.purpose in (*_OVER, Purpose.INTERRUPT)
        if silenced and self._speech and self._gives_way:
            self._stop_and_listen()
        elif not self._stop() and attended and not silenced:
            self._emit(v.Earcon("done"))

    def _speech_began(self, event: v.SpeechBegan | v.BargeIn) -> None:
        if self._attention.deaf:  # in the very step in which the microphone was closed
            return
        if not self._speech:
            self._speech, self._speech_since = True, event.onset
        self._attention.speech_began(event.onset)
        self._hearing.speech_began(event.onset)
        if self._answering.replying:
            self._speech_over_reply(event.onset, isinstance(event, v.BargeIn) and event.score <= 0.0)
        elif self._hearing.open is None:
            if self._attention.is_open:
                self._listen(event.onset, self._attention.purpose)
            elif self._answering.thinking:
                goes_on = self._answering.may_go_on(self._now)
                self._listen(event.onset, Purpose.THINKING if goes_on else Purpose.LATE)
            elif self._sounding and self._hears_stop:
                self._listen(event.onset, Purpose.STOP_ONLY)

    def _speech_over_reply(self, onset: int, doubtful: bool) -> None:
        """Over a reply; in its pauses, and before its first sound, speech comes as SpeechBegan."""
        utterance = self._hearing.open
        if doubtful or not self._gives_way:
            if utterance is None and self._hears_stop:
                self._listen(onset, Purpose.STOP_ONLY)
            return
        moves = self._yielding.speech(onset, audible=self._answering.speaking)
        self._make(tuple(move for move in moves if move is not Move.CANCEL))
        if utterance is None or utterance.purpose is Purpose.STOP_ONLY:
            self._listen(onset, Purpose.OVER)
        if Move.CANCEL in moves:
            self._take_floor()

    def _speech_ended(self, event: v.SpeechEnded | v.BargeInEnded) -> None:
        self._speech = False
        self._attention.speech_ended(event.last)
        self._hearing.speech_ended(self._now, event.last)
        echo = isinstance(event, v.BargeInEnded) and event.echo
        if self._hearing.open is not None and self._hearing.open.purpose is Purpose.STOP_ONLY:
            self._hearing.finalise(self._now)
        elif echo:
            self._hearing.doubt()
        self._make(self._yielding.silence(event.last, echo))

    def _endpoint(self, event: v.Endpoint) -> None:
        if self._hearing.endpoint(self._now, event.utterance, event.last):
            self._heard_until = event.last
            self._speech = False
            self._yielding.finalised()
            self._make(self._yielding.silence(event.last))
            if event.position - event.last < self._timing.breath and not self._answering.replying:
                # the longest sentence was ended, and he speaks on: that joins it
                self._speech = True
                self._listen(event.last, Purpose.THINKING)

    def _plausible_end(self, event: v.PlausibleEnd) -> None:
        """Prepare an answer to what was said so far, were this the end of it."""
        utterance = self._hearing.open
        if utterance is None or utterance.id != event.utterance or utterance.mode != "free":
            return
        partial = utterance.partial
        if partial is None or utterance.purpose not in _GUESSED or self._hearing.awaiting:
            return
        final = v.Final(
            self._now, utterance.id, partial.text, partial.words, True, partial.intent, partial.free
        )
        meaning, spoken = understand(final, utterance, self._judge), event.last - utterance.after
        if meaning is Meaning.ASK:
            self._answering.guess(self._now, utterance.id, spoken, partial.text)
        elif meaning is Meaning.ACT and partial.intent is not None:
            self._answering.guess_intent(utterance.id, spoken, partial.intent)

    def _partial(self, event: v.Partial) -> None:
        utterance = self._hearing.find(event.utterance)
        if utterance is None or not event.accepted or event.text == "":
            return
        utterance.partial = event
        if event.text == utterance.heard:
            return
        utterance.heard, utterance.spoke = event.text, True
        self._apologies.understood()
        self._attention.words(self._now)
        if utterance.stopped and utterance.mode == "over" and self._judge(event.text).content:
            # "stop" was obeyed, and somebody goes on: now every word counts
            if utterance is self._hearing.open:
                self._hearing.listen_again(utterance, Purpose.INTERRUPT)
            return
        if utterance.purpose not in _OVER or not (self._answering.replying or self._sounding):
            return
        if utterance.mode == "free" and not event.free:
            return  # heard before for hard words, and now for a command, which only the whole sentence is
        verdict = self._judge(event.text)
        if utterance.purpose is Purpose.STOP_ONLY:
            if verdict.unmistakable and self._answering.replying:
                self._take_floor(stop=True)
            elif verdict.unmistakable:
                self._stop()
        elif self._answering.replying:
            until = event.words[-1].end if event.words else event.position
            self._make(self._yielding.words(verdict, until), stop=verdict.only_stop)

    def _final(self, event: v.Final) -> None:
        utterance = self._hearing.finished(event.utterance)
        if utterance is None:
            return
        if event.accepted:
            self._apologies.understood()
        meaning = understand(event, utterance, self._judge)
        if meaning is Meaning.NOTHING:
            self._note(event, utterance)
            if utterance.purpose is Purpose.OVER and self._hearing.open is None:
                self._make(self._yielding.nothing())
        elif meaning is Meaning.AGAIN:
            self._hear_again(event, utterance)
        elif meaning is Meaning.NOBODY:
            if self._attention.is_open and self._hearing.open is None:
                # all before its Finalise is known to be nothing; listening from further back would end at once again
                start = max(utterance.after, utterance.last, self._now - self._timing.final)
                self._hearing.listen(start, start, utterance.purpose)
        else:
            if utterance.purpose in _OVER and self._answering.replying:
                self._take_floor()
            self._attention.close()
            self._act_on(meaning, event, utterance)

    def _note(self, final: v.Final, utterance: Utterance) -> None:
        """Who nods over a reply has heard it: the endpoint may know."""
        text = final.text if final.accepted and final.text.strip() else utterance.heard
        if utterance.purpose is Purpose.OVER and self._judge(text).only_backchannel:
            self._answering.note(text)

    def _hear_again(self, final: v.Final, utterance: Utterance) -> None:
        """More was said than hard words and backchannels. Two words of it take the floor at once; one, or a sound that
        the recogniser does not stand by, has to be understood first, and meanwhile the reply goes on."""
        if self._hearing.open is not None:  # somebody goes on already: that decides
            self._hearing.joins(utterance)
            return
        over = utterance.purpose is Purpose.OVER and self._answering.replying
        if over and final.accepted and self._judge(final.text).talk:
            self._take_floor()
            self._hearing.listen_again(utterance, Purpose.INTERRUPT)
            return
        self._hearing.listen_again(utterance, utterance.purpose)
        if over:
            self._make(self._yielding.nothing())

    def _act_on(self, meaning: Meaning, final: v.Final, utterance: Utterance) -> None:
        if meaning is Meaning.STOP:
            if not self._stop() and utterance.purpose not in (*_OVER, Purpose.INTERRUPT):
                self._emit(v.Earcon("done"))
        elif meaning is Meaning.WAIT:
            self._answering.drop(self._now, "barge_in")
            self._attention.open(Purpose.FOLLOW_UP, self._now, self._timing.attention)
        elif meaning is Meaning.ACT and final.intent is not None:
            self._acting.act(final.intent)
        elif meaning is Meaning.CORRECT and final.intent is not None:
            self._correct(final, final.intent)
        elif meaning is Meaning.REPEAT:
            self._answering.repeat()
        elif meaning is Meaning.GO_ON:
            self._answering.go_on(final.text, final.free)
        elif meaning is Meaning.PHANTOM:
            self._answering.take_up()
        elif meaning is Meaning.ASK:
            self._answering.ask(self._now, final.text)
        else:
            self._apologies.not_understood(meaning, final.text)
        self._hearing.goes_on()

    def _correct(self, final: v.Final, intent: v.Intent) -> None:
        """ "No, I meant forty" is about the last command, if that had such a number; else about an answer."""
        if self._acting.correct(intent):
            return
        if final.free:
            self._answering.ask(self._now, final.text)
        else:
            self._apologies.not_understood(Meaning.UNCLEAR, final.text)

    # ------------------------------------------------------------------ the mouth, the skills, the engines

    def _reply_started(self, event: v.ReplyStarted) -> None:
        self._answering.reply_started(event.reply)
        self._announcing.started(event.reply, event.position)

    def _reply_ended(self, event: v.ReplyEnded) -> None:
        reply = self._answering.reply_ended(event)
        if reply is None:
            return
        self._reply_over()
        if self._announcing.reply_over(reply, event, self._now):
            return  # who was not asked anything need not be listened to
        if reply.cut is None and not self._answering.pending:
            self._follow_up(reply.expect or event.heard.rstrip().endswith("?"))

    def _reply_cut(self, event: v.ReplyCut) -> None:
        reply = self._answering.reply_cut(event)
        if reply is not None:
            self._reply_over()
            self._announcing.reply_over(reply, event, self._now)

    def _set_sounding(self, event: v.Sounding) -> None:
        self._sounding = event.on

    def _skill_done(self, event: v.SkillDone) -> None:
        silent = self._acting.done(event)
        if silent and not self._answering.pending and not self._answering.replying:
            self._follow_up(event.expect_reply)

    def _engine_failed(self, event: v.EngineFailed) -> None:
        if event.engine == "recogniser":
            self._apologies.recogniser_died()
            self._hearing.drop()
            if self._attention.is_open:
                self._recogniser_failed()
        elif event.engine == "voice":
            # lost behind the gate without a sound: if it was said, its answer will tell
            self._answering.drop_guess("voice")
            if self._answering.replying or self._answering.queued:
                self._drop("voice")
                self._emit(v.Earcon("error"))
        elif event.engine == "microphone" and self._hearing.open is not None:
            self._hearing.discard()  # half a sentence must not become a question
            if self._attention.is_open:
                self._attention.close()
                self._answering.say("microphone", expect=True)

    # ------------------------------------------------------------------ inside

    def _listen(self, onset: int, purpose: Purpose) -> None:
        # who goes on at once: the last word of what was ended lies in the pre-roll, and is not said twice
        start = max(onset - self._timing.pre_roll, min(self._heard_until, onset))
        self._hearing.listen(start, start, purpose).spoke = True

    def _make(self, moves: Moves, stop: bool = False) -> None:
        """Carry out what the judgement says; ``stop``: the words that it was about were nothing but "stop"."""
        for move in moves:
            match move:
                case Move.DUCK:
                    self._emit(v.Duck())
                case Move.HOLD:
                    self._emit(v.Hold())
                case Move.RESUME:
                    self._emit(v.Resume())
                case Move.FINALISE:
                    self._hearing.finalise(self._now)
                case Move.CANCEL:
                    self._take_floor(stop)

    def _take_floor(self, stop: bool = False) -> None:
        """The user interrupts for good; what they are saying is listened to until its end."""
        if stop:
            self._announcing.stop()
        self._answering.interrupt(self._now, "barge_in")
        self._yielding.cancelled()
        self._hearing.takes_floor(stop)
        self._attention.open(Purpose.INTERRUPT, self._now, self._timing.attention)

    def _stop(self) -> bool:
        """The user wants silence: alarms and earcons end too. Whether anything was said, pending or sounding."""
        rang = self._announcing.stop()
        busy = self._drop("stop") or self._sounding or rang
        if self._sounding:
            self._emit(v.StopSounds())
        return busy

    def _stop_and_listen(self) -> None:
        """The same for somebody who is speaking: "stop, what about tomorrow" is heard to its end."""
        self._announcing.stop()
        self._fall_silent("stop")
        if self._sounding:
            self._emit(v.StopSounds())
        self._hearing.takes_floor(stop=True)
        self._attention.open(Purpose.INTERRUPT, self._now, self._timing.attention)

    def _drop(self, reason: str) -> bool:
        """End everything: what is said, pending, listened to and attended; whether anything was said or pending."""
        busy = self._fall_silent(reason)
        self._hearing.drop()
        self._attention.close()
        return busy

    def _fall_silent(self, reason: str) -> bool:
        """End what is said, pending or being carried out; whether there was anything."""
        busy = self._answering.drop(self._now, reason)
        busy |= self._acting.drop()
        self._yielding.cancelled()
        return busy

    def _cut(self, reason: str) -> None:
        """Something more urgent is to be said than what is being said."""
        self._answering.cut(self._now, reason)
        self._yielding.cancelled()

    def _reply_over(self) -> None:
        self._make(self._yielding.release())
        self._hearing.drop_unasked()
        self._hearing.reply_over()

    def _follow_up(self, expect: bool) -> None:
        if expect:
            length = max(self._timing.attention, self._timing.follow_up)
            self._attention.open(Purpose.EXPECTED, self._now, length)
        else:
            self._attention.open(Purpose.FOLLOW_UP, self._now, self._timing.follow_up)

    def _recogniser_failed(self) -> None:
        self._attention.close()
        self._apologies.recogniser_failed()

    def _somebody_speaks(self) -> bool:
        """Words are, or may be, on their way: attention does not end now."""
        utterance = self._hearing.open
        if utterance is None:
            return self._hearing.busy
        return utterance.spoke or self._speech

    def _floor(self) -> Floor:
        return Floor(
            addressed=self._hearing.addressed,
            listening=self._hearing.busy or self._acting.busy,
            speech_since=self._speech_since if self._speech else NEVER,
            attending=self._attention.is_open,
            busy=self._answering.busy,
        )

    def _emit(self, command: v.Command) -> None:
        self._out.append(command)

    def _settle(self) -> list[v.Command]:
        """Begin what waited, show what changed, note what is due next; hand over the commands."""
        if not self._hearing.busy:
            self._answering.drop_guess()
        announced = self._announcing.proceed(self._now, self._floor())
        taken = announced or self._announcing.opening or self._hearing.busy
        if self._answering.proceed(self._now, taken) or announced:
            self._yielding.begin()
            self._attention.close()
            self._hearing.drop_unasked()
        utterance = self._hearing.open
        show = v.Show(
            attending=self._attention.is_open
            or (utterance is not None and utterance.purpose not in _UNASKED),
            thinking=self._answering.thinking,
            speaking=self._answering.speaking,
            ducked=self._yielding.ducked,
            held=self._yielding.held,
        )
        if show != self._shown:
            self._shown = show
            self._out.append(show)
        self._due = min(
            self._hearing.due(),
            self._attention.due(),
            self._yielding.due(),
            self._answering.due(),
            self._announcing.due,
        )
        out, self._out = self._out, []
        return out
