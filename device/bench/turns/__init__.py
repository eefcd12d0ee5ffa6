"""``earshot bench turns``: how soon the device answers, how often too soon, and what that costs.

    plan ──► sessions (a process each) ──► judge ──► figures ──► JSON, text, picture
              the whole device in the simulated room, with synthetic talkers whose words have exact times

One idea a file: ``sentences`` (what is said), ``plan`` (what is run), ``speech`` (its sound, its word times),
``recogniser``, ``model`` and ``voice`` (the scripted services, in place of engines and endpoint), ``loudspeaker`` (what
was audible when), ``session`` (a conversation), ``judge`` (what a turn shows), ``figures``, ``own`` (earshot's own
recognisers and voice), ``run`` (processes), ``picture``, ``command``.
"""
