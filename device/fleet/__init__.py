"""Who belongs to the fleet, with which certificate, and what the broker lets each of them do.

What enters: a fleet's description (`fleet.toml`: devices, workers, operators, Home Assistant). What leaves: certificates, and the
rules of the broker, as files for mosquitto and EMQX or as commands for a mosquitto that runs; the verdicts of attacks on a
broker with those rules. Which thread runs it: the command line's, one thread for everything. What it may import: the
errors, the topics and options of the link, paho for `apply` and `prove`, `cryptography` when a certificate is made.

    fleet.toml ─► description ─► rights ─┬─► dynamic_security ─► mosquitto's file, or commands ─► control ─► a running broker
                      │                  └─► emqx
                      └─► authority ─► certificates, revocations      prove: a throw-away broker, attacked
"""
