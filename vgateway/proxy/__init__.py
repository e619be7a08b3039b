"""Puts tenants in touch with their API server: the front that their kubeconfigs point at."""
