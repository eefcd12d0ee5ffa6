"""A guess over a real broker whose worker, or whose broker, is gone when it comes true. The device's clock stands still, so
that no deadline helps."""

from __future__ import annotations

import pytest
from helpers_broker import Spy, broker, until  # noqa: F401
from test_endpoint_worker import Dictated, WorkerThread, asked, ended, spoken
from test_link_broker import Device, device  # noqa: F401

from device.link.topics import any_ctl, shared_turns
from device.values import CommitTurn, OpenTurn, ReviseTurn, TurnAcked, TurnDelta, TurnEnded

QUESTION = "tell me a story"


def guess(device: Device) -> None:  # noqa: F811
    device.link.execute(OpenTurn(1, QUESTION, speculative=True))


def acks(device: Device) -> list:  # noqa: F811
    device.poll()
    return [event for event in device.events if isinstance(event, TurnAcked)]


@pytest.fixture
def pool(broker):  # noqa: F811
    """Start workers in this process, each with a backend that says what the test dictates."""
    threads: list[WorkerThread] = []
    watcher = Spy(broker, "watcher", ("earshot/1/w/#",))  # and nothing else, or nothing would ever be unread

    def start(name: str) -> tuple[Dictated, WorkerThread]:
        backend = Dictated()
        threads.append(WorkerThread(broker, backend, name))
        watcher.wait(f"w/{name}/up/status", state="online")
        return backend, threads[-1]

    yield start
    for thread in threads:
        thread.close()
    watcher.close()


def test_a_revision_before_the_ack_is_answered_and_the_old_text_is_not(device, pool):  # noqa: F811
    backend, _ = pool("a1")
    guess(device)
    device.link.execute(ReviseTurn(1, 2, "tell me two stories"))
    device.link.execute(CommitTurn(2))
    asked(backend, 1)
    device.until(lambda: len(backend.queues) == 2, "the revision at the backend")
    assert backend.questions == [QUESTION, "tell me two stories"]
    backend.say("Two stories.")
    backend.say(None)
    assert isinstance(device.until(lambda: ended(device, 2), "the end"), TurnEnded)
    assert spoken(device, 2) == "Two stories." and not spoken(device, 1)


@pytest.mark.parametrize("news", [(CommitTurn(1),), (ReviseTurn(1, 2, QUESTION), CommitTurn(2))])
def test_a_worker_that_dies_before_its_guess_comes_true_is_replaced_at_once(device, broker, pool, news):  # noqa: F811
    dying = Spy(broker, "dying", (shared_turns("home"), any_ctl("dying")))
    guess(device)
    ack = {"op": "ack", "turn": dying.wait("up/turn/home").json["turn"], "worker": "dying"}
    dying.publish("earshot/1/d/kitchen/dn/turn", ack)
    device.until(lambda: acks(device), "the ack")
    dying.close()
    backend, _ = pool("b1")
    for command in news:
        device.link.execute(command)
    device.until(lambda: backend.queues, "the question")
    backend.say("Once upon a time.")
    backend.say(None)
    turn = len(news)
    assert isinstance(device.until(lambda: ended(device, turn), "the end"), TurnEnded)
    assert spoken(device, turn) == "Once upon a time."


def test_a_worker_started_again_under_its_name_says_that_it_knows_nothing(device, pool):  # noqa: F811
    _, thread = pool("a1")
    guess(device)
    device.until(lambda: acks(device), "the ack")
    until(lambda: thread.worker._turns, "the turn")
    # as if killed: what it knew is gone, its name and its subscriptions are not
    thread.loop.call_soon_threadsafe(thread.worker._turns.clear)
    device.link.execute(ReviseTurn(1, 2, "tell me two stories"))
    device.link.execute(CommitTurn(2))
    backend = thread.worker.backend
    device.until(lambda: len(backend.queues) == 2, "the question once more")
    backend.say("Two stories.")
    backend.say(None)
    assert isinstance(device.until(lambda: ended(device, 2), "the end"), TurnEnded)
    assert spoken(device, 2) == "Two stories."


def test_a_broker_started_again_between_guess_and_commitment_costs_no_answer(device, pool, broker):  # noqa: F811
    backend, thread = pool("a1")
    guess(device)
    device.until(lambda: acks(device), "the ack")
    asked(backend, 1)
    connects = device.transport.counters["connects"], thread.worker._client.counters["connects"]
    broker.stop()
    device.until(lambda: not device.link.connected, "the loss")
    device.link.execute(ReviseTurn(1, 2, "tell me two stories"))  # which nobody can read
    device.link.execute(CommitTurn(2))
    broker.start()
    until(lambda: thread.worker._client.counters["connects"] > connects[1], "the worker's return")
    device.until(lambda: device.transport.counters["connects"] > connects[0], "the device's return")
    device.until(lambda: len(backend.queues) == 2, "the revision at the backend")
    backend.say("Two stories.")
    backend.say(None)
    device.pass_time(160)  # the end may have been sent before the device could read again
    assert isinstance(device.until(lambda: ended(device, 2), "the end"), TurnEnded)
    assert spoken(device, 2) == "Two stories."
    assert not [event for event in device.events if isinstance(event, TurnDelta) and event.turn == 1]
