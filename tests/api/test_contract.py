"""The served API keeps what its OpenAPI document promises (Schemathesis)."""

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

EXAMPLES = 30
# a method without a route is answered by the framework, before any of our code
LEFT_OUT = [unsupported_method]
EVENT = r"(events\[\d+\]\.)?"
OWN = (
    "id|type|subject|source|time|unit|value|amount|currency|dimensions|properties|"
    "specversion|reason|meters|subscriptions|items|products|plan|customer|subscription"
)
#: What a schema cannot promise: (code of the problem, field, what it takes). Codes in
#: addresses that name nothing are no case of this: they are answered 404.
UNPROMISED = [
    ("invalid_parameter", "cursor", "one that the list gave"),
    ("invalid_parameter|invalid_value", "to", "later than “from”"),
    ("invalid_parameter", "from", "of hours, a span of 93 days"),
    ("invalid_value", rf"{EVENT}(value|amount|(dimensions|properties)\..*|data.*)",
     "at most 100 digits behind the point"),
    ("ambiguous_json|invalid_value", rf"{EVENT}(?!({OWN})\b).*",
     "no NUL, however deep in the free members of a CloudEvent"),
    ("idempotency_key_reused", "Idempotency-Key", "a key of this order only"),
    ("unknown_unit", rf"{EVENT}unit", "a unit that is known"),
    ("invalid_value", r"(subscriptions|meters)\[\d+\]", "codes that name something"),
    ("invalid_quote", ".*", "a plan for each item, and numbers of up to 30 digits"),
]  # fmt: skip
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
    headers = {"Authorization": f"Bearer {key}"}

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
        response = case.call(headers=headers)
        unpromised = [positive_data_acceptance] if _is_unpromised(response) else []
        case.validate_response(
            response, headers=headers, excluded_checks=[*left_out, *unpromised]
        )

    attempt()


def _is_unpromised(response):
    if response.status_code not in (400, 422):
        return False
    problem = response.json()
    return any(
        re.fullmatch(code, problem["code"])
        and re.fullmatch(field, problem.get("field", ""), re.DOTALL)
        for code, field, _what in UNPROMISED
    )
