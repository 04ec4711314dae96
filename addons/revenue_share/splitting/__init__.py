"""Partner shares as a pure function of bases and rules.

What it owns: how an amount is cut between partners and the operator, how a cut
is mirrored by a credit note, how it is released by payments, and the small
settlement rules around it (guarantee, advance, payout, clearing, ...).
What it does not own: records, ledger entries, VAT of a document, the clock.

Invariants, each proved by a property test in ``tests/unit/revenue_share``:

* conservation: the shares of a step plus the rest are the amount of the step,
  to the minor unit, whatever the sign and the decimals of the currency;
* a share is rounded once, by largest remainder, the operator's rest taking part
  and coming last on a tie;
* a reversal mirrors what was stored and never looks at a percentage again: the
  credit of the whole returns exactly zero, in one or in many credit notes;
* the same input gives the same output: nothing here reads a clock, a record or
  a setting.

Amounts are ``Decimal`` in units of the currency; ``decimals`` is the number of
decimals of that currency (EUR 2, JPY 0, TND 3). Ratios are exact fractions.
Dates are local calendar dates; the end of an agreement version is the last day
on which it applies.
"""
