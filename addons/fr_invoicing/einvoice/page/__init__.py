# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the printed page shows, decided without Odoo.

labels    words of the page, English and French
formats   figures, dates and colours as the reader's language writes them
look      the options of a template, as one immutable value
grouping  rows of the table: groups, blocks of one service, steps, summary
epc       payload of the EPC QR code of a SEPA transfer
figures   QR code and chart as SVG with a text alternative

Amounts are never computed here, only added up where a heading shows a sum, and such
sums are checked against the total of the document.
"""
