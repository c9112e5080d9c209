"""A Nameko service that says what arrives in Python, and sends values of every type that JSON knows or kombu adds."""

import datetime
import decimal
import uuid

from nameko.rpc import RpcProxy, rpc

VALUES = {
    "none": None,
    "bool": True,
    "int": 2,
    "float": 2.0,
    "small": 1e-07,
    "nan": float("nan"),
    "infinity": float("-inf"),
    "uint64": 2**64 - 1,
    "big": 10**30,
    "text": "héllo 🚀 \x00\x7f\u2028<&>",
    "surrogate": "\ud83d",
    "nested": {"a": [1, 2.0, {"b": None}], "é": []},
    "naive": datetime.datetime(2024, 1, 2, 3, 4, 5, 678901),
    "utc": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    "zone": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))),
    "date": datetime.date(2024, 1, 2),
    "time": datetime.time(3, 4, 5, 6),
    "decimal": decimal.Decimal("12.340"),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "bytes": "é".encode(),
    "binary": b"\x00\xff",
    "keys": {1: "x", None: "y", True: "z", 2.5: "w"},
}


class PythonValues:
    name = "python_values"

    go_values = RpcProxy("go_values")
    compressed = RpcProxy("go_values", compression="gzip")

    @rpc
    def told(self, value):
        return ascii(value)

    @rpc
    def make(self, name):
        return VALUES[name]

    @rpc
    def ask(self, name):
        """Has the Go service send the value back."""
        return ascii(self.go_values.echo(VALUES[name]))

    @rpc
    def ask_compressed(self, name):
        return ascii(self.compressed.echo(VALUES[name]))

    @rpc
    def take(self, name):
        """Has the Go service make the value."""
        return ascii(self.go_values.make(name))
