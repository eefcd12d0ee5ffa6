"""Runs in the container, in place of ``earshot run``: the same, in a simulated room in which somebody speaks.

A local command first, then a question that goes over the broker to the endpoint."""

import os
import sys

os.environ["XDG_CACHE_HOME"] = os.environ["CACHE_DIRECTORY"]  # talkers are rendered once

from device import audio
from device.cli import main
from device.scenario.talkers import render
from device.values import RATE_HZ

LINES = ((3, "Alexa, what time is it?"), (11, "Alexa, what is the weather tomorrow?"))
opened = audio.open_backend


def peopled(config, room=None):
    backend = opened(config, room)
    for at_s, text in LINES:
        backend.say(render(text), at_s * RATE_HZ)
    return backend


audio.open_backend = peopled
sys.exit(main(["run"]))
