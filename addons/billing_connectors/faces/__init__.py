# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Requests of other systems' official clients in, usage events out: a pure core.

What it owns
    The vocabulary of three clients (Lago, OpenMeter, Stripe billing meters): how their
    requests are read, which answers and errors they understand.

What it does not own
    Who may send, what is stored, duplicates, limits of rate. No Odoo, no database, no
    clock, no network: the time of arrival is an argument.

Invariants
    * Numbers are ``Decimal`` from text to result; no float anywhere.
    * A request is read whole before anything of it is handed out: one bad event refuses
      the request, as these systems do, and says which event and which field.
    * The same request gives the same events with the same ids; only an event without a
      time takes the time it arrived.
    * No text that a database cannot keep leaves this package (NUL, lone surrogates,
      names longer than ``reading.MAX_NAME``).
"""
