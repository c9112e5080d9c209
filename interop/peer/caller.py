"""Calls services as scripts do, through Nameko's ClusterRpcProxy.

Each line of stdin is a JSON list of calls, {"service", "method", "args", "kwargs"} and what is changed for them. All of
them are sent before the first result is awaited. Each line of stdout is the list of their outcomes, as Python sees them:
what came as a result, {"result", "json"}, or what was raised, {"raised", "text", "error"}. The error is the one that
came in the reply, or what it would be in one.
"""

import json
import sys

from nameko.exceptions import serialize
from nameko.rpc import ServiceProxy
from nameko.standalone.rpc import ClusterRpcProxy

from values import VALUES, shown

proxies = {}


class Elsewhere:
    """Has replies go by another key, where this script does not wait for them."""

    def __init__(self, routing_key):
        self.routing_key = routing_key

    def get_reply_event(self, correlation_id):
        return None


def main(uri):
    for line in sys.stdin:
        replies = [send(uri, **call) for call in json.loads(line)]
        print(json.dumps([outcome(reply) for reply in replies]), flush=True)


def send(uri, service, method, args=(), kwargs={}, value=None, serializer="json", compression=None, context={}, timeout=60, reply_to=None):
    """The reply that is to come, or the exception that was raised instead. A value is named."""
    key = json.dumps([serializer, context, timeout])
    if key not in proxies:
        config = {"AMQP_URI": uri, "serializer": serializer, "parent_calls_tracked": 4}
        # The limit is for a test whose reply never comes.
        proxies[key] = ClusterRpcProxy(config, context_data=dict(context), timeout=timeout)
        proxies[key].start()
    cluster = proxies[key]
    listener = cluster._reply_listener if reply_to is None else Elsewhere(reply_to)
    proxy = ServiceProxy(cluster._worker_ctx, service, listener, compression=compression)
    if value is not None:
        args = [VALUES[value]]
    try:
        return getattr(proxy, method).call_async(*args, **kwargs)
    except Exception as error:
        return error


def outcome(reply):
    if isinstance(reply, Exception):
        return failure(reply)
    if reply.reply_event is None:
        return {}
    try:
        result = reply.result()
    except Exception as error:
        return failure(error, (reply.resp_body or {}).get("error"))
    return {"result": shown(result), "json": json.dumps(result, default=str)}


def failure(error, sent=None):
    return {"raised": type(error).__name__, "text": str(error), "error": sent or serialize(error)}


if __name__ == "__main__":
    main(*sys.argv[1:])
