"""Facts of the sample story: who sells, who buys, what is measured and what it costs.

Every company is fictional. The SIREN numbers lie in the 999 1xx xxx range and pass the
Luhn check; the VAT keys pass the French modulo 97 check.
Prices are euros before tax, written as text so that no float can touch them.
"""

import datetime
from dataclasses import dataclass, field
from pathlib import Path

TIME_ZONE = "Europe/Paris"
START = datetime.date(2026, 10, 1)
END = datetime.date(2026, 11, 1)
"""First and last-excluded local day of the month that is measured and billed."""
RUNNING_END = datetime.date(2026, 11, 16)
"""Day after the last one measured of the month that runs and is not billed yet."""

SOURCE_CODE = "sample-cloud"
LOGO = Path(__file__).with_name("logo.png")


@dataclass(frozen=True, slots=True)
class Company:
    """A legal entity. ``vat`` is empty for one that is not registered for VAT."""

    key: str
    name: str
    street: str
    zip: str
    city: str
    siren: str
    siret: str
    email: str
    vat: str = ""
    phone: str = ""
    website: str = ""
    is_customer: bool = False


@dataclass(frozen=True, slots=True)
class Meter:
    """How events of one type become a quantity; ``unit_code`` is UN/ECE rec. 20."""

    code: str
    name: str
    name_fr: str
    event_type: str
    aggregation: str
    unit_label: str
    unit_label_fr: str
    unit_code: str = "C62"
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """One price step: ``up_to`` is inclusive, empty for the open last one."""

    up_to: str
    unit_price: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One priced component; ``values`` holds the fields of its price model."""

    key: str
    name: str
    name_fr: str
    model: str
    meter: str = ""
    values: dict = field(default_factory=dict)
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    code: str
    name: str
    name_fr: str
    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer on a plan; ``subject`` is the project the platform measures."""

    code: str
    name: str
    customer: str
    plan: str
    subject: str
    po_number: str = ""
    reseller: str = ""


SELLER = Company(
    key="seller",
    name="Nuage Fictif SAS",
    street="12 rue de l'Exemple",
    zip="69003",
    city="Lyon",
    siren="999100100",
    siret="99910010000018",
    vat="FR21999100100",
    email="facturation@nuage-fictif.example",
    phone="+33 4 65 71 00 10",
    website="https://nuage-fictif.example",
)

STUDIO = Company(
    key="studio",
    name="Studio Imaginaire SARL",
    street="4 impasse du Modèle",
    zip="44000",
    city="Nantes",
    siren="999100209",
    siret="99910020900017",
    vat="FR57999100209",
    email="compta@studio-imaginaire.example",
    phone="+33 2 61 91 00 20",
    is_customer=True,
)
MILL = Company(
    key="mill",
    name="Minoterie Chimérique SA",
    street="1 quai des Silos",
    zip="28000",
    city="Chartres",
    siren="999100308",
    siret="99910030800017",
    vat="FR63999100308",
    email="comptabilite@minoterie-chimerique.example",
    phone="+33 2 61 91 00 30",
    is_customer=True,
)
GARDEN = Company(
    key="garden",
    name="Association Les Jardins Inventés",
    street="27 allée des Tilleuls",
    zip="31000",
    city="Toulouse",
    siren="999100407",
    siret="99910040700017",
    email="tresorerie@jardins-inventes.example",
    phone="+33 5 36 49 00 40",
    is_customer=True,
)
RESELLER = Company(
    key="reseller",
    name="Infogérance Exemple SAS",
    street="8 place du Marché",
    zip="35000",
    city="Rennes",
    siren="999100506",
    siret="99910050600016",
    vat="FR75999100506",
    email="partenaires@infogerance-exemple.example",
    phone="+33 2 61 91 00 50",
)
CONTENT = Company(
    key="content",
    name="Éditions Logiciel Fictif SARL",
    street="15 cours des Bibliothèques",
    zip="33000",
    city="Bordeaux",
    siren="999100605",
    siret="99910060500016",
    vat="FR81999100605",
    email="droits@logiciel-fictif.example",
    phone="+33 5 36 49 00 60",
)
PARTNERS = (STUDIO, MILL, GARDEN, RESELLER, CONTENT)
CUSTOMERS = tuple(partner for partner in PARTNERS if partner.is_customer)

