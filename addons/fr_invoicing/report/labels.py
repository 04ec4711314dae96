# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Words of the invoice page, English and French.

Data and not translations: the page of a French customer must be French even where the
French language is not activated in the database, and the wording of a legal document
must not depend on who edits translations.
"""

from ..einvoice.tva import GOODS, MIXED, SERVICES

TITLES = {
    "380": ("Invoice", "Facture"),
    "381": ("Credit note", "Avoir"),
    "384": ("Corrective invoice", "Facture rectificative"),
    "386": ("Deposit invoice", "Facture d'acompte"),
    "503": ("Deposit credit note", "Avoir sur acompte"),
}

LABELS = {
    "draft": ("Draft, not an invoice", "Projet, sans valeur de facture"),
    "not_issued": ("Copy before issue", "Copie avant émission"),
    "number": ("No.", "N°"),
    "issue_date": ("Date", "Date d'émission"),
    "due_date": ("Due date", "Échéance"),
    "delivered_services": ("Supply completed on", "Prestation achevée le"),
    "delivered_goods": ("Delivered on", "Livré le"),
    "period": ("Billing period", "Période facturée"),
    "order": ("Your reference", "Votre référence"),
    "corrects": ("Corrects invoice", "Corrige la facture"),
    "of": ("of", "du"),
    "seller": ("From", "Émetteur"),
    "buyer": ("Bill to", "Client"),
    "delivery": ("Deliver to", "Adresse de livraison"),
    "siren": ("SIREN", "SIREN"),
    "siret": ("SIRET", "SIRET"),
    "vat": ("VAT no.", "N° TVA"),
    "description": ("Description", "Désignation"),
    "quantity": ("Quantity", "Quantité"),
    "unit": ("Unit", "Unité"),
    "price": ("Unit price excl. VAT", "Prix unitaire HT"),
    "per": ("per", "pour"),
    "discount": ("Discount", "Remise"),
    "tax": ("VAT", "TVA"),
    "amount": ("Amount excl. VAT", "Montant HT"),
    "tax_table": ("VAT summary", "Récapitulatif de TVA"),
    "base": ("Base", "Base HT"),
    "tax_amount": ("VAT amount", "Montant TVA"),
    "untaxed": ("Total excl. VAT", "Total HT"),
    "total_tax": ("Total VAT", "Total TVA"),
    "total": ("Total incl. VAT", "Total TTC"),
    "rounding": ("Rounding", "Arrondi"),
    "due": ("Amount due", "Net à payer"),
    "credit": ("Amount credited", "Montant de l'avoir"),
    "tax_in_euro": ("VAT in euro", "TVA en euros"),
    "payment": ("Payment", "Règlement"),
    "iban": ("IBAN", "IBAN"),
    "bic": ("BIC", "BIC"),
    "account": ("Account", "Compte"),
    "holder": ("Account holder", "Titulaire"),
    "remittance": ("Reference to quote", "Référence à rappeler"),
    "mentions": ("Legal information", "Mentions légales"),
    "page": ("page", "page"),
    "from_to": ("from %(start)s to %(end)s", "du %(start)s au %(end)s"),
    "until": ("until %(end)s", "jusqu'au %(end)s"),
    "since": ("since %(start)s", "à partir du %(start)s"),
    "electronic": (
        "Factur-X: the electronic original is inside this PDF.",
        "Factur-X : l'original électronique est contenu dans ce PDF.",
    ),
    GOODS: ("Supply of goods", "Livraison de biens"),
    SERVICES: ("Services", "Prestation de services"),
    MIXED: ("Goods and services", "Livraison de biens et prestation de services"),
}


def labels(is_french):
    """Give the words of one language.

    :rtype: dict[str, str]
    """
    column = 1 if is_french else 0
    return {key: words[column] for key, words in LABELS.items()}


def title(type_code, is_french):
    """Give the name of the document."""
    return TITLES.get(type_code, TITLES["380"])[1 if is_french else 0]
