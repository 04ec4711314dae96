# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Sentences for the codes of the einvoice package and of our own checks.

Each says what is wrong, where, and what to do next.
"""

from odoo.tools.translate import LazyTranslate

from .einvoice.findings import FATAL, WARNING, Finding

_lt = LazyTranslate(__name__)

MESSAGES = {
    # before posting or making the document
    "seller_siren": _lt(
        "Your company %(company)s has no SIREN. Fill in its Company ID (SIRET) or its "
        "French VAT number in Settings, Companies."
    ),
    "seller_address": _lt(
        "Your company %(company)s has no complete address. Fill in street, city and "
        "country in Settings, Companies."
    ),
    "seller_vat": _lt(
        "Your company %(company)s has no VAT number. Fill it in in Settings, "
        "Companies, or tick the VAT exemption scheme in the accounting settings."
    ),
    "seller_email": _lt(
        "Your company %(company)s has no e-mail address. Fill it in, in Settings, "
        "Companies: it stands on the invoices and for customers without an address."
    ),
    "vat_group": _lt(
        "The VAT group %(partner)s lacks its SIREN, VAT number or country. Fill them "
        "in on its form."
    ),
    "buyer_missing": _lt("The invoice has no customer. Choose one."),
    "buyer_siren": _lt(
        "The customer %(partner)s is a French business without SIREN. Fill in the "
        "SIREN (or the SIRET or the VAT number) on the customer form."
    ),
    "supplier_identity": _lt(
        "The supplier %(partner)s has neither SIREN nor TVA number: an invoice cannot "
        "be made in its name. Fill one in on its form, or record its own bill in "
        "another journal."
    ),
    "buyer_siren_key": _lt(
        "The SIREN %(value)s of %(partner)s has a wrong key. Check it on the customer "
        "form: nine digits, as on the customer's K-bis."
    ),
    "buyer_country": _lt(
        "The customer %(partner)s has no country. Fill in the address on the customer "
        "form."
    ),
    "buyer_address": _lt(
        "The customer %(partner)s has no city. Fill in the address on the customer "
        "form."
    ),
    "vat_key": _lt(
        "The French VAT number %(value)s of %(partner)s has a wrong key. Check it: FR, "
        "two characters, then the nine digits of the SIREN."
    ),
    "vat_other_siren": _lt(
        "The VAT number %(value)s of %(partner)s belongs to another business than its "
        "SIREN %(siren)s. Correct one of them."
    ),
    "buyer_vat": _lt(
        "The customer %(partner)s has no VAT number: without it a supply inside the "
        "European Union cannot be invoiced without TVA. Fill it in on the customer "
        "form."
    ),
    "buyer_endpoint": _lt(
        "The customer %(partner)s has no electronic address. Fill in an e-mail address "
        "on the customer form."
    ),
    "buyer_endpoint_replaced": _lt(
        "The customer %(partner)s has no electronic address: yours stands in its "
        "place, and the document can only be sent on paper. Fill in an e-mail address "
        "on the customer form."
    ),
    "number_format": _lt(
        "The number %(number)s cannot stand on a French electronic invoice: at most 35 "
        "letters, digits and + - _ / without blank. Change the sequence of the journal."
    ),
    "origin_missing": _lt(
        "Credit note %(number)s does not say which invoice it corrects. Fill in the "
        "corrected invoice on the Factur-X page."
    ),
    "due_before_issue": _lt(
        "The due date %(due)s of %(number)s is before its date %(issue)s. Change the "
        "due date."
    ),
    "line_tax": _lt(
        "Line “%(line)s” bears no TVA tax. Choose one on the line: a tax of 0 %% says "
        "why no TVA is due."
    ),
    "line_taxes": _lt(
        "Line “%(line)s” bears several taxes (%(taxes)s). A line of an electronic "
        "invoice has one TVA rate: split the line."
    ),
    "tax_kind": _lt(
        "The tax %(tax)s is not a percentage of the price. Invoice it as a line of its "
        "own."
    ),
    "fixed_tax_outside": _lt(
        "The fixed tax %(tax)s on line “%(line)s” bears no TVA. An eco-contribution is "
        "part of the price: tick “Affect Base of Subsequent Taxes” on it, or invoice "
        "it as a line of its own."
    ),
    "tax_unknown": _lt(
        "The tax %(tax)s of 0 %% on line “%(line)s” does not say why no TVA is charged "
        "to %(partner)s. Choose its TVA regime (exemption, reverse charge, outside the "
        "scope...)."
    ),
    "category_unknown": _lt(
        "The tax %(tax)s on line “%(line)s” has the category %(category)s, which is "
        "not used in France (BR-FR-15). Choose its TVA regime."
    ),
    "exempt_article": _lt(
        "The tax %(tax)s on line “%(line)s” says “exempt” without the article of law "
        "that must be printed. Choose its TVA regime."
    ),
    "franchise_charges": _lt(
        "%(company)s is under the TVA exemption scheme (CGI 293 B), but line "
        "“%(line)s” charges TVA with %(tax)s. Remove the tax or leave the scheme in "
        "the settings."
    ),
    "franchise_setting": _lt(
        "Line “%(line)s” claims the TVA exemption scheme, which is not ticked in the "
        "settings of %(company)s."
    ),
    "intra_goods_place": _lt(
        "Line “%(line)s” is an intra-community supply of goods (%(tax)s), but the "
        "goods are not delivered in another member state. Change the delivery address "
        "or the tax."
    ),
    "intra_services_place": _lt(
        "Line “%(line)s” is a reverse charge inside the Union (%(tax)s), but "
        "%(partner)s is not in another member state. Change the tax."
    ),
    "export_goods_place": _lt(
        "Line “%(line)s” is an export (%(tax)s), but the goods are delivered in France "
        "or in the European Union. Change the delivery address or the tax."
    ),
    "export_services_place": _lt(
        "Line “%(line)s” is a service outside the European Union (%(tax)s), but "
        "%(partner)s is established in France or in the Union. Change the tax."
    ),
    "reverse_consumer": _lt(
        "Line “%(line)s” is a reverse charge (%(tax)s), but %(partner)s is a consumer, "
        "who cannot owe TVA. Change the tax, or fill in the SIREN of the customer."
    ),
    "debits_tax_on_payment": _lt(
        "The company opted for TVA on debits, but the tax %(tax)s on line “%(line)s” "
        "is due on payment in the ledger. Choose a tax due on the invoice."
    ),
    "services_tax_on_invoice": _lt(
        "Line “%(line)s” is a service, whose TVA falls due on payment, but the tax "
        "%(tax)s is due on the invoice in the ledger. Choose a tax on payment, or tick "
        "“TVA on Debits” if the company opted for it."
    ),
    "out_of_scope_mixed": _lt(
        "Line “%(line)s” is outside the scope of TVA: it cannot stand beside lines of "
        "another regime (EN 16931 BR-O-11). Invoice it on a document of its own."
    ),
    "oss_mixed": _lt(
        "Lines under the VAT of another member state (OSS) stand beside others. "
        "Invoice them on a document of their own: it leaves the French flow."
    ),
    "rate_unknown": _lt(
        "The TVA rate %(rate)s %% of tax %(tax)s is not in force in France on "
        "%(date)s. A sale under another country's rate must not leave as a French "
        "electronic invoice."
    ),
    "legal_text_missing": _lt(
        "No wording of the legal mention “%(key)s” is in force on %(date)s. Add one in "
        "Usage Billing, Configuration, Legal Texts."
    ),
    "currency_rate": _lt(
        "The company currency is %(currency)s: a French invoice in another currency "
        "must show the TVA in euro."
    ),
    "iban": _lt(
        "The bank account %(account)s is not a valid IBAN. Check the recipient bank of "
        "the invoice."
    ),
    # what the kind of document calls for
    "corrective_origin": _lt(
        "The corrective invoice %(number)s must name the one invoice it replaces, with "
        "its date. Fill in the corrected invoice on the Factur-X page."
    ),
    "corrective_after_credit_note": _lt(
        "A credit note was issued for the invoice that %(number)s replaces: with both, "
        "the customer deducts it twice. Make %(number)s a standard invoice."
    ),
    "origin_date": _lt(
        "%(number)s names an earlier invoice without its date. Fill in the date of the "
        "corrected invoice on the Factur-X page."
    ),
    "rebate_direction": _lt(
        "%(number)s is a global rebate and no credit note. Make it a credit note, or "
        "choose another document kind on the Factur-X page."
    ),
    "rebate_incomplete": _lt(
        "The global rebate %(number)s needs the contract number and the first and last "
        "day it is about. Fill them in on the Factur-X page."
    ),
    "deposits_unknown": _lt(
        "%(number)s deducts deposits and no deposit invoice was found for them. Choose "
        "the deposit invoices on the Factur-X page."
    ),
    "mixed_discount": _lt(
        "The payment term of %(number)s reduces the TVA before the discount is taken. "
        "In France the TVA is due on the whole price: set the tax computation of the "
        "early discount to “On early payment” on the payment term."
    ),
    "negative_total": _lt(
        "The total of %(number)s is negative. Turn it into a credit note."
    ),
    "negative_credit": _lt(
        "The total of credit note %(number)s is negative. Turn it into an invoice."
    ),
    "mandate_missing": _lt(
        "%(number)s is issued in the name of %(partner)s, whose mandate in force on "
        "this day is not recorded. Record it on the form of the supplier (CGI art. 289 "
        "I-2)."
    ),
    "factor_siren": _lt("The factor %(partner)s has no SIREN. Fill it in on its form."),
    "factor_account": _lt(
        "The claim is assigned to %(partner)s and the recipient bank account is not "
        "its own. Choose the factor's account as recipient bank."
    ),
    "public_buyer_siret": _lt(
        "The public buyer %(partner)s has no SIRET: its invoices are routed by it. "
        "Fill it in on the customer form."
    ),
    "attachment_size": _lt(
        "The usage file %(name)s is too large to be carried inside the invoice. The "
        "customer finds it on the portal."
    ),
    # values the document refuses
    "not_decimal": _lt("%(owner)s: %(field)s is not an exact figure (%(value)s)."),
    "too_many_address_lines": _lt("The address has more than three lines (%(lines)s)."),
    "party_without_name": _lt("One of the parties has no name."),
    "siren_format": _lt("The SIREN %(value)s of %(party)s has not nine digits."),
    "siret_format": _lt("The SIRET %(value)s of %(party)s has not fourteen digits."),
    "empty_period": _lt("A period has neither start nor end."),
    "period_order": _lt("A period ends (%(end)s) before it starts (%(start)s)."),
    "line_without_name": _lt("Line %(line)s has no description."),
    "negative_price": _lt("Line %(line)s has a negative price (%(price)s)."),
    "quantity_decimals": _lt(
        "Line %(line)s has a quantity with more than 4 decimals (%(value)s)."
    ),
    "price_decimals": _lt(
        "Line %(line)s has a price with more than 6 decimals (%(value)s)."
    ),
    "base_quantity": _lt("Line %(line)s has a price base of zero."),
    "document_without_line": _lt("%(number)s has no line to invoice."),
    "currency_code": _lt("%(value)s is not a currency code."),
    "currency_decimals": _lt(
        "The currency %(value)s has more than two decimals: French electronic invoices "
        "cannot be written in it."
    ),
    "negative_allowance": _lt("An allowance is negative (%(amount)s)."),
    "attachment_type": _lt(
        "The attachment %(name)s is of type %(value)s: an electronic invoice carries "
        "PDF, PNG, JPEG, CSV, XLSX and ODS files only."
    ),
    "profile": _lt("%(value)s is not a profile of French electronic invoices."),
    "collected_without_weight": _lt(
        "A payment cannot be divided over the TVA rates of an invoice of zero."
    ),
    # making and checking the file
    "writer_refused": _lt("The XML of %(number)s could not be written: %(reason)s"),
    "page_total": _lt(
        "The lines drawn on the page add up to %(found)s, the document to %(expected)s."
    ),
    "pdf_failed": _lt("The PDF could not be made: %(reason)s"),
    "pdf_not_as_promised": _lt("The PDF is not a Factur-X PDF/A-3: %(reason)s"),
    "validator_missing": _lt(
        "The validator could not be started (%(reason)s). Nothing was checked, so "
        "nothing was attached. Ask the administrator to install the Python packages of "
        "the suite."
    ),
    "validator_failed": _lt(
        "The official rules could not be run (%(reason)s). Nothing was checked, so "
        "nothing was attached. Ask the administrator to install the Python packages of "
        "the suite."
    ),
    "validator_died": _lt(
        "The validator stopped before it answered. Nothing was checked, so nothing was "
        "attached. Try again."
    ),
    "validator_incomplete": _lt(
        "The validator did not answer for every document. Nothing was attached. Try "
        "again."
    ),
    "validator_timeout": _lt(
        "The validator did not answer within %(seconds)s seconds. Nothing was checked, "
        "so nothing was attached. Try again."
    ),
    # the directory, as it was last asked
    "directory_line_closed": _lt(
        "The electronic address %(address)s of %(partner)s is closed in the directory "
        "(asked on %(seen)s), and %(count)s other is open. Choose it with Look Up in "
        "the Directory on the customer form, before the invoice is issued."
    ),
    "directory_line_missing": _lt(
        "The electronic address %(address)s is no line of %(partner)s in the directory "
        "(asked on %(seen)s), and %(count)s other is open. Choose it with Look Up in "
        "the Directory on the customer form, before the invoice is issued."
    ),
    "directory_none_open": _lt(
        "No line of %(partner)s was open in the directory on %(seen)s: it receives by "
        "no platform yet. The invoice can be posted and waits in the outbox; ask the "
        "customer."
    ),
    "directory_siren_unknown": _lt(
        "The SIREN %(siren)s of %(partner)s was not in the directory on %(seen)s. "
        "Check it on the customer form; posted all the same, the invoice waits in the "
        "outbox."
    ),
    "directory_line_upcoming": _lt(
        "The electronic address %(address)s of %(partner)s was not open yet on "
        "%(seen)s. The invoice can be posted and waits in the outbox."
    ),
    "public_service_code": _lt(
        "%(partner)s is a public body that wants its service code (code service). Fill "
        "in the Service Code on the customer form or the Buyer Reference of the "
        "invoice."
    ),
    "public_commitment": _lt(
        "%(partner)s is a public body that wants its commitment number (numéro "
        "d'engagement). Fill in the Customer Reference of the invoice."
    ),
}


def message(env, code, facts):
    """Give the sentence of a code in the user's language.

    :param str code: key of MESSAGES
    :param dict facts: named values of the sentence
    """
    sentence = env._(MESSAGES[code])
    return sentence % facts


def fatal(record, code, fix=None, **facts):
    """Give a finding that stops the document.

    :param record: any record, for the language
    :param fix: record and field to correct, `(partner, "fr_siren")`; the record may be
        a draft not saved yet
    :rtype: Finding
    """
    return _finding(record, FATAL, code, fix, facts)


def warning(record, code, fix=None, **facts):
    """Give a finding that does not stop the document; see `fatal`.

    :rtype: Finding
    """
    return _finding(record, WARNING, code, fix, facts)


def _finding(record, severity, code, fix, facts):
    target, field = fix or (None, "")
    return Finding(
        rule=code.upper().replace("_", "-"),
        severity=severity,
        location="",
        message=message(record.env, code, facts),
        source="preflight",
        code=code,
        facts={name: str(value) for name, value in facts.items()},
        model=target._name if target else "",
        res_id=(target and target._origin.id) or 0,
        field=field,
    )
