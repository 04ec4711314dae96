# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The seal of posted invoices: pure Python, usable without Odoo.

Owns what is sealed (``content``), how it is written down exactly (``canonical``), the
hash chain (``chain``), closing totals (``closing``), signed anchors (``anchor``,
``keys``), the bundle handed over at an inspection (``bundle``) and the verifier
(``verify``, started by ``python3 -m sealing``). Does not own when something is sealed:
that is the models.

Invariants: a link's hash covers the hash of the link before it, so links cannot be
changed, left out, put in or exchanged; a payload is compared as the bytes that were
hashed; nothing here rounds or converts a figure, figures are texts.

Dates: ``sealed_at`` is the UTC instant a fact was recorded, not the invoice date.
Sources: CGI art. 286 I 3° bis and BOI-TVA-DECLA-30-10-30 (inalterability, security,
conservation, archiving), C. com. L123-22, LPF L102 B, ETSI EN 319 132-1 (XAdES).
"""
