"""Headless Chromium."""

import json
from contextlib import contextmanager

from selenium import webdriver


@contextmanager
def browser(downloads=None):
    """Headless Chromium, which notes what it logs and asks for, and saves files in a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    service = webdriver.ChromeService("/usr/bin/chromedriver")
    driver = webdriver.Chrome(options, service)
    try:
        yield driver
    finally:
        driver.quit()


def told(driver, method):
    """What the browser told of by this name since the last time that it was asked for anything."""
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == method:
            yield message["params"]
