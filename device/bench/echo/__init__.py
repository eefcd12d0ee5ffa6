"""``earshot bench echo``: the echo canceller alone, in simulated rooms and on recordings.

One idea a file: ``cases`` (which rooms), ``scene`` (what sounds in one), ``intelligibility``, ``measure``, ``real``
(recordings of the AEC challenge), ``figures`` (the result for people).
"""
