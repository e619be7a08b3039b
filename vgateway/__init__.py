"""A virtual-cluster gateway for Kubernetes: a cluster of their own for each tenant, out of one host namespace.

Where things travel:

* a request: ``proxy`` identifies the client; ``wire.relay`` streams the request to the virtual API server;
* a stream: the virtual API server dials ``kubelet``, which locates the host pod; ``wire.relay`` tunnels to the host;
* a pod: ``kube`` informers wake ``syncer``, whose pure ``plan`` says what must change on either side;
* real clusters to try all that on: ``local``.

*Virtual* is the tenant's cluster, *host* the one underneath; they are different types.
"""

__version__ = "0.1.0"
