# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Talking to an approved platform (XP Z12-013) and reading its answers (XP Z12-012).

Owns: the client of the flow and directory services, the life-cycle messages (CDAR)
written and read, the list of statuses and reasons, the verdict on a directory line, and
what an answer means for a document in the outbox (`delivery`).

Does not own: what is sent, when, and where the answer is stored (Odoo models), nor the
official rules of a message (`einvoice.validate`).

Invariants: no clock, no database, no retry in here. A call ends in a value or in a
`TransmissionError` that says whether the platform may have taken the document.
"""
