"""Keys that another process changes while servers run."""

import urllib.error
import urllib.request

import pytest

CHANGE = """
key = env["usage.api.key"].search([("name", "=", "Passing")])
{change}
env.cr.commit()
import os
os._exit(0)  # nothing may be said at the end of the process either
"""
MAKE = """
from pathlib import Path
key = env["usage.api.key"].create(
    {"name": "Passing", "can_ingest": False, "can_read": True, "rate_limit": 0})
Path(arguments[0]).write_text(key._issue_token())
"""


def status(api, token):
    request = urllib.request.Request(
        f"{api.url}/usage/v1/meters", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def statuses(api, token):
    """What several workers answer: two run, each gets some of the requests."""
    return {status(api, token) for _number in range(12)}


@pytest.fixture
def run(api, tmp_path):
    def run(text, *arguments):
        script = tmp_path / "script.py"
        script.write_text(text)
        api.served.odoo.script_in(api.served.database, script, *arguments)

    return run


def test_keys_that_another_process_changes(api, run, tmp_path):
    answer = tmp_path / "token"
    run(MAKE, answer)
    token = answer.read_text()
    assert statuses(api, token) == {200}
    run(CHANGE.replace("{change}", "key.can_read = False; key.can_quote = True"))
    assert statuses(api, token) == {403}
    run(CHANGE.replace("{change}", "key.can_read = True"))
    assert statuses(api, token) == {200}
    run(CHANGE.replace("{change}", "key.action_revoke()"))
    assert statuses(api, token) == {401}
