"""Values of every type that JSON knows, or kombu adds to it, and some that cannot be sent."""

import datetime
import decimal
import pprint
import uuid


class Opaque:
    def __repr__(self):
        return "<Opaque>"


VALUES = {
    "none": None,
    "bool": True,
    "int": 2,
    "negative": -1,
    "int64": -(2**63),
    "uint64": 2**64 - 1,
    "big": 10**30,
    "float": 2.0,
    "exponent": 1e300,
    "small": 1e-07,
    "nan": float("nan"),
    "infinity": float("-inf"),
    "text": "héllo 🚀 \x00\x7f\u2028<&>",
    "empty text": "",
    "surrogate": "\ud83d",
    "list": [1, 2.0, "x", None, []],
    "tuple": (1, (2,)),
    "dict": {"a": [1, 2.0, {"b": None}], "é": []},
    "empty dict": {},
    "keys": {1: "x", None: "y", True: "z", 2.5: "w"},
    "naive": datetime.datetime(2024, 1, 2, 3, 4, 5, 678901),
    "utc": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    "zone": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))),
    "date": datetime.date(2024, 1, 2),
    "time": datetime.time(3, 4, 5, 6),
    "decimal": decimal.Decimal("12.340"),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "bytes": "é".encode(),
    "binary": b"\x00\xff",
    "set": {1},
    "opaque": Opaque(),
}


def shown(value):
    """The repr of a value in ASCII, with its dicts sorted as Go sorts them."""
    return pprint.pformat(value, width=1000000).encode("ascii", "backslashreplace").decode()
