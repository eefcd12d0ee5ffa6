"""Room *doctor*: finds out what is wrong with the device, and says what to do.

Enters: the configuration and the device's sound hardware (or the simulated room). Leaves: a report, for people and for
programs. Thread: the caller's, which drives the audio engine meanwhile as the ear's thread does in the daemon. May
import: audio, config, errors, values, the catalogue of problems; nothing of the daemon.
"""
