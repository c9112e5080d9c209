"""Nameko's side of the benchmark: `peer.py service|client URI` carries out the orders on its standard input."""

import eventlet

eventlet.monkey_patch()

import collections
import json
import os
import sys
import time

from eventlet.hubs import trampoline
from nameko.containers import ServiceContainer
from nameko.rpc import rpc
from nameko.standalone.rpc import ServiceRpcProxy

ENVELOPE = len('{"args": [""], "kwargs": {}}')


class Bench:
    name = "bench"

    @rpc
    def echo(self, text):
        return text


def serve(uri):
    container = ServiceContainer(Bench, {"AMQP_URI": uri, "max_workers": 100})
    container.start()
    return lambda order: {}


def client(uri):
    proxy = ServiceRpcProxy("bench", {"AMQP_URI": uri}).start()

    def load(order):
        """Keeps as many calls under way as there are callers."""
        text = "x" * max(1, order["Size"] - ENVELOPE)
        end = time.monotonic() + order["Duration"] / 1e9
        took, calls = [], collections.deque()
        began = time.monotonic()
        while time.monotonic() < end or calls:
            while len(calls) < order["Callers"] and time.monotonic() < end:
                calls.append((time.monotonic(), proxy.echo.call_async(text)))
            since, call = calls.popleft()
            call.result()
            took.append(time.monotonic() - since)
        elapsed = time.monotonic() - began
        took.sort()
        ns = lambda seconds: int(seconds * 1e9)
        return {
            "Calls": len(took),
            "Elapsed": ns(elapsed),
            "P50": ns(took[len(took) // 2]),
            "P99": ns(took[len(took) * 99 // 100]),
        }

    return lambda order: load(order) if order["Callers"] else {}


def lines():
    """The lines of standard input, read without holding up the service."""
    data = b""
    while True:
        trampoline(0, read=True)
        more = os.read(0, 4096)
        if not more:
            return
        data += more
        while b"\n" in data:
            line, data = data.split(b"\n", 1)
            yield line


def main(role, uri):
    carry_out = {"service": serve, "client": client}[role](uri)
    print("{}", flush=True)
    for line in lines():
        print(json.dumps(carry_out(json.loads(line))), flush=True)
    os._exit(0)


main(*sys.argv[1:])
