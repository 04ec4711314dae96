"""What is wrong with a row is said in the language of its reader."""

from odoo.tests import tagged

from .. import row_words
from ..api.events import EventReader
from ..metering import EventRow, RejectedRow, UnitRow
from .test_usage_store import StoreCase, event


@tagged("post_install", "-at_install")
class TestRowWords(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.meter = cls._create_meter("cpu")

    def _say(self, code, detail, lang="fr_FR"):
        return _plain(self.env["usage.quarantine"]._say_detail(code, detail, lang))

    def _texts(self, batch):
        held = batch.quarantine_ids.with_context(lang="fr_FR").sorted("row_number")
        return [_plain(text) for text in held.mapped("detail_text")]

    def test_every_sentence_has_french(self):
        known = [*row_words.SENTENCES, *row_words.MEMBERS.values()]
        same = {"id", "type"}  # "type" is French too
        for text in known:
            french = text._translate("fr_FR")
            if text._source not in same and " " in text._source.strip("%()s: "):
                self.assertNotEqual(french, text._source)

    def test_what_readers_of_requests_said(self):
        lines = [
            '{"id": "a"}',
            "[1]",
            '{"id": "b", "type": "cpu", "subject": "s", "time": "hier"}',
            '{"id": "c", "type": "cpu", "subject": "s", "time": '
            '"2026-02-30T00:00:00Z"}',
            '{"id": "d", "type": "cpu", "subject": "s", "time": "2026-02-03T00:00:00Z",'
            ' "value": "abc"}',
            '{"id": "e", "couleur": 1}',
            '{"id": NaN}',
            '{"id": "f", "id": "g"}',
        ]
        reader = EventReader(EventRow, RejectedRow, unit_row=UnitRow)
        rows = reader.read("\n".join(lines).encode(), "application/x-ndjson").rows
        batch = self._send(rows)
        self.assertEqual(
            self._texts(batch),
            [
                "type",
                "un événement est un objet JSON",
                "time : « hier » : ce n'est pas une date avec heure selon la RFC 3339, "
                "par exemple 2026-09-15T12:00:00Z ou 2026-09-15T14:00:00+02:00",
                "time : « 2026-02-30T00:00:00Z » : ce jour ou cette heure n'existe pas",
                "value : abc n'est pas un nombre décimal",
                "type",
                "ligne 7, colonne 8 : NaN et Infinity ne sont pas des nombres en JSON",
                "id : figure deux fois dans le même objet, alors qu'un seul peut "
                "compter : envoyez-le une seule fois",
            ],
        )
        english = batch.quarantine_ids.with_context(lang="en_US")
        self.assertEqual(english.mapped("detail_text"), english.mapped("detail"))

    def test_what_the_store_noted(self):
        self.assertEqual(self._say("missing_field", "value"), "valeur (value)")
        self.assertEqual(self._say("missing_field", "value", "en_US"), "value")
        self.assertEqual(
            self._say("missing_field", "event_id, time"),
            "identifiant (event_id), heure (time)",
        )
        self.assertEqual(
            self._say("id_time", "-190000 s"),
            "l'identifiant porte une heure antérieure de 2 jours à celle de "
            "l'événement",
        )
        self.assertEqual(
            self._say("id_time", "7200 s", "en_US"),
            "the id carries a time 2 hours later than that of the event",
        )
        self.assertEqual(
            self._say("id_time", "UUID v7"),
            "l'identifiant n'est pas un UUID de version 7",
        )
        self.assertIn("time", self._say("id_time", f"{10**18} s", "en_US"))
        self.assertEqual(
            self._say("currency", "USD, EUR"),
            "le montant est en USD, l'abonnement en EUR",
        )
        self.assertEqual(
            self._say("invalid_value", "subject: \\u0000"),
            "subject : le caractère \\u0000 ne peut pas être enregistré",
        )
        batch = self._send([event(1, "1E400"), event(2, "NaN")])
        self.assertEqual(
            self._texts(batch),
            [
                "plus de 100 chiffres d'un côté de la virgule",
                "NaN n'est pas un nombre fini",
            ],
        )

    def test_a_property_that_is_no_number_is_told_in_words(self):
        self._create_meter("kva", value_source="property", value_property="power")
        row = event(1, None, type="kva", properties={"power": "beaucoup"})
        batch = self._send([row])
        self.assertEqual(
            batch.quarantine_ids.detail, "power: beaucoup is not a decimal number"
        )
        self.assertEqual(
            self._texts(batch), ["power : beaucoup n'est pas un nombre décimal"]
        )

    def test_numbers_in_properties_and_values_are_told_alike(self):
        self._create_meter("kva", value_source="property", value_property="power")
        self._create_meter("kwh")
        long = "7" * 61 + "x"
        batch = self._send(
            [
                event(number, None, type=kind, properties={name: text})
                for number, (kind, name, text) in enumerate(
                    [
                        ("kva", "power", "1E400"),
                        ("kwh", "value", "1E400"),
                        ("kva", "power", long),
                        ("kwh", "value", long),
                    ],
                    1,
                )
            ]
        )
        many = "plus de 100 chiffres d'un côté de la virgule"
        cut = f"{long[:60]}… n'est pas un nombre décimal"
        self.assertEqual(
            self._texts(batch),
            [
                f"power : {many}",
                f"value : {many}",
                f"power : {cut}",
                f"value : {cut}",
            ],
        )

    def test_what_nobody_here_said_is_shown_as_it_is(self):
        self.assertEqual(self._say("unreadable", "Zeile defekt"), "Zeile defekt")
        self.assertEqual(self._say("unreadable", ""), "")
        self.assertEqual(self._say("unknown_unit", "GiBB"), "GiBB")

    def test_the_story_and_the_inbox_say_it_too(self):
        batch = self._send(
            [
                RejectedRow(1, "invalid_value", "value: x is not a decimal number", ""),
                event(2, None),
            ]
        )
        french = batch.quarantine_ids.with_context(lang="fr_FR").sorted("row_number")
        self.assertIn("value : x n&#39;est pas un nombre", _plain(french[0].story_html))
        inbox = self.env["usage.quarantine.inbox"].with_context(lang="fr_FR")
        headline = inbox.browse(french[1].cause_id.id).headline
        self.assertEqual(_plain(headline), "Manquant : valeur (value)")
        # chips of decisions and titles of rows
        self.assertEqual(
            _plain(french[1].cause_id.display_name), "Champ manquant : value"
        )
        english = french[1].cause_id.with_context(lang="en_US")
        self.assertEqual(english.display_name, "Missing field: value")
        self.assertEqual(_plain(french[0].display_name), "Valeur invalide : 1")

    def test_choices_taken_from_another_model_are_translated(self):
        for model in self.env.registry.values():
            if not model._name.startswith("usage."):
                continue
            for name, field in model._fields.items():
                if field.type == "selection" and callable(field.selection):
                    with self.subTest(model=model._name, field=name):
                        french, english = (
                            self.env[model._name]
                            .with_context(lang=lang)
                            .fields_get([name], ["selection"])[name]["selection"]
                            for lang in ("fr_FR", "en_US")
                        )
                        names = [label for key, label in english if key != label]
                        if names:  # time zones have none
                            self.assertFalse(french == english)


def _plain(text):
    """With ordinary spaces: French has hard ones before its signs."""
    return str(text).replace("\xa0", " ").replace("\u202f", " ")
