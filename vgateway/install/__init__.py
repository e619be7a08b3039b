"""A virtual cluster in pods of a host namespace: what is installed there, and what its pod does before it serves."""
