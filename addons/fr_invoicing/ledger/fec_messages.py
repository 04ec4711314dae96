# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the FEC checker finds, in words: code -> (severity, English, French).

The sentences stand beside the checker and not in the translation files of Odoo because
the checker also runs without it.
"""

ERROR = "error"
WARNING = "warning"

SENTENCES = {
    # the file
    "empty": (
        ERROR,
        "The file has no line of accounting.",
        "Le fichier ne contient aucune ligne d'écriture.",
    ),
    "encoding": (
        ERROR,
        "The file is neither UTF-8 nor ISO 8859-15 text (byte %(byte)s).",
        "Le fichier n'est ni en UTF-8 ni en ISO 8859-15 (octet %(byte)s).",
    ),
    "bom": (
        WARNING,
        "The file begins with a byte order mark: save it as UTF-8 without one.",
        "Le fichier commence par une marque d'ordre des octets : enregistrez-le en "
        "UTF-8 sans BOM.",
    ),
    "file_name": (
        WARNING,
        "The name %(value)s is not SIREN + FEC + closing date (for example "
        "100000009FEC20261231.txt).",
        "Le nom %(value)s n'est pas de la forme SIREN + FEC + date de clôture (par "
        "exemple 100000009FEC20261231.txt).",
    ),
    "file_siren": (
        WARNING,
        "The SIREN %(value)s in the name of the file has a wrong key.",
        "Le SIREN %(value)s du nom du fichier a une clé erronée.",
    ),
    "closing_date": (
        WARNING,
        "The name of the file says closing on %(value)s: the year ends on "
        "%(expected)s.",
        "Le nom du fichier annonce une clôture le %(value)s : l'exercice se termine le "
        "%(expected)s.",
    ),
    "separator": (
        ERROR,
        "The columns are separated by %(value)s: only a tab or | is allowed.",
        "Les zones sont séparées par %(value)s : seuls la tabulation et | sont admis.",
    ),
    "header": (
        ERROR,
        "Column %(position)s is %(value)s: %(expected)s was expected.",
        "La zone %(position)s s'intitule %(value)s au lieu de %(expected)s.",
    ),
    "header_case": (
        WARNING,
        "Column %(position)s is written %(value)s: write %(expected)s.",
        "La zone %(position)s est écrite %(value)s : écrivez %(expected)s.",
    ),
    "extra_columns": (
        WARNING,
        "The file has %(count)s columns: those after the eighteenth are for books on a "
        "cash basis only.",
        "Le fichier a %(count)s zones : celles après la dix-huitième sont réservées "
        "aux comptabilités de trésorerie.",
    ),
    # a line
    "fields": (
        ERROR,
        "The line has %(count)s fields instead of %(expected)s.",
        "La ligne comporte %(count)s zones au lieu de %(expected)s.",
    ),
    "blank_line": (
        ERROR,
        "The line is empty.",
        "La ligne est vide.",
    ),
    "missing": (
        ERROR,
        "The field is empty and must not be.",
        "La zone est vide alors qu'elle est obligatoire.",
    ),
    "quoted": (
        WARNING,
        "The field is between quotes: the quotes are read as text.",
        "La zone est entre guillemets : ils seront lus comme du texte.",
    ),
    "date": (
        ERROR,
        "“%(value)s” is not a date written YYYYMMDD.",
        "« %(value)s » n'est pas une date au format AAAAMMJJ.",
    ),
    "amount": (
        ERROR,
        "“%(value)s” is not an amount: digits, a comma, two decimals, no blank.",
        "« %(value)s » n'est pas un montant : des chiffres, une virgule, deux "
        "décimales, aucun espace.",
    ),
    "side": (
        ERROR,
        "“%(value)s” is neither D nor C, +1 nor -1.",
        "« %(value)s » n'est ni D ni C, ni +1 ni -1.",
    ),
    "both_sides": (
        ERROR,
        "The line has a debit (%(debit)s) and a credit (%(credit)s).",
        "La ligne a un débit (%(debit)s) et un crédit (%(credit)s).",
    ),
    "no_amount": (
        WARNING,
        "The line has neither debit nor credit.",
        "La ligne n'a ni débit ni crédit.",
    ),
    "negative": (
        WARNING,
        "The amount %(value)s is negative: write it on the other side.",
        "Le montant %(value)s est négatif : inscrivez-le dans l'autre colonne.",
    ),
    "account": (
        ERROR,
        "The account “%(value)s” does not begin with three digits of the chart of "
        "accounts (PCG).",
        "Le compte « %(value)s » ne commence pas par trois chiffres du plan comptable "
        "général.",
    ),
    "partner_pair": (
        WARNING,
        "CompAuxNum and CompAuxLib must be filled in together.",
        "CompAuxNum et CompAuxLib doivent être renseignés ensemble.",
    ),
    "letter_pair": (
        WARNING,
        "EcritureLet and DateLet must be filled in together.",
        "EcritureLet et DateLet doivent être renseignés ensemble.",
    ),
    "currency_pair": (
        ERROR,
        "Montantdevise and Idevise must be filled in together.",
        "Montantdevise et Idevise doivent être renseignés ensemble.",
    ),
    "currency": (
        ERROR,
        "“%(value)s” is not a currency code of three letters (ISO 4217).",
        "« %(value)s » n'est pas un code devise de trois lettres (ISO 4217).",
    ),
    "placeholder": (
        WARNING,
        "The reference of the document is only “%(value)s”.",
        "La référence de la pièce se réduit à « %(value)s ».",
    ),
    "valid_before_entry": (
        WARNING,
        "The entry of %(date)s was validated on %(valid)s, before its own date.",
        "L'écriture du %(date)s est validée le %(valid)s, avant sa propre date.",
    ),
    "outside_year": (
        ERROR,
        "The entry of %(date)s is outside the fiscal year %(start)s to %(end)s.",
        "L'écriture du %(date)s est hors de l'exercice du %(start)s au %(end)s.",
    ),
    # the entries together
    "order": (
        ERROR,
        "Validated on %(value)s, after a line validated on %(previous)s: the lines are "
        "not in the order of validation.",
        "Validée le %(value)s, après une ligne validée le %(previous)s : les lignes ne "
        "suivent pas l'ordre chronologique de validation.",
    ),
    "entry_dates": (
        ERROR,
        "Entry %(number)s of journal %(journal)s has two dates: %(value)s and "
        "%(previous)s.",
        "L'écriture %(number)s du journal %(journal)s a deux dates : %(value)s et "
        "%(previous)s.",
    ),
    "entry_scattered": (
        WARNING,
        "Lines of entry %(number)s of journal %(journal)s stand apart in the file.",
        "Les lignes de l'écriture %(number)s du journal %(journal)s ne se suivent pas.",
    ),
    "number_twice": (
        ERROR,
        "Number %(number)s of journal %(journal)s is used again: the entry that bears "
        "it was complete.",
        "Le numéro %(number)s du journal %(journal)s sert deux fois : l'écriture qui "
        "le porte était déjà complète.",
    ),
    "entry_balance": (
        ERROR,
        "Entry %(number)s of journal %(journal)s is not balanced: debit %(debit)s, "
        "credit %(credit)s.",
        "L'écriture %(number)s du journal %(journal)s n'est pas équilibrée : débit "
        "%(debit)s, crédit %(credit)s.",
    ),
    "journal_balance": (
        ERROR,
        "Journal %(journal)s is not balanced: debit %(debit)s, credit %(credit)s.",
        "Le journal %(journal)s n'est pas équilibré : débit %(debit)s, crédit "
        "%(credit)s.",
    ),
    "file_balance": (
        ERROR,
        "The file is not balanced: debit %(debit)s, credit %(credit)s.",
        "Le fichier n'est pas équilibré : débit %(debit)s, crédit %(credit)s.",
    ),
    "gap": (
        WARNING,
        "Journal %(journal)s: no entry %(first)s to %(last)s (%(count)s missing).",
        "Journal %(journal)s : aucune écriture de %(first)s à %(last)s (%(count)s "
        "manquantes).",
    ),
    "gap_one": (
        WARNING,
        "Journal %(journal)s: entry %(first)s is missing.",
        "Journal %(journal)s : l'écriture %(first)s manque.",
    ),
    "late_start": (
        WARNING,
        "Journal %(journal)s: the numbers of the year begin at %(first)s.",
        "Journal %(journal)s : les numéros de l'exercice commencent à %(first)s.",
    ),
    "label_changes": (
        WARNING,
        "%(value)s has two labels: “%(label)s” and “%(previous)s”.",
        "%(value)s a deux libellés : « %(label)s » et « %(previous)s ».",
    ),
}


def severity(code):
    """Give ERROR or WARNING."""
    return SENTENCES[code][0]


def sentence(code, facts, lang="en"):
    """Say a finding in English, or in French when the language begins with "fr"."""
    position = 2 if (lang or "").startswith("fr") else 1
    return SENTENCES[code][position] % facts