METERS = (
    Meter(
        code="vcpu_hours",
        name="Compute, vCPU-hours",
        name_fr="Calcul, heures de vCPU",
        event_type="compute.vcpu_hours",
        aggregation="sum",
        unit_label="vCPU-hour",
        unit_label_fr="heure de vCPU",
        unit_code="HUR",
        dimensions=("region",),
    ),
    Meter(
        code="block_gb_hours",
        name="Block storage, GB-hours",
        name_fr="Stockage bloc, Go-heures",
        event_type="storage.block_gb_hours",
        aggregation="sum",
        unit_label="GB-hour",
        unit_label_fr="Go-heure",
    ),
    Meter(
        code="object_gb_peak",
        name="Object storage, highest level in GB",
        name_fr="Stockage objet, plus haut niveau en Go",
        event_type="storage.object_gb",
        aggregation="max",
        unit_label="GB",
        unit_label_fr="Go",
        unit_code="E34",
    ),
    Meter(
        code="api_calls",
        name="API calls",
        name_fr="Appels d'API",
        event_type="api.calls",
        aggregation="sum",
        unit_label="call",
        unit_label_fr="appel",
    ),
    Meter(
        code="egress_gb",
        name="Outgoing traffic, GB",
        name_fr="Trafic sortant, Go",
        event_type="network.egress_gb",
        aggregation="sum",
        unit_label="GB",
        unit_label_fr="Go",
        unit_code="E34",
    ),
    Meter(
        code="snapshots",
        name="Snapshots taken",
        name_fr="Instantanés réalisés",
        event_type="storage.snapshot",
        aggregation="count",
        unit_label="snapshot",
        unit_label_fr="instantané",
    ),
)

COMPUTE_TIERS = (
    Tier(up_to="5000", unit_price="0.0245"),
    Tier(up_to="20000", unit_price="0.0210"),
    Tier(up_to="", unit_price="0.0175"),
)


def _charges(support_fee, included_egress):
    """Price list of one offer; offers differ in support fee and included traffic."""
    return (
        Charge(
            key="support",
            name="Support and operations, monthly fee",
            name_fr="Assistance et exploitation, forfait mensuel",
            model="flat",
            values={"unit_price": support_fee},
        ),
        Charge(
            key="compute",
            name="Compute",
            name_fr="Calcul",
            model="graduated",
            meter="vcpu_hours",
            tiers=COMPUTE_TIERS,
        ),
        Charge(
            key="block",
            name="Block storage",
            name_fr="Stockage bloc",
            model="per_unit",
            meter="block_gb_hours",
            values={"unit_price": "0.000137"},
        ),
        Charge(
            key="object",
            name="Object storage",
            name_fr="Stockage objet",
            model="per_unit",
            meter="object_gb_peak",
            values={"unit_price": "0.0119"},
        ),
        Charge(
            key="api",
            name="API calls",
            name_fr="Appels d'API",
            model="package",
            meter="api_calls",
            values={
                "package_size": "100000",
                "package_price": "0.35",
                "package_rounding": "up",
                "included_units": "500000",
            },
        ),
        Charge(
            key="egress",
            name="Outgoing traffic",
            name_fr="Trafic sortant",
            model="per_unit",
            meter="egress_gb",
            values={"unit_price": "0.045", "included_units": included_egress},
        ),
        Charge(
            key="snapshots",
            name="Snapshots",
            name_fr="Instantanés",
            model="per_unit",
            meter="snapshots",
            values={"unit_price": "0.08"},
        ),
    )


PLANS = (
    Plan(
        code="CLOUD-PRO",
        name="Cloud Pro",
        name_fr="Cloud Pro",
        charges=_charges(support_fee="89", included_egress="200"),
    ),
    Plan(
        code="CLOUD-ASSO",
        name="Cloud for associations",
        name_fr="Cloud Association",
        charges=_charges(support_fee="9.90", included_egress="50"),
    ),
)

SUBSCRIPTIONS = (
    Subscription(
        code="STUDIO-PROD",
        name="Studio Imaginaire – production",
        customer="studio",
        plan="CLOUD-PRO",
        subject="studio-prod",
        po_number="BC-2026-0117",
        reseller="reseller",
    ),
    Subscription(
        code="STUDIO-TEST",
        name="Studio Imaginaire – recette",
        customer="studio",
        plan="CLOUD-PRO",
        subject="studio-recette",
        po_number="BC-2026-0117",
        reseller="reseller",
    ),
    Subscription(
        code="MILL-IOT",
        name="Minoterie Chimérique – capteurs",
        customer="mill",
        plan="CLOUD-PRO",
        subject="minoterie-capteurs",
        po_number="4500012873",
    ),
    Subscription(
        code="GARDEN-WEB",
        name="Les Jardins Inventés – site",
        customer="garden",
        plan="CLOUD-ASSO",
        subject="jardins-site",
        reseller="reseller",
    ),
)


def partner(key):
    """Return the company of the story with this key."""
    return next(company for company in PARTNERS if company.key == key)
