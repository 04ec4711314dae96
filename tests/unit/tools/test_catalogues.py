"""Merging catalogues keeps translations, adds what is new, drops what is gone."""

import polib

from tools.releve import merge_catalogues as merging


def catalogue(**entries):
    made = polib.POFile()
    for msgid, msgstr in entries.items():
        made.append(polib.POEntry(msgid=msgid, msgstr=msgstr, comment="module: x"))
    return made


def test_merge_keeps_adds_and_drops():
    template = catalogue(Meter="", Plan="")
    present = catalogue(Meter="Compteur", Gone="Parti")
    merged = merging.merge(template, present)
    found = {entry.msgid: entry.msgstr for entry in merged}
    assert found == {"Meter": "Compteur", "Plan": ""}


def test_moved_sentence_makes_a_catalogue_stale():
    one, two = catalogue(Meter="Compteur"), catalogue(Meter="Compteur")
    assert merging.facts(one) == merging.facts(two)
    two[0].occurrences = [("addons/x/models/y.py", "0")]
    assert merging.facts(one) != merging.facts(two)
