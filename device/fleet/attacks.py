"""The matrix: everything that members and strangers may try on the broker, and what must come of it.

Beside each kind of attack stands what is allowed: rules that let nobody do anything would refuse every attack.
"""

from __future__ import annotations

from device.fleet import tricks
from device.fleet.attack import Case, connects, publishes, subscribes
from device.fleet.dynamic_security import CONTROL
from device.fleet.rights import wake
from device.link import topics
from device.link.topics import PREFIX, any_ctl, any_up, down, group_config, shared_turns, turn, up

STRANGERS = (
    connects("nobody", "connects without a certificate", lambda s: s.connect(s.cast.device, certificate="")),
    connects(
        "nobody",
        "connects with the device's name, certified by another authority",
        lambda s: s.connect(s.cast.device, certificate="proof-foreign"),
    ),
    connects(
        "nobody",
        "connects with a certificate of the device that has expired",
        lambda s: s.connect(s.cast.device, certificate="proof-expired"),
    ),
    connects("nobody", "connects with a revoked certificate", lambda s: s.connect(s.cast.gone)),
    connects(
        "nobody",
        "connects as a client with the broker's own certificate",
        lambda s: s.connect(s.cast.device, certificate="broker"),
    ),
    Case("nobody", "speaks MQTT without TLS", True, tricks.without_tls),
    Case("nobody", "speaks TLS 1.1", True, tricks.old_tls),
    Case("neighbour", "passes for the broker with its own certificate", True, tricks.device_as_broker),
    Case("nobody", "writes with a certificate that no rule knows", True, tricks.unlisted),
    connects(
        "neighbour",
        "connects where passwords are asked for, without one",
        lambda s: s.connect(s.cast.neighbour, people=True),
    ),
    connects(
        "neighbour",
        "connects as the operator, by its own certificate and a guessed password",
        lambda s: s.connect(s.cast.operator, certificate=s.cast.neighbour.name, password="guess"),
    ),
)
"""Who has no certificate, or the wrong one."""

NAMES = (
    Case("neighbour", "takes the device's client id: must not push it off", True, tricks.steal_client_id),
    Case(
        "neighbour", "writes with the device's user name beside its own certificate", True, tricks.user_name
    ),
    connects(
        "homeassistant",
        "connects with the device's client id",
        lambda s: s.connect(s.cast.homeassistant, client_id=s.cast.device.name),
    ),
)
"""Who wants another's name."""

DEVICE_WRITES = (
    publishes("device", lambda c: up(c.device.name, "status"), "its own status", may=True),
    publishes("device", lambda c: turn(c.device.name, c.worker.pool), "a question to its pool", may=True),
    publishes("device", lambda c: wake(c.device.house, c.device.name), "its own wake claim", may=True),
    publishes(
        "device", lambda c: topics.discovery(c.device.name), "its own announcement to Home Assistant", may=True
    ),
    Case("neighbour", "another's retained status: must stay as it is", True, tricks.poison_status),
    Case("neighbour", "another's status as its last will", True, tricks.foreign_will),
    publishes(
        "neighbour", lambda c: turn(c.device.name, c.worker.pool), "a question in another's name"
    ),
    publishes(
        "neighbour", lambda c: down(c.neighbour.name, "config"), "its own configuration", retain=True
    ),
    publishes("neighbour", lambda c: down(c.device.name, "config"), "another's configuration", retain=True),
    publishes("neighbour", lambda c: group_config(c.device.group), "the group's configuration", retain=True),
    publishes("neighbour", lambda c: down(c.device.name, "cmd"), "a command to another"),
    publishes("neighbour", lambda c: down(c.device.name, "say"), "an announcement to another"),
    publishes("neighbour", lambda c: down(c.device.name, "turn"), "an answer to another's question"),
    publishes(
        "neighbour", lambda c: wake(c.device.house, c.device.name), "a wake claim in another's name"
    ),
    publishes(
        "stranger", lambda c: wake(c.device.house, c.stranger.name), "a wake claim in another house"
    ),
    publishes(
        "neighbour", lambda c: topics.discovery(c.device.name), "another's announcement to Home Assistant", retain=True
    ),
    publishes("neighbour", lambda c: topics.BIRTH, "the birth of Home Assistant"),
    publishes("neighbour", lambda c: topics.worker_status(c.worker.name), "a worker's status", retain=True),
    publishes("neighbour", lambda c: "$SYS/broker/version", "the broker's own topics"),
    publishes("neighbour", lambda c: "earshot/2/x", "anything beside the contract"),
    Case("neighbour", "a new user through $CONTROL: must not be there", True, tricks.new_user),
)  # fmt: skip

