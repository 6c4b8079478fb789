"""Uses addresses of media on pages of other origins, in headless Chromium. Run by `run`.

A picture is shown, drawn, read and shown small, a video played from its middle, a file saved under a name. An address that
has ended is 403, one of what was deleted 404.
"""

import http.server
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from browser import browser, told
from cloud import call, local_cloud, register

OWNER = "owner@example.org"
MADE_SECONDS_MAX = 120
SCRIPT_SECONDS_MAX = 30
END_SECONDS_MAX = 90  # an address lasts a minute at least
PAUSE_SECONDS = 0.5

SHOWN = """
const [url, done] = arguments;
const image = new Image();
image.onload = () => done([image.naturalWidth, image.naturalHeight]);
image.onerror = () => done(null);
image.src = url;
"""
# A canvas gives its pixels only if the page may read what was drawn on it.
DRAWN = """
const [url, done] = arguments;
const image = new Image();
image.crossOrigin = "anonymous";
image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    try { done(context.getImageData(0, 0, 1, 1).data.length); } catch (error) { done(null); }
};
image.onerror = () => done(null);
image.src = url;
"""
FETCHED = """
const [url, done] = arguments;
fetch(url).then(async (answer) => done([answer.status, (await answer.blob()).size])).catch(() => done(null));
"""
PLAYED = """
const [url, done] = arguments;
const video = document.createElement("video");
video.muted = true;
video.onloadedmetadata = () => { video.currentTime = video.duration / 2; };
video.onseeked = () => done([video.videoWidth, video.duration, video.currentTime]);
video.onerror = () => done(video.error.message);
video.src = url;
document.body.append(video);
"""


class Empty(http.server.BaseHTTPRequestHandler):
    """A page of which nothing is known but its origin."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title>")

    def log_message(self, *_):
        pass


@contextmanager
def origin():
    """An origin that serves empty pages."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def made(api, token, model):
    """A delivered generation."""
    body = {"prompt": "A red fox in the snow [[delay:1ms]]"}
    ordered = call("POST", f"{api}/generations/{model}", body, token)
    deadline = time.monotonic() + MADE_SECONDS_MAX
    while not is_drawn(seen := call("GET", f"{api}/generations/{ordered['id']}", token=token)):
        assert time.monotonic() < deadline, f"{model} makes nothing: {seen}"
        time.sleep(PAUSE_SECONDS)
    return seen


def is_drawn(generation):
    """Whether it is delivered, and its small pictures are there."""
    thumbnails = [output["thumbnails"] for output in generation["outputs"]]
    return generation["status"] == "succeeded" and None not in thumbnails


def until(what, look):
    deadline = time.monotonic() + END_SECONDS_MAX
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(PAUSE_SECONDS)
    return found


def use(driver, page, api, token, downloads):
    driver.set_script_timeout(SCRIPT_SECONDS_MAX)
    driver.get(page)

    def run(script, url):
        return driver.execute_async_script(script, url)

    picture, video = made(api, token, "flux-dev"), made(api, token, "veo3")
    output = picture["outputs"][0]
    listed = call("GET", f"{api}/generations/{picture['id']}/media?expires_in=60", token=token)
    short = listed["data"][0]["url"]

    assert run(SHOWN, output["url"]) == [output["width"], output["height"]]
    assert run(DRAWN, output["url"]) == 4, "the picture can be drawn and not read"
    assert run(FETCHED, output["url"]) == [200, output["size"]]
    assert run(FETCHED, short) == [200, output["size"]]

    for thumbnail in output["thumbnails"]:
        assert run(SHOWN, thumbnail["url"]) == [thumbnail["width"], thumbnail["height"]], thumbnail
    poster = run(SHOWN, video["outputs"][0]["poster"])
    assert poster and max(poster) <= 1024, f"the video has no poster: {poster}"

    list(told(driver, "Network.responseReceived"))
    width, duration, at = run(PLAYED, video["outputs"][0]["url"])
    assert width > 0 and abs(at - duration / 2) < 0.1, (width, duration, at)
    statuses = [answer["response"]["status"] for answer in told(driver, "Network.responseReceived")]
    assert 206 in statuses, f"the video was not read by parts: {statuses}"

    driver.get(output["url"] + "&download=1")
    saved = until("the file", lambda: [path for path in downloads.iterdir() if path.suffix == ".jpg"])
    assert [path.name for path in saved] == [f"flux-dev-{picture['id'][-8:].lower()}.jpg"], saved
    until("the whole file", lambda: saved[0].stat().st_size == output["size"])

    driver.get(page)
    until("the end of an address", lambda: run(FETCHED, short)[0] == 403)
    assert run(FETCHED, output["url"])[0] == 200
    call("DELETE", f"{api}/generations/{picture['id']}", token=token)
    assert run(FETCHED, output["url"])[0] == 404
    return video["outputs"][0]["url"]


def main():
    with tempfile.TemporaryDirectory() as folder, origin() as page, origin() as foreign:
        folder = Path(folder)
        downloads = folder / "downloads"
        downloads.mkdir()
        with local_cloud(folder, CorsOrigins=page) as api, browser(downloads) as driver:
            token = register(api, OWNER)["access_token"]
            url = use(driver, page, api, token, downloads)
            driver.get(foreign)
            assert driver.execute_async_script(FETCHED, url) is None, "a page that nobody named reads media"
    print("a page of another origin shows, draws, reads, plays and saves media, and one that nobody named reads none")


main()
