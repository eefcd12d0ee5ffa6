"""Room *conversation*: the duplex loop, which decides who has the floor.

Enters: events with sample positions (``device.values.Event``) and the passing of time (``tick``).
Leaves: commands (``device.values.Command``): listen, duck, hold, resume, cancel, say, open a turn, act, earcon, show.
Thread: none of its own; the ear's thread steps it every 10 ms. It is pure: no I/O, no clock, no engine, no randomness.
May import: ``device.values`` and ``device.config``.

    ear ──► Wake, SpeechBegan, Partial, PlausibleEnd ...  ──┐                    ┌─► Listen, Finalise, Discard ──► ear
    mouth ► ReplyStarted, ReplyEnded, ReplyCut ─────────────┼─► Conversation ────┼─► Say, ReplyText, Duck, Hold ─► mouth
    link ─► TurnDelta, TurnEnded, TurnFailed ───────────────┤                    ├─► OpenTurn, CommitTurn ... ──► link
    skills► SkillPreview, SkillDone ────────────────────────┘                    └─► Preview, Act ─────────────► skills

One idea a file: ``attention`` (may the user speak without a wake word?), ``hearing`` (which utterance is being
recognised?), ``speaking`` (which reply has the loudspeaker?), ``yielding`` (somebody talks over it: duck, hold, cancel
or resume?), ``gate`` (the answer that is prepared while the user may go on), ``turn`` (what was asked of the endpoint?),
``answering`` (from a question to the last heard word of its answer), ``record`` (what was asked and heard),
``continuing`` (what do "go on" and "repeat that" mean?), ``acting`` (which local intents are under way?), ``announcing``
and ``announcement`` (what is said unasked, and when?), ``meaning`` (what does a final result ask for?), ``apologies``
(what is said when nothing was understood?), ``history`` (what was really said and heard?), ``words`` and ``sentences``
(language data), ``timing`` (how long all of it takes). ``conversation`` puts them together.
"""

from device.conversation.conversation import Conversation

__all__ = ["Conversation"]
