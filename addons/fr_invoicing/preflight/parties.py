# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Identity and address of the seller and of its customers."""

from ..bridge import is_self_billed
from ..einvoice import identifiers, mentions
from ..messages import fatal, warning


def check_company(company):
    """Say what a French company lacks to issue invoices.

    :param company: res.company record
    :rtype: list[Finding]
    """
    findings = []
    partner, legal = company.partner_id, company._fr_get_legal()
    if not legal.partner_id.fr_siren:
        findings.append(
            fatal(
                legal,
                "seller_siren",
                fix=(legal, "company_registry"),
                company=legal.name,
            )
        )
    if not (partner.city and partner.country_id):
        findings.append(
            fatal(
                company, "seller_address", fix=(company, "city"), company=company.name
            )
        )
    vat = identifiers.clean(legal.vat)
    if not vat and not legal.fr_vat_franchise and company._fr_charges_vat():
        findings.append(
            fatal(legal, "seller_vat", fix=(legal, "vat"), company=legal.name)
        )
    elif vat:
        findings += _check_vat_key(legal.partner_id, legal)
    group = legal.fr_vat_group_partner_id
    if group and not (group.fr_siren and group.vat and group.country_id):
        findings.append(
            fatal(company, "vat_group", fix=(group, "vat"), partner=group.display_name)
        )
    if not company.email:
        findings.append(
            warning(
                company, "seller_email", fix=(company, "email"), company=company.name
            )
        )
    return findings


def check_partner(partner):
    """Say what a customer lacks to be invoiced, whatever the invoice.

    :param partner: res.partner record, a contact or its company
    :rtype: list[Finding]
    """
    buyer = partner.commercial_partner_id
    findings = []
    if not (partner.country_id or buyer.country_id):
        findings.append(
            fatal(
                partner,
                "buyer_country",
                fix=(buyer, "country_id"),
                partner=buyer.display_name,
            )
        )
    findings += _check_siren(buyer)
    if identifiers.clean(buyer.vat):
        findings += _check_vat_key(buyer, buyer)
    if not (partner.city or buyer.city):
        findings.append(
            warning(
                partner,
                "buyer_address",
                fix=(buyer, "city"),
                partner=buyer.display_name,
            )
        )
    return findings


def check_buyer(move):
    """Say what the customer of an invoice lacks, and whether it can be reached.

    :param move: account.move record of a French company
    :rtype: list[Finding]
    """
    partner, buyer = move.partner_id, move.commercial_partner_id
    if not partner:
        return [fatal(move, "buyer_missing", fix=(move, "partner_id"))]
    findings = check_partner(partner)
    if is_self_billed(move) and not (buyer.fr_siren or identifiers.clean(buyer.vat)):
        findings.append(
            fatal(
                move,
                "supplier_identity",
                fix=(buyer, "company_registry"),
                partner=buyer.display_name,
            )
        )  # EN 16931 BR-CO-26
    if not partner._fr_get_endpoint():
        add = warning if move.company_id.email else fatal
        code = "buyer_endpoint_replaced" if move.company_id.email else "buyer_endpoint"
        findings.append(
            add(move, code, fix=(partner, "email"), partner=buyer.display_name)
        )
    return findings


def _check_siren(buyer):
    """Say whether a French business lacks its SIREN (decree 2022-1299, BR-FR-11)."""
    if buyer._fr_get_buyer_kind() != mentions.BUSINESS:
        return []
    if buyer.fr_siren:
        if identifiers.is_siren(buyer.fr_siren):
            return []
        code, value, field = "buyer_siren_key", buyer.fr_siren, "fr_siren"
    else:
        typed = identifiers.clean(buyer.company_registry)
        # a typed number that could not be read is shown, so that it can be corrected
        code = "buyer_siren_key" if typed else "buyer_siren"
        value, field = typed, "company_registry"
    return [
        fatal(
            buyer,
            code,
            fix=(buyer, field),
            partner=buyer.display_name,
            value=value,
        )
    ]


def _check_vat_key(partner, record):
    """Say whether a French VAT number has a wrong key or belongs to another SIREN."""
    number = identifiers.clean(partner.vat).upper()
    if partner.country_id and not partner.fr_is_french:
        return []
    if not number.startswith("FR"):
        if number[:2].isalpha():
            return []  # a number of another country
        number = f"FR{number}"
    facts = {"partner": partner.display_name, "value": partner.vat}
    if not identifiers.is_french_vat(number):
        return [fatal(record, "vat_key", fix=(record, "vat"), **facts)]
    siren = identifiers.siren_of_vat(number)
    if siren and partner.fr_siren and siren != partner.fr_siren:
        return [
            fatal(
                record,
                "vat_other_siren",
                fix=(record, "vat"),
                siren=partner.fr_siren,
                **facts,
            )
        ]
    return []
