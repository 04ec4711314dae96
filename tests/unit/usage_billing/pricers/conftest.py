# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""One way to check an example of a price model, whatever the model."""

from decimal import Decimal

import pytest

from rating import Billed, Charge, Currency, Usage, rate

EUR = Currency("EUR", 2)


@pytest.fixture
def check():
    """Return check(price, usage, parts, **steps).

    parts: expected {component key: (quantity or None, amount)} as strings; the
    sum of the amounts is the line. The example is also rated in two halves, the
    second as a delta, and must come to the same line.
    """

    def check(price, usage, parts, currency=EUR, **steps):
        charge = Charge("c1", price, **steps)
        line = rate(charge, usage, currency)
        got = {c.key: (c.quantity, c.amount) for c in line.components}
        wanted = {
            key: (None if quantity is None else Decimal(quantity), Decimal(amount))
            for key, (quantity, amount) in parts.items()
        }
        assert got == wanted
        assert line.amount == sum(amount for _quantity, amount in wanted.values())
        if not isinstance(usage, Usage) and usage is not None:
            half = rate(charge, Decimal(usage) / 2, currency, closes=False)
            rest = rate(charge, usage, currency, billed=Billed.of(half))
            assert half.amount + rest.amount == line.amount
            merged = Billed.of(half, rest)
            for part in merged.parts:
                assert part.amount == got.get(part.key, (None, 0))[1]
        again = rate(charge, usage, currency, billed=Billed.of(line))
        assert (again.amount, again.components) == (0, ())
        return line

    return check


@pytest.fixture
def refuses():
    """Return refuses(code, build, ...): building or rating raises that code."""
    from rating import RatingError

    def refuses(code, build, *arguments, **named):
        with pytest.raises(RatingError) as caught:
            build(*arguments, **named)
        assert caught.value.code == code

    return refuses
