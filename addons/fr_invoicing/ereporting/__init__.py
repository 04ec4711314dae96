# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""E-reporting to the tax office: flux 10, as plain Python on immutable values.

    periods     which days a report covers and when it is due, by VAT regime
    scope       which operations are reported, under which category
    margin      what is reported of sales under the margin scheme
    aggregate   consumers' sales by day (10.3), their payments by day (10.4)
    checks      what would make the tax office refuse one operation
    report      the XML of a report, written by pyfrctc
    known_bugs  findings of the official rules that are faults of the rules
    reconcile   ledger, documents, flux 10 and VAT boxes side by side

The four parts of flux 10 (CGI 290, 290 A; XP Z12-012 annex A, cases 33 and 43):

    10.1  sales to and purchases from businesses abroad, invoice by invoice
    10.2  payments of those sales, when VAT falls due on payment
    10.3  sales to consumers, by day, category, currency and rate
    10.4  payments of those sales by day and rate, when VAT falls due on payment

Invariants, whatever the operations:

- every operation is live in exactly one period; periods have neither hole nor overlap;
- the sums of a report are the sums of its operations, to the cent;
- a rectifying report (RE) says the whole period again: it annuls and replaces.

Dates: the day of a sale is the issue date of its document, the day of a payment the
day money came in (or went back). No clock, no database: days are arguments.
"""
