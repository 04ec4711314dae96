"""Export and merge the catalogues; runs inside an Odoo environment (see inside.py).

Arguments: folder of the add-ons, report file, "write" or "check", add-on names.
"""

import io
import re
from pathlib import Path

import polib

VOLATILE = {"POT-Creation-Date", "PO-Revision-Date", "X-Generator"}
SHOWN = 5
NO_BREAK = "\N{NO-BREAK SPACE}"
# A plain space before high punctuation or a percent sign, or inside guillemets.
FRENCH_SPACES = re.compile(
    r"(?<=\S) (?=[;:?!»](?:[\s<).,…]|$))|(?<=«) |(?<=[\ds]) (?=%(?:%|[\s).,;]|$))"
)


def export(env, addon):
    """The add-on's sentences as a catalogue without translations."""
    from odoo.tools.translate import trans_export

    buffer = io.BytesIO()
    trans_export(False, [addon], buffer, "po", env)
    catalogue = polib.pofile(buffer.getvalue().decode())
    for field in VOLATILE:
        catalogue.metadata.pop(field, None)
    return catalogue


def typography(text, source):
    """French punctuation as printers write it: never alone at the start of a line.

    :param str source: the English; a text that is not translated stays
    """
    if text == source:
        return text
    return FRENCH_SPACES.sub(NO_BREAK, text).replace("’", "'")


def merge(template, present):
    """The present translations of the template's sentences.

    :param polib.POFile template: fresh export
    :param polib.POFile present: catalogue of a language, perhaps stale
    :return: catalogue with the template's entries
    :rtype: polib.POFile
    """
    known = {(entry.msgctxt, entry.msgid): entry for entry in present}
    merged = polib.POFile(wrapwidth=78)
    merged.header = template.header
    merged.metadata = {**template.metadata, "Language": "fr"}
    for entry in template:
        old = known.get((entry.msgctxt, entry.msgid))
        merged.append(
            polib.POEntry(
                msgctxt=entry.msgctxt,
                msgid=entry.msgid,
                msgstr=typography(old.msgstr, entry.msgid) if old else "",
                comment=entry.comment,
                occurrences=entry.occurrences,
                flags=entry.flags,
            )
        )
    return merged


def facts(catalogue):
    """What makes two catalogues the same: sentences, places and translations."""
    return [
        (entry.msgid, entry.msgstr, tuple(entry.occurrences), entry.comment)
        for entry in catalogue
        if not entry.obsolete
    ]


def read(path):
    return polib.pofile(str(path)) if path.exists() else polib.POFile()


def process(env, folder, addon, write):
    """Update or check one add-on.

    :return: findings
    :rtype: list[str]
    """
    template = export(env, addon)
    targets = {
        folder / addon / "i18n" / f"{addon}.pot": template,
        folder / addon / "i18n" / "fr.po": merge(
            template, read(folder / addon / "i18n" / "fr.po")
        ),
    }
    findings = []
    for path, wanted in targets.items():
        if facts(read(path)) != facts(wanted):
            findings.append(f"{addon}/i18n/{path.name} is stale")
            if write:
                path.parent.mkdir(exist_ok=True)
                wanted.save(str(path))
    untranslated = [e.msgid for e in targets[path] if not e.msgstr]
    findings += [f"{addon}/i18n/fr.po lacks: {text!r}" for text in untranslated[:SHOWN]]
    if len(untranslated) > SHOWN:
        findings.append(f"{addon}/i18n/fr.po lacks {len(untranslated)} in all")
    return findings


if "env" in globals():
    root, report, mode, *addons = globals()["arguments"]
    lines = []
    for name in addons:
        lines += process(globals()["env"], Path(root), name, mode == "write")
    Path(report).write_text("".join(f"{line}\n" for line in lines))
