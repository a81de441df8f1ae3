"""The main pages for everybody: axe finds nothing, the focus is seen, and nothing is wider than a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from conversations import live
from organizations import scope
from organizations.models import User
from tests.support import builders
from tests.support.browsing import be_patient, log_in
from tests.support.builders import Town
from tests.support.web import serving, wait_until_nobody_listens
from whitelabel import claims, links

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SETTLE_MS = 200
"""What another size or scheme sets in motion comes to rest."""
Scheme = Literal["light", "dark"]
MATRIX_SECONDS = 480  # many pages, each in two sizes, on a machine that may be busy
LOCALES = {"sv": "sv-SE", "en": "en-GB"}
MAIN = (
    "/{slug}/",
    "/{slug}/conversations/1/?compose=reply",
    "/{slug}/settings/inboxes/{inbox}/receive/",
    "/{slug}/settings/inboxes/{inbox}/receive/sender/",
    "/{slug}/settings/members/",
)
OTHERS = (
    "/{slug}/list/waiting/",
    "/{slug}/conversations/1/",
    "/{slug}/conversations/1/?compose=note",
    "/{slug}/search/?q=jobbet",
    "/{slug}/settings/inboxes/",
    "/{slug}/settings/inboxes/new/",
    "/{slug}/settings/inboxes/{inbox}/",
    "/{slug}/settings/inboxes/{inbox}/signature/",
    "/{slug}/settings/ledger/",
    "/{slug}/settings/profile/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/new/",
    "/components/work/",
    "/demo/sent/",
)
OUTSIDE = ("/accounts/login/",)
OTHERS_OUTSIDE = ("/accounts/signup/", "/accounts/password/reset/", "/no/such/page/", "/components/")
# Every change looks at the main pages in the light; all others, and all in the dark, belong to `make test-slow`.


@dataclass(frozen=True)
class Site:
    """A town behind a server, and the path of its link for IT."""

    url: str
    town: Town
    link: str

    def path(self, pattern: str) -> str:
        """Fill in the organization and its inbox."""
        return pattern.format(slug=self.town.organization.slug, inbox=self.town.inbox.pk)


@pytest.fixture
def site(transactional_db: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(live, "LISTEN_SECONDS", 0.2)
    town = builders.town()
    with scope.organization(town.organization):
        builders.attached(builders.received(town.inbox, html="<p>Hej</p>"), "plan.pdf", b"%PDF")
        claim = claims.start("lillestad.se", actor=town.admin)
        _link, token = links.create(claim, actor=town.admin)
    with serving() as url:
        yield Site(url, town, links.path(token))
    wait_until_nobody_listens()


@pytest.fixture(params=["sv", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def visitor(browser: Browser, site: Site, language: str) -> Iterator[Page]:
    """Somebody who is not logged in and has chosen that language."""
    context = browser.new_context(locale=LOCALES[language], reduced_motion="reduce")
    page = context.new_page()
    be_patient(page)
    if language != "sv":  # what a visitor sees at first
        page.goto(f"{site.url}/accounts/login/")
        page.get_by_role("button", name={"sv": "Svenska", "en": "English"}[language]).click()
        page.wait_for_selector(f"html[lang={language}]")
    yield page
    context.close()


@pytest.fixture
def admin(visitor: Page, site: Site, language: str) -> Page:
    """The town's admin, who reads that language."""
    User.objects.update(language=language)
    log_in(visitor, site.url, site.town.admin)
    return visitor


def faults(page: Page, site: Site, pattern: str, scheme: Scheme) -> list[str]:
    """What axe and a ruler find on a page, on a desk and on a phone."""
    found = []
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(site.url + site.path(pattern))
    for size in (DESK, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # A dictionary of the two numbers it wants.
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            found.append(f"{pattern} is {width} px wide at {size['width']}")
        page.wait_for_timeout(SETTLE_MS)
        report = Axe().run(page)
        if report.violations_count:
            found.append(f"{pattern} {scheme} {size['width']}: {report.generate_report()}")
    return found


def variants(main: tuple[str, ...], others: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("scheme", "patterns"),
        [
            pytest.param("light", main, id="main"),
            pytest.param("light", others, id="others", marks=pytest.mark.slow),
            pytest.param("dark", main + others, id="dark", marks=pytest.mark.slow),
        ],
    )


@pytest.mark.timeout(MATRIX_SECONDS)
@variants(MAIN, OTHERS)
def test_the_pages_behind_the_log_in_are_for_everybody(
    admin: Page, site: Site, language: str, scheme: Scheme, patterns: tuple[str, ...]
) -> None:
    found = [fault for pattern in patterns for fault in faults(admin, site, pattern, scheme)]
    assert not found, "\n".join(found)
    assert admin.locator("html").get_attribute("lang") == language


@pytest.mark.timeout(MATRIX_SECONDS)
@variants(OUTSIDE, OTHERS_OUTSIDE)
def test_the_public_pages_are_for_everybody(
    visitor: Page, site: Site, language: str, scheme: Scheme, patterns: tuple[str, ...]
) -> None:
    found = [fault for pattern in (*patterns, site.link) for fault in faults(visitor, site, pattern, scheme)]
    assert not found, "\n".join(found)
    assert visitor.locator("html").get_attribute("lang") == language


def focused(page: Page) -> tuple[str, float]:
    """What has the focus, and how wide its ring is in px (its own, or that of the row around it)."""
    return page.evaluate(
        """() => {
            const here = document.activeElement;
            const rings = [here, here.closest('.row'), here.closest('.search')].filter(Boolean)
                .map(each => getComputedStyle(each)).filter(style => style.outlineStyle !== 'none')
                .map(style => parseFloat(style.outlineWidth));
            return [here.tagName + ' ' + (here.getAttribute('aria-label') || here.textContent.trim().slice(0, 30)),
                    Math.max(0, ...rings)];
        }"""
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "/{slug}/conversations/1/",
        pytest.param("/{slug}/settings/inboxes/{inbox}/receive/sender/", marks=pytest.mark.slow),
        pytest.param("/components/", marks=pytest.mark.slow),
    ],
)
def test_the_focus_is_seen_wherever_tab_leads(browser: Browser, site: Site, pattern: str) -> None:
    page = browser.new_page(locale="sv-SE", viewport=DESK)  # type: ignore[arg-type]  # As above.
    be_patient(page)
    log_in(page, site.url, site.town.admin)
    page.goto(site.url + site.path(pattern))
    seen = []
    for _press in range(25):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body || document.activeElement.tagName === 'IFRAME'"):
            continue
        seen.append(focused(page))
    page.context.close()
    assert len(seen) >= 15
    assert [name for name, ring in seen if ring < 2] == []


def test_the_first_tab_leads_past_the_navigation(browser: Browser, site: Site) -> None:
    page = browser.new_page(locale="sv-SE")
    be_patient(page)
    log_in(page, site.url, site.town.admin)
    page.goto(site.url + site.path("/{slug}/settings/members/"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.context.close()
