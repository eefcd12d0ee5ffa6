"""Room *bench*: what earshot costs and how well it listens, measured and never asserted.

Enters: nothing, or recordings of people. Leaves: medians, percentiles and ratios on the terminal, as JSON or as a
picture. Each benchmark measures in one run what it compares (shared machines are noisy). Thread: the main one of a
process of its own, which stands in for the ear's. May import: every room.

``idle`` and ``load`` are about cost, ``barge_in`` and ``echo`` about hearing through its own voice, ``turns`` about
answering in time. ``parts`` makes the parts under test, ``speex`` what they are compared with.
"""
