"""Prints getcallargs.json: what inspect.getcallargs of Python 3.11 does for a grid of signatures and calls.

Run it in this folder: python3.11 getcallargs.py > getcallargs.json
Nameko checks calls with inspect.getcallargs(method, None, *args, **kwargs), the None being self.
"""

import inspect
import json


class Grid:
    def none(self): ...
    def one(self, a): ...
    def two(self, a, b): ...
    def three(self, a, b, c): ...
    def default(self, a, b=1): ...
    def defaults(self, a=1, b="two"): ...
    def star(self, a, *rest): ...
    def star_default(self, a, b=1, *rest): ...
    def only(self, a, *, c): ...
    def only_default(self, a, b=1, *, c, d=None): ...
    def only_two(self, *, c, d): ...
    def opts(self, a, **opts): ...
    def all(self, a, b=1, *rest, c, d=None, **opts): ...
    def fields(self, a, b=1): ...


KEYWORDS = [(), ("a",), ("b",), ("c",), ("d",), ("z",), ("c", "d"), ("z", "a"), ("self",), ("rest",), ("it's",), ('"\n\u00e9',)]


def cases():
    for name, method in vars(Grid).items():
        if name.startswith("_"):
            continue
        parameters = list(inspect.signature(method).parameters)[1:]
        for count in (0, 1, 2, 4):
            for names in KEYWORDS:
                args = list(range(10, 10 + count))
                kwargs = {k: "kw " + k for k in names}
                case = {"name": name, "args": args, "kwargs": list(kwargs.items())}
                try:
                    bound = inspect.getcallargs(method, None, *args, **kwargs)
                    case["bound"] = [bound[p] for p in parameters]
                except TypeError as err:
                    case["error"] = str(err)
                yield case


if __name__ == "__main__":
    print("[\n" + ",\n".join(json.dumps(c) for c in cases()) + "\n]")
