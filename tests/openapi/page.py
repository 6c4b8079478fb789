"""Reads /docs in headless Chromium: signs in, sends a call, reads the answer. Run by `run`.

Fails with the first error in the browser's console, and with the first request to another origin. An argument names a
folder for screenshots.
"""

import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from browser import browser, told
from cloud import PASSWORD, local_cloud, register

READER = "reader@example.org"
WAIT_SECONDS = 30
WIDE, NARROW = (1280, 1000), (390, 844)


class Page:
    """The page, as its reader uses it."""

    def __init__(self, driver, screenshots):
        self.driver, self.screenshots = driver, screenshots

    def find(self, css):
        """The element, once it is there to be seen."""

        def seen(driver):
            found = driver.find_elements(By.CSS_SELECTOR, css)
            return next((element for element in found if element.is_displayed()), None)

        return WebDriverWait(self.driver, WAIT_SECONDS).until(seen, f"{css} is not seen")

    def click(self, css):
        element = self.find(css)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def look(self, name, size=WIDE):
        """Takes a screenshot, if they are wanted."""
        if self.screenshots:
            self.driver.set_window_size(*size)
            self.driver.save_screenshot(str(self.screenshots / f"{name}.png"))
            self.driver.set_window_size(*WIDE)


def read(page, api):
    """Opens the page, signs in, and asks for the wallet."""
    page.driver.set_window_size(*WIDE)
    page.driver.get(f"{api}/docs")
    assert "Velro" in page.find(".info .title").text
    page.look("page")
    page.look("phone", NARROW)

    page.find("#email").send_keys(READER)
    page.find("#password").send_keys("not the password")
    page.click("#sign-in button")
    assert "credentials" in page.find("#trouble").text
    page.find("#password").send_keys(PASSWORD)
    page.click("#sign-in button")
    assert page.find("#who").text == READER

    operation = "#operations-credits-creditsBalance"
    page.click("#operations-tag-credits")
    page.click(f"{operation} .opblock-summary-control")
    page.click(f"{operation} .execute")
    assert page.find(f"{operation} .live-responses-table .response .response-col_status").text.startswith("200")
    answer = page.find(f"{operation} .live-responses-table .highlight-code").text
    assert '"available": 1000' in answer, answer
    page.look("answer")
    page.look("answer-phone", NARROW)
    assert not stored(page.driver), "the token outlives the page"


def stored(driver):
    """What the page left in the browser."""
    script = "return [localStorage.length, sessionStorage.length, document.cookie.length]"
    return any(driver.execute_script(script))


def requests(driver):
    """The addresses that were asked for."""
    return [sent["request"]["url"] for sent in told(driver, "Network.requestWillBeSent")]


def main():
    screenshots = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder, local_cloud(Path(folder)) as api:
        register(api, READER)
        with browser() as driver:
            read(Page(driver, screenshots), api)
            # The refused sign-in is what the console tells of, and nothing else.
            logged = [entry["message"] for entry in driver.get_log("browser")]
            logged = [line for line in logged if "auth/login - Failed to load resource" not in line]
            assert not logged, logged
            asked = [urlsplit(url) for url in requests(driver)]
    asked = [url for url in asked if url.scheme not in ("data", "blob")]
    assert any(url.path.endswith("/openapi.json") for url in asked), asked
    home = urlsplit(api)
    foreign = [url.geturl() for url in asked if url[:2] != home[:2]]
    assert not foreign, foreign
    print(f"the page asked {len(asked)} times, of its own origin alone, and nothing is wrong with it")


main()
