# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the platform remembers: flows in and out, tokens, the directory."""

import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from . import life
from .bell import Bell
from .faults import Clock, Faults

PARIS = ZoneInfo("Europe/Paris")
ACKNOWLEDGE_S = 1
TOKEN_S = 3600


@dataclass
class Flow:
    """One flow, as the platform keeps it."""

    flow_id: str
    direction: str
    flow_type: str
    syntax: str
    name: str
    content: bytes
    submitted_at: datetime
    updated_at: datetime
    tracking_id: str = ""
    rule: str = "B2B"
    rule_given: bool = False
    status: str = "Pending"
    details: list = field(default_factory=list)
    facts: life.Facts | None = None

    def info(self):
        """Give the flow as schema Flow has it."""
        found = {
            "flowId": self.flow_id,
            "submittedAt": _text(self.submitted_at),
            "updatedAt": _text(self.updated_at),
            "name": self.name,
            "flowSyntax": self.syntax,
            "flowProfile": "CIUS",
            "processingRule": self.rule,
            "processingRuleSource": "Input" if self.rule_given else "Computed",
            "flowType": self.flow_type,
            "flowDirection": self.direction,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "acknowledgement": {"status": self.status, "details": self.details},
        }
        if self.tracking_id:
            found["trackingId"] = self.tracking_id
        return found


class Store:
    """Everything the platform knows, behind one lock."""

    def __init__(self):
        self.clock = Clock()
        self.faults = Faults(self.clock)
        self.lock = threading.RLock()
        self.flows, self.tokens, self.directory = {}, {}, {}
        self.is_directory_open = True
        self.acknowledge_s, self.token_s = ACKNOWLEDGE_S, TOKEN_S
        self.index_s = 0
        self.default_script, self.scripts = "usual", {}
        self._due, self._last, self._serial = [], None, 0
        self.requests = []
        self.bell = Bell(self.clock)

    # === Time === #

    def stamp(self):
        """Give a moment later than every one before (searches are strict)."""
        now = self.clock.now()
        if self._last and now <= self._last:
            now = self._last + timedelta(microseconds=1)
        self._last = now
        return now

    def at(self, moment, work):
        """Do something when the platform's clock gets there."""
        self._serial += 1
        self._due.append((moment, self._serial, work))

    def tick(self):
        """Do what is due by now."""
        with self.lock:
            now = self.clock.now()
            while due := sorted(row for row in self._due if row[0] <= now):
                self._due = [row for row in self._due if row[0] > now]
                for _moment, _serial, work in due:
                    work()

    # === Tokens === #

    def new_token(self):
        """Give a token and the seconds it serves."""
        token = secrets.token_urlsafe(24)
        self.tokens[token] = self.clock.now() + timedelta(seconds=self.token_s)
        return token, self.token_s

    def is_signed_in(self, token):
        """Say whether a token still serves."""
        return self.clock.now() < self.tokens.get(token, datetime.min)

    # === What companies hand over === #

    def take(self, info, content):
        """Take a flow from a company: check it now, decide about it a moment later.

        :param dict info: FlowInfo
        :rtype: Flow
        """
        with self.lock:
            problem, facts = self._check(info, content)
            now = self.stamp()
            flow = Flow(
                flow_id=f"F{len(self.flows) + 1:06d}-{secrets.token_hex(4)}",
                direction="Out",
                flow_type=_type(facts),
                syntax=info["flowSyntax"],
                name=info["name"],
                content=content,
                submitted_at=now,
                updated_at=now,
                tracking_id=info.get("trackingId", ""),
                rule=info.get("processingRule") or "B2B",
                rule_given="processingRule" in info,
                facts=facts,
            )
            self.flows[flow.flow_id] = flow
            then = now + timedelta(seconds=self.acknowledge_s)
            self.at(then, lambda: self._decide(flow, problem, then))
            return flow

    def _check(self, info, content):
        if not content:
            return "EmptyFlow", None
        digest = hashlib.sha256(content).hexdigest()
        if info.get("sha256") not in (None, digest):
            return "ChecksumMismatch", None
        tracking = info.get("trackingId")
        for flow in self.flows.values():
            same = tracking and flow.tracking_id == tracking
            if (
                flow.direction == "Out"
                and flow.status != "Error"
                and (same or flow.content == content)
            ):
                return "AlreadyExistingFlow", flow.facts
        try:
            return "", life.read(info["flowSyntax"], content)
        except life.Unreadable:
            return "InvalidSchema", None

    def _decide(self, flow, problem, moment):
        flow.updated_at = self.stamp()
        flow.status = "Error" if problem else "Ok"
        if problem:
            flow.details = [
                {
                    "level": "Error",
                    "item": flow.name,
                    "reasonCode": problem,
                    "reasonMessage": f"{problem}: {flow.name}",
                }
            ]
        elif flow.facts.kind == "invoice":
            self._live(flow, moment)
        self.bell.ring(flow)

    def _live(self, flow, moment):
        facts = flow.facts
        script = self.scripts.get(facts.number) or self.scripts.get(facts.buyer)
        taken_before = any(
            other is not flow
            and other.status == "Ok"
            and other.facts
            and other.facts.kind == "invoice"
            and (other.facts.seller, other.facts.number, other.facts.day[:4])
            == (facts.seller, facts.number, facts.day[:4])
            for other in self.flows.values()
        )
        if taken_before:
            script = ((0, "213", "REJ_UNI", "Numéro de facture déjà utilisé"),)
        for then, code, reason, words in life.steps(
            script or self.default_script, moment
        ):
            self.at(then, lambda step=(code, reason, words): self.say(facts, *step))

    # === What companies find === #

    def say(self, facts, code, reason="", words=""):
        """Put a status of an invoice in its seller's box.

        :rtype: Flow
        """
        with self.lock:
            self._serial += 1
            local = self.clock.now().replace(tzinfo=ZoneInfo("UTC")).astimezone(PARIS)
            content = life.cdar(facts, code, local, reason, words, self._serial)
            return self.put("CustomerInvoiceLC", "CDAR", content, f"{code}.xml", facts)

    def put(self, flow_type, syntax, content, name, facts=None):
        """Put any flow in a company's box.

        :rtype: Flow
        """
        with self.lock:
            now = self.stamp()
            flow = Flow(
                flow_id=f"I{len(self.flows) + 1:06d}-{secrets.token_hex(4)}",
                direction="In",
                flow_type=flow_type,
                syntax=syntax,
                name=name,
                content=content,
                submitted_at=now,
                updated_at=now,
                status="Ok",
                facts=facts,
            )
            self.flows[flow.flow_id] = flow
            self.bell.ring(flow)
            return flow

    def search(self, body):
        """Answer a search.

        :param dict body: SearchFlowParams
        :rtype: dict
        """
        where, limit = body["where"], body.get("limit", 25)
        after = where.get("updatedAfter")
        cursor = body.get("cursor")
        hidden = self.clock.now() - timedelta(seconds=self.index_s)
        found = [
            flow
            for flow in sorted(self.flows.values(), key=lambda flow: flow.updated_at)
            if _matches(flow, where)
            and (not after or _text(flow.updated_at) > _comparable(after))
            and (not cursor or _text(flow.updated_at) > cursor)
            and (not self.index_s or flow.submitted_at <= hidden)
        ]
        answer = {
            "limit": limit,
            "filters": where,
            "results": [flow.info() for flow in found[:limit]],
        }
        if len(found) > limit:
            answer["nextCursor"] = _text(found[limit - 1].updated_at)
        return answer

    # === For those who look on === #

    def taken(self, kind="invoice", number=None):
        """Give the flows companies handed over that were taken, oldest first."""
        return [
            flow
            for flow in self.flows.values()
            if flow.direction == "Out"
            and flow.status != "Error"
            and flow.facts
            and flow.facts.kind == kind
            and number in (None, flow.facts.number)
        ]

    # === Directory === #

    def set_lines(self, siren, lines, name="", public=False, ceased=False):
        """Say where a company receives invoices.

        :param list lines: dicts with address and, if not the plain ones, status, siret,
            suffix, routing, b2g
        """
        self.directory[siren] = {
            "unit": {
                "siren": siren,
                "businessName": name or f"Entreprise {siren}",
                "entityType": "Public" if public else "PrivateVatRegistered",
                "administrativeStatus": "C" if ceased else "A",
            },
            "lines": lines,
        }

    def unit(self, siren):
        """Give what the directory knows of a company, None when nothing."""
        if siren not in self.directory and self.is_directory_open and _is_siren(siren):
            self.set_lines(siren, [{"address": siren}])
        return self.directory.get(siren)

    def lines(self, siren):
        """Give a company's lines as the directory service writes them."""
        known = self.unit(siren)
        return [_line(known["unit"], line) for line in known["lines"]] if known else []


