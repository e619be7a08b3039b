"""Bytes between a client and an upstream: TLS, HTTP/1.1 relay and tunnels; knows nothing of Kubernetes."""
