# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging
from dataclasses import dataclass

from odoo import models
from odoo.exceptions import UserError, ValidationError

from ..einvoice import identifiers
from ..transmission import delivery

_logger = logging.getLogger(__name__)

SELF_BILLED = ("389", "261", "501", "471", "473", "500", "502")
CREDIT_TYPES = ("381", "396", "261", "262", "503", "502")
NOT_FOUND = ""


@dataclass(frozen=True)
class Header:
    """What is read of a supplier's invoice before Odoo reads its lines."""

    number: str
    type_code: str
    day: str
    seller_siren: str
    seller_vat: str
    seller_name: str
    seller_country: str
    buyer_siren: str


class FrEinvoiceFlowBill(models.Model):
    """A supplier's invoice that came by the platform becomes a draft vendor bill.

    The bytes stay on the flow as they came; Odoo's own import fills the bill. An
    unknown supplier is created and marked to be checked.
    """

    _inherit = "fr.einvoice.flow"

    def _make_bill(self):
        """Make the draft bill.

        :return: (code, facts) of what forbids it, None when made
        """
        self.ensure_one()
        header, files = self._read_bill()
        if not header:
            return ("bill_unreadable", {"reason": self.syntax})
        company = self.company_id
        if header.type_code in SELF_BILLED:
            return ("bill_self_billed", {"number": header.number})
        if header.buyer_siren and header.buyer_siren != company._fr_get_siren():
            return (
                "bill_other_buyer",
                {"siren": header.buyer_siren, "company": company.name},
            )
        key = f"{header.seller_siren or header.seller_vat}|{header.number}"
        key = f"{key}|{header.day[:4]}"
        if known := self._find_bill(header, key):
            return (
                "bill_duplicate",
                {
                    "number": header.number,
                    "supplier": header.seller_name,
                    "bill": known.display_name,
                },
            )
        journal = self.platform_id.purchase_journal_id or self.env[
            "account.journal"
        ].search([("company_id", "=", company.id), ("type", "=", "purchase")], limit=1)
        if not journal:
            return ("bill_no_journal", {"company": company.name})
        self._import_bill(header, files, key, journal)
        return None

    def _read_bill(self):
        """Find the XML of the invoice, in a PDF or by itself, and read its head."""
        content = self._get_bytes()
        if not content:
            return None, []
        attachment = self.env["ir.attachment"].create(
            {
                "name": self.filename,
                "raw": content,
                "company_id": self.company_id.id,
            }
        )
        moves = self.env["account.move"]
        files = moves._to_files_data(attachment)
        files += moves._unwrap_attachments(files)
        for file in files:
            tree = file.get("xml_tree")
            if tree is not None and (header := read_header(tree)):
                return header, files
        attachment.unlink()
        return None, []

    def _find_bill(self, header, key):
        """Find the bill of the same supplier, number and year, however it came."""
        flow = self.search(
            [("company_id", "=", self.company_id.id), ("supplier_key", "=", key)]
        )
        if flow:
            return flow.move_id
        partner = self._find_supplier(header)
        if not partner:
            return self.env["account.move"]
        return self.env["account.move"].search(
            [
                ("company_id", "=", self.company_id.id),
                ("move_type", "in", ("in_invoice", "in_refund")),
                ("commercial_partner_id", "=", partner.commercial_partner_id.id),
                ("ref", "=", header.number),
                ("state", "!=", "cancel"),
            ],
            limit=1,
        )

    def _find_supplier(self, header):
        partners = self.env["res.partner"].with_context(active_test=True)
        for field, value in (
            ("fr_siren", header.seller_siren),
            ("vat", header.seller_vat),
        ):
            found = value and partners.search(
                [
                    (field, "=", value),
                    ("parent_id", "=", False),
                    ("company_id", "in", (False, self.company_id.id)),
                ],
                limit=1,
            )
            if found:
                return found
        return partners

    def _get_supplier(self, header):
        """Find the supplier, or create it to be checked by a person."""
        found = self._find_supplier(header)
        if found:
            return found
        country = self.env["res.country"].search(
            [("code", "=", header.seller_country or "FR")], limit=1
        )
        siren = header.seller_siren if header.seller_siren.isdigit() else ""
        values = {
            "name": header.seller_name or header.seller_siren,
            "is_company": True,
            "vat": header.seller_vat or False,
            "fr_siren": siren if identifiers.is_siren(siren) else False,
            "country_id": country.id,
            "company_id": self.company_id.id,
            "supplier_rank": 1,
            "fr_needs_review": True,
        }
        try:
            with self.env.cr.savepoint():
                return self.env["res.partner"].create(values)
        except ValidationError:
            # a VAT number with a wrong key is no reason to lose the invoice
            return self.env["res.partner"].create({**values, "vat": False})

    def _import_bill(self, header, files, key, journal):
        """Create the bill, then let Odoo's import fill it.

        The link is written first: the import commits, and a crash after it must not
        make a second bill.
        """
        supplier = self._get_supplier(header)
        is_credit = header.type_code in CREDIT_TYPES
        move = (
            self.env["account.move"]
            .with_company(self.company_id)
            .create(
                {
                    "move_type": "in_refund" if is_credit else "in_invoice",
                    "journal_id": journal.id,
                    "partner_id": supplier.id,
                    "ref": header.number,
                }
            )
        )
        self._set_state(delivery.PROCESSED, move_id=move.id, supplier_key=key)
        attachment = files[0]["origin_attachment"]
        attachment.write({"res_model": "account.move", "res_id": move.id})
        is_read = self._fill_bill(move, files)
        values = {}
        if move.partner_id.commercial_partner_id != supplier:
            values["partner_id"] = supplier.id
        if move.ref != header.number:
            values["ref"] = header.number
        if values:
            move.write(values)
        if not is_read:
            self.sudo().write({"error_code": "bill_import_failed", "error_facts": {}})
        if supplier.fr_needs_review:
            # found by a job: in the language of the company, not the job's
            words = self.with_context(
                lang=self.company_id.partner_id.lang or self.env.lang
            ).env
            move.message_post(
                body=words._(
                    "The supplier %s was not known: it was created from the invoice. "
                    "Check its identity and bank account before paying.",
                    supplier.display_name,
                )
            )

    def _fill_bill(self, move, files):
        """Fill the bill by the first decoder of Odoo that understands a file.

        :return: whether lines were read
        :rtype: bool
        """
        for file in files:
            info = move._get_edi_decoder(file, new=True)
            if not info or not info.get("priority"):
                continue
            try:
                with self.env.cr.savepoint():
                    problem = info["decoder"](move, file, True)
            except (UserError, ValidationError) as error:
                _logger.info("Supplier invoice %s not filled: %s", self.id, error)
                continue
            if not problem and move.invoice_line_ids:
                return True
        return False