def _line(unit, line):
    found = {
        "addressingIdentifier": line["address"],
        "platformType": "DFH" if unit["entityType"] == "Public" else "WK",
        "directoryLineStatus": line.get("status", "Enabled"),
        "siren": unit["siren"],
        "legalUnit": unit,
    }
    if siret := line.get("siret"):
        found["siret"] = siret
        found["facility"] = {
            "siret": siret,
            "siren": unit["siren"],
            "name": line.get("site", "Site"),
            "facilityType": "S",
            "administrativeStatus": "A",
            **({"b2gAdditionalData": line["b2g"]} if "b2g" in line else {}),
        }
    if suffix := line.get("suffix"):
        found["addressingSuffix"] = suffix
    if routing := line.get("routing"):
        found["routingIdentifier"] = routing
        found["routingCode"] = {
            "routingIdentifier": routing,
            "routingCodeName": line.get("service", routing),
            "administrativeStatus": "A",
        }
    return found


def _type(facts):
    if facts and facts.kind == "invoice":
        return "CustomerInvoice"
    if facts and facts.kind == "status":
        return "CustomerInvoiceLC" if facts.buyer == "SE" else "SupplierInvoiceLC"
    return "MultiFlowReport" if facts else "Undefined"


def _matches(flow, where):
    for name, value in (
        ("flowType", flow.flow_type),
        ("flowDirection", flow.direction),
        ("processingRule", flow.rule),
    ):
        if where.get(name) and value not in where[name]:
            return False
    if where.get("trackingId") not in (None, flow.tracking_id):
        return False
    return where.get("ackStatus") in (None, flow.status)


def _text(moment):
    return moment.isoformat(timespec="microseconds") + "Z"


def _comparable(text):
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return _text(moment.astimezone(ZoneInfo("UTC")).replace(tzinfo=None))


def _is_siren(text):
    if not (len(text) == 9 and text.isdigit()):
        return False
    total = 0
    for index, digit in enumerate(reversed(text)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
