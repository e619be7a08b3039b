"""The composition root: a configuration becomes wired objects, started in order and stopped in reverse."""
