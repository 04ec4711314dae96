from collections import Counter

from odoo import models

from .usage_report import BY_CUSTOMER, BY_SUBSCRIPTION, MISSING, OTHERS


class UsageReport(models.AbstractModel):
    """What columns and lines of the report are called: each by a name of its own."""

    _inherit = "usage.report"

    def _get_names(self, query, for_file=False):
        """How to call the columns of a report.

        Two customers may have one name: who shares it is called with the reference
        too, in every part of the report alike.

        :param bool for_file: for machines, not on screen
        :return: function: column -> text
        """
        own = {MISSING: "–"}
        if not for_file:  # which has all columns, and the same words in every language
            own[OTHERS] = self.env._("Others")
        if not query.group:
            own[""] = query.meter.name
        elif query.group == BY_SUBSCRIPTION:
            own |= self._get_subscription_names(query.subscriptions)
        elif query.group == BY_CUSTOMER:
            own |= _distinct(
                (partner.id, partner.name or "", partner.ref or f"#{partner.id}")
                for partner in query.subscriptions.partner_id
            )
        if query.group[:1] in ("", "@"):
            return own.__getitem__
        quoted = {*own.values()}  # a machine may be called as our own words are
        return lambda column: (
            own.get(column) or (f"“{column}”" if column in quoted else column)
        )

    def _get_subscription_names(self, subscriptions):
        """:return: {id: name, with the code where another has the same}"""
        return _distinct((one.id, one.name, one.code) for one in subscriptions)

    def _get_meter_names(self, meters):
        """:return: {id: name, with the code where another has the same}"""
        return _distinct((meter.id, meter.name, meter.code) for meter in meters)


def _distinct(entries):
    """Names, each with what tells it apart where another is the same.

    >>> _distinct([(1, "Acme", "C-1"), (2, "Acme", "C-2"), (3, "Other", "C-3")])
    {1: 'Acme (C-1)', 2: 'Acme (C-2)', 3: 'Other'}
    >>> _distinct([(1, "Acme", "C-1"), (2, "Acme", "C-1")])
    {1: 'Acme (C-1, #1)', 2: 'Acme (C-1, #2)'}

    :param entries: tuples of number, name and what else tells it apart
    """
    entries = list(entries)
    alike = Counter(name for _id, name, _more in entries)
    still = Counter((name, more) for _id, name, more in entries)
    names = {}
    for id_, name, more in entries:
        if still[name, more] > 1:
            more = f"{more}, #{id_}"
        names[id_] = f"{name} ({more})" if alike[name] > 1 else name
    return names