def read_header(tree):
    """Read the head of an invoice in CII or UBL.

    :param tree: lxml element, already parsed without entities
    :rtype: Header | None
    """
    name = tree.tag.rpartition("}")[2]
    if name == "CrossIndustryInvoice":
        seller, buyer = "SellerTradeParty", "BuyerTradeParty"
        legal = ("SpecifiedLegalOrganization", "ID")
        return Header(
            number=_find(tree, "ExchangedDocument", "ID"),
            type_code=_find(tree, "ExchangedDocument", "TypeCode"),
            day=_find(tree, "ExchangedDocument", "IssueDateTime", "DateTimeString"),
            seller_siren=_find(tree, seller, *legal)[:9],
            seller_vat=_find_vat(tree, seller, "SpecifiedTaxRegistration", "ID"),
            seller_name=_find(tree, seller, "Name"),
            seller_country=_find(tree, seller, "PostalTradeAddress", "CountryID"),
            buyer_siren=_find(tree, buyer, *legal)[:9],
        )
    if name in ("Invoice", "CreditNote"):
        seller, buyer = "AccountingSupplierParty", "AccountingCustomerParty"
        legal = ("Party", "PartyLegalEntity")
        return Header(
            number=tree.findtext("{*}ID", NOT_FOUND).strip(),
            type_code=tree.findtext(f"{{*}}{name}TypeCode", NOT_FOUND).strip(),
            day=tree.findtext("{*}IssueDate", NOT_FOUND).replace("-", ""),
            seller_siren=_find(tree, seller, *legal, "CompanyID")[:9],
            seller_vat=_find_vat(tree, seller, "Party", "PartyTaxScheme", "CompanyID"),
            seller_name=_find(tree, seller, *legal, "RegistrationName"),
            seller_country=_find(
                tree, seller, "Party", "PostalAddress", "Country", "IdentificationCode"
            ),
            buyer_siren=_find(tree, buyer, *legal, "CompanyID")[:9],
        )
    return None


def _find(tree, first, *path):
    """Give the text at a path of local names, below the first node of that name."""
    found = tree.findtext("/".join([f".//{{*}}{first}", *(f"{{*}}{p}" for p in path)]))
    return (found or "").strip()


def _find_vat(tree, first, *path):
    """Give the VAT number among several tax registrations."""
    steps = "/".join([f".//{{*}}{first}", *(f"{{*}}{step}" for step in path)])
    for node in tree.iterfind(steps):
        text = (node.text or "").strip()
        if node.get("schemeID", "VA") == "VA" and text[:2].isalpha():
            return text
    return ""
