"""Calls services as scripts do, through Nameko's ClusterRpcProxy.

Each line of stdin is a JSON list of calls, {"service", "method", "args", "kwargs"}. All of them are sent before the
first result is awaited. Each line of stdout is the list of their outcomes: {"result"} or {"error": {"class", "args",
"text"}}, as the caller sees it in Python.
"""

import json
import sys

from nameko.standalone.rpc import ClusterRpcProxy


def main(uri, serializer="json"):
    # The limit is for a test whose reply never comes.
    with ClusterRpcProxy({"AMQP_URI": uri, "serializer": serializer}, timeout=60) as cluster:
        for line in sys.stdin:
            replies = [outcome(send, cluster, **call) for call in json.loads(line)]
            outcomes = [reply if "error" in reply else outcome(reply["result"].result) for reply in replies]
            print(json.dumps(outcomes, default=str), flush=True)


def send(cluster, service, method, args=(), kwargs={}):
    return getattr(cluster[service], method).call_async(*args, **kwargs)


def outcome(function, *args, **kwargs):
    try:
        return {"result": function(*args, **kwargs)}
    except Exception as error:
        return {"error": {"class": type(error).__name__, "args": list(error.args), "text": str(error)}}


if __name__ == "__main__":
    main(*sys.argv[1:])
