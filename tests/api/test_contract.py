"""The served API keeps what its OpenAPI document promises (Schemathesis)."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

EXAMPLES = 12
LEFT_OUT = [
    # a method without a route is answered by the framework, before any of our code
    unsupported_method,
    # codes, cursors and spans can be well formed and still name nothing
    positive_data_acceptance,
]
#: a bad event among others is kept and told, the request is accepted
KEEPS_BAD_EVENTS = "/usage/v1/events"


@pytest.fixture(scope="module")
def schema(api):
    return schemathesis.openapi.from_url(f"{api.url}/usage/v1/openapi.json")


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str
)
def test_every_operation_answers_as_documented(api, schema, mode):
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        tried.add(f"{operation.method.upper()} {operation.path}")
        _attempt(operation, mode, api.key)
    assert {
        "POST /usage/v1/events",
        "POST /usage/v1/events/backfill",
        "GET /usage/v1/usage",
    } <= tried
    assert len(tried) >= 12


def _attempt(operation, mode, key):
    left_out = LEFT_OUT
    if operation.path == KEEPS_BAD_EVENTS:
        left_out = [*LEFT_OUT, negative_data_rejection]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case):
        case.call_and_validate(
            headers={"Authorization": f"Bearer {key}"}, excluded_checks=left_out
        )

    attempt()
