"""The DNS of the virtual cluster: CoreDNS, what it is told, and the objects that run it."""
