"""What Nameko's pytest plugin does with RabbitMQ's management API, with Nameko's own client of it: a virtual host for each
test, and connections closed under a service. Arguments: the URI of the broker, and that of its API."""

import sys
import time

import eventlet

eventlet.monkey_patch()

from nameko.rpc import rpc  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402
from nameko.standalone.rpc import ClusterRpcProxy  # noqa: E402
from nameko.testing.rabbit import Client, HTTPError  # noqa: E402


class Greeting:
    name = "greeting_service"

    @rpc
    def hello(self, name):
        return "Hello, {}!".format(name)


def main(uri, api):
    manager = Client(api)
    vhost = "nameko_test_" + str(time.time())
    manager.create_vhost(vhost)
    manager.set_vhost_permissions(vhost, "guest", ".*", ".*", ".*")
    config = {"AMQP_URI": uri.rsplit("/", 1)[0] + "/" + vhost}
    try:
        runner = ServiceRunner(config)
        runner.add_service(Greeting)
        runner.start()
        show(manager, config, vhost)
        runner.kill()
    finally:
        manager.delete_vhost(vhost)
    try:
        manager.get_queues(vhost)
    except HTTPError as exc:
        print("deleted:", exc.response.status_code)


def show(manager, config, vhost):
    print(hello(config, "Julio"))
    queue = manager.get_queue(vhost, "rpc-greeting_service")
    print(queue["name"], queue["durable"], queue["auto_delete"], queue["arguments"])
    print([b["routing_key"] for b in manager.get_queue_bindings(vhost, queue["name"])])
    print([e["name"] for e in manager.get_exchanges(vhost) if not e["name"].startswith("amq.")])

    names = eventually(lambda: [c["name"] for c in manager.get_connections() if c["vhost"] == vhost])
    for name in names:
        manager.delete_connection(name)
    eventually(lambda: [c for c in manager.get_connections() if c["vhost"] == vhost and c["name"] not in names])
    print(hello(config, "Matt"))

    manager.create_queue(vhost, "letters", durable=True, auto_delete=False)
    manager.create_queue_binding(vhost, "amq.topic", "letters", "letter.#")
    print(manager.publish(vhost, "amq.topic", "letter.one", "payload", {"content_type": "text/plain"}))
    print(eventually(lambda: manager.get_queue(vhost, "letters").get("messages")))


def hello(config, name):
    with ClusterRpcProxy(config, timeout=20) as proxy:
        return proxy.greeting_service.hello(name)


def eventually(ask):
    """RabbitMQ counts every five seconds."""
    deadline = time.time() + 20
    while True:
        answer = ask()
        if answer or time.time() > deadline:
            return answer
        time.sleep(0.1)


main(*sys.argv[1:])
