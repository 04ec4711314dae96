"""What docs/api_compatibility.md tells users of each client to write connects."""

import re
from pathlib import Path

import pytest

from tests.clients import test_lago, test_openmeter, test_stripe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api_compatibility.md"
(BLOCK,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
ID = "of the page"
#: one program for each client, told by the line that imports it
PROGRAMS = dict(
    zip(
        ("lago", "openmeter", "stripe"),
        re.split(r"\n(?=from openmeter|import stripe)", BLOCK),
        strict=True,
    )
)
#: one event, as each client sends it
SENT = {
    "lago": lambda client, now: client.events.create(test_lago.event(ID, now)),
    "openmeter": lambda client, now: client.events.ingest_event(
        test_openmeter.event(ID, now)
    ),
    "stripe": lambda client, now: client.v1.billing.meter_events.create(
        test_stripe.event(ID, now)
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_page_connects_each_client(platform, name, now):
    text = PROGRAMS[name]
    assert "https://billing.example.com" in text and "rlv_…" in text
    text = text.replace("https://billing.example.com", platform.url)
    made = {}
    exec(text.replace("rlv_…", platform.tokens[name]), made)
    SENT[name](made["client"], now)
    assert any(ID in event_id for event_id in platform.events(name))
