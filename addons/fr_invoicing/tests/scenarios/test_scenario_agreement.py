# Part of Relevé. See LICENSE file for full copyright and licensing details.
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged

from .common import DAY, ScenarioCase

TAXES = (
    "tva_normale",
    "tva_normale_encaissement",
    "tva_intermediaire",
    "tva_reduite",
    "tva_super_reduite",
    "tva_normale_ttc",
    "tva_reduite_ttc",
)
LINES = st.lists(
    st.tuples(
        st.integers(1, 500) | st.floats(0.001, 99).map(lambda value: round(value, 4)),
        st.floats(0.01, 2000).map(lambda value: round(value, 2))
        | st.floats(0.000001, 1).map(lambda value: round(value, 6)),
        st.sampled_from([0, 0, 0, 5, 12.5, 33.33]),
        st.sampled_from(TAXES),
    ),
    min_size=1,
    max_size=7,
)


@tagged("post_install", "-at_install")
class TestScenarioAgreement(ScenarioCase):
    """Whatever is sold, XML, page and ledger say the same to the cent."""

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        lines=LINES,
        currency=st.sampled_from(["EUR", "EUR", "USD", "CHF", "JPY"]),
        by_line=st.booleans(),
    )
    def test_random_invoices_agree(self, lines, currency, by_line):
        self.company.tax_calculation_rounding_method = (
            "round_per_line" if by_line else "round_globally"
        )
        move = self.invoice(
            *[
                self.line(
                    quantity,
                    price,
                    product=self.good,
                    discount=discount,
                    tax=tax,
                    name=f"Article {number}",
                )
                for number, (quantity, price, discount, tax) in enumerate(lines)
            ],
            currency_id=self.money(currency).id,
        )
        self.play(move)

    def money(self, name):
        currency = self.env.ref(f"base.{name}")
        currency.active = True
        rates = {"USD": 1.0837, "CHF": 0.9341, "JPY": 163.21}
        if name in rates and not currency.rate_ids.filtered(
            lambda rate: rate.name == DAY
        ):
            self.env["res.currency.rate"].create(
                {"currency_id": currency.id, "rate": rates[name], "name": DAY}
            )
        return currency
