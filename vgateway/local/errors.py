"""What the clusters on this machine tell their user when they cannot go on; never what a gateway answers."""


class LocalError(Exception):
    """Something on this machine is missing or failed; the message is for the user: what, and what to do about it.

    One line, but for the last lines of a log or of a compiler's output, which follow it.
    """
