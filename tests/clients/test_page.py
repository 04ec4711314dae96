"""What docs/api_compatibility.md tells users of each client to write connects."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api_compatibility.md"
(BLOCK,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
#: one program for each client, told by the line that imports it
PROGRAMS = dict(
    zip(
        ("lago", "openmeter", "stripe"),
        re.split(r"\n(?=from openmeter|import stripe)", BLOCK),
        strict=True,
    )
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_page_connects_each_client(platform, name, now):
    text = PROGRAMS[name]
    assert "https://billing.example.com" in text and "rlv_…" in text
    text = text.replace("https://billing.example.com", platform.url)
    made = {}
    exec(text.replace("rlv_…", platform.tokens[name]), made)
    _send(made["client"], name, now)
    assert any("of the page" in event_id for event_id in platform.events(name))


def _send(client, name, now):
    """One event, as each client sends it."""
    seconds = int(now.timestamp())
    if name == "lago":
        from lago_python_client.models import Event

        client.events.create(
            Event(
                transaction_id="of the page",
                external_subscription_id="sub_1",
                code="storage",
                timestamp=seconds,
                properties={"gb": 1},
            )
        )
    elif name == "openmeter":
        from openmeter.models import Event

        client.events.ingest_event(
            Event(
                id="of the page",
                source="gateway",
                specversion="1.0",
                type="request",
                subject="acme",
                time=datetime.fromtimestamp(seconds, UTC),
                data={"tokens": 1},
            )
        )
    else:
        client.v1.billing.meter_events.create(
            {
                "event_name": "calls",
                "identifier": "of the page",
                "timestamp": seconds,
                "payload": {"stripe_customer_id": "cus_1", "value": "1"},
            }
        )
