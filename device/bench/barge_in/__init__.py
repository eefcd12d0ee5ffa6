"""``earshot bench barge-in``: how soon the device gives way to a talker, and how well it knows that nobody talks.

    conditions ──► sessions (a process each) ──► judge ──► tables ──► JSON, text, picture
                    the whole device in the simulated room, in lock-step

One idea a file: ``plan`` (what is run), ``talkers`` and ``playback`` (who says what, what is played), ``gain`` (what
left the loudspeaker), ``session`` (one run), ``judge`` (what a trial shows), ``figures`` (conditions), ``picture``.
"""
