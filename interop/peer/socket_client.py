"""Talks to services by websocket as Nameko's own tests do, through nameko.testing.websocket.

The argument is the port. What Python sees is printed, a line each: as JSON, or the class and text of what was raised.
"""

import eventlet

eventlet.monkey_patch()

import json
import sys

from nameko.testing.websocket import make_virtual_socket


def main(port):
    app, connected = make_virtual_socket("127.0.0.1", port)
    running = eventlet.spawn(app.run_forever)
    sock = connected()
    event, data = sock.wait_for_event("connected")
    print(event, sorted(data))
    show(sock, "watch")
    show(sock, "echo", value={"ø": [1, 2.5, None]}, more="x")
    show(sock, "say", channel="all", text="hellø")
    print(json.dumps([sock.wait_for_event("said"), sock.wait_for_event("heard")]))
    show(sock, "tell", other="gone")
    show(sock, "tell")
    show(sock, "nowhere")
    show(sock, "leave", channel="all")
    app.close()
    running.wait()


def show(sock, method, **data):
    try:
        print(json.dumps(sock.rpc(method, **data)))
    except Exception as error:
        print(f"{type(error).__name__}: {error}")


main(int(sys.argv[1]))
