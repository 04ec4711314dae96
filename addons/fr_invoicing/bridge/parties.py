# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Seller, buyer and places of a document."""

import re

from ..const import EAS_EMAIL
from ..einvoice import identifiers
from ..einvoice.document import Address, Endpoint, Party
from .kinds import buyer_partner, factor, is_self_billed
from .references import buyer_reference

# BR-FR-23
ROUTING_CODE = re.compile(r"[A-Za-z0-9\-_.]{1,100}")


def seller(move):
    """Give the seller (BG-4): the company, or the supplier of a self-billed document.

    :rtype: Party
    """
    if is_self_billed(move):
        return _customer(move)
    return _company(move.company_id)


def buyer(move):
    """Give the buyer (BG-7): the customer, or the company when it bills itself.

    :rtype: Party
    """
    if is_self_billed(move):
        return _company(move.company_id)
    return _customer(move)


def payee(move):
    """Give the factor who is to be paid (BG-10), or None.

    :rtype: Party | None
    """
    partner = factor(move)
    if not partner:
        return None
    return Party(
        name=partner.name,
        address=address(partner),
        siren=partner.fr_siren or "",
        siret=partner.fr_siret or "",
    )


def vat_group(move):
    """Give the VAT group (assujetti unique, CGI 256 C) of the seller, or None.

    :rtype: Party | None
    """
    group = move.company_id._fr_get_legal().fr_vat_group_partner_id
    if not group or is_self_billed(move):
        return None
    return Party(
        name=group.name,
        address=address(group),
        siren=group.fr_siren or "",
        vat=_vat(group.vat, group.country_id.code),
    )


def is_public_buyer(move):
    """Say whether the buyer is a French public body, reached through Chorus Pro."""
    return bool(buyer_partner(move).commercial_partner_id.fr_is_public_buyer)


def _company(company):
    """Give the seller: the taxable person, at the address of the establishment."""
    partner, legal = company.partner_id, company._fr_get_legal()
    email, phone = company.email or legal.email, company.phone or legal.phone
    return Party(
        name=legal.name,
        trading_name=company.name if company != legal else "",
        address=address(partner if partner.country_id else legal.partner_id),
        siren=legal.partner_id.fr_siren or "",
        siret=_establishment(partner, legal.partner_id),
        vat=_vat(legal.vat, legal.partner_id.country_id.code),
        endpoint=(partner if partner.fr_siren else legal.partner_id)._fr_get_endpoint(),
        email=email or "",
        phone=phone or "",
        contact_name=company.name if email or phone else "",
    )


def _establishment(partner, legal):
    """Give the SIRET of an address: its own, else that of the legal unit."""
    own, siren = partner.fr_siret or "", legal.fr_siren or ""
    return own if siren and own.startswith(siren) else legal.fr_siret or ""


def _customer(move):
    """Give the other party: identity of its company, address of the contact."""
    partner = move.partner_id
    commercial = move.commercial_partner_id
    endpoint = partner._fr_get_endpoint()
    if not endpoint and move.company_id.email:
        # BR-FR-12 wants an address on every document: the seller delivers on paper
        endpoint = Endpoint(EAS_EMAIL, move.company_id.email)
    siren = commercial.fr_siren if commercial.fr_is_french else ""
    siret = _establishment(partner, commercial) if siren else ""
    if is_public_buyer(move):
        endpoint = _public_endpoint(endpoint, siren, siret, buyer_reference(move))
    return Party(
        name=commercial.name or partner.name or "",
        address=address(partner if partner.country_id else commercial),
        siren=siren or "",
        siret=siret,
        vat=_vat(commercial.vat, commercial.country_id.code),
        endpoint=endpoint,
    )


def _public_endpoint(endpoint, siren, siret, service):
    """Route to the establishment and the service of a public buyer.

    The directory holds SIREN, SIREN_SIRET and SIREN_SIRET_CODE (XP Z12-013); an address
    entered by hand stays.
    """
    if not (endpoint and siren and siret) or endpoint.value != siren:
        return endpoint
    parts = [siren, siret]
    if ROUTING_CODE.fullmatch(service):
        parts.append(service)
    return Endpoint(endpoint.scheme, "_".join(parts))


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
