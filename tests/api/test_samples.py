"""Commands and programs of docs/api.md do what they say, and generated requests too."""

import os
import re
import subprocess
import sys
import time
import uuid
from decimal import Decimal
from pathlib import Path

import requests

REQUESTS = 60
PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_samples_work_in_the_order_of_the_page(api):
    variables = {**os.environ, "USAGE_URL": api.url, "USAGE_KEY": api.key}
    assert len([kind for kind, _text in BLOCKS if kind == "bash"]) >= 6
    for kind, text in BLOCKS:
        shell = ["bash", "-eu", "-o", "pipefail", "-c", text]
        command = shell if kind == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    # 1.5 + 0.25 + 2 + 1 + 1 + 100 x 0.1, then one voided and one amended to 0.75
    ((quantity,),) = api.query(
        "SELECT sum(value_sum) FROM usage_store_rollup WHERE bucket = '-infinity'"
    )
    assert Decimal(quantity) == Decimal("14.5")


def test_rate_limit_holds_across_workers(api):
    """Sixty requests, eight at a time, by a key of two a second, a burst of four."""
    program = (
        "import sys, urllib.request, urllib.error\n"
        "url, key, n = sys.argv[1:]\n"
        "codes = []\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def post(_number):\n"
        "    request = urllib.request.Request(url + '/usage/v1/events', b'[]', {\n"
        "        'Authorization': 'Bearer ' + key, 'Content-Type':"
        " 'application/json'})\n"
        "    try:\n"
        "        codes.append(urllib.request.urlopen(request).status)\n"
        "    except urllib.error.HTTPError as error:\n"
        "        assert int(error.headers['Retry-After']) >= 1\n"
        "        codes.append(error.code)\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    list(pool.map(post, range(int(n))))\n"
        "print(codes.count(202), codes.count(429))\n"
    )
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, api.url, api.slow, str(REQUESTS)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    seconds = time.monotonic() - begin
    assert done.returncode == 0, done.stderr
    passed, refused = map(int, done.stdout.split())
    assert passed + refused == REQUESTS
    assert 4 <= passed <= 4 + 2 * (seconds + 1)


def test_requests_of_the_postman_collection_are_answered(api):
    """As they are imported, then with every parameter that has an example."""
    collection = requests.get(f"{api.url}/usage/v1/postman.json", timeout=60).json()
    assert {each["key"] for each in collection["variable"]} == {"server", "key"}
    document = requests.get(f"{api.url}/usage/v1/openapi.json", timeout=60).json()
    described = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
    }
    # nothing is billed here: what an order number names is not there
    absent = {"/usage/v1/rated-lines/1/explanation"}
    items = [item for folder in collection["item"] for item in folder["item"]]
    items.sort(key=lambda item: item["request"]["method"] == "GET")  # there is a first
    for item in items:
        for everything in (False, True):
            path, response = _send(api, item["request"], everything)
            ok = response.status_code == 404 if path in absent else response.ok
            assert ok, (item["name"], everything, response.text[:500])
    assert len(items) >= len(described) >= 15


def _send(api, request, everything):
    """What Postman sends for a request of a collection.

    :param bool everything: with parameters that are switched off, where they have a
        value
    :return: path, response
    """
    url = request["url"]
    assert url["raw"] == "/".join([*url["host"], *url["path"]])
    query = {
        each["key"]: each["value"]
        for each in url.get("query", ())
        if not each["disabled"] or (everything and each["value"])
    }
    headers = {
        each["key"]: each["value"].replace("{{$guid}}", str(uuid.uuid4()))
        for each in request["header"]
        if everything or not each.get("disabled")
    }
    if request.get("auth", {}).get("type") != "noauth":
        headers["Authorization"] = f"Bearer {api.key}"
    response = requests.request(
        request["method"],
        url["raw"].replace("{{server}}", api.url),
        params=query,
        headers=headers,
        data=request.get("body", {}).get("raw", "").encode(),
        timeout=60,
    )
    return url["raw"].removeprefix("{{server}}"), response
