"""Receives webhooks of `cargo local`, and verifies them with the reference library of Standard Webhooks. Run by `run`.

One that is altered, or that another secret signed, is not believed. While a secret takes another's place both verify.
"""

import http.server
import json
import queue
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

from cloud import call, local_cloud, register

OWNER = "owner@example.org"
HEARD_SECONDS_MAX = 120


@contextmanager
def receiver():
    """A server that takes what it is told; its URL, and what it heard: headers and body."""
    heard = queue.Queue()

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.put((dict(self.headers), self.rfile.read(int(self.headers["content-length"])).decode()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
        server.shutdown()


def believes(secret, headers, body):
    """Whether the library takes a message for one that this secret signed."""
    try:
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
        return True
    except WebhookVerificationError:
        return False


def main():
    with tempfile.TemporaryDirectory() as folder, local_cloud(Path(folder)) as api, receiver() as (url, heard):
        token = register(api, OWNER)["access_token"]
        wanted = {"url": url, "events": ["generation.succeeded"]}
        endpoint = call("POST", f"{api}/webhook-endpoints", wanted, token)
        first, hook = endpoint["secret"], f"{api}/webhook-endpoints/{endpoint['id']}"
        made = call("POST", f"{api}/generations/flux-dev", {"prompt": "A red fox"}, token)

        headers, body = heard.get(timeout=HEARD_SECONDS_MAX)
        assert believes(first, headers, body), "our signature is not that of the specification"
        assert not believes(first, headers, body.replace("succeeded", "failed")), "an altered body is believed"
        assert not believes("whsec_" + "A" * 44, headers, body), "another secret's signature is believed"
        event = json.loads(body)
        assert (event["type"], event["data"]["id"]) == ("generation.succeeded", made["id"]), event

        second = call("POST", f"{hook}/rotate-secret", token=token)["secret"]
        call("POST", f"{hook}/test", token=token)
        headers, body = heard.get(timeout=HEARD_SECONDS_MAX)
        assert json.loads(body)["type"] == "webhook.test", body
        assert believes(first, headers, body) and believes(second, headers, body), "one of two secrets does not sign"
    print("the reference library verifies what is sent, by either of two secrets, and nothing else")


if __name__ == "__main__":
    main()
