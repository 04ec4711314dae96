# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Sentences about transmission: errors by code, and what to do next by status."""

from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

ERRORS = {
    # the platform
    "no_connection": _lt("The platform cannot be reached (%(reason)s)."),
    "answer_too_long": _lt("The platform's answer does not end."),
    "answer_unreadable": _lt("The platform's answer cannot be read."),
    "token_unreadable": _lt("The platform's token cannot be read."),
    "platform_failed": _lt("The platform has a problem (%(status)s %(error)s)."),
    "too_many": _lt("The platform asks to wait: too many requests."),
    "credentials": _lt(
        "The platform does not accept the client ID and secret (%(error)s). Check them "
        "on the platform's page."
    ),
    "denied": _lt(
        "The platform does not allow this (%(status)s %(error)s). Check the rights of "
        "the account there."
    ),
    "wrong_address": _lt(
        "There is no such service at this address (%(status)s). Check the addresses on "
        "the platform's page."
    ),
    "no_directory": _lt("This platform has no directory service configured."),
    "refused": _lt("The platform refused the document: %(error)s %(text)s"),
    # the document
    "acknowledged_with_error": _lt("The platform turned it away: %(text)s"),
    "uncertain": _lt(
        "The answer was lost and this platform cannot be asked. See on the platform "
        "whether it has the document, then choose."
    ),
    "content_changed": _lt(
        "The stored file is no longer the one that was issued. It was not sent; "
        "restore it from a backup."
    ),
    "other_transmitter": _lt(
        "%(invoice)s already leaves by %(other)s. It is not sent a second time here."
    ),
    "directory_unknown": _lt(
        "%(partner)s (SIREN %(siren)s) is not in the directory. Check the SIREN on the "
        "customer form; if it is right, agree on another way with the customer."
    ),
    "directory_no_platform": _lt(
        "%(partner)s has not chosen a platform yet: none of its lines in the directory "
        "is open. Ask the customer, then try again."
    ),
    "directory_closed": _lt(
        "The address %(address)s of %(partner)s is closed in the directory. Choose an "
        "open line on the customer form, then Retry: the file is made again for it."
    ),
    "directory_not_yet": _lt(
        "The address %(address)s of %(partner)s opens later. The invoice waits."
    ),
    "directory_address_missing": _lt(
        "The address %(address)s is not one of %(partner)s in the directory. Choose an "
        "open line on the customer form, then Retry: the file is made again for it."
    ),
    # what came in
    "rules_broken": _lt("The message breaks the official rules: %(text)s"),
    "rules_not_run": _lt("The official rules could not be run (%(reason)s)."),
    "not_xml": _lt("The file is no XML (%(reason)s)."),
    "not_cdar": _lt("The file is no life-cycle message (%(tag)s)."),
    "cdar_too_large": _lt("The message is too large (%(size)s bytes)."),
    "cdar_incomplete": _lt("The message lacks %(field)s."),
    "status_unknown": _lt("%(status)s is not a status of the list."),
    "reason_missing": _lt("Status %(status)s needs a reason."),
    "amount_missing": _lt("Status %(status)s needs an amount."),
    "invoice_unknown": _lt(
        "No invoice %(number)s of seller %(siren)s is known here. Try again once it is "
        "entered."
    ),
    "type_unknown": _lt("Documents of type %(type)s are kept, but not read."),
    "bill_unreadable": _lt("The supplier's invoice cannot be read (%(reason)s)."),
    "bill_other_buyer": _lt(
        "The invoice is addressed to SIREN %(siren)s, not to %(company)s."
    ),
    "bill_duplicate": _lt(
        "Invoice %(number)s of %(supplier)s is already there as %(bill)s. No second "
        "bill was made."
    ),
    "bill_self_billed": _lt(
        "%(number)s is a self-billed invoice that a customer issued in your name. "
        "Enter it among the customer invoices."
    ),
    "bill_no_journal": _lt(
        "There is no purchase journal for %(company)s. Choose one on the platform's "
        "page."
    ),
    "bill_import_failed": _lt(
        "Its figures could not be read: the draft bill holds the file only. Fill it in "
        "by hand."
    ),
}

NEXT = {
    "": _lt("Nothing to do: the platform has it."),
    "200": _lt("Nothing to do: the platform passes it on."),
    "NON_TRANSMISE": _lt(
        "The customer has no platform yet: the invoice is filed but did not reach it. "
        "Send it by mail as well."
    ),
    "201": _lt("Nothing to do: on its way to the customer's platform."),
    "202": _lt("Nothing to do: the customer's platform has it."),
    "203": _lt("Nothing to do: the customer can read it."),
    "204": _lt("Nothing to do: the customer is looking at it."),
    "205": _lt("Wait for the payment: the customer approved it."),
    "206": _lt(
        "Read the reasons, agree with the customer and make a credit note for the part "
        "not approved."
    ),
    "207": _lt(
        "Read the reasons and answer the customer; make a credit note if the customer "
        "is right."
    ),
    "208": _lt(
        "Send what is missing to the customer, then say Completed: the invoice waits "
        "there."
    ),
    "209": _lt("Wait: the customer has what was missing."),
    "210": _lt(
        "The customer refused it for good: make a credit note and, if due, a new "
        "invoice with a new number."
    ),
    "211": _lt("Watch the bank account: the customer says it paid."),
    "212": _lt("Nothing to do: collected and reported."),
    "213": _lt(
        "The platform rejected it, so it was never issued to the customer: correct "
        "what the reason names, cancel it by a credit note and invoice again."
    ),
    "220": _lt("Nothing to do: cancelled."),
    "221": _lt(
        "It did not find its way: check the customer's line in the directory, then ask "
        "your platform."
    ),
    "501": _lt(
        "The file could not be taken: read the reason, then have it made and sent "
        "again."
    ),
    # of a supplier's invoice
    "bill": _lt("Check it, then approve, dispute or refuse it."),
    "bill_204": _lt("Approve, dispute or refuse it."),
    "bill_205": _lt("Pay it when it is due."),
    "bill_207": _lt("Wait for the supplier's answer or credit note."),
    "bill_208": _lt("Wait for what you asked the supplier for."),
    "bill_209": _lt("The supplier completed it: look again."),
    "bill_210": _lt("Nothing to do: refused. Cancel the draft bill."),
    "bill_212": _lt("Nothing to do: the supplier has the money."),
    # of the outbox
    "waiting": _lt("Nothing to do: it leaves with the next exchange."),
    "sending": _lt("Wait: the platform is being asked whether it has it."),
    "held": _lt("Read the reason, repair it, then press Retry."),
    "rejected": _lt("Read the reason, repair it, then transmit again."),
}


def error_text(env, code, facts):
    """Give the sentence of an error in the user's language.

    :param str code: key of ERRORS; another code is its own sentence
    :param dict facts: named values; missing ones are left out
    :rtype: str
    """
    if not code:
        return ""
    if code not in ERRORS:
        return code
    sentence = env._(ERRORS[code])
    return sentence % _Facts(facts or {})


class _Facts(dict):
    """Values of a sentence; one that is missing is nothing, not a failure."""

    def __missing__(self, key):
        return ""
