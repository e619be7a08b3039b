"""Runs the tenant's objects in the host namespace and brings their state back: one engine, many declared kinds."""
