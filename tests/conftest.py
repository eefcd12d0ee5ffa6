"""Settings of the whole suite: machines are shared and noisy, so no test may depend on how fast one is."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
# what a device remembers lies there, and never in the home of whoever runs the tests
os.environ["STATE_DIRECTORY"] = tempfile.mkdtemp(prefix="earshot-tests-")
atexit.register(shutil.rmtree, os.environ["STATE_DIRECTORY"], ignore_errors=True)
settings.register_profile("earshot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("earshot")


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """The level of the log is the whole process's, and orders and configurations of a device change it."""
    root = logging.getLogger()
    before = root.level
    yield
    root.setLevel(before)
