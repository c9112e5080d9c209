"""A Nameko service: what ours calls, and what calls ours from inside of a service."""

import eventlet

from nameko.contextdata import Language
from nameko.rpc import RpcProxy, rpc


class NotFound(Exception):
    """An error of the service's own: no caller has its class."""


class PythonPeer:
    name = "python_peer"

    go_peer = RpcProxy("go_peer")
    caller_language = Language()

    @rpc
    def hello(self, name):
        return "Hello, {}!".format(name)

    @rpc
    def echo(self, value):
        return value

    @rpc
    def sig(self, a, b=2, *, c=3):
        return [a, b, c]

    @rpc
    def fail(self):
        raise Exception("it broke")

    @rpc
    def check(self, value):
        raise ValueError("bad value", value)

    @rpc(expected_exceptions=NotFound)
    def find(self, order_id):
        raise NotFound("no such order")

    @rpc
    def sleep(self, seconds):
        eventlet.sleep(seconds)

    @rpc
    def unserializable(self):
        return object()

    @rpc
    def language(self):
        return self.caller_language

    @rpc
    def relay(self, method, args):
        """Calls the Go service; its error becomes this call's."""
        return getattr(self.go_peer, method)(*args)
