"""A service of Nameko between two in Go. It knows nothing of traces."""

from nameko.events import EventDispatcher
from nameko.rpc import RpcProxy, rpc


class Relay:
    name = "relay"

    store = RpcProxy("store")
    dispatch = EventDispatcher()

    @rpc
    def pass_on(self, count):
        left = self.store.take(count)
        self.dispatch("passed", left)
        return left
