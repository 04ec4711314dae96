from odoo import models

from ..fields_exact import AS_TEXT, Exact


class Base(models.AbstractModel):
    _inherit = "base"

    def _fetch_query(self, query, fields):
        """Select :class:`Exact` columns as text, so that no digit is lost to a float.

        Only this query sees the cast: filters and orders were compiled before and other
        fields are read without it, so both still compare numbers.
        """
        if not any(isinstance(field, Exact) for field in fields):
            return super()._fetch_query(query, fields)
        columns = [field for field in fields if field.column_type]
        records = self.with_context(**{AS_TEXT: self._name})
        fetched = super(Base, records)._fetch_query(query, columns).with_env(self.env)
        for field in fields:
            if not field.column_type:
                field.read(fetched)
        return fetched
