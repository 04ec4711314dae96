from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL, format_date, format_datetime

from .. import messages

#: kinds of rows of the store
VOID = "v"
AMENDMENT = "a"
SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Step:
    """One thing that happened to an event, or did not.

    state: "done", "wait" (it will), "stop" (it will not, and says why), "note"
    when: naive UTC, None for what has no instant
    lines: sentences; links: (text, model, id)
    """

    icon: str
    state: str
    title: str
    when: object = None
    lines: list = field(default_factory=list)
    links: list = field(default_factory=list)


class UsageEventStory(models.AbstractModel):
    """What became of an event: received, matched, measured, rated, invoiced, paid.

    Also of an event that is not stored, because it waits or was ignored. Private: the
    forms of events and of quarantined rows call it for records the reader may see, and
    nothing in it is more than these readers may see.
    """

    _name = "usage.event.story"
    _description = "Story of a Usage Event"

    # ------------------------------------------------------------------
    # entry points
    # ------------------------------------------------------------------
    @api.model
    def _render(self, steps):
        """The time line as HTML.

        :param list[Step] steps: in order
        """
        return self.env["ir.qweb"]._render(
            "usage_billing.event_story",
            {"steps": [self._prepare_step(step) for step in steps]},
        )

    def _prepare_step(self, step):
        return {
            "icon": step.icon,
            "state": step.state,
            "title": step.title,
            "when": format_datetime(self.env, step.when) if step.when else "",
            "lines": [line for line in step.lines if line],
            "links": [
                {"text": text, "url": f"/odoo/{model}/{id_}"}
                for text, model, id_ in step.links
            ],
        }

    @api.model
    def _get_event_steps(self, event):
        """Story of a stored event.

        :param usage.event event: one the reader may see
        :rtype: list[Step]
        """
        event = event.sudo()  # what belongs to the event is told with it
        held = self._find_held(event)
        steps = [self._tell_received(event, held)]
        if held:
            steps.append(self._tell_held(held))
        if event.kind == VOID:  # counts nothing itself
            return [*steps, self._tell_correcting(event)]
        if event.kind == AMENDMENT:
            steps.append(self._tell_correcting(event))
        steps.append(self._tell_matched(event))
        gone = self._tell_gone(event)
        meters = self._get_meters(event)
        counted = [meter for meter, why in meters if not why]
        if gone:
            return [*steps, *self._tell_until_gone(event, counted, gone)]
        steps.append(self._tell_measured(event, meters))
        if counted:
            steps += self._tell_rated(event, counted)
        return steps

    @api.model
    def _get_held_steps(self, row):
        """Story of a quarantined row that is not usage yet, or never will be.

        :param usage.quarantine row: one the reader may see
        """
        row = row.sudo()  # what belongs to the row is told with it
        steps = [
            Step(
                "fa-inbox",
                "done",
                self.env._("Received"),
                row.batch_id.received_at,
                [self._say_origin(row.batch_id, row.row_number)],
                [(row.batch_id.name, "usage.batch", row.batch_id.id)],
            ),
            self._tell_held(row),
        ]
        if row.state == "replayed":
            event = self._find_replayed(row)
            if event:
                return self._get_event_steps(event)
            steps.append(
                Step(
                    "fa-clone",
                    "stop",
                    self.env._("Known already"),
                    row.resolved_at,
                    [
                        self.env._(
                            "An event with this id and this content was stored before: "
                            "it counts once."
                        )
                    ],
                )
            )
        return steps

    # ------------------------------------------------------------------
    # steps
    # ------------------------------------------------------------------
    def _tell_received(self, event, held):
        batch = held.batch_id or event.batch_id
        return Step(
            "fa-inbox",
            "done",
            self.env._("Received"),
            batch.received_at,
            [self._say_origin(batch, held.row_number or event.row_number)],
            [(batch.name, "usage.batch", batch.id)],
        )

    def _say_origin(self, batch, row_number):
        if row_number:
            return self.env._(
                "From %(origin)s, row %(row)s of %(file)s.",
                origin=batch.source_id.name,
                row=row_number,
                file=batch.file_name or batch.name,
            )
        return self.env._("From %(origin)s.", origin=batch.source_id.name)

    def _tell_held(self, row):
        """The wait: why, and what ended it."""
        reasons = dict(row._fields["reason_code"]._description_selection(self.env))
        reason = reasons.get(row.reason_code, "")
        lines = [f"{reason}.", *filter(None, [row.detail_text])]
        links = []
        if row.cause_id and row.state not in ("replayed", "superseded"):
            inbox = self.env["usage.quarantine.inbox"].browse(row.cause_id.id)
            links.append((inbox.headline or reason, "usage.quarantine.inbox", inbox.id))
        decision = row.decision_id
        if row.state == "ignored":
            who = row.resolved_by_id.name or ""
            lines.append(
                self.env._(
                    "Left out: %(why)s (%(who)s).",
                    why=row.resolution_reason or "",
                    who=who,
                )
            )
            return Step(
                "fa-ban",
                "stop",
                self.env._("Ignored"),
                row.resolved_at,
                lines,
                links,
            )
        if row.state == "superseded":
            batch = row.superseding_batch_id
            lines.append(
                self.env._(
                    "Superseded by the event with this id that came later, in "
                    "%(batch)s, and was accepted. This row counts nowhere.",
                    batch=batch.name,
                )
            )
            links.append((batch.name, "usage.batch", batch.id))
            return Step(
                "fa-refresh",
                "done",
                self.env._("Came again, corrected"),
                row.resolved_at,
                lines,
                links,
            )
        if row.state == "replayed":
            lines.append(
                self.env._(
                    "Settled by %(who)s on %(when)s. %(what)s",
                    who=row.resolved_by_id.name or "",
                    when=format_datetime(self.env, row.resolved_at),
                    what=decision.changes or "",
                ).strip()
            )
            return Step(
                "fa-hourglass-end",
                "done",
                self.env._("Waited in the quarantine"),
                row.create_date,
                lines,
                links,
            )
        lines.append(self.env._("It counts nowhere until somebody settles it."))
        return Step(
            "fa-hourglass-half",
            "wait",
            self.env._("Waits in the quarantine"),
            row.create_date,
            lines,
            links,
        )

    def _tell_matched(self, event):
        subscription = event.subscription_id
        return Step(
            "fa-link",
            "done",
            self.env._("Matched"),
            event.time,
            [
                self.env._(
                    "“%(subject)s” is %(subscription)s of %(customer)s.",
                    subject=event.subject,
                    subscription=subscription.name,
                    customer=subscription.partner_id.name,
                ),
                self.env._(
                    "It happened in the period %(period)s.",
                    period=event.period_id.display_name,
                ),
            ],
            [(subscription.name, "usage.subscription", subscription.id)],
        )

    def _tell_measured(self, event, meters):
        """Which meters count it, and why others of its type do not."""
        lines, links = [], []
        for meter, why in meters:
            links.append((meter.name, "usage.meter", meter.id))
            if why:
                lines.append(
                    self.env._(
                        "%(meter)s leaves it out: it counts only %(condition)s.",
                        meter=meter.name,
                        condition=why,
                    )
                )
            else:
                lines.append(
                    self.env._(
                        "%(meter)s counts it: %(quantity)s.",
                        meter=meter.name,
                        quantity=self._say_value(event, meter),
                    )
                )
        counted = any(not why for _meter, why in meters)
        return Step(
            "fa-tachometer",
            "done" if counted else "stop",
            self.env._("Measured") if counted else self.env._("Not measured"),
            None,
            lines or [self.env._("No meter counts events of this type any more.")],
            links,
        )

    def _tell_rated(self, event, meters):
        """Rated lines of its period that its meters count for, and their invoices."""
        lines = self._get_rated_lines(event, meters)
        if not lines:
            return [self._tell_not_rated(event, meters)]
        known = lines.filtered(
            lambda line: line.watermark and event.received_at <= line.watermark
        )
        if not known:
            return [
                Step(
                    "fa-calendar-plus-o",
                    "wait",
                    self.env._("Came after the invoice"),
                    event.received_at,
                    [
                        self.env._(
                            "The period was rated before it came. The next billing run "
                            "bills or credits the difference."
                        )
                    ],
                    [
                        (line.display_name, "usage.rated.line", line.id)
                        for line in lines
                    ],
                )
            ]
        return self._tell_first(known)

    def _tell_first(self, lines):
        """The first rating that had the event in it, and its invoice."""
        first = lines[:1].revision
        shown = lines.filtered(lambda line: line.revision == first)
        return [self._tell_priced(line) for line in shown] + [
            self._tell_invoiced(move) for move in shown.move_id
        ]

    def _tell_priced(self, line):
        charge = line.charge_id
        parts = [
            self.env._(
                "%(name)s: %(quantity)s × %(price)s",
                name=part.name or charge.name,
                quantity=messages.number(self.env, part.quantity),
                price=messages.number(self.env, part.unit_price),
            )
            for part in line.component_ids
            if part.quantity is not None and part.unit_price is not None
        ]
        return Step(
            "fa-calculator",
            "done",
            self.env._("Rated"),
            line.create_date,
            [
                self.env._(
                    "%(charge)s: %(quantity)s for %(amount)s (events: %(count)s).",
                    charge=charge.name,
                    quantity=messages.with_unit(
                        self.env, line.quantity, charge.unit_label or line.unit_label
                    ),
                    amount=messages.amounts(
                        self.env, [(line.currency_id, line.amount)]
                    ),
                    count=messages.number(self.env, Decimal(line.event_count)),
                ),
                *parts,
            ],
            [(line.display_name, "usage.rated.line", line.id)],
        )

    def _tell_not_rated(self, event, meters):
        period = event.period_id
        charges = self.env["usage.charge"]
        version = period.subscription_id._get_version_at(period.local_start)
        if version:
            charges = version.charge_ids.filtered(
                lambda charge: charge.meter_id.id in [meter.id for meter in meters]
            )
        if version and not charges:
            return Step(
                "fa-calculator",
                "stop",
                self.env._("Costs nothing"),
                None,
                [
                    self.env._(
                        "%(version)s has no price for it.",
                        version=version.display_name,
                    )
                ],
                [(version.display_name, "usage.plan.version", version.id)],
            )
        return Step(
            "fa-calculator",
            "wait",
            self.env._("Not rated yet"),
            None,
            [
                self.env._(
                    "The period ends on %(date)s; the billing run after that rates it.",
                    date=format_date(self.env, period.last_day),
                )
                if period.end_at > fields.Datetime.now()
                else self.env._("The period is over: the next billing run rates it.")
            ],
            [(charge.name, "usage.charge", charge.id) for charge in charges],
        )

    def _tell_invoiced(self, move):
        states = dict(move._fields["state"]._description_selection(self.env))
        paid = dict(move._fields["payment_state"]._description_selection(self.env))
        is_posted = move.state == "posted"
        return Step(
            "fa-file-text-o",
            "done" if is_posted else "wait",
            self.env._("Invoiced") if is_posted else self.env._("On a draft invoice"),
            None,
            [
                self.env._(
                    "%(invoice)s: %(state)s, %(payment)s.",
                    invoice=move.name or self.env._("Draft"),
                    state=states.get(move.state, ""),
                    payment=paid.get(move.payment_state, ""),
                )
            ],
            [(move.display_name, "account.move", move.id)],
        )

    # ------------------------------------------------------------------
    # facts
    # ------------------------------------------------------------------
    def _get_rated_lines(self, event, meters):
        """Live rated lines of the period that these meters count for, oldest first."""
        lines = self.env["usage.rated.line"].search(
            [
                ("period_id", "=", event.period_id.id),
                ("meter_id", "in", [meter.id for meter in meters]),
                ("state", "in", ("rated", "approved", "posted")),
            ],
            order="revision, id",
        )
        return lines.filtered(lambda line: self._is_in(event, line))

    def _get_meters(self, event):
        """Meters of the event's type, and the condition that leaves it out, if any.

        :return: list of (usage.meter, text)
        """
        meters = (
            self.env["usage.meter"]
            .with_context(active_test=False)
            .search(
                [
                    ("company_id", "=", event.company_id.id),
                    ("event_type", "=", event.type),
                ]
            )
        )
        shown = self._get_details(event)
        found = []
        for meter in meters:
            missing = [
                f"{line.key} = {line.value}"
                for line in meter.filter_ids
                if shown.get(line.key) != line.value
            ]
            found.append((meter, ", ".join(missing)))
        return found

    def _get_details(self, event):
        """Dimensions and properties of a stored event, by name."""
        self.env.flush_all()
        [[dims, properties]] = self.env.execute_query(
            SQL(
                """SELECT d.dims, e.properties FROM usage_store_event e
                     JOIN usage_store_dimset d ON d.id = e.dimset_id
                    WHERE e.id = %s AND e.time BETWEEN %s AND %s""",
                event.id,
                event.time - SECOND,
                event.time + SECOND,
            )
        ) or [[{}, {}]]
        return {**(properties or {}), **(dims or {})}

    def _is_in(self, event, line):
        """Whether a rated line's dimensions, if it is split, are those of the event."""
        dimensions = line.dimensions or {}
        if not dimensions:
            return True
        shown = self._get_details(event)
        return all(shown.get(name) == value for name, value in dimensions.items())

    def _say_value(self, event, meter):
        if meter.aggregation == "count":
            return self.env._("one event")
        value = event.amount if meter.value_source == "amount" else event.value
        if value is None:
            return self.env._("by what it says of itself")
        return messages.with_unit(self.env, value, meter.unit_label)

    def _find_held(self, event):
        """The quarantined row that a replayed event was, empty for any other."""
        Row = self.env["usage.quarantine"].sudo()
        if not event.batch_id.is_replay:
            return Row
        return Row.search(
            [
                ("replay_batch_id", "=", event.batch_id.id),
                ("event_id", "=", event.event_id),
            ],
            limit=1,
        )

    def _find_replayed(self, row):
        """The event that a replayed row is now."""
        found = self._find_stored(row.source_id, row.event_id, row.event_time)
        return found.filtered(lambda event: event.batch_id == row.replay_batch_id)[:1]

    @api.model
    def _find_stored(self, sources, event_id, around=None):
        """Stored events of any of these sources with an id.

        :param datetime around: of the event, for ids that mean nothing without a time
        :rtype: usage.event
        """
        ids = []
        for company, part in sources.grouped("company_id").items():
            store = self.env["usage.batch"].with_company(company).sudo()._store()
            ids += [event.id for event in store.find_by_id(part, event_id, around)]
        return self.env["usage.event"].browse(ids)

    @api.model
    def _find_archived(self, sources, event_id, around=None):
        """Where an id is known of an archived month.

        :param datetime around: see :meth:`_find_stored`
        :return: list of (usage.source, time of the event)
        """
        found = []
        for company, part in sources.grouped("company_id").items():
            store = self.env["usage.batch"].with_company(company).sudo()._store()
            found += store.find_archived(part, event_id, around)
        return found
