# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Words of the invoice page, English and French.

Data and not translations: the page of a French customer must be French even where the
French language is not activated in the database, and the wording of a legal document
must not depend on who edits translations.
"""

from ..tva import GOODS, MIXED, SERVICES

# UNTDID 1001, the subset of BR-FR-04
TITLES = {
    "380": ("Invoice", "Facture"),
    "381": ("Credit note", "Avoir"),
    "384": ("Corrective invoice", "Facture rectificative"),
    "386": ("Deposit invoice", "Facture d'acompte"),
    "389": ("Self-billed invoice", "Autofacture"),
    "393": ("Factored invoice", "Facture affacturée"),
    "396": ("Factored credit note", "Avoir affacturé"),
    "261": ("Self-billed credit note", "Avoir d'autofacturation"),
    "262": ("Global credit note", "Avoir global"),
    "471": ("Self-billed corrective invoice", "Autofacture rectificative"),
    "472": ("Factored corrective invoice", "Facture rectificative affacturée"),
    "473": (
        "Self-billed factored corrective invoice",
        "Autofacture rectificative affacturée",
    ),
    "500": ("Self-billed deposit invoice", "Autofacture d'acompte"),
    "501": ("Self-billed factored invoice", "Autofacture affacturée"),
    "502": ("Self-billed factored credit note", "Avoir d'autofacturation affacturé"),
    "503": ("Deposit credit note", "Avoir sur acompte"),
}
FINAL = ("Final invoice", "Facture de solde")

LABELS = {
    "draft": ("Draft, not an invoice", "Projet, sans valeur de facture"),
    "not_issued": ("Copy before issue", "Copie avant émission"),
    "preview": ("Preview of the template", "Aperçu du modèle"),
    "number": ("No.", "N°"),
    # facts of the head
    "issue_date": ("Date", "Date d'émission"),
    "due_date": ("Due date", "Échéance"),
    "last_due": ("Last instalment due", "Dernière échéance"),
    "pay_on": ("To pay on", "À payer le"),
    "paid_on": ("Paid on", "Payée le"),
    "delivered_services": ("Supply completed on", "Prestation achevée le"),
    "delivered_goods": ("Delivered on", "Livré le"),
    "period": ("Billing period", "Période facturée"),
    "order": ("Your order", "Votre commande"),
    "commitment": ("Commitment number", "N° d'engagement"),
    "buyer_reference": ("Your reference", "Votre référence"),
    "service_code": ("Service code", "Code service"),
    "contract": ("Contract", "Contrat"),
    "market": ("Public contract", "N° de marché"),
    "sales_order": ("Our order", "Notre commande"),
    "corrects": ("Corrects invoice", "Corrige la facture"),
    "of": ("of", "du"),
    # parties
    "seller": ("From", "Émetteur"),
    "legal_seller": ("Sold by", "Vendeur"),
    "supplier": ("Supplier", "Fournisseur"),
    "buyer": ("Bill to", "Facturé à"),
    "issuer": ("Customer, issuing on behalf of the supplier", "Client, émetteur"),
    "delivery": ("Deliver to", "Livré à"),
    "payee": ("Pay to", "Bénéficiaire du paiement"),
    "siren": ("SIREN", "SIREN"),
    "siret": ("SIRET", "SIRET"),
    "vat": ("VAT no.", "N° TVA"),
    # lines
    "summary": ("Summary", "Synthèse"),
    "details": ("Itemised statement", "Relevé détaillé"),
    "description": ("Description", "Désignation"),
    "quantity": ("Quantity", "Quantité"),
    "unit": ("Unit", "Unité"),
    "price": ("Unit price excl. VAT", "Prix unitaire HT"),
    "discount": ("Discount", "Remise"),
    "tax": ("VAT", "TVA"),
    "amount": ("Amount excl. VAT", "Montant HT"),
    "count": ("Lines", "Lignes"),
    "others": ("Other items", "Autres lignes"),
    "all_lines": ("All items", "Ensemble des lignes"),
    "too_long": (
        "The %(count)s lines are summed up here: the electronic original inside this "
        "PDF has each of them.",
        "Les %(count)s lignes sont résumées ici : l'original électronique contenu dans "
        "ce PDF les donne toutes.",
    ),
    "packages": ("packages", "lots"),
    "packages_of": ("Packages of %(size)s %(unit)s", "Lots de %(size)s %(unit)s"),
    "measured": ("%(quantity)s %(unit)s measured", "%(quantity)s %(unit)s mesurés"),
    "correction": ("(correction)", "(correction)"),
    # totals
    "base": ("Base excl. VAT", "Base HT"),
    "tax_amount": ("VAT", "Montant TVA"),
    "line_total": ("Total of lines", "Total des lignes HT"),
    "allowance": ("Discount", "Remise"),
    "charge": ("Additional charge", "Frais"),
    "untaxed": ("Total excl. VAT", "Total HT"),
    "total_tax": ("VAT", "TVA"),
    "total": ("Total incl. VAT", "Total TTC"),
    "prepaid": ("Already paid", "Déjà réglé"),
    "rounding": ("Rounding", "Arrondi"),
    "due": ("Amount due", "Net à payer"),
    "credit": ("Amount credited", "Net à votre crédit"),
    "owed": ("Amount owed to you", "Net en votre faveur"),
    "tax_in_euro": ("VAT in euro", "TVA en euros"),
    "deposits": ("Deposits deducted", "Acomptes déduits"),
    "deposits_paid": ("Deposits already invoiced", "Acomptes déjà facturés"),
    "incl_tax": ("Incl. VAT", "TTC"),
    # payment
    "payment": ("Payment", "Règlement"),
    "transfer": ("Bank transfer", "Virement"),
    "direct_debit": ("Direct debit", "Prélèvement"),
    "collected_on": ("Collected on", "Prélevé le"),
    "debited": ("From account", "Sur le compte"),
    "mandate": ("Mandate (UMR)", "Mandat (RUM)"),
    "creditor": ("Creditor identifier", "Identifiant créancier (ICS)"),
    "paid": ("Paid in full. Nothing is due.", "Facture acquittée. Rien à régler."),
    "iban": ("IBAN", "IBAN"),
    "bic": ("BIC", "BIC"),
    "account": ("Account", "Compte"),
    "holder": ("Account holder", "Titulaire"),
    "remittance": ("Reference to quote", "Référence à rappeler"),
    "scan": ("Scan to pay", "Scannez pour payer"),
    "qr_title": (
        "EPC QR code for a SEPA transfer of %(amount)s to %(iban)s, reference "
        "%(reference)s. The same details are printed beside it.",
        "QR code EPC d'un virement SEPA de %(amount)s vers %(iban)s, référence "
        "%(reference)s. Les mêmes éléments sont imprimés à côté.",
    ),
    # the rest
    "chart_services": ("Breakdown by service", "Répartition par service"),
    "chart_months": ("Your last months, excl. VAT", "Vos derniers mois, HT"),
    "terms": ("Terms", "Conditions"),
    "mentions": ("Legal information", "Mentions légales"),
    "page": ("Page", "Page"),
    "logo": ("Logo of %(name)s", "Logo de %(name)s"),
    "from_to": ("%(start)s – %(end)s", "%(start)s – %(end)s"),
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

# EN 16931 BT-118 -> what stands instead of a rate that is no rate
CATEGORIES = {
    "AE": ("Reverse charge", "Autoliquidation"),
    "E": ("Exempt", "Exonéré"),
    "G": ("Export", "Export"),
    "K": ("Intra-EU supply", "Livraison intra-UE"),
    "O": ("Outside the scope of VAT", "Hors champ de TVA"),
    "Z": ("Zero rate", "Taux zéro"),
}


def labels(is_french):
    """Give the words of one language.

    :rtype: dict[str, str]
    """
    column = 1 if is_french else 0
    return {key: words[column] for key, words in LABELS.items()}


def title(document, is_french):
    """Give the name of the document."""
    words = TITLES.get(document.type_code, TITLES["380"])
    if document.type_code == "380" and document.process_code[1:] == "4":
        words = FINAL  # BT-23: final invoice after deposit
    return words[1 if is_french else 0]


def category(code, is_french):
    """Give the word for a category without rate, "" for the others."""
    words = CATEGORIES.get(code)
    return words[1 if is_french else 0] if words else ""
