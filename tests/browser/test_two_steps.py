"""Two-step log-in in a browser: every page of it is for everybody, in both languages, and the way through works."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.test_accessibility import Site, admin, faults, language, site, visitor
from tests.organizations.test_two_steps import code_of
from tests.support.builders import PASSWORD

__all__ = ["admin", "language", "site", "visitor"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def press(page: Page) -> None:
    """The main button of the page."""
    page.locator("main form .button-primary").first.click()


@pytest.mark.timeout(240)
def test_turning_it_on_and_logging_in_with_it(admin: Page, site: Site, language: str) -> None:
    found = [*faults(admin, site, "/accounts/2fa/", "light"), *faults(admin, site, "/accounts/2fa/", "dark")]
    admin.goto(f"{site.url}/accounts/2fa/totp/activate/")
    found += faults(admin, site, "/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/", "light")
    admin.get_by_label({"sv": "Lösenord", "en": "Password"}[language]).fill(PASSWORD)
    press(admin)
    found += faults(admin, site, "/accounts/2fa/totp/activate/", "light")
    secret = admin.locator(".copy code").inner_text()
    admin.locator("input[name=code]").fill(code_of(secret))
    press(admin)
    admin.wait_for_url("**/recovery-codes/")
    codes = admin.locator("main li code").all_inner_texts()
    for path in ("recovery-codes/", "recovery-codes/generate/", "totp/deactivate/", "", "reauthenticate/"):
        found += faults(admin, site, f"/accounts/2fa/{path}", "light")

    admin.context.clear_cookies()
    admin.goto(f"{site.url}/accounts/login/")
    admin.locator("input[name=login]").fill(site.town.admin.email)
    admin.locator("input[name=password]").fill(PASSWORD)
    press(admin)
    admin.wait_for_url("**/2fa/authenticate/")
    found += faults(admin, site, "/accounts/2fa/authenticate/", "light")
    admin.locator("input[name=code]").fill(codes[0])
    press(admin)
    admin.wait_for_url(f"**/{site.town.organization.slug}/**")
    assert not found, "\n".join(found)
