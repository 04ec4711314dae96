# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Checks of the verifier on what stands beside entries and files.

Statuses, payments as recorded, entries on the other side of a payment, entries that
were sealed again, documents destroyed after their retention.
"""

import json
from datetime import date

from .content import LINE_FROZEN, LINE_RELATIONS, MOVE_FROZEN, differences
from .problems import Problem
from .records import DELETED

#: C. com. L123-22, counted from the document itself: never less, whatever a row says
RETENTION_YEARS = 10


def check_amended(link, before, after):
    """Yield frozen values that differ between two seals of one entry.

    The software never seals such a change: somebody switched the guards off, changed
    the entry and sealed it again.

    :param Link link: of the later seal
    :param before, after: payloads
    """
    absent = {*before["absent"], *after["absent"]}
    frozen = {*MOVE_FROZEN} - absent

    def problem(where, field, expected, found):
        return Problem("sealed_again", link.name, where, field, expected, found)

    for field, expected, found in differences(before["fields"], after["fields"]):
        if field in frozen:
            yield problem(link.key, field, expected, found)
    frozen = {*LINE_FROZEN, *LINE_RELATIONS} - absent
    lines, later = before["lines"], after["lines"]
    for line_id in sorted(lines.keys() | later.keys(), key=int):
        where = f"line {line_id}"
        if line_id not in lines or line_id not in later:
            known = "yes" if line_id in lines else "no"
            yield problem(where, "exists", known, "no" if known == "yes" else "yes")
            continue
        for field, expected, found in differences(lines[line_id], later[line_id]):
            is_label = field == "name"
            if is_label and lines[line_id].get("display_type") == "payment_term":
                continue  # Odoo writes the payment reference there
            if field in frozen:
                yield problem(where, field, expected, found)


def check_receipt(name, payment_id, sealed, current):
    """Yield what differs of a payment as recorded."""
    where = f"account.payment,{payment_id}"
    before = sealed["payment"]
    if sealed["event"] == DELETED:
        if current is not None:
            yield Problem("payment_not_sealed", name, where, found=current["amount"])
        return
    if current is None:
        amount = f"{before['amount']} on {before.get('date', '')}"
        yield Problem("payment_missing", name, where, expected=amount)
        return
    for field, expected, found in differences(before, current):
        yield Problem("payment_altered", name, where, field, expected, found)


def check_counterpart(name, partial_id, sealed, current):
    """Yield what differs of the entry that pays a document.

    :param sealed: payload of the matching
    :param current: {entry id: {"name", "date"}} of both its sides
    """
    other = sealed.get("counterpart") or {}
    where = f"account.partial.reconcile,{partial_id}"
    now = current.get(other.get("move_id"))
    if now is None:
        return  # the sides themselves are compared
    for field in ("name", "date"):
        before = str(other.get(field) or "")
        if before and before != str(now[field] or ""):
            yield Problem(
                "payment_altered",
                name,
                where,
                f"{field} of the payment",
                before,
                str(now[field] or "empty"),
            )


def check_status(name, status_id, sealed, current):
    """Yield what differs of a status of an invoice."""
    where = f"fr.einvoice.status,{status_id}"
    invoice = sealed.get("invoice") or name
    if current is None:
        yield Problem("status_missing", invoice, where, sealed.get("code", ""))
        return
    for field, value in current.items():
        if field in sealed and value != (sealed[field] or type(value)()):
            expected, found = (
                item if isinstance(item, str) else json.dumps(item, sort_keys=True)
                for item in (sealed[field], value)
            )
            yield Problem("status_altered", invoice, where, field, expected, found)


def check_retention(file, destructions, invoice_date=None):
    """Yield what is wrong with the retention of an archived file.

    :param file: with document_date, retention_until, is_destroyed
    :param destructions: {archive entry id: instant it was sealed}
    :param str invoice_date: as sealed, when the file belongs to a sealed entry
    """
    if not file.document_date:
        return
    day, until = file.document_date, file.retention_until
    if invoice_date:
        day = max(day, date.fromisoformat(invoice_date))
    least = _later(day)
    if until < least:
        yield Problem(
            "retention_shortened",
            file.name,
            file.where,
            expected=str(least),
            found=str(until),
        )
    if not file.is_destroyed:
        return
    sealed = destructions.get(int(file.where.rpartition(",")[2]))
    if sealed is None:
        yield Problem("destroyed_unrecorded", file.name, file.where)
        return
    if sealed.date() <= least:
        yield Problem(
            "destroyed_early",
            file.name,
            file.where,
            expected=str(least),
            found=str(sealed.date()),
        )


def _later(day):
    year = day.year + RETENTION_YEARS
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return day.replace(year=year, day=28)
