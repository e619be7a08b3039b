"""Speaking to Kubernetes: objects, names, ownership, an API client and informers."""
