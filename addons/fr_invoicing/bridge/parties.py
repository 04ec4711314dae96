# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Seller, buyer and places of a document."""

from ..const import EAS_EMAIL
from ..einvoice import identifiers
from ..einvoice.document import Address, Endpoint, Party


def seller(move):
    """Give the seller (BG-4).

    :rtype: Party
    """
    company = move.company_id
    partner = company.partner_id
    return Party(
        name=company.name,
        address=address(partner),
        siren=partner.fr_siren or "",
        siret=partner.fr_siret or "",
        vat=_vat(company.vat, partner.country_id.code),
        endpoint=partner._fr_get_endpoint(),
        email=company.email or "",
        phone=company.phone or "",
        contact_name=company.name if company.email or company.phone else "",
    )


def buyer(move):
    """Give the buyer (BG-7): identity of the company, address of the invoice contact.

    :rtype: Party
    """
    partner = move.partner_id
    commercial = move.commercial_partner_id
    endpoint = partner._fr_get_endpoint()
    if not endpoint and move.company_id.email:
        # BR-FR-12 wants an address on every document: the seller delivers on paper
        endpoint = Endpoint(EAS_EMAIL, move.company_id.email)
    siren = commercial.fr_siren if commercial.fr_is_french else ""
    return Party(
        name=commercial.name or partner.name or "",
        address=address(partner if partner.country_id else commercial),
        siren=siren or "",
        siret=(commercial.fr_siret or "") if siren else "",
        vat=_vat(commercial.vat, commercial.country_id.code),
        endpoint=endpoint,
    )


def address(partner):
    lines = tuple(row.strip() for row in (partner.street, partner.street2) if row)
    return Address(
        lines=lines,
        postcode=partner.zip or "",
        city=partner.city or "",
        country_code=partner.country_id.code or "",
        subdivision=partner.state_id.name or "",
    )


def _vat(number, country_code):
    """Give a VAT number with its country prefix (EN 16931 BR-CO-09)."""
    number = identifiers.clean(number).upper()
    if number and not number[:2].isalpha():
        return f"{country_code or ''}{number}"
    return number
