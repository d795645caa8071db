"""A Ray cluster of two nodes on this machine: ``python nodes.py``.

Prints its address, and those of a client's port if asked; takes a node away for each line on standard input, and ends
when there are no more.
"""

from __future__ import annotations

import sys


def main() -> None:
    from ray.cluster_utils import Cluster

    settings = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**settings, "ray_client_server_port": int(sys.argv[1])})
    try:
        second = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
        print(cluster.address, flush=True)
        if sys.stdin.readline():
            cluster.remove_node(second, allow_graceful=False)
            print("gone", flush=True)
            sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
