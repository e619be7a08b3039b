"""Errors with a meaning of their own, and the ``metav1.Status`` each becomes for an API client.

Families hold only what somebody handles differently: what an API server answered (``ApiError``), what this
gateway refuses (``GatewayError``), what the operator wrote wrong (``ConfigError``).
"""

from collections.abc import Sequence
from typing import Any

Status = dict[str, Any]

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    501: "NotImplemented",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def status_body(
    code: int, message: str, *, reason: str | None = None, causes: Sequence[tuple[str, str]] = ()
) -> Status:
    """Build the ``metav1.Status`` of a failure; ``causes`` are (reason, message) pairs."""
    body: Status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason or REASONS.get(code, "InternalError"),
        "code": code,
    }
    if causes:
        body["details"] = {"causes": [{"reason": cause, "message": text} for cause, text in causes]}
    return body


class GatewayError(Exception):
    """The gateway refuses or cannot serve a request; ``hop`` names the leg that failed, if one did."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        hop: str | None = None,
        reason: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hop = hop
        self.reason = reason
        self.retry_after = retry_after

    def status(self) -> Status:
        """Return the ``metav1.Status`` an API client is shown."""
        causes = [(f"vgateway:{self.hop}", self.message)] if self.hop else []
        return status_body(self.code, self.message, reason=self.reason, causes=causes)


class ApiError(Exception):
    """An API server answered with a failure; ``status`` is its ``metav1.Status``."""

    def __init__(self, code: int, status: Status, *, retry_after: float | None = None) -> None:
        super().__init__(str(status.get("message") or REASONS.get(code, code)))
        self.code = code
        self.status = status
        self.retry_after = retry_after

    @property
    def reason(self) -> str:
        """The machine-readable reason, "" when the server gave none."""
        return str(self.status.get("reason") or "")


class NotFound(ApiError):
    """The object, or the whole resource, is not there (404)."""


class Conflict(ApiError):
    """The object has moved on or differs from the preconditions (409): look again."""


class AlreadyExists(Conflict):
    """An object of that name is there already (409 with reason AlreadyExists)."""


class Gone(ApiError):
    """The version asked for is no longer known (410): list again."""


class Forbidden(ApiError):
    """The API server's authorisation, quota or admission says no (403)."""


class Invalid(ApiError):
    """The API server's validation says no (422)."""


class TooManyRequests(ApiError):
    """The API server asks us to slow down (429); ``retry_after`` is in seconds when it said so."""


class Unavailable(ApiError):
    """The API server could not be reached, or failed by itself (5xx, network errors, time-outs)."""


class ConfigError(Exception):
    """The operator's input is wrong; the message names the offending path and what was expected."""


_BY_CODE: dict[int, type[ApiError]] = {
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def api_error(code: int, status: Status, *, retry_after: float | None = None) -> ApiError:
    """Return the error of the family that ``code`` and the status' reason belong to."""
    family = _BY_CODE.get(code, Unavailable if code >= 500 else ApiError)
    if code == 409 and status.get("reason") == "AlreadyExists":
        family = AlreadyExists
    return family(code, status, retry_after=retry_after)
