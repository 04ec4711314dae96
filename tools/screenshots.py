"""Take the pictures of ``docs/images`` from a served demo.

Start the demo (``make demo``), then ``python tools/screenshots.py`` with the suite's
interpreter. Pictures: the billing run, the invoice with its usage, the Factur-X page,
the inbox, the story of an event, the usage report, the customer's usage page and the
partner's statement, in English and in French.
"""

import argparse
import io
import subprocess
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
LANGUAGES = {"en": "en_US", "fr": "fr_FR"}
WIDE = {"width": 1366, "height": 900}


class Camera:
    """One browser on one served database."""

    def __init__(self, browser, url, folder):
        self.browser, self.url, self.folder = browser, url, folder

    def log_in(self, login, language):
        """A fresh session of a user, in a language.

        :return: page, logged in
        """
        tag = language.replace("_", "-")
        context = self.browser.new_context(viewport=WIDE, locale=tag)
        page = context.new_page()
        page.on("console", self._report)
        page.goto(f"{self.url}/web/login")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", login)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/web/login" not in url)
        return page

    def _report(self, message):
        if message.type == "error":
            print(f"console: {message.text}")

    def call(self, page, model, method, *args, **kwargs):
        """Call a method as the logged-in user."""
        answer = page.request.post(
            f"{self.url}/web/dataset/call_kw/{model}/{method}",
            data={
                "jsonrpc": "2.0",
                "method": "call",
                "params": {
                    "model": model,
                    "method": method,
                    "args": args,
                    "kwargs": kwargs,
                },
            },
        ).json()
        if "error" in answer:
            raise RuntimeError(answer["error"]["data"]["message"])
        return answer["result"]

    def shoot(self, page, name, full=False):
        page.wait_for_timeout(800)
        picture = Image.open(io.BytesIO(page.screenshot(full_page=full)))
        self.save(picture, name)

    def save(self, picture, name):
        """Keep a picture with few colours: screens need no more, and it is small."""
        path = self.folder / f"{name}.png"
        picture.convert("RGB").quantize(192).save(path, optimize=True)
        print(path.name)


def _set_languages(camera, language):
    page = camera.log_in("admin", language)
    users = camera.call(
        page,
        "res.users",
        "search",
        [("login", "in", ["admin", "customer", "partner"])],
    )
    camera.call(page, "res.users", "write", users, {"lang": language})
    page.context.close()


def _back_office(camera, code, language):
    page = camera.log_in("admin", language)
    [run] = camera.call(page, "usage.billing.run", "search", [], limit=1)
    page.goto(f"{camera.url}/odoo/usage.billing.run/{run}")
    page.wait_for_selector(".o_form_view .o_field_widget")
    camera.shoot(page, f"run_{code}")
    [move] = camera.call(
        page,
        "account.move",
        "search",
        [("usage_run_id", "=", run), ("partner_id.name", "like", "Studio")],
    )
    page.goto(f"{camera.url}/odoo/account.move/{move}")
    page.wait_for_selector(".o_form_view .o_notebook")
    tab = page.locator(".o_notebook .nav-link[name=usage], a[name=usage_page]")
    if not tab.count():
        tab = page.locator(".o_notebook .nav-link").filter(
            has_text="Usage" if code == "en" else "Consommation"
        )
    tab.first.click()
    camera.shoot(page, f"invoice_{code}")
    pdf = page.request.get(
        f"{camera.url}/web/content/account.move/{move}/invoice_pdf_report_file"
    ).body()
    page.context.close()
    return pdf


def _inbox(camera, code, language):
    """Usage that waits, the story of an event, and the usage report."""
    page = camera.log_in("admin", language)
    camera.call(page, "usage.quarantine.inbox", "action_open")
    page.goto(f"{camera.url}/odoo/usage-inbox")
    page.wait_for_selector(".o_data_row")
    camera.shoot(page, f"inbox_{code}")
    [event] = camera.call(
        page,
        "usage.event",
        "search",
        [("type", "=", "compute.vcpu_hours"), ("time", "<", "2026-10-20 00:00:00")],
        limit=1,
    )
    page.goto(f"{camera.url}/odoo/usage.event/{event}")
    page.wait_for_selector(".o_usage_story")
    camera.shoot(page, f"story_{code}")
    page.goto(f"{camera.url}/odoo/usage-report")
    for field, day in (("#report_start", "2026-10-01"), ("#report_end", "2026-10-31")):
        page.wait_for_selector(field)
        page.fill(field, day)
        page.dispatch_event(field, "change")
        page.wait_for_timeout(1500)
    page.click("button[data-bucket=hour]")
    page.wait_for_timeout(2500)
    page.select_option("#report_group", "region")
    page.wait_for_selector(".o_usage_report_table thead th:has-text('fr-par')")
    camera.shoot(page, f"report_{code}")
    page.context.close()


def _portal(camera, code, language):
    page = camera.log_in("customer", language)
    page.goto(f"{camera.url}/my/usage")
    page.click(".o_usage_table a >> nth=0")
    page.wait_for_selector("#usage_period")
    last = page.locator("#usage_period option").count() - 1
    page.select_option("#usage_period", index=last)
    page.click(".o_usage_show")
    page.wait_for_selector(".o_usage_chart canvas")
    camera.shoot(page, f"portal_usage_{code}")
    page.set_viewport_size({"width": 360, "height": 740})
    camera.shoot(page, f"portal_usage_phone_{code}")
    page.set_viewport_size(WIDE)
    page.goto(f"{camera.url}/my/invoices")
    page.click(".o_portal_my_doc_table a[href*='/my/invoices/'] >> nth=0")
    page.wait_for_selector("#invoice_usage")
    page.wait_for_timeout(4000)  # the invoice itself loads in a frame
    page.locator("#invoice_usage").scroll_into_view_if_needed()
    camera.shoot(page, f"portal_invoice_{code}")
    page.context.close()
    page = camera.log_in("partner", language)
    page.goto(f"{camera.url}/my/revenue-share/statements")
    page.click("table a >> nth=0")
    camera.shoot(page, f"partner_statement_{code}")
    page.context.close()


def _draw_first_page(pdf):
    """First page of a PDF, drawn by poppler."""
    drawn = subprocess.run(
        ["pdftoppm", "-png", "-r", "90", "-f", "1", "-l", "1", "-singlefile", "-"],
        input=pdf,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Image.open(io.BytesIO(drawn.stdout))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8069")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox"]
        )
        camera = Camera(browser, options.url, options.folder)
        for code, language in LANGUAGES.items():
            _set_languages(camera, language)
            pdf = _back_office(camera, code, language)
            _inbox(camera, code, language)
            if code == "fr":
                camera.save(_draw_first_page(pdf), "facturx")
            _portal(camera, code, language)
        browser.close()


if __name__ == "__main__":
    main()
