# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the directory (annuaire) says about where a company receives its invoices."""

from dataclasses import dataclass
from datetime import timedelta

ENABLED, DISABLED, UPCOMING = "Enabled", "Disabled", "Upcoming"

# verdicts
OPEN = "open"
UNKNOWN_COMPANY = "unknown"
NO_PLATFORM = "no_platform"
CLOSED = "closed"
ADDRESS_MISSING = "address_missing"
NOT_YET = "not_yet"

FRESH_H = 24


@dataclass(frozen=True, slots=True)
class Line:
    """One line: an address (BT-49, scheme 0225) and whether a platform serves it.

    service_code_required, commitment_required: of public buyers (XP Z12-013
    b2gAdditionalData), to be given in BT-10 and BT-13
    """

    address: str
    siren: str
    status: str
    siret: str = ""
    suffix: str = ""
    routing_code: str = ""
    routing_name: str = ""
    company: str = ""
    site: str = ""
    is_public: bool = False
    is_ceased: bool = False
    service_code_required: bool = False
    commitment_required: bool = False

    @property
    def is_open(self):
        """Say whether an invoice sent there arrives."""
        return self.status == ENABLED and not self.is_ceased


def read_line(data):
    """Read one line of the directory service.

    :param dict data: schema directoryLinePayload...LegalUnitFacilityRoutingCode
    :rtype: Line
    """
    unit = data.get("legalUnit") or {}
    facility = data.get("facility") or {}
    routing = data.get("routingCode") or {}
    public = facility.get("b2gAdditionalData") or {}
    either = bool(public.get("managesLegalCommitmentOrServiceCode"))
    return Line(
        address=str(data.get("addressingIdentifier") or ""),
        siren=str(data.get("siren") or unit.get("siren") or ""),
        status=data.get("directoryLineStatus") or ENABLED,
        siret=str(data.get("siret") or ""),
        suffix=str(data.get("addressingSuffix") or ""),
        routing_code=str(data.get("routingIdentifier") or ""),
        routing_name=str(routing.get("routingCodeName") or ""),
        company=str(unit.get("businessName") or ""),
        site=str(facility.get("name") or ""),
        is_public=unit.get("entityType") == "Public",
        is_ceased="C"
        in (
            unit.get("administrativeStatus"),
            facility.get("administrativeStatus"),
            routing.get("administrativeStatus"),
        ),
        service_code_required=bool(public.get("serviceCodeStatus")) or either,
        commitment_required=bool(
            public.get("managesLegalCommitmentCode")
            or routing.get("managesLegalCommitment")
        )
        or either,
    )


def verdict(lines, address):
    """Say whether an invoice for an address can be delivered.

    :param lines: the company's Line values
    :param str address: the buyer's electronic address on the document (BT-49)
    :rtype: str
    """
    if not lines:
        return UNKNOWN_COMPANY
    mine = [line for line in lines if line.address == address]
    if any(line.is_open for line in mine):
        return OPEN
    if any(line.status == UPCOMING for line in mine):
        return NOT_YET
    if mine:
        return CLOSED
    if any(line.is_open for line in lines):
        return ADDRESS_MISSING
    return NO_PLATFORM


def choose(lines, address="", siret=""):
    """Propose the line to invoice: the present one while open, else the plainest.

    >>> choose([Line("200000008_20000000800017", "200000008", "Enabled",
    ...              siret="20000000800017"),
    ...         Line("200000008", "200000008", "Enabled")]).address
    '200000008'

    :return: None when no line is open
    :rtype: Line | None
    """
    usable = [line for line in lines if line.is_open]
    for line in usable:
        if line.address == address:
            return line
    ranked = sorted(
        usable,
        key=lambda line: (
            bool(line.routing_code),
            bool(line.suffix),
            bool(line.siret) if not siret else line.siret != siret,
            line.address,
        ),
    )
    return ranked[0] if ranked else None


def is_fresh(looked_up_at, now, hours=FRESH_H):
    """Say whether an answer is young enough to send on it (both naive UTC)."""
    return bool(looked_up_at) and now - looked_up_at < timedelta(hours=hours)
