"""Room *scenario*: a whole conversation as a TOML file, run against the real device in the simulated room.

Enters: scenario files (``docs/scenarios.md``). Leaves: what happened, when, whether it was what was expected, and
how long it took; on request a recording, a picture and a transcript.

Thread: none of its own. A lock-step run (``"clock": "sample"``) is one process with one thread and no broker: the
engines run in-process and their computing counts as no time. A real-time run (``"clock": "real"``) has a real
broker, a real endpoint worker and the engine processes.

May import: everything below the daemon, and the daemon itself to run it (``runner.py`` only). Nobody but the demo,
the benchmarks and the command line imports this room.

    file.toml ─► format ─► Scenario ─┬─► talkers ─► clips ──► timing ─► the room's talkers ─┐
                                     ├─► scripted endpoint ◄──────────────────────── Device ┤ runner, 10 ms a step
                                     └─► expectations ◄── Happened ◄── trace ◄──────────────┘
                                                   └─► measures, timeline.png, conversation.wav, transcript.md
"""
