# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Duties of French bookkeeping as pure functions: no Odoo, no database, no clock.

    fec.py           layout of the accounting entries file (LPF art. A47 A-1)
    fec_check.py     structural check of such a file, ours or anybody's
    fec_messages.py  its findings in words, English and French
    numbering.py     gaps in the numbers of documents
    penalties.py     late-payment interest per day, indemnity, public buyers
    des.py           file of the statement of services to the European Union (DES)
    das2.py          fees paid to third parties: thresholds, kinds, who is declared

Amounts are Decimal (the FEC checker counts whole cents), dates are ``datetime.date``.
``python3 addons/fr_invoicing/ledger FILE`` checks a FEC without Odoo.
"""
