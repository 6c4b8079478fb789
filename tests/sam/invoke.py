"""Invokes the functions with their sample events as SAM would, and compares the replies with those that are expected. Run
by `run`, which installs what it needs and says whose credentials are used: the local cloud's.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import samcli.local.rapid
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
EMULATOR = Path(samcli.local.rapid.__path__[0]) / f"aws-lambda-rie-{ARCHITECTURE}"
# The caller of the samples, who is there only once the first of them has registered.
CALLER = "usr_01J00000000000000000000001"
# An endpoint, the authorizer, a worker and a scheduled job, each with what it asks AWS for.
BY_SAM = ["accounts-register", "accounts-authorize", "generations-list", "jobs-settle", "jobs-sweep"]
READY_SECONDS_MAX = 900  # the functions may have to be built first
END_SECONDS_MAX = 10
START_SECONDS_MAX = 10
REPLY_SECONDS_MAX = 60


@contextmanager
def local_cloud(folder, *options):
    """Runs `cargo local`; tells the variables that it wrote for `sam local invoke`, and where they are."""
    ready, data = folder / "ready", folder / "data"
    command = ["cargo", "local", "--quiet", "--port", "0", "--data", data, "--ready-file", ready, *options]
    environment = {name: text for name, text in os.environ.items() if name not in ("FAL_KEY", "STRIPE_KEY")}
    cloud = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not ready.exists():
            assert cloud.poll() is None, "cargo local ended before it was ready"
            assert time.monotonic() < deadline, "cargo local does not get ready"
            time.sleep(0.05)
        yield data / "sam-local.json"
    finally:
        cloud.terminate()
        cloud.wait(END_SECONDS_MAX)
    assert cloud.returncode == 0, f"cargo local ended with {cloud.returncode}"


def replies():
    """Each function's name and expected reply, in order."""
    named = set()
    for line in (ROOT / "tests/guards/samples.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            function, expected = line.split(maxsplit=1)
            named.add(function)
            # Behind a status stands the request.
            yield function, expected.split()[0] if expected[0].isdigit() else expected
    for sample in sorted((ROOT / "events").glob("*.json")):
        if sample.stem not in named:
            yield sample.stem, "200"


def is_as_expected(expected, reply):
    match expected.split(maxsplit=1):
        case [status] if status.isdigit():
            return reply.get("statusCode") == int(status)
        case ["none-comes-back"]:
            return reply == {"batchItemFailures": []}
        case ["one-comes-back"]:
            return len(reply.get("batchItemFailures", [])) == 1
        case ["due", count]:
            return reply.get("due") == int(count)
        case ["purged", count]:
            return reply.get("deleted") == int(count) and reply.get("open") == 0
        case ["migrated", count]:
            return len(reply.get("tables", [])) == int(count) and reply.get("done")
        case ["in-order", count]:
            return reply.get("wallets") == int(count) and reply.get("broken_count") == 0
        case ["fails", words]:
            return reply.get("errorMessage") == words
    raise AssertionError(f"{expected} is no reply")


def logical_id(function):
    return "".join(part.capitalize() for part in function.split("-"))


def invoke_all(functions, invoke):
    """Invokes functions in order, and says what each replied that should not have."""
    caller, wrong = CALLER, 0
    for function, expected in functions:
        event = (ROOT / f"events/{function}.json").read_text().replace(CALLER, caller)
        reply = invoke(function, event)
        is_right = is_as_expected(expected, reply)
        wrong += not is_right
        print(f"  {function:32}{expected:20}{'' if is_right else f'WRONG: {json.dumps(reply)[:1000]}'}".rstrip(), flush=True)
        if function == "accounts-register" and is_right:
            caller = json.loads(reply["body"])["user"]["id"]
    return wrong


class Emulated:
    """Functions under AWS's runtime interface emulator."""

    def __init__(self, variables):
        parameters = {"Architecture": ARCHITECTURE}
        template = str(ROOT / "template.yaml")
        stacks, _ = SamLocalStackProvider.get_stacks(template, parameter_overrides=parameters)
        self.provider = SamFunctionProvider(stacks, use_raw_codeuri=True)
        values = json.loads(variables.read_text())
        self.runner = LocalLambdaRunner(None, self.provider, str(ROOT), str(ROOT), env_vars_values=values)

    def invoke(self, function, event):
        known = self.provider.get(logical_id(function))
        environment = self.runner.get_invoke_config(known).env_vars.resolve()
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            ports = [one.getsockname()[1], other.getsockname()[1]]
        emulator, runtime = (f"127.0.0.1:{port}" for port in ports)
        command = [EMULATOR, "--log-level", "error", "--runtime-interface-emulator-address", emulator]
        command += ["--runtime-api-address", runtime, ROOT / f"target/debug/{function}"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=environment, start_new_session=True, **silent)
        try:
            await_port(process, ports[0])
            url = f"http://{emulator}/2015-03-31/functions/function/invocations"
            with urllib.request.urlopen(url, event.encode(), timeout=REPLY_SECONDS_MAX) as answer:
                return json.load(answer)
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def await_port(process, port):
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        assert process.poll() is None, f"the emulator ended with {process.returncode}"
        assert time.monotonic() < deadline, "the emulator does not listen"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)


class BySam:
    """Functions by `sam local invoke`, with the binaries of `cargo local` where `sam build` would put its own."""

    def __init__(self, folder, variables):
        self.folder, self.variables = folder, variables
        code = (ROOT / "template.yaml").read_text().replace("    CodeUri: .\n", "    CodeUri: code\n")
        (folder / "template.yaml").write_text(code)
        (folder / "code").mkdir()

    def invoke(self, function, event):
        shutil.copy(ROOT / f"target/debug/{function}", self.folder / "code/bootstrap")
        sam = Path(sys.executable).with_name("sam")
        command = [sam, "local", "invoke", logical_id(function), "--event", "-", "--skip-pull-image"]
        command += ["--template-file", self.folder / "template.yaml", "--env-vars", self.variables]
        command += ["--config-file", ROOT / "samconfig.toml", "--parameter-overrides", f"Architecture={ARCHITECTURE}"]
        done = subprocess.run(command, input=event.encode(), capture_output=True, timeout=REPLY_SECONDS_MAX)
        said = done.stdout.decode().strip().splitlines()
        assert done.returncode == 0 and said, done.stderr.decode()
        return json.loads(said[-1])


def main(part):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if part in ("both", "emulator"):
            print("Under the runtime interface emulator:")
            (folder / "emulator").mkdir()
            with local_cloud(folder / "emulator") as variables:
                wrong += invoke_all(replies(), Emulated(variables).invoke)
        if part in ("both", "docker"):
            print("By sam local invoke:")
            (folder / "docker").mkdir()
            with local_cloud(folder / "docker", "--docker") as variables:
                chosen = [reply for reply in replies() if reply[0] in BY_SAM]
                wrong += invoke_all(chosen, BySam(folder / "docker", variables).invoke)
    if wrong:
        sys.exit(f"{wrong} replied otherwise than expected")


if __name__ == "__main__":
    main(sys.argv[1])
