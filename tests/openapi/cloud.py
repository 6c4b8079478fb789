"""A local cloud to check, and the people who use it."""

import json
import os
import subprocess
import time
import urllib.request
from contextlib import contextmanager

ADMIN = "admin@example.org"
PASSWORD = "a long pass phrase"  # the example of the OpenAPI document, so that schemathesis knows it
THINGS_OF_A_KIND = 8  # of what can be deleted
READY_SECONDS_MAX = 1800  # the functions may have to be built first
END_SECONDS_MAX = 10
LETTER_SECONDS_MAX = 30


@contextmanager
def local_cloud(folder, **parameters):
    """Runs `cargo local` without throttles, with these parameters of the template; tells its API's URL."""
    ready = folder / "ready"
    environment = {name: text for name, text in os.environ.items() if not name.startswith("FAL_")}
    command = ["cargo", "local", "--ephemeral", "--quiet", "--no-throttle", "--port", "0"]
    parameters |= {"AdminEmails": ADMIN, "SignUpCreditsAt": "registration"}
    for name, value in parameters.items():
        command += ["--param", f"{name}={value}"]
    command += ["--ready-file", ready]
    cloud = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not ready.exists():
            assert cloud.poll() is None, "cargo local ended before it was ready"
            assert time.monotonic() < deadline, "cargo local does not get ready"
            time.sleep(0.05)
        yield ready.read_text().strip()
    finally:
        cloud.terminate()
        cloud.wait(END_SECONDS_MAX)
    assert cloud.returncode == 0, f"cargo local ended with {cloud.returncode}"


def call(method, url, body=None, token=None):
    """What a request answers, which must be a success."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def register(api, email):
    """Makes an account; what signing up answers."""
    return call("POST", f"{api}/auth/register", {"email": email, "password": PASSWORD})


def refresh(api, token):
    """A new pair of tokens for a refresh token."""
    return call("POST", f"{api}/auth/refresh", {"refresh_token": token})


def make_admin(api):
    """Makes the account of the platform's admin, who has followed the link in the letter; their tokens."""
    signed_in = register(api, ADMIN)
    origin = api.rsplit("/", 1)[0]
    deadline = time.monotonic() + LETTER_SECONDS_MAX
    while not (letters := call("GET", f"{origin}/_local/mail")["data"]):
        assert time.monotonic() < deadline, "no letter comes"
        time.sleep(0.05)
    lines = letters[0]["text"].splitlines()
    token = next(line.removeprefix("Token: ") for line in lines if line.startswith("Token: "))
    call("POST", f"{api}/auth/verify-email", {"token": token}, signed_in["access_token"])
    return refresh(api, signed_in["refresh_token"])
