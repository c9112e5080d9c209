"""A Nameko service that goes on a tour with one in Go: each visit is a call of the other, or an event for it."""

from nameko.events import EventDispatcher, event_handler
from nameko.extensions import DependencyProvider
from nameko.rpc import RpcProxy, rpc


class Call(DependencyProvider):
    def get_dependency(self, worker_ctx):
        return worker_ctx


class PythonTour:
    name = "python_tour"

    go_tour = RpcProxy("go_tour")
    dispatch = EventDispatcher()
    call = Call()

    @rpc
    def visit(self, tour):
        self.go_on(tour)

    @event_handler("go_tour", "visit")
    def on_visit(self, tour):
        self.go_on(tour)

    def go_on(self, tour):
        tour["visits"].append({"stack": self.call.call_id_stack, "data": self.call.data})
        if not tour["legs"]:
            return self.dispatch("ended", tour)
        leg = tour["legs"].pop(0)
        if leg == "event":
            self.dispatch("visit", tour)
        else:
            self.go_tour.visit(tour)
