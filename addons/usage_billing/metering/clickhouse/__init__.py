"""The event store with its events in ClickHouse, for those who outgrow one node.

Identity, duplicates, quarantine, batches and rollups stay in PostgreSQL, where the
append decides them in one transaction. What moves is the weight: event rows are shipped
to ClickHouse afterwards, and the calls that read many of them run there.

How an event gets there
    1. the append stores it in PostgreSQL, as ever, and writes a *shipment* (the intent)
       in the same transaction
    2. a job sends the rows of a shipment under a new *attempt* number, reads back their
       count and checksum, and only then marks the shipment as done
    3. what a broken attempt left behind carries the number of that attempt, which is
       written down before the first row is sent: no query ever counts it

Reading sees exactly what the transaction sees in PostgreSQL: rows of shipments that are
not done are handed over with the query. So an answer is right whatever died and however
long ClickHouse was away; without ClickHouse there is no answer at all.

Two drivers stand behind :class:`~.driver.Driver`: ``server`` speaks the native protocol
by clickhouse-driver, ``embedded`` runs chDB in a process of its own. Both are optional.
"""
