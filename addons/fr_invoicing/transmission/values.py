# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the flow service of XP Z12-013 (version 1.3) speaks of, as values."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

# FlowAckStatus
PENDING, OK, ERROR = "Pending", "Ok", "Error"
# FlowDirection, seen from the company
IN, OUT = "In", "Out"
# FlowType
CUSTOMER_INVOICE = "CustomerInvoice"
SUPPLIER_INVOICE = "SupplierInvoice"
CUSTOMER_STATUS = "CustomerInvoiceLC"
SUPPLIER_STATUS = "SupplierInvoiceLC"
STATUS_TYPES = (CUSTOMER_STATUS, SUPPLIER_STATUS)
# ReasonCodeEnum: the platform has this very document already
ALREADY_THERE = "AlreadyExistingFlow"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a platform listens and how it knows us.

    Base URLs stand before /v1; token_url is whole. organization_id is sent along when
    one account serves several companies.
    """

    flow_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    directory_url: str = ""
    scope: str = ""
    organization_id: str = ""
    timeout_s: float = 30


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and when it ends (seconds since the epoch)."""

    value: str = field(repr=False)
    expires_at: float = 0

    def is_good(self, now, margin_s=30):
        """Say whether it will still serve for a call beginning now."""
        return bool(self.value) and self.expires_at > now + margin_s


@dataclass(frozen=True, slots=True)
class Detail:
    """One line of an acknowledgement."""

    level: str
    item: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RemoteFlow:
    """A flow as the platform describes it (schema Flow or FullFlowInfo)."""

    flow_id: str
    tracking_id: str = ""
    name: str = ""
    syntax: str = ""
    flow_type: str = ""
    direction: str = ""
    acknowledgement: str = PENDING
    details: tuple = ()
    submitted_at: datetime | None = None
    updated_at: datetime | None = None
    sha256: str = ""

    @property
    def is_duplicate(self):
        """Say whether it was turned away because the platform has it already."""
        return self.acknowledgement == ERROR and any(
            detail.code == ALREADY_THERE for detail in self.details
        )


def remote_flow(data):
    """Read one flow of an answer; what is missing stays empty.

    :param dict data: JSON of schema Flow or FullFlowInfo
    :rtype: RemoteFlow
    """
    acknowledgement = data.get("acknowledgement") or {}
    return RemoteFlow(
        flow_id=str(data["flowId"]),
        tracking_id=data.get("trackingId") or "",
        name=data.get("name") or "",
        syntax=data.get("flowSyntax") or "",
        flow_type=data.get("flowType") or "",
        direction=data.get("flowDirection") or "",
        acknowledgement=acknowledgement.get("status") or PENDING,
        details=tuple(
            Detail(
                level=detail.get("level") or "Error",
                item=detail.get("item") or "",
                code=detail.get("reasonCode") or "",
                message=detail.get("reasonMessage") or "",
            )
            for detail in acknowledgement.get("details") or ()
        ),
        submitted_at=moment(data.get("submittedAt")),
        updated_at=moment(data.get("updatedAt")),
        sha256=data.get("sha256") or "",
    )


def moment(text):
    """Read a date-time of JSON as naive UTC, None when there is none.

    >>> moment("2026-11-22T10:00:00+01:00")
    datetime.datetime(2026, 11, 22, 9, 0)
    """
    if not text:
        return None
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def stamp(value):
    """Write a naive UTC date-time as JSON wants it.

    >>> stamp(datetime(2026, 11, 22, 9))
    '2026-11-22T09:00:00.000000Z'
    """
    return value.isoformat(timespec="microseconds") + "Z"
