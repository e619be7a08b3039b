"""``metrics.k8s.io`` of the virtual cluster: what the host says of the tenant's pods, in the tenant's names."""
