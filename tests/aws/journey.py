"""Calls every operation of the OpenAPI document, of a deployed stack and of the local cloud, as nobody and as somebody, and
compares what they answer: the status, the code of a problem, the media type, and the form of the body. Used by `deploy.py`."""

import json
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/openapi"))
from cloud import ADMIN, local_cloud, make_admin, register  # noqa: E402

METHODS = ("get", "head", "post", "put", "patch", "delete")
# What ends the caller's session or account comes last, in this order.
LAST = [("post", "/me/password"), ("post", "/auth/logout"), ("delete", "/me")]
# What a job gains while it goes on. Only the local cloud has a provider, so its jobs do.
OF_PROGRESS = {"outputs", "queue_position", "started_at", "finished_at", "made_at", "progress", "failure", "media_expires_at"}
# Between two calls, so that no plan's rate refuses one: 5 a second.
PAUSE_SECONDS = 0.2
TRIES_MAX = 5
ANSWER_SECONDS_MAX = 30
# The calls that are answered otherwise, and with which status, by whose doing that is. None is a function's fault.
DIFFERENCES = {
    "the emulator speaks HTTP, and the policies of our buckets refuse whoever does not come over TLS": {
        "GET /health as nobody": 503,
        "GET /health as somebody": 503,
        "POST /files/{file_id}/complete as somebody": 500,
        "DELETE /generations/{generation_id} as somebody": 500,
        # The job is still there.
        "DELETE /generations/{generation_id}/favorite as somebody": 204,
    },
    "the deployed stack has no provider, so its jobs stay in the queue": {
        "POST /admin/generations/{generation_id}/refund as somebody": 409,
        "POST /generations/{generation_id}/cancel as somebody": 200,
        "GET /generations/{generation_id}/media as somebody": 200,
        "GET /generations/stats as somebody": 200,
        "GET /credits/holds as somebody": 200,
        "GET /credits/stats as somebody": 200,
        # There is nothing to tell yet.
        "GET /webhook-endpoints as somebody": 200,
        "GET /webhook-endpoints/{webhook_endpoint_id} as somebody": 200,
        "GET /webhook-endpoints/{webhook_endpoint_id}/deliveries as somebody": 200,
    },
    "the deployed stack has no Stripe": {"POST /credits/checkout as somebody": 503},
}


def operations(document):
    """Each method and path, with its own part of the document, in the order in which they are called: first what makes, reads and
    changes things, then what deletes them."""
    found = [(method, path) for path, methods in document["paths"].items() for method in METHODS if method in methods]
    found.sort(key=lambda operation: (operation in LAST and LAST.index(operation) + 1, operation[0] == "delete"))
    return [(method, path, document["paths"][path][method]) for method, path in found]


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirects)


def ask(method, url, body=None, token=None):
    """The status, the media type and the bytes of an answer; one that says "later" is asked for again."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    for attempt in range(TRIES_MAX):
        time.sleep(PAUSE_SECONDS + attempt)
        request = urllib.request.Request(url, data, headers, method=method.upper())
        try:
            answer = OPENER.open(request, timeout=ANSWER_SECONDS_MAX)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            status, media_type, text = answer.status, answer.headers.get_content_type(), answer.read()
        if status != 429:
            break
    return status, media_type, text


def form(value, depth=2):
    """The form of JSON: names, and of a list that of its first item."""
    if isinstance(value, dict):
        names = sorted(set(value) - OF_PROGRESS)
        return {name: form(value[name], depth - 1) if depth else "..." for name in names}
    if isinstance(value, list):
        return [form(value[0], depth)] if value and depth else []
    return type(value).__name__


def seen(status, media_type, text):
    """What is compared of an answer."""
    try:
        body = json.loads(text) if text else None
    except ValueError:
        return status, media_type
    if isinstance(body, dict) and "code" in body and status >= 400:
        return status, body["code"], sorted(error["field"] for error in body.get("errors", []))
    return status, media_type, json.dumps(form(body))


def example(operation):
    """The document's example of the body of a request."""
    return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")


def things(api, token, document, is_there):
    """Makes what operations are about; the ids, by the names of path parameters. A thing that nothing here makes has an id that
    nobody has."""

    def made(prefix, path):
        if not is_there("post", path):
            return f"{prefix}_01ARZ3NDEKTSV4RRFFQ69G5FAV"
        status, _, text = ask("post", f"{api}{path}", example(document["paths"][path]["post"]), token)
        assert status in (200, 201, 202), f"{path}: {status} {text.decode()}"
        return json.loads(text)["id"]

    return {
        "user_id": made("usr", "/nobody"),
        "generation_id": made("gen", "/generations/flux-dev"),
        "project_id": made("prj", "/projects"),
        "team_id": made("team", "/teams"),
        "style_id": made("sty", "/styles"),
        "file_id": made("fil", "/files"),
        "key_id": made("key", "/me/api-keys"),
        "webhook_endpoint_id": made("whe", "/webhook-endpoints"),
        "invitation_id": made("inv", "/nobody"),
        "event_id": made("evt", "/nobody"),
        "model": "flux-dev",
        "name": "0.jpg",
        "asset": "docs.js",
    }


def walk(api, token, document, is_there):
    """What each call is answered, by its name. Somebody is the platform's admin, who is refused the least."""
    ids = things(api, token, document, is_there)
    answers = {}
    for method, path, operation in operations(document):
        if not is_there(method, path):
            continue
        url = api + re.sub(r"{(\w+)}", lambda named: ids[named[1]], path)
        for who, credential in (("nobody", None), ("somebody", token)):
            answers[f"{method.upper()} {path} as {who}"] = seen(*ask(method, url, example(operation), credential))
    return answers


def compare(deployed, is_there, verify, folder):
    """Walks both; prints how many answers differ; fails for a difference that is not listed. `verify` notes that a user of the
    deployed stack has followed the link in a letter."""
    with local_cloud(folder, SignUpCredits="20000") as local:
        document = json.loads(ask("get", f"{local}/openapi.json")[2])
        ours = walk(local, make_admin(local)["access_token"], document, is_there)
        admin = register(deployed, ADMIN)
        verify(admin["user"]["id"])
        theirs = walk(deployed, admin["access_token"], document, is_there)
    differ = {name: (answer, theirs[name]) for name, answer in ours.items() if not agree(answer, theirs[name])}
    print(f"Called:\n  {len(ours)} calls of {len(ours) // 2} operations, {len(differ)} of them answered otherwise than by the local cloud")
    listed = {name: status for calls in DIFFERENCES.values() for name, status in calls.items()}
    unlisted = {name: both for name, both in differ.items() if both[1][0] != listed.get(name)}
    for name, (local, other) in unlisted.items():
        print(f"  {name}\n    local     {local}\n    deployed  {other}")
    assert not unlisted, f"{len(unlisted)} differences are not listed"


def agree(local, deployed):
    # The emulator knows no gateway responses of an OpenAPI body: what it refuses itself has a form of its own.
    is_of_emulator = deployed[0] in (401, 403, 404) and deployed[-1] == json.dumps({"message": "str"})
    return local[0] == deployed[0] if is_of_emulator else local == deployed
