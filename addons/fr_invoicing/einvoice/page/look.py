# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""How one invoice is to look: the options of a template version and of the customer."""

from dataclasses import dataclass

# what lines are gathered by
NONE = "none"
SERVICE = "service"
SUBSCRIPTION = "subscription"
SITE = "site"
COST_CENTRE = "cost_centre"
GROUPINGS = (NONE, SERVICE, SUBSCRIPTION, SITE, COST_CENTRE)

# how much of them is shown
ITEMISED = "itemised"
SUMMARY = "summary"
BOTH = "both"
DETAILS = (ITEMISED, SUMMARY, BOTH)

CHART_NONE = "none"
CHART_SERVICES = "services"
CHART_MONTHS = "months"
CHARTS = (CHART_NONE, CHART_SERVICES, CHART_MONTHS)


@dataclass(frozen=True, slots=True)
class Look:
    """Options of the page.

    colour: "#rrggbb" or "" for ours
    logo: data: address or ""
    brand_name: name shown at the head instead of the seller's; the legal seller is
        named in any case, with its address, and in the footer
    brand_contact: lines to reach the brand
    grouping, detail, chart: one of the constants above
    show_qr: EPC QR code in the payment block
    terms: own conditions of the seller, in the document's language
    """

    colour: str = ""
    logo: str = ""
    brand_name: str = ""
    brand_contact: str = ""
    grouping: str = NONE
    detail: str = ITEMISED
    chart: str = CHART_NONE
    show_qr: bool = True
    terms: str = ""

    @property
    def is_summary(self):
        """Say whether the first table has one row per group."""
        return self.detail != ITEMISED

    @property
    def has_details(self):
        """Say whether every line is printed somewhere."""
        return self.detail != SUMMARY
