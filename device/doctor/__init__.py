"""Room *doctor*: finds out what is wrong with the device, and says what to do.

Enters: the configuration, this machine, its sound devices (or the simulated room), the broker. Leaves: a report, for people and
for programs. Thread: the caller's; each check in one of its own, which may be left behind; sound is driven as the ear's thread
does in the daemon. May import: what it looks at, that is every room that a check tries, beside errors, config and problems;
nothing imports it.

    admission ─► Patient ─► checkup ─► checks/, one file each ─► findings ─► summary, or JSON
                                                   └─ recording, damage, sound_trial, engine_trial, visitor: how they try
"""
