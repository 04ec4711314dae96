from odoo.tests import TransactionCase, tagged

from ..messages import MESSAGES
from ..splitting.errors import CODES


@tagged("post_install", "-at_install")
class TestMessages(TransactionCase):
    def test_every_refusal_of_the_core_has_a_sentence(self):
        self.assertEqual(set(MESSAGES), set(CODES))
