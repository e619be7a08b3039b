"""The kubelet of every virtual node: logs, exec, attach and port-forward of the tenant's pods, from the host."""
