"""The Python half of docs/testing.md: a service, and its tests with Nameko's kit as pytest would run them.

It runs them all, on the broker at AMQP_URI, with fixtures of its own in place of those of Nameko's plugin for pytest.
"""

import eventlet

eventlet.monkey_patch()  # as the plugin does

import os

from nameko.containers import ServiceContainer
from nameko.events import event_handler
from nameko.exceptions import MethodNotFound
from nameko.extensions import DependencyProvider
from nameko.rpc import RpcProxy, rpc
from nameko.standalone.events import event_dispatcher
from nameko.standalone.rpc import ServiceRpcProxy
from nameko.testing.services import (
    entrypoint_hook,
    entrypoint_waiter,
    replace_dependencies,
    restrict_entrypoints,
    worker_factory,
)


class raises:
    """Stands in for pytest.raises."""

    def __init__(self, expected):
        self.expected = expected

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        assert kind is self.expected, f"got {kind}, want {self.expected}"
        return True


class SoldOut(Exception):
    pass


class Stock(DependencyProvider):
    pass


class Shop:
    name = "shop"

    users = RpcProxy("users")
    stock = Stock()

    @rpc
    def buy(self, user_id, product):
        name = self.users.get_name(user_id)
        self.stock.take(product)
        return product + " for " + name

    @rpc
    def count(self):
        return self.stock.count()


def test_buy_alone():
    shop = worker_factory(Shop)
    shop.users.get_name.return_value = "Julio"

    assert shop.buy(7, "tea") == "tea for Julio"


def test_buy_replaced(container_factory, rabbit_config):
    container = container_factory(Shop, rabbit_config)
    users, stock = replace_dependencies(container, "users", "stock")
    users.get_name.return_value = "Julio"
    container.start()

    with ServiceRpcProxy("shop", rabbit_config) as shop:
        assert shop.buy(7, "tea") == "tea for Julio"


def test_hook(container_factory, rabbit_config):
    container = container_factory(Shop, rabbit_config)
    users, stock = replace_dependencies(container, "users", "stock")
    stock.take.side_effect = SoldOut
    container.start()

    with entrypoint_hook(container, "buy", context_data={"language": "es"}) as buy:
        with raises(SoldOut):
            buy(7, product="tea")


def test_waiter(container_factory, rabbit_config):
    container = container_factory(Shop, rabbit_config)
    users, stock = replace_dependencies(container, "users", "stock")
    stock.count.return_value = 2
    container.start()

    with ServiceRpcProxy("shop", rabbit_config) as shop:
        with entrypoint_waiter(container, "count") as result:
            shop.count.call_async()
    assert result.get() == 2


class Readers(DependencyProvider):
    pass


class Newsletter:
    name = "newsletter"

    readers = Readers()

    @event_handler("users", "user_deleted")
    def unsubscribe(self, user):
        self.readers.remove(user["id"])


def test_event(container_factory, rabbit_config):
    container = container_factory(Newsletter, rabbit_config)
    readers = replace_dependencies(container, "readers")
    container.start()

    with entrypoint_waiter(container, "unsubscribe"):
        event_dispatcher(rabbit_config)("users", "user_deleted", {"id": 7})
    readers.remove.assert_called_once_with(7)


def test_only(container_factory, rabbit_config):
    container = container_factory(Shop, rabbit_config)
    replace_dependencies(container, "users", "stock")
    restrict_entrypoints(container, "count")
    container.start()

    with ServiceRpcProxy("shop", rabbit_config) as shop:
        with raises(MethodNotFound):
            shop.buy(7, "tea")


def main():
    config = {"AMQP_URI": os.environ["AMQP_URI"]}
    for test in (test_buy_alone, test_buy_replaced, test_hook, test_waiter, test_event, test_only):
        containers = []

        def container_factory(*args):
            containers.append(ServiceContainer(*args))
            return containers[-1]

        fixtures = {"container_factory": container_factory, "rabbit_config": config}
        names = test.__code__.co_varnames[: test.__code__.co_argcount]
        test(**{name: fixtures[name] for name in names})
        for container in containers:
            container.kill()
        print("passed", test.__name__, flush=True)


if __name__ == "__main__":
    main()
