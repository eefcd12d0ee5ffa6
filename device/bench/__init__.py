"""Room *bench*: what earshot costs, measured and never asserted.

Enters: nothing. Leaves: medians, percentiles and ratios on the terminal or as JSON. Each benchmark measures in one run
what it compares (shared machines are noisy). Thread: the main one of a process of its own, which stands in for the
ear's. May import: every room.
"""
