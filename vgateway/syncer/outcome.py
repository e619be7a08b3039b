"""What a failed round means: come back when, and does the tenant hear of it. Pure."""

from dataclasses import dataclass

from vgateway.errors import AlreadyExists, ApiError, Conflict, Forbidden, Gone, NotFound, TooManyRequests, Unavailable

# A server that asks for patience without saying how much gets this much.
PATIENCE_SECONDS = 0.2
WEBHOOK_FAILED = "failed calling webhook"


class HostRefusal(Exception):
    """The host will not have an object; the text is the host's own. Waiting may help: quotas change."""


class NameTaken(Exception):
    """The host has an object of the name we need that is not ours; it is never touched."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``after`` is when to look again, in seconds; None backs off. ``tell`` is the reason of an Event, if any.

    ``busy`` means that it is the server's state, not the object's: other keys would fare the same.
    """

    name: str
    after: float | None = None
    tell: str = ""
    unexpected: bool = False
    busy: bool = False


def judge(error: Exception) -> Verdict:
    """Say what a failure means."""
    match error:
        case NameTaken():
            return Verdict("name taken", tell="NameTaken")
        case HostRefusal():
            return Verdict("refused", tell="HostRefused")
        case TooManyRequests():
            return Verdict("throttled", after=max(error.retry_after or 0.0, PATIENCE_SECONDS), busy=True)
        case AlreadyExists() | Conflict() | NotFound() | Gone():
            return Verdict("moved on")
        case Unavailable():
            # A 500 is a failure over this object; the others say that nobody is there, or that it takes too long.
            return Verdict("unavailable", busy=error.code != 500)
        case ApiError():
            return Verdict("rejected", unexpected=True)
    return Verdict("failed", unexpected=True)


def is_refusal(error: ApiError) -> bool:
    """Say whether a host's answer is a judgement on the object: quota, admission, validation.

    An admission webhook that cannot be reached is one too: it stands in the way of some objects, not of all.
    """
    no_verdict = error.code == 500 and WEBHOOK_FAILED in str(error)
    return isinstance(error, Forbidden) or error.code in (400, 413, 422) or no_verdict


ADDRESSES = ("spec.clusterIP", "spec.ipFamil", "spec.ports", "nodePort", "spec.healthCheckNodePort")


def refuses_addresses(error: ApiError) -> bool:
    """Say whether a Service was refused for the IP or the ports it asked for."""
    causes = (error.status.get("details") or {}).get("causes") or ()
    fields = [str(cause.get("field") or "") for cause in causes]
    if fields:
        return any(field.startswith(ADDRESSES) or "nodePort" in field for field in fields)
    words = str(error)
    return "clusterIP" in words or "IP is already allocated" in words or "port is already allocated" in words
