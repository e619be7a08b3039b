"""What every section of the configuration is made of: frozen models with camelCase keys, and a few checked words."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from vgateway.config.patches import Patches
from vgateway.config.section import Section as Section

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
NAME_OR_EMPTY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"
NOT_YET = "not_supported_yet"
ELSEWHERE = "wrong_elsewhere"


def _https(url: str) -> str:
    if not url.startswith("https://"):
        raise ValueError("an https:// address is expected")
    return url


HttpsUrl = Annotated[str, AfterValidator(_https)]
Port = Annotated[int, Field(ge=0, le=65535)]
DnsLabel = Annotated[str, Field(pattern=DNS_LABEL, max_length=63)]
ResourceName = Annotated[str, Field(pattern=r"^[a-z0-9]+(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$")]
NameOrEmpty = Annotated[str, Field(pattern=NAME_OR_EMPTY, max_length=253)]


class Switch(Section):
    """Whether a kind crosses to the other cluster."""

    enabled: bool = False
    """``true`` to have it there; what was made stays until its tenant's object goes, or until it is turned off."""
    patches: Patches = ()
    """Fields that have another value in the other cluster; applied in their order."""


class On(Switch):
    """A kind that crosses unless it is turned off."""

    enabled: bool = True
    """``false`` keeps the kind in the cluster that it was made in."""


class NotYet(Section):
    """A part of vcluster.yaml that is read only to say that it is not done yet; to turn it off is no request."""

    enabled: bool | str = False
    """``false`` (or ``auto``) is all that may be said."""

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("enabled", True) in (False, "auto", "false"):
            return {"enabled": False}
        if isinstance(given, NotYet) or given == {}:
            return given
        raise PydanticCustomError(NOT_YET, "not supported yet")


def wrong_at(path: str, what: str) -> PydanticCustomError:
    """Return what a section raises that finds something wrong at a path below itself."""
    return PydanticCustomError(ELSEWHERE, "{what}", {"path": path, "what": what})
