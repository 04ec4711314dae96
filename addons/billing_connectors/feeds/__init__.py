# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Usage files in, usage rows out: the pure core of the connectors.

What it owns
    Reading a delivered file (plain or gzip) with its encoding, delimiter and decimal
    sign; applying a declared mapping without evaluating code; the identity of a row;
    surveying a file for what has to exist before it can be billed.

What it does not own
    Where a file comes from, what is stored, which customer a subject belongs to, any
    price. No Odoo, no database, no clock, no network.

Invariants
    * Numbers are ``Decimal`` from text to result; no float anywhere.
    * Every row of a file ends as a ``ParsedUsage``, a ``RowError`` or an
      ``IgnoredRow``; the three counts add up to the rows read. A bad row never stops
      the file.
    * A file-level problem (truncated archive, missing column, ambiguous decimal sign)
      is a ``FeedError`` and nothing of the file is handed out.
    * Times are naive UTC. A time without zone is read in the zone the mapping declares.
    * The same bytes with the same mapping give the same rows with the same ids.
"""