DEVICE_READS = (
    Case("device", "its own configuration, commands and answers: they arrive", False, tricks.own_down),
    subscribes("device", lambda c: group_config(c.device.group), "its group's configuration", may=True),
    subscribes("device", lambda c: wake(c.device.house, "+"), "the wake claims of its house", may=True),
    subscribes("device", lambda c: topics.BIRTH, "the birth of Home Assistant", may=True),
    subscribes("neighbour", lambda c: "#", "everything"),
    subscribes("neighbour", lambda c: f"{PREFIX}#", "everything of earshot"),
    subscribes("neighbour", lambda c: down(c.device.name, "#"), "what another is sent"),
    subscribes("neighbour", lambda c: down("+", "turn"), "the answers of all devices"),
    subscribes("neighbour", lambda c: any_up("turn/+"), "the questions of all devices"),
    subscribes("neighbour", lambda c: any_up("#", c.device.name), "what another says"),
    Case("neighbour", "joins the workers of a pool: they must get 20 of 20", True, tricks.join_the_pool),
    subscribes("neighbour", lambda c: f"$share/mine/{PREFIX}#", "everything, through a shared subscription"),
    subscribes("neighbour", lambda c: group_config(c.stranger.group), "another group's configuration"),
    subscribes("neighbour", lambda c: wake(c.stranger.house, "+"), "the wake claims of another house"),
    subscribes("neighbour", lambda c: "$SYS/#", "the broker's own topics"),
    subscribes("neighbour", lambda c: f"{CONTROL}/#", "the answers of $CONTROL"),
)

WORKERS = (
    subscribes("worker", lambda c: shared_turns(c.worker.pool), "the questions to its pool", may=True),
    subscribes("worker", lambda c: any_ctl(c.worker.name), "what is said to it about them", may=True),
    publishes("worker", lambda c: down(c.device.name, "turn"), "an answer", may=True),
    publishes("worker", lambda c: topics.worker_status(c.worker.name), "its own status", may=True),
    publishes("worker", lambda c: down(c.device.name, "config"), "a device's configuration", retain=True),
    publishes("worker", lambda c: group_config(c.device.group), "a group's configuration", retain=True),
    publishes("worker", lambda c: down(c.device.name, "cmd"), "a command to a device"),
    publishes("worker", lambda c: down(c.device.name, "say"), "an announcement to a device"),
    publishes("worker", lambda c: up(c.device.name, "status"), "a device's status", retain=True),
    publishes(
        "worker", lambda c: topics.worker_status(c.colleague.name), "another worker's status", retain=True
    ),
    subscribes("rival", lambda c: shared_turns(c.worker.pool), "the questions to another pool"),
    subscribes("worker", lambda c: any_up("turn/+"), "the questions to all pools"),
    subscribes("worker", lambda c: any_ctl(c.colleague.name), "what is said to another worker"),
    subscribes("worker", lambda c: any_up("state"), "what devices are doing"),
)

HOME_ASSISTANT = (
    subscribes("homeassistant", lambda c: "homeassistant/+/+/config", "announcements", may=True),
    subscribes("homeassistant", lambda c: any_up("state", c.device.name), "a device's state", may=True),
    publishes("homeassistant", lambda c: down(c.device.name, "cmd"), "a command to a device", may=True),
    publishes("homeassistant", lambda c: topics.BIRTH, "its birth", may=True),
    publishes("homeassistant", lambda c: down(c.device.name, "config"), "a configuration", retain=True),
    publishes(
        "homeassistant", lambda c: group_config(c.device.group), "a group's configuration", retain=True
    ),
    publishes("homeassistant", lambda c: down(c.device.name, "turn"), "an answer to a question"),
    publishes("homeassistant", lambda c: up(c.device.name, "status"), "a device's status", retain=True),
    publishes(
        "homeassistant", lambda c: topics.discovery(c.device.name), "a device's announcement", retain=True
    ),
    subscribes("homeassistant", lambda c: any_up("turn/+"), "the questions of devices"),
    subscribes("homeassistant", lambda c: down("+", "#"), "the answers that devices get"),
)

OPERATORS = (
    publishes("operator", lambda c: down(c.device.name, "config"), "a configuration", retain=True, may=True),
    publishes("operator", lambda c: group_config(c.device.group), "a group's configuration", retain=True, may=True),
    subscribes("operator", lambda c: any_up("config"), "the reports of all devices", may=True),
    Case("operator", "is connected twice at once", False, tricks.twice),
    publishes("operator", lambda c: down(c.device.name, "turn"), "an answer to a question"),
    publishes("operator", lambda c: up(c.device.name, "config"), "a device's report", retain=True),
    publishes("operator", lambda c: CONTROL, "the rules"),
    subscribes("operator", lambda c: any_up("turn/+"), "the questions of devices"),
    subscribes("operator", lambda c: any_up("ctl/+"), "what was heard of the answers"),
    Case("operator", "takes over the device's session: must hear no answer", True, tricks.take_session),
    subscribes("operator", lambda c: f"{PREFIX}#", "everything of earshot, words included"),
)  # fmt: skip

MATRIX: tuple[Case, ...] = (
    *STRANGERS, *NAMES, *DEVICE_WRITES, *DEVICE_READS, *WORKERS, *HOME_ASSISTANT, *OPERATORS
)  # fmt: skip
