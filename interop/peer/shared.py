"""A Nameko service that shares its queues with one in Go of the same name: both tell what they have handled."""

from nameko.contextdata import Language
from nameko.events import BROADCAST, SINGLETON, EventDispatcher, event_handler
from nameko.rpc import rpc


class Shared:
    name = "shared"

    dispatch = EventDispatcher()
    language = Language()

    @rpc
    def emit(self, event, numbers):
        for number in numbers:
            self.dispatch(event, {"id": number})

    @event_handler("shared", "pool_evt")
    def on_pool(self, data):
        self.handled("pool", data)

    @event_handler("shared", "unreliable_evt", reliable_delivery=False)
    def on_unreliable(self, data):
        self.handled("unreliable", data)

    @event_handler("shared", "wild.*")
    def on_wild(self, data):
        self.handled("wild", data)

    @event_handler("shared", "singleton_evt", handler_type=SINGLETON)
    def on_singleton(self, data):
        self.handled("singleton", data)

    @event_handler("shared", "broadcast_evt", handler_type=BROADCAST, reliable_delivery=False)
    def on_broadcast(self, data):
        self.handled("broadcast", data)

    def handled(self, handler, data):
        self.dispatch("handled", {"by": "python", "handler": handler, "id": data["id"], "language": self.language})
