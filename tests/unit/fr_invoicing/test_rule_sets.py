"""Every kind of document meets its own official rules; the pool of processes holds."""

import os
import re
import signal
import threading
import time

import pytest
from einvoice_samples import invoice

from einvoice import facturx, validate
from einvoice.errors import ValidatorError
from einvoice.findings import has_fatal
from einvoice.pool import Pool

ECHO = """#!{python}
import json, os, sys, time
print(json.dumps({{"ready": True}}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    time.sleep(message.get("sleep", 0))
    if message.get("die") and not os.path.exists({mark!r}):
        open({mark!r}, "w").close()
        os._exit(1)
    print(json.dumps({{"pid": os.getpid(), "said": message}}), flush=True)
"""


@pytest.fixture
def echo(tmp_path):
    """Give the command of a worker that answers what it is told."""
    program = tmp_path / "echo"
    program.write_text(
        ECHO.format(python=validate.sys.executable, mark=str(tmp_path / "died"))
    )
    program.chmod(0o755)
    return [str(program)]


@pytest.fixture
def pool(echo):
    """Give a pool of two of them."""
    pool = Pool(echo, 2, 10)
    yield pool
    pool.close()


def samples(shared, pattern):
    folder = shared / "data" / "einvoice" / "samples"
    found = {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}
    assert found
    return found


# === Kinds === #


@pytest.mark.parametrize("kind", ["cdar", "flux10"])
def test_statuses_and_reports_meet_their_rules(checker, shared, kind):
    documents = samples(shared, f"good/fr_{kind}_*.xml")
    found = checker.check_rules(kind, documents)
    assert {name: items for name, items in found.items() if has_fatal(items)} == {}


def test_a_status_collected_without_amount_is_refused(checker, shared):
    (xml,) = samples(shared, "good/fr_cdar_212*.xml").values()
    assert b"<ram:TypeCode>MEN<" in xml
    changed = xml.replace(b"<ram:TypeCode>MEN<", b"<ram:TypeCode>MPA<")
    found = checker.check_rules("cdar", {"x": changed})["x"]
    assert {item.source for item in found if item.is_fatal} == {"br-fr-cdv"}


def test_a_report_without_its_date_is_refused(checker, shared):
    documents = samples(shared, "good/fr_flux10_*.xml")
    for name, xml in documents.items():
        changed = re.sub(rb"<IssueDateTime>.*?</IssueDateTime>", b"", xml, flags=re.S)
        assert changed != xml, name
        assert has_fatal(checker.check_rules("flux10", {name: changed})[name])


def test_a_report_that_is_no_report_is_refused(checker, shared):
    (cdar,) = samples(shared, "good/fr_cdar_212*.xml").values()
    assert has_fatal(checker.check_rules("flux10", {"x": cdar})["x"])
    assert has_fatal(checker.check_rules("invoice", {"x": cdar})["x"])
    reports = samples(shared, "good/fr_flux10_*.xml")
    found = checker.check_rules("cdar", reports)
    assert all(has_fatal(items) for items in found.values())


def written(flavor, level):
    """Give a document in a syntax and a profile, by the library itself."""
    values = facturx.to_dict(invoice(vat_point_code=""))
    xml = facturx.generate_xml(values, flavor=flavor, level=level, check_xsd=False)
    return facturx._without_nil(xml) if flavor == "factur-x" else xml


@pytest.mark.parametrize("level", ["en16931", "extended-ctc-fr"])
@pytest.mark.parametrize("flavor", ["factur-x", "ubl-2.1"])
def test_syntax_and_profile_choose_the_rules(checker, flavor, level):
    xml = written(flavor, level)
    found = checker.check({"x": xml})["x"]
    assert [item.rule for item in found if item.is_fatal] == []
    old = re.search(rb"(TaxInclusiveAmount[^>]*|GrandTotalAmount)>12000.00<", xml)[0]
    wrong = xml.replace(old, old.replace(b"12000.00", b"12001.00"))
    rules = {item.rule for item in checker.check({"x": wrong})["x"] if item.is_fatal}
    assert any(rule.endswith("CO-15") for rule in rules), rules


def test_an_unknown_profile_is_refused(checker):
    xml = written("ubl-2.1", "en16931")
    wrong = xml.replace(b">urn:cen.eu:en16931:2017<", b">urn:other<")
    assert [item.rule for item in checker.check({"x": wrong})["x"]] == ["PROFILE"]


def test_unknown_kind_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="unknown kind"):
        validate.check_rules("invoices", {})


def test_a_dtd_is_refused_not_read(checker):
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    found = checker.check_rules("cdar", {"x": bomb})["x"]
    assert [item.rule for item in found] == ["XML"]


# === Pool === #


def test_work_is_cut_and_both_processes_take_part(pool):
    answers = pool.map([{"sleep": 0.2, "n": n} for n in range(6)], [10] * 6)
    assert [answer["said"]["n"] for answer in answers] == list(range(6))
    assert len({answer["pid"] for answer in answers}) == 2


def test_a_single_caller_keeps_one_process_warm(pool):
    first, second = pool.map([{}], [10]) + pool.map([{}], [10])
    assert first["pid"] == second["pid"]
    assert sum(worker.is_alive() for worker in pool.workers) == 1


def test_a_worker_that_dies_at_work_is_replaced_and_asked_again(pool):
    answers = pool.map([{"die": True, "n": n} for n in range(4)], [10] * 4)
    assert [answer["said"]["n"] for answer in answers] == [0, 1, 2, 3]


def test_a_worker_killed_between_calls_is_replaced(pool):
    (before,) = pool.map([{}], [10])
    os.kill(before["pid"], signal.SIGKILL)
    (after,) = pool.map([{}], [10])
    assert after["pid"] != before["pid"]


def test_a_worker_that_takes_too_long_is_killed(pool):
    (before,) = pool.map([{}], [10])
    started = time.monotonic()
    with pytest.raises(ValidatorError, match="validator_timeout"):
        pool.map([{"sleep": 30}], [0.3])
    assert time.monotonic() - started < 5
    with pytest.raises(ProcessLookupError):
        os.kill(before["pid"], 0)
    assert pool.map([{"n": 1}], [10])[0]["said"] == {"n": 1}


def test_more_callers_than_workers_wait_their_turn(pool):
    answers = []

    def call(number):
        answers.extend(pool.map([{"sleep": 0.05, "n": number}], [10]))

    threads = [threading.Thread(target=call, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answer["said"]["n"] for answer in answers) == list(range(6))
    assert len({answer["pid"] for answer in answers}) <= 2


def test_a_large_message_goes_through_both_ways(pool):
    text = "é" * 3_000_000
    (answer,) = pool.map([{"text": text}], [30])
    assert answer["said"]["text"] == text


def test_workers_end_when_idle_and_the_next_call_works(tmp_path, monkeypatch):
    from einvoice import validate_worker

    source = open(validate_worker.__file__, encoding="utf-8").read()
    copy = tmp_path / "validate_worker.py"
    copy.write_text(source.replace("IDLE_S = 120", "IDLE_S = 1"), encoding="utf-8")
    monkeypatch.setattr(validate, "WORKER", str(copy))
    checker = validate.Checker(processes=1)
    xml = facturx.to_xml(invoice())
    assert not has_fatal(checker.check({"x": xml})["x"])
    process = checker.pool.workers[0].process
    process.wait(timeout=10)
    assert not has_fatal(checker.check({"x": xml})["x"])
    checker.close()
