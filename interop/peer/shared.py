"""Nameko services that share their queues with those in Go of events_test.go: all tell what they have handled."""

import os

from nameko.contextdata import Language
from nameko.events import BROADCAST, SERVICE_POOL, SINGLETON, EventDispatcher, EventHandler
from nameko.rpc import rpc
from nameko.standalone.events import event_dispatcher

INSTANCE = os.environ["INSTANCE"]


class InstanceHandler(EventHandler):
    broadcast_identifier = INSTANCE  # without one of its own there are no reliable broadcasts


on = InstanceHandler.decorator


class Listener:
    """What the services have in common. The first time that it gets an event that is given back it fails."""

    dispatch = EventDispatcher()
    language = Language()
    seen = set()

    def handled(self, handler, data):
        if handler.endswith("_requeue") and (handler, data["id"]) not in self.seen:
            self.seen.add((handler, data["id"]))
            raise Exception("not at once")
        self.dispatch("handled", {"by": INSTANCE, "handler": handler, "id": data["id"], "language": self.language or ""})


class Shared(Listener):
    name = "shared"

    @rpc
    def emit(self, event, numbers):
        for number in numbers:
            self.dispatch(event, {"id": number})

    @rpc
    def emit_as_script(self, event, numbers):
        """Dispatches as a script does, which has no context data."""
        dispatch = event_dispatcher({"AMQP_URI": os.environ["AMQP_URI"]})
        for number in numbers:
            dispatch("shared", event, {"id": number})

    @on("shared", "pool", handler_type=SERVICE_POOL)
    def on_pool(self, data):
        self.handled("on_pool", data)

    @on("shared", "pool_unreliable", reliable_delivery=False)
    def on_pool_unreliable(self, data):
        self.handled("on_pool_unreliable", data)

    @on("shared", "pool_requeue", requeue_on_error=True)
    def on_pool_requeue(self, data):
        self.handled("on_pool_requeue", data)

    @on("shared", "star.*")
    def on_star(self, data):
        self.handled("on_star", data)

    @on("shared", "hash.#")
    def on_hash(self, data):
        self.handled("on_hash", data)

    @on("shared", "*.end")
    def on_end(self, data):
        self.handled("on_end", data)


class PythonAlone(Listener):
    name = "python_alone"

    @on("shared", "singleton", handler_type=SINGLETON)
    def on_singleton(self, data):
        self.handled("on_singleton", data)

    @on("shared", "singleton_unreliable", handler_type=SINGLETON, reliable_delivery=False)
    def on_singleton_unreliable(self, data):
        self.handled("on_singleton_unreliable", data)

    @on("shared", "singleton_requeue", handler_type=SINGLETON, requeue_on_error=True)
    def on_singleton_requeue(self, data):
        self.handled("on_singleton_requeue", data)


class Everywhere(Listener):
    name = "everywhere"

    @on("shared", "broadcast", handler_type=BROADCAST)
    def on_broadcast(self, data):
        self.handled("on_broadcast", data)

    @on("shared", "broadcast_unreliable", handler_type=BROADCAST, reliable_delivery=False)
    def on_broadcast_unreliable(self, data):
        self.handled("on_broadcast_unreliable", data)

    @on("shared", "broadcast_requeue", handler_type=BROADCAST, requeue_on_error=True)
    def on_broadcast_requeue(self, data):
        self.handled("on_broadcast_requeue", data)
