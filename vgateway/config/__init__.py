"""The configuration: what an operator may write, checked before anything starts."""
