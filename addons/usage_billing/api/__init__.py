"""The native API's own knowledge: how events are written in requests, what is wrong
with them, and the document that describes it all. Pure: no Odoo, no database.

Owns: the forms of a request body (own JSON, CloudEvents, NDJSON, gzip), problem details
(RFC 9457), the registry of operations and the OpenAPI and Postman documents made from
it. Does not own: keys, cursors, the store; ``controllers/api*.py`` puts them together.

Invariants
    - no number passes through a float: JSON numbers are read as int or Decimal
    - every event of a request becomes exactly one row, in the order of the request
"""
