"""Clauses that decide whether and when: versions in force, attribution, clawback."""

import calendar
from datetime import date
from fractions import Fraction


def version_in_force(versions, day):
    """Return the version whose [from, to] contains the day, or None.

    :param versions: objects with ``date_from`` and ``date_to`` (last day, None
        for no end)
    """
    for version in versions:
        if version.date_from <= day and (not version.date_to or day <= version.date_to):
            return version
    return None


def add_months(day, months):
    """Return the same day some months later, clamped to the month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def is_attributed(day, start=None, months=None):
    """Say whether a purchase still belongs to the partner who brought the customer.

    The right ends ``months`` after the customer's start, that day excluded.
    """
    if start is None or months is None:
        return True
    return day < add_months(start, months)


def unserved(months_served, term):
    """Return the part of a term that was not served, from 0 to 1."""
    return max(Fraction(0), Fraction(term - months_served, term))


def within_window(start, end, days):
    """Say whether an end falls in the window after the start, last day included."""
    return (end - start).days <= days
