"""What tests of the API share."""

from ..api.problem import ApiProblem
from .common import UsageCase


class ApiCase(UsageCase):
    """A source of the API with a key, and a customer whose events it sends."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = cls.env["usage.source"].create(
            {
                "name": "Gateway",
                "code": "gateway",
                "kind": "api",
                "future_tolerance_min": -1,
            }
        )
        cls.key, cls.token = cls._create_key()

    @classmethod
    def _create_key(cls, **vals):
        """A key with its token; by default it may send events of the source."""
        key = cls.env["usage.api.key"].create(
            {
                "name": "Gateway",
                "source_id": cls.source.id,
                "rate_limit": 0,
                "company_id": cls.company.id,
                **vals,
            }
        )
        return key, key._issue_token()

    def _refused(self, token, scope="ingest"):
        """Code of the problem that a token meets."""
        with self.assertRaises(ApiProblem) as caught:
            self.env["usage.api.key"]._authenticate(token, scope)
        return caught.exception
