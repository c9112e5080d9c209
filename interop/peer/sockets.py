"""A Nameko service that is reached by websocket: what is the same as GoSockets."""

from nameko.rpc import rpc
from nameko.web.websocket import WebSocketHubProvider, rpc as socket_rpc


class PythonSockets:
    name = "python_sockets"

    hub = WebSocketHubProvider()

    @socket_rpc
    def watch(self, socket_id, channel="all"):
        self.hub.subscribe(socket_id, channel)
        return self.hub.get_subscriptions(socket_id)

    @socket_rpc
    def leave(self, socket_id, channel):
        self.hub.unsubscribe(socket_id, channel)
        return self.hub.get_subscriptions(socket_id)

    @socket_rpc
    def echo(self, socket_id, value=None, *, more=2):
        return [value, more]

    @socket_rpc
    def say(self, socket_id, channel, text):
        self.hub.broadcast(channel, "said", {"text": text, "by": None})
        return self.hub.unicast(socket_id, "heard", [1, 2.5])

    @socket_rpc
    def tell(self, socket_id, other):
        return self.hub.unicast(other, "told", "x")

    @rpc
    def announce(self, text):
        self.hub.broadcast("all", "announced", {"text": text})
