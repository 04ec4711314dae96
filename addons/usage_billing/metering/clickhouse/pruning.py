"""Events that leave PostgreSQL and stay in ClickHouse, and details that are forgotten.

A month may leave PostgreSQL only while ClickHouse holds all of it, as it was sent: that
was compared when it arrived, and is asked again here, because from then on there is no
other copy but the archive.
"""

from ..errors import StoreError
from . import tables
from .driver import numbers
from .rows import checksum_sql, microseconds

#: Shipments looked at in one question.
PAGE = 500


def shipments(cursor, leaf):
    """Arrived shipments with events in a month, of companies that ask ClickHouse.

    :param str leaf: table of the month
    :return: {company id: list of (shipment, attempt, events, checksum or None)}
    """
    cursor.execute(
        "SELECT s.company_id, s.id, coalesce(s.attempt_id, 0), s.row_count, s.checksum"
        " FROM usage_shipment s JOIN res_company c ON c.id = s.company_id"
        " WHERE c.usage_store_engine = 'clickhouse' AND s.state = 'done'"
        "  AND s.row_count > 0"
        f"  AND s.batch_id IN (SELECT DISTINCT f.id >> 31 FROM {leaf} f)"
        " ORDER BY s.id"
    )
    found = {}
    for company_id, *shipment in cursor.fetchall():
        found.setdefault(company_id, []).append(tuple(shipment))
    return found


def check(driver, company_id, wanted):
    """Refuse when ClickHouse does not hold these shipments as they were sent.

    :param list wanted: of :func:`shipments`
    :raise StoreError: "archive_lost", with the number of shipments that differ
    """
    lost = 0
    for start in range(0, len(wanted), PAGE):
        page = wanted[start : start + PAGE]
        held = {
            shipment: (count, total)
            for shipment, count, total in driver.query(
                f"SELECT shipment_id, {checksum_sql(tables.columns(driver.modern))}"
                f" FROM usage_event WHERE company_id = {company_id}"
                f" AND shipment_id IN ({numbers([row[0] for row in page])})"
                f" AND attempt_id IN ({numbers([row[1] for row in page])})"
                " GROUP BY shipment_id"
            )
        }
        for shipment, _attempt, count, checksum in page:
            there = held.get(shipment, (0, 0))
            lost += there[0] != count or (
                checksum is not None and there[1] != int(checksum, 16)
            )
    if lost:
        raise StoreError("archive_lost", shipments=lost)


def forget_properties(cursor, driver, company_id, before):
    """Erase the further properties of old events, as in PostgreSQL; figures stay.

    :param datetime before: naive UTC; of events before it, in periods that are not open
    :return: number of events
    """
    cursor.execute(
        "SELECT coalesce(array_agg(p.id), '{}') FROM usage_period p"
        " JOIN usage_subscription s ON s.id = p.subscription_id"
        " WHERE s.company_id = %s AND p.state = 'open' AND p.start_at < %s",
        [company_id, before],
    )
    (kept,) = cursor.fetchone()
    where = (
        f"company_id = {company_id} AND time < {microseconds(before)}"
        " AND notEmpty(prop_keys)"
    )
    if kept:
        where += f" AND period_id NOT IN ({numbers(kept)})"
    found = driver.query(
        f"SELECT shipment_id, count() FROM usage_event WHERE {where}"
        " GROUP BY shipment_id"
    )
    if not found:
        return 0
    # what was compared when it arrived cannot be compared any more, its number can
    cursor.execute(
        "UPDATE usage_shipment SET checksum = NULL WHERE id = ANY(%s)",
        [[shipment for shipment, _count in found]],
    )
    wait = " SETTINGS mutations_sync = 1" if driver.modern else ""
    driver.execute(
        "ALTER TABLE usage_event UPDATE prop_keys = emptyArrayString(),"
        " prop_values = emptyArrayString()"
        f" WHERE {where}{wait}"
    )
    return sum(count for _shipment, count in found)
