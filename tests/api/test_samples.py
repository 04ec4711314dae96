"""The commands and programs of docs/api.md do what the page says."""

import os
import re
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

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
