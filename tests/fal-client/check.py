"""Drives the stand-in for fal.ai with fal's own Python client. Run by `run`, which installs what it needs.

Starts `cargo local`, puts https in front of its stand-in, and fails with the first thing that the client does not
find as it is at fal.
"""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from front import https_front

# The key that the local cloud gives to its functions.
KEY = "local-fal-key"
FLUX = "fal-ai/flux/dev"
KLING = "fal-ai/kling-video/v2.1/master/text-to-video"
READY_SECONDS_MAX = 900  # the functions may have to be built first
END_SECONDS_MAX = 10
JOB_SECONDS_MAX = 20


@contextmanager
def local_cloud(folder):
    """Runs `cargo local`; tells its API's URL and its stand-in's "host:port"."""
    ready, printed = folder / "ready", folder / "printed"
    environment = {name: text for name, text in os.environ.items() if not name.startswith("FAL_")}
    command = ["cargo", "local", "--ephemeral", "--quiet", "--port", "0", "--ready-file", ready]
    with open(printed, "w") as output:
        cloud = subprocess.Popen(command, env=environment, stdout=output)
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not ready.exists():
            assert cloud.poll() is None, "cargo local ended before it was ready"
            assert time.monotonic() < deadline, "cargo local does not get ready"
            time.sleep(0.05)
        # The banner follows the ready file at once.
        while not (stand_in := re.search(r"stand-in at http://(\S+)", printed.read_text())):
            assert time.monotonic() < deadline, "the banner does not name the stand-in"
            time.sleep(0.05)
        yield ready.read_text(), stand_in[1]
    finally:
        cloud.terminate()
        cloud.wait(END_SECONDS_MAX)
    assert cloud.returncode == 0, f"cargo local ended with {cloud.returncode}"


def download(url):
    """What is at an address of a result, which needs no key."""
    import httpx

    answer = httpx.get(url)
    assert answer.status_code == 200, (url, answer.status_code)
    return answer.headers["content-type"], answer.content


def refusal(call):
    """The client's error."""
    import fal_client

    try:
        found = call()
    except fal_client.FalClientHTTPError as error:
        return error
    raise AssertionError(f"no error, but {found}")


def statuses(handle):
    """The names of the statuses until the job is completed, and the last status."""
    deadline = time.monotonic() + JOB_SECONDS_MAX
    names = []
    for status in handle.iter_events(with_logs=True, interval=0.05):
        name = type(status).__name__
        if names[-1:] != [name]:
            names.append(name)
        assert time.monotonic() < deadline, f"the job is not completed, but {names}"
    return names, status


def check_a_picture_is_made(client, front, _jobs):
    handle = client.submit(FLUX, {"prompt": "a red fox [[delay:3s]]", "output_format": "png"})
    assert handle.response_url == f"https://{front}/fal-ai/flux/requests/{handle.request_id}", handle.response_url
    names, status = statuses(handle)
    # A slow machine may ask for the first time when it is no longer queued.
    assert names in (["Queued", "InProgress", "Completed"], ["InProgress", "Completed"]), names
    assert status.error is None and status.metrics["inference_time"] > 0, status
    result = handle.get()
    image = result["images"][0]
    content_type, content = download(image["url"])
    assert content_type == image["content_type"] == "image/png", content_type
    assert content.startswith(b"\x89PNG\r\n"), content[:8]
    assert (result["prompt"], result["has_nsfw_concepts"]) == ("a red fox [[delay:3s]]", [False]), result


def check_a_video_is_found_again_by_its_id(client, _front, _jobs):
    # The client makes the addresses itself here: without the endpoint's sub-path, as fal has them.
    handle = client.submit(KLING, {"prompt": "a red fox [[delay:300ms]]", "duration": "5"})
    video = client.result(KLING, handle.request_id)["video"]
    content_type, content = download(video["url"])
    assert content_type == "video/mp4" and content[4:8] == b"ftyp", (content_type, content[:8])


def check_subscribing_waits_for_the_result(client, _front, _jobs):
    told = []
    arguments = {"prompt": "a red fox [[delay:300ms]]", "num_images": 2}
    result = client.subscribe(FLUX, arguments, on_enqueue=told.append, client_timeout=JOB_SECONDS_MAX)
    assert len(result["images"]) == 2 and len(told) == 1, (result, told)


def check_a_failure_of_the_model_names_its_type(client, _front, _jobs):
    handle = client.submit(FLUX, {"prompt": "[[fail:content_policy_violation]] [[delay:100ms]]"})
    _, status = statuses(handle)
    assert status.error and status.error_type == "content_policy_violation", status
    error = refusal(handle.get)
    assert error.status_code == 422, error
    assert error.message[0]["type"] == "content_policy_violation", error.message


def check_a_failure_of_the_platform_names_its_type(client, _front, _jobs):
    handle = client.submit(FLUX, {"prompt": "[[fail:runner_server_error]] [[delay:100ms]]"})
    error = refusal(handle.get)
    assert (error.status_code, error.error_type) == (500, "runner_server_error"), error
    assert error.response_headers["x-fal-error-type"] == "runner_server_error", error.response_headers


def check_a_job_can_be_cancelled_until_it_is_completed(client, _front, _jobs):
    handle = client.submit(FLUX, {"prompt": "a red fox [[delay:60s]]"})
    handle.cancel()
    _, status = statuses(handle)
    assert status.error_type == "client_cancelled", status
    assert refusal(handle.get).status_code == 499
    late = refusal(handle.cancel)
    assert late.status_code == 400 and late.response.json() == {"status": "ALREADY_COMPLETED"}, late


def check_what_does_not_exist_is_not_found(client, _front, _jobs):
    unknown = "00000000-0000-4000-8000-000000000000"
    for call in (client.status, client.result, client.cancel):
        error = refusal(lambda: call(FLUX, unknown))
        assert error.status_code == 404 and error.response.json() == {"status": "NOT_FOUND"}, error


def check_a_wrong_key_is_refused(_client, _front, _jobs):
    import fal_client

    stranger = fal_client.SyncClient(key="another")
    assert refusal(lambda: stranger.submit(FLUX, {"prompt": "a red fox"})).status_code == 401


def check_what_the_client_sends_along_arrives(client, _front, jobs):
    hook = "http://127.0.0.1:9/hook?job=1&secret=2"
    arguments = {"prompt": "a red fox [[no-webhook]]"}
    handle = client.submit(FLUX, arguments, webhook_url=hook, priority="low", start_timeout=30)
    job = next(job for job in jobs() if job["request_id"] == handle.request_id)
    assert (job["model"], job["input"], job["webhook_url"]) == (FLUX, arguments, hook), job
    sent = job["headers"]
    assert (sent["x-fal-queue-priority"], float(sent["x-fal-request-timeout"])) == ("low", 30), sent


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        ca_file = folder / "ca.pem"
        with local_cloud(folder) as (url, stand_in), https_front(stand_in, ca_file) as front:
            # The client reads its hosts when it is imported.
            os.environ.update(FAL_RUN_HOST=front, FAL_QUEUE_RUN_HOST=front, FAL_KEY=KEY)
            os.environ.update(SSL_CERT_FILE=str(ca_file), NO_PROXY="*")
            import fal_client

            def jobs():
                with urllib.request.urlopen(f"{url.removesuffix('/v1')}/_local/fal/jobs") as answer:
                    return json.load(answer)["data"]

            for check in CHECKS:
                check(fal_client.SyncClient(), front, jobs)
                print(check.__name__.removeprefix("check_").replace("_", " "))
    print(f"{len(CHECKS)} passed, 0 failed")


main()
