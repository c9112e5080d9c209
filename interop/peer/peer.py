"""The Nameko services that ours call, and that call ours: python_peer and what is around it."""

from eventlet.queue import Queue

from nameko import exceptions
from nameko.contextdata import AuthToken, Language, UserAgent, UserId
from nameko.events import EventDispatcher, event_handler
from nameko.extensions import DependencyProvider
from nameko.rpc import RpcProxy, rpc

from values import VALUES, Opaque, shown


class NotFound(Exception):
    """An error of the service's own: no caller has its class."""


class Outer:
    class Nested(Exception):
        pass


class Coded(Exception):
    def __str__(self):
        return "code={} detail={}".format(*self.args)


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


ERRORS = {
    "text": ValueError("bad value"),
    "no arguments": ValueError(),
    "number": ValueError(42),
    "None": ValueError(None),
    "several": ValueError("one", 2, 3.5, True, None, {"k": 1}, [1, "x"], b"ab", Opaque()),
    "unicode": ValueError("héllo 🚀"),
    "KeyError": KeyError("missing"),
    "nested": Outer.Nested("nested"),
    "coded": Coded(12, "boom"),
    "mute": Mute("x"),
    "OSError": FileNotFoundError(2, "No such file or directory", "thing.txt"),
    "fault": Exception("it broke"),
    "panic": RuntimeError("it broke"),
    "MethodNotFound": exceptions.MethodNotFound("from user code"),
    "MalformedRequest": exceptions.MalformedRequest("from user code"),
    "IncorrectSignature": exceptions.IncorrectSignature("from user code"),
    "BadRequest": exceptions.BadRequest("from user code"),
    "ConnectionNotFound": exceptions.ConnectionNotFound("from user code"),
    "RpcTimeout": exceptions.RpcTimeout("from user code"),
    "UnknownService": exceptions.UnknownService("from user code"),
    "RemoteError": exceptions.RemoteError("NotFound", "from user code"),
}


class Worker(DependencyProvider):
    def get_dependency(self, worker_ctx):
        return worker_ctx


def tell(worker):
    """What a call knows of those before it."""
    return {"stack": worker.call_id_stack, "data": worker.data}


marks = Queue()
doubled = []


class PythonPeer:
    name = "python_peer"

    go_peer = RpcProxy("go_peer")
    python_peer = RpcProxy("python_peer")
    nobody = RpcProxy("nobody")
    dispatch = EventDispatcher()
    worker = Worker()
    caller_language = Language()
    caller_id = UserId()
    caller_agent = UserAgent()
    caller_token = AuthToken()

    @rpc
    def hello(self, name):
        return "Hello, {}!".format(name)

    @rpc
    def echo(self, value):
        return value

    @rpc
    def told(self, value):
        return shown(value)

    @rpc
    def make(self, name):
        return VALUES[name]

    @rpc
    def sig(self, a, b=2, *, c=3):
        return [a, b, c]

    @rpc
    def pair(self, a, b):
        return [a, b]

    @rpc
    def keyword(self, a, *, b):
        return [a, b]

    @rpc
    def nothing(self):
        return None

    def hidden(self):
        raise AssertionError("called without @rpc")

    @rpc
    def fail(self, name):
        raise ERRORS[name]

    @rpc(expected_exceptions=NotFound)
    def find(self, order_id):
        raise NotFound("no such order")

    @rpc
    def caused(self):
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise NotFound("no such order") from cause

    @rpc
    def language(self):
        return self.caller_language

    @rpc
    def relay(self, path, method, args):
        """Calls the method by way of other services; the error of the next one becomes this call's."""
        following = getattr(self, path[0])
        if path[1:]:
            return following.relay(path[1:], method, args)
        return getattr(following, method)(*args)

    @rpc
    def hop(self, path):
        """Goes through the services of path, and has each tell what it knows."""
        told = tell(self.worker)
        told["known"] = [self.caller_language, self.caller_id, self.caller_agent, self.caller_token]
        return [told] + (getattr(self, path[0]).hop(path[1:]) if path else [])

    @rpc
    def announce(self, value):
        self.dispatch("announced", value)

    @rpc
    def mark(self, text):
        marks.put(text)

    @rpc
    def marked(self):
        return marks.get()

    @rpc
    def doubled(self):
        return doubled


class Audience:
    """Hears what either peer announces, and tells what came with it."""

    name = "audience"

    worker = Worker()
    heard_ = Queue()

    @event_handler("python_peer", "announced")
    def on_python(self, value):
        self.heard_.put(tell(self.worker))

    @event_handler("go_peer", "announced")
    def on_go(self, value):
        self.heard_.put(tell(self.worker))

    @rpc
    def heard(self):
        return self.heard_.get()


class X:
    """Shares its queue with an instance in Go."""

    name = "x"

    @rpc
    def double(self, n):
        doubled.append(n)
        return {"by": "python", "n": 2 * n}
