"""The services of docs/nameko.md in Python, for Nameko: nameko run --config config.yaml stock"""

from collections import Counter
from weakref import WeakKeyDictionary

from nameko.extensions import DependencyProvider, SharedExtension
from nameko.rpc import RpcProxy, rpc


class OutOfStock(Exception):
    pass


class UnknownProduct(Exception):
    pass


class Shelf(SharedExtension):
    """Counts the products in stock."""

    def setup(self):
        self.counts = Counter(self.container.config["STOCK"])


class Basket:
    """Holds the products that one call takes from the shelf."""

    def __init__(self, shelf):
        self.shelf = shelf
        self.taken = Counter()

    def count(self, product):
        return self.shelf.counts[product] - self.taken[product]

    def take(self, product, number):
        self.taken[product] += number


class Baskets(DependencyProvider):
    shelf = Shelf()

    def setup(self):
        self.baskets = WeakKeyDictionary()

    def get_dependency(self, worker_ctx):
        basket = self.baskets[worker_ctx] = Basket(self.shelf)
        return basket

    def worker_result(self, worker_ctx, result=None, exc_info=None):
        if exc_info is None:
            self.shelf.counts.subtract(self.baskets[worker_ctx].taken)

    def worker_teardown(self, worker_ctx):
        del self.baskets[worker_ctx]


class Stock:
    name = "stock"

    prices = RpcProxy("prices")
    basket = Baskets()

    @rpc
    def count(self, product):
        return self.basket.count(product)

    @rpc(expected_exceptions=OutOfStock)
    def take(self, product, number=1):
        if self.basket.count(product) < number:
            raise OutOfStock("out of stock")
        self.basket.take(product, number)
        return self.prices.price(product, number=number)


class Currency(DependencyProvider):
    def get_dependency(self, worker_ctx):
        return worker_ctx.data.get("currency", "EUR")


class Prices:
    name = "prices"

    currency = Currency()

    @rpc(expected_exceptions=UnknownProduct)
    def price(self, product, number):
        if product != "tea":
            raise UnknownProduct("unknown product")
        return {"amount": 250 * number, "currency": self.currency}
