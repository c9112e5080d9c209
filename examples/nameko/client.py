"""Takes tea from the stock as a script: python client.py URI"""

import sys

from nameko.standalone.rpc import ClusterRpcProxy

config = {"AMQP_URI": sys.argv[1]}

with ClusterRpcProxy(config, context_data={"currency": "USD"}, timeout=10) as cluster:
    price = cluster.stock.take("tea", number=2)
    print(price["amount"], price["currency"])
