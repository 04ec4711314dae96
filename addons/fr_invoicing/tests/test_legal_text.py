# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..einvoice import mentions, tva
from ..einvoice.errors import DocumentError, PdfError, ValidatorError, WriterError
from ..messages import MESSAGES
from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestLegalText(FrInvoicingCommon):
    def test_every_mention_has_a_wording_before_and_after_the_cibs(self):
        kinds = list(mentions.TREATMENTS)
        penalties = (
            mentions.PENALTY_ECB,
            mentions.PENALTY_LEGAL,
            mentions.PENALTY_RATE,
        )
        keys = {
            mention.key
            for buyer in kinds
            for nature in (tva.GOODS, tva.SERVICES, tva.MIXED)
            for penalty in penalties
            for has_discount in (True, False)
            for mention in mentions.required(
                mentions.Facts(
                    buyer, nature, True, penalty, has_discount, vat_mentions=()
                )
            )
        }
        keys |= {row.mention for row in tva.regimes().values() if row.mention}
        for day in (date(2026, 11, 2), date(2027, 12, 31), date(2028, 1, 1)):
            wordings = self.env["fr.legal.text"]._get_wordings(self.company, day)
            self.assertEqual(keys - wordings.keys(), set(), day)

    def test_cgi_wording_ends_with_2027(self):
        texts = self.env["fr.legal.text"]
        last = texts._get_wordings(self.company, date(2027, 12, 31))
        first = texts._get_wordings(self.company, date(2028, 1, 1))
        self.assertIn("CGI", last["vat_intra_goods"].text)
        self.assertNotIn("CGI", first["vat_intra_goods"].text)

    def test_own_wording_goes_first(self):
        self.env["fr.legal.text"].create(
            {
                "code": "no_discount",
                "company_id": self.company.id,
                "text": "Aucun escompte.",
                "source": "Conditions générales",
            }
        )
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertValid(move)
        note = "//ram:IncludedNote[ram:SubjectCode='AAB']/ram:Content"
        self.assertEqual(self._texts(move, note), ["Aucun escompte."])

    def test_missing_wording_is_named(self):
        self.env["fr.legal.text"].search([("code", "=", "no_discount")]).active = False
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertEqual(self._rules(move), ["LEGAL-TEXT-MISSING"])

    def test_overlap_and_unknown_name_are_refused(self):
        values = {"code": "no_discount", "text": "x", "source": "x"}
        with self.assertRaisesRegex(ValidationError, "same day"):
            self.env["fr.legal.text"].create(values)
        with self.assertRaisesRegex(ValidationError, "unknown"):
            self.env["fr.legal.text"].create(
                {"code": "new", "text": "%(nothing)s", "source": "x"}
            )

    def test_discount_of_the_payment_term_is_printed(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "2 % 10 jours",
                "early_discount": True,
                "discount_percentage": 2.5,
                "discount_days": 10,
                "early_pay_discount_computation": "included",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 100, "nb_days": 30}
                    )
                ],
            }
        )
        move = self._make_invoice([self._line()], invoice_payment_term_id=term.id)
        move._fr_generate_facturx()
        self.assertValid(move)
        note = "//ram:IncludedNote[ram:SubjectCode='AAB']/ram:Content"
        self.assertIn(
            "2,5 % pour un paiement sous 10 jours", self._texts(move, note)[0]
        )

    def test_penalty_rate_of_the_company_is_printed(self):
        self.company.write({"fr_late_penalty": "rate", "fr_late_penalty_rate": 12.5})
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        note = "//ram:IncludedNote[ram:SubjectCode='PMD']/ram:Content"
        self.assertIn("12,5 % par an", self._texts(move, note)[0])

    def test_profiles_are_those_of_the_core(self):
        found = {
            profile.code: (
                profile.category_code,
                profile.vatex_code or "",
                profile.mention_code or "",
                profile.scope or "",
            )
            for profile in self.env["fr.tax.profile"].search([])
        }
        expected = {
            code: (regime.category, regime.vatex, regime.mention, regime.scope)
            for code, regime in tva.regimes().items()
        }
        self.assertEqual(found, expected)

    def test_every_code_of_the_core_has_a_sentence(self):
        import ast
        from pathlib import Path

        kinds = {
            kind.__name__
            for kind in (DocumentError, PdfError, ValidatorError, WriterError)
        } | {"fatal", "warning"}
        codes = set()
        home = Path(__file__).parents[1]
        files = [
            path
            for path in home.rglob("*.py")
            if path.parent.name not in ("tests", "scenarios")
        ]
        for path in files:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in kinds:
                    codes |= {
                        arg.value
                        for arg in node.args
                        if isinstance(arg, ast.Constant)
                        and isinstance(arg.value, str)
                        and arg.value.isidentifier()
                        and "_" in arg.value
                    }
        self.assertGreater(len(codes), 20)
        self.assertEqual(codes - MESSAGES.keys(), set())
