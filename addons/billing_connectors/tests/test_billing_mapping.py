# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.usage_billing.metering import EventRow

from .. import bridge, messages
from ..const import REASONS
from ..feeds.values import ROW_ERROR_CODES, ParsedUsage
from .common import HEADER, ConnectorCase


@tagged("post_install", "-at_install")
class TestBillingMapping(ConnectorCase):
    def test_form_shows_and_writes_the_definition(self):
        with Form(self.mapping) as form:
            self.assertEqual(form.subject_text, "project")
            form.subject_text = "account | project"
            form.type_text = "=cpu"
            form.decimal_sign = ","
        data = json.loads(self.mapping.definition)
        self.assertEqual(data["fields"]["subject"], {"column": ["account", "project"]})
        self.assertEqual(data["fields"]["type"], {"const": "cpu"})
        self.assertEqual(data["options"], {"decimal": ","})
        self.assertEqual(data["ignore"][0]["name"], "internal")  # the rest stays

    def test_steps_of_a_column_survive_the_form(self):
        mapping = self._create_mapping(
            name="Steps",
            fields={
                "type": {"const": "cpu"},
                "subject": "project",
                "time": {"column": "time", "formats": ["MM/DD/YYYY"]},
                "value": {"column": "quantity", "factor": "1/1024"},
            },
        )
        mapping.value_text = "qty"
        value = json.loads(mapping.definition)["fields"]["value"]
        self.assertEqual(value, {"column": "qty", "factor": "1/1024"})

    def test_unusable_definition_is_refused_with_the_reason(self):
        for definition, word in (
            ("{", "JSON"),
            ('{"fields": {}}', "fields.type"),
            ('{"bogus": 1}', "bogus"),
        ):
            with self.assertRaises(ValidationError) as caught:
                self.mapping.definition = definition
            self.assertIn(word, str(caught.exception))

    def test_used_mapping_is_frozen_and_goes_on_as_a_version(self):
        self._import(self._rows(range(2)))
        with self.assertRaises(UserError):
            self.mapping.decimal_sign = ","
        with self.assertRaises(UserError):
            self.mapping.unlink()
        action = self.mapping.action_new_version()
        new = self.env["billing.mapping"].browse(action["res_id"])
        self.assertEqual((new.version, new.previous_id), (2, self.mapping))
        self.assertFalse(self.mapping.active)
        new.decimal_sign = ","
        self.assertEqual(new.source_id, self.source)

    def test_file_finds_its_mapping_by_its_columns(self):
        content = self.Delivery._inspect((HEADER + self._rows([1])).encode(), "u.csv")
        found = self.env["billing.mapping"]._suggest(content, self.company)
        self.assertEqual(found, self.mapping)
        content = self.Delivery._inspect(b"a,b\n1,2\n", "u.csv")
        self.assertFalse(self.env["billing.mapping"]._suggest(content, self.company))

    def test_ready_made_mappings_are_usable(self):
        for key, text in bridge.templates().items():
            with self.subTest(template=key):
                mapping = self.env["billing.mapping"]._from_template(key, self.company)
                self.assertFalse(mapping.problem)
                self.assertTrue(mapping._spec().match)
                again = self.env["billing.mapping"]._from_text(text, self.company)
                self.assertEqual(again, mapping)

    def test_unknown_name_lists_the_ready_made_ones(self):
        with self.assertRaises(UserError) as caught:
            self.env["billing.mapping"]._find("bogus", self.company)
        self.assertIn("aws_cur", str(caught.exception))

    def test_parsed_usage_has_the_fields_of_an_event(self):
        self.assertEqual(ParsedUsage._fields, EventRow._fields)

    def test_every_code_of_a_row_has_a_sentence_and_a_reason(self):
        reasons = dict(self.env["usage.quarantine"]._fields["reason_code"].selection)
        self.assertEqual(set(messages.ROW_ERRORS), set(ROW_ERROR_CODES))
        self.assertEqual(set(REASONS), set(ROW_ERROR_CODES))
        self.assertLessEqual(set(REASONS.values()), set(reasons))
