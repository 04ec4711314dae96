from odoo.tests import HttpCase, tagged

from .common import RevenueShareCommon

LIST = "/my/revenue-share/statements"


@tagged("post_install", "-at_install")
class TestPortal(RevenueShareCommon, HttpCase):
    """What a partner finds on the portal, and what nobody else does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        agreement = cls._create_agreement(
            [(cls.reseller, "percent", "10"), (cls.author, "percent", "7")]
        )
        cls._create_invoice((cls.music, 1234.56), (cls.movie, 99))
        agreement.action_prepare_statements()
        statements = agreement.statement_ids
        statements.with_user(cls.approver).action_send()
        cls.own = statements.filtered(lambda s: s.partner_id == cls.reseller)
        cls.other = statements - cls.own
        cls._create_portal_user("rs_owner", cls.reseller)
        cls._create_portal_user("rs_sibling", cls.author)
        cls._create_portal_user("rs_customer", cls.customer, role=False)

    def _routes(self, statement):
        page = f"{LIST}/{statement.id}"
        return (page, f"{page}/pdf", f"{page}/csv")

    def test_owner_sees_list_page_and_files(self):
        self.authenticate("rs_owner", "rs_owner")
        listed = self.url_open(LIST)
        self.assertEqual(listed.status_code, 200)
        self.assertIn(self.own.name, listed.text)
        self.assertNotIn(self.other.name, listed.text)
        for url in self._routes(self.own):
            with self.subTest(url=url):
                self.assertEqual(self.url_open(url).status_code, 200)
        page = self.url_open(f"{LIST}/{self.own.id}").text
        self.assertIn("133.36", page)
        self.assertNotIn(self.author.name, page)
        self.assertNotIn(self.customer.name, page)
        self.assertNotIn("1,106.85", page, "what the operator keeps is not told")

    def test_home_page_counts_own_statements(self):
        self.authenticate("rs_owner", "rs_owner")
        self.assertIn(LIST, self.url_open("/my").text)
        answer = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["revenue_share_statement_count"]}
        )
        self.assertEqual(answer["revenue_share_statement_count"], 1)

    def test_other_partner_finds_nothing(self):
        self.authenticate("rs_sibling", "rs_sibling")
        self.assertNotIn(self.own.name, self.url_open(LIST).text)
        for url in self._routes(self.own):
            with self.subTest(url=url):
                self.assertEqual(self.url_open(url).status_code, 404)

    def test_customer_without_the_role_finds_nothing(self):
        self.authenticate("rs_customer", "rs_customer")
        for url in (LIST, *self._routes(self.own)):
            with self.subTest(url=url):
                self.assertEqual(self.url_open(url).status_code, 404)
        answer = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["revenue_share_statement_count"]}
        )
        self.assertFalse(answer.get("revenue_share_statement_count"))

    def test_anonymous_visitor_is_asked_to_log_in(self):
        for url in (LIST, *self._routes(self.own)):
            with self.subTest(url=url):
                answer = self.url_open(url, allow_redirects=False)
                self.assertIn(answer.status_code, (302, 303))
                self.assertIn("/web/login", answer.headers["Location"])

    def test_guessed_number_is_not_found(self):
        self.authenticate("rs_owner", "rs_owner")
        for guess in (self.other.id, 999999999, 0):
            with self.subTest(guess=guess):
                answer = self.url_open(f"{LIST}/{guess}")
                self.assertEqual(answer.status_code, 404)
        answer = self.url_open(f"{LIST}/{self.other.id}?access_token=guess")
        self.assertEqual(answer.status_code, 404)

    def test_back_office_download_is_closed_to_the_portal(self):
        url = f"/revenue_share/statements/{self.own.id}/pdf"
        self.authenticate("rs_owner", "rs_owner")
        self.assertEqual(self.url_open(url).status_code, 404)
        self.authenticate("rs_approver", "rs_approver")
        answer = self.url_open(url)
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")

    def test_page_in_french(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["res.users"].search([("login", "=", "rs_owner")]).lang = "fr_FR"
        self.authenticate("rs_owner", "rs_owner")
        page = self.url_open(f"{LIST}/{self.own.id}").text
        self.assertIn("133,36", page)
        self.assertIn("Accepter le relevé", page)
        self.assertNotIn("Amount due", page)

    def test_partner_reads_and_accepts_a_statement(self):
        self.assertEqual(self.url_open("/my", allow_redirects=False).status_code, 303)
        self.start_tour("/my", "revenue_share_partner", login="rs_owner")
        self.assertEqual(self.own.state, "accepted")
        self.assertTrue(self.own.accepted_by_id)
        self.assertEqual(self.other.state, "sent")
