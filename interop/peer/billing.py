"""Nameko services: billing shares its queue with one in Go that retries, and ledger is what that one calls."""

from nameko.events import EventDispatcher, event_handler
from nameko.extensions import DependencyProvider
from nameko.rpc import rpc


class Call(DependencyProvider):
    def get_dependency(self, worker_ctx):
        return worker_ctx


class Teller:
    """Tells what its handlers get: the number of the event, and the context data, which has every header."""

    call = Call()
    dispatch = EventDispatcher()

    def tell(self, what, event):
        self.dispatch(what, {"by": "python", "id": event["id"], "data": self.call.data})


class Billing(Teller):
    name = "billing"

    @event_handler("shop", "order_paid")
    def on_paid(self, event):
        self.tell("billed", event)


class Ledger(Teller):
    name = "ledger"

    @rpc
    def enter(self, event):
        self.tell("entered", event)

    @rpc
    def refuse(self):
        raise Exception("closed")

    @event_handler("billing", "invoiced")
    def on_invoiced(self, event):
        self.tell("heard", event)
