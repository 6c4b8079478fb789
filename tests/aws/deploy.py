"""Deploys two stacks to an AWS emulator and uses them. Run by `run`, which installs what it needs."""

import base64
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
from journey import ADMIN, compare
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/sam"))
from invoke import ARCHITECTURE, invoke_all, logical_id, replies  # noqa: E402

FIRST, SECOND = "velro", "velro-staging"
SENDER = "velro@example.org"
# What CI deploys with code: every kind of trigger, and everything that the template gives a function to ask.
SOME = ["accounts-register", "accounts-authorize", "accounts-login", "accounts-me", "credits-balance", "generations-create"]
SOME += ["generations-list", "jobs-keys", "jobs-mail", "jobs-purge", "jobs-reconcile", "jobs-settle", "jobs-submit", "jobs-sweep"]
SOME += ["admin-grants-create", "models-list", "service-health", "service-root", "webhooks-fal"]
# Where it replies otherwise than the local cloud: what, and whose doing that is.
DIFFERENCES = {
    # The emulator speaks HTTP, and the policies of our buckets refuse whoever does not come over TLS.
    "service-health": "503",
    # It would delete what a worker may have written of a job that is gone.
    "jobs-settle": "one-comes-back",
    # No stand-in for Stripe is there, and the real one is not to be reached from a test.
    "credits-checkout": "503",
}
START_SECONDS_MAX = 60
DEPLOY_SECONDS_MAX = 900
END_SECONDS_MAX = 20


@contextmanager
def emulator(folder):
    """Runs ministack, and points AWS's SDKs and SAM at it."""
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": os.environ["AWS_REGION"]}
    # Its functions find it by the same variable.
    settings |= {"AWS_ENDPOINT_URL": url, "AUTH": "true", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "TMPDIR": str(folder), "S3_DATA_DIR": str(folder / "s3")}
    log = open(folder / "ministack.log", "w")
    command = [ROOT / "target/ministack/bin/python", ROOT / "tests/aws/emulator.py"]
    process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not answers(f"{url}/_ministack/health"):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "ministack.log").read_text()[-2000:]
            time.sleep(0.1)
        os.environ["AWS_ENDPOINT_URL"] = url
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


def built_template(folder, with_code):
    """What `sam build` leaves behind, with the binaries that cargo built for this machine. Without what ministack cannot
    make: an alarm on metric math, and CodeDeploy's deployments, so that an alias goes over at once."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for name, resource in list(template["Resources"].items()):
        properties = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            del template["Resources"][name]
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties.pop("DeploymentPreference", None)
        binary = resource["Metadata"]["BuildProperties"]["Binary"]
        code = folder / "code" / binary
        code.mkdir(parents=True)
        if binary in with_code:
            subprocess.run(["strip", "-o", code / "bootstrap", ROOT / "target/debug" / binary], check=True)
        else:
            (code / "bootstrap").write_text(f"#!/bin/sh\n# {binary} is not deployed here\nexit 1\n")
            (code / "bootstrap").chmod(0o755)
        properties["CodeUri"] = f"code/{binary}"
    # JSON is YAML, too.
    (folder / "template.yaml").write_text(json.dumps(template))
    return folder / "template.yaml"


def operations_of(functions):
    """Whether one of these functions answers a method of a path."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    paths = resources["Api"]["Properties"]["DefinitionBody"]["paths"]

    def are_there(method, path):
        if path not in paths:
            return False
        uri = json.dumps(paths[path][method]["x-amazon-apigateway-integration"]["uri"])
        function = re.search(r"\$\{(\w+)\.Arn\}|\"(\w+)\.Alias\"", uri)
        return resources[function[1] or function[2]]["Metadata"]["BuildProperties"]["Binary"] in functions

    return are_there


def store_secrets(folder):
    """What README has an operator store: the commands of `cargo keys`, and the keys of fal and Stripe."""
    made = subprocess.run(["cargo", "keys", "--folder", folder / "keys"], cwd=ROOT, check=True, capture_output=True, text=True)
    ssm = boto3.client("ssm")
    commands = re.findall(r"aws ssm put-parameter .*--type (\w+) --name (\S+) --value file://(\S+)", made.stdout)
    assert len(commands) == 3, made.stdout
    for kind, name, file in commands:
        ssm.put_parameter(Type=kind, Name=name, Value=Path(file).read_text())
    for name in ("/velro/fal-key", "/velro/stripe-key", "/velro/stripe-webhook-secret"):
        ssm.put_parameter(Type="SecureString", Name=name, Value="none")
    boto3.client("sesv2").create_email_identity(EmailIdentity=SENDER)


def sam(*arguments):
    command = [Path(sys.executable).with_name("sam"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEPLOY_SECONDS_MAX)
    failed = "\n".join(re.findall(r"\w+_FAILED.*(?:\n {20}.*)*", done.stdout))
    assert done.returncode == 0, f"sam {arguments[0]}: {failed or done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def deploy(template, stack, *more, **parameters):
    parameters |= {"MailSender": SENDER, "Architecture": ARCHITECTURE, "SignUpCreditsAt": "registration"}
    # No provider answers there, and orders are taken all the same.
    parameters |= {"ProviderFailuresMax": "100000", "AdminEmails": ADMIN}
    # SAM says nothing of a parameter that the template does not have.
    unknown = set(parameters) - set(yaml_parse((ROOT / "template.yaml").read_text())["Parameters"])
    assert not unknown, unknown
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    arguments = ["--config-file", ROOT / "samconfig.toml", "--template-file", template, "--stack-name", stack]
    arguments += ["--no-confirm-changeset", *more, "--parameter-overrides", *overrides]
    began = time.monotonic()
    sam("deploy", *arguments)
    print(f"  {stack:16}{len(resources(stack))} resources in {time.monotonic() - began:.0f} s", flush=True)


def resources(stack):
    """The physical id of each resource, by its logical id."""
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}


def of_kind(stack, kind):
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found = [resource for page in pages for resource in page["StackResourceSummaries"] if resource["ResourceType"] == kind]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}


def versions(stack):
    """Which version each function on an alias is called as."""
    aliases = of_kind(stack, "AWS::Lambda::Alias").values()
    assert aliases
    client = boto3.client("lambda")
    described = [client.get_alias(FunctionName=alias.rsplit(":", 1)[0], Name=alias.rsplit(":", 1)[1]) for alias in aliases]
    return {alias["AliasArn"]: alias["FunctionVersion"] for alias in described}


def has_stale_settings(stack):
    sweep = resources(stack)["JobsSweep"]
    answer = boto3.client("lambda").invoke(FunctionName=sweep, Payload=b"{}")
    return json.loads(answer["Payload"].read())["stale_settings"]


def invoker(stack):
    functions, client = resources(stack), boto3.client("lambda")

    def invoke(function, event):
        answer = client.invoke(FunctionName=functions[logical_id(function)], Payload=event.encode(), LogType="Tail")
        reply = json.loads(answer["Payload"].read() or b"{}")
        if reply.get("statusCode") == 500:
            print(base64.b64decode(answer["LogResult"]).decode())
        return reply

    return invoke


def verify(user):
    """What following the link in a letter does."""
    table = boto3.resource("dynamodb").Table(resources(FIRST)["AccountsTable"])
    change = {"UpdateExpression": "SET email_verified = :yes", "ExpressionAttributeValues": {":yes": True}}
    table.update_item(Key={"pk": user, "sk": "profile"}, ConditionExpression="attribute_exists(email_verified)", **change)


def restore(stack, new):
    """Runs the commands of RUNBOOKS.md's "Restore" as they stand there, into a new stack, and looks whether it is the old one."""
    text = (ROOT / "RUNBOOKS.md").read_text()
    first, restore = text.index("```sh\n"), text.index("## Restore")
    commands = re.findall(r"(?ms)^```sh\n(.*?)^```", text[first : text.index("## ", first)] + text[restore:])
    # The AWS CLI of PyPI is version 1, which lets base64 be raw anyway.
    script = "set -euo pipefail\n" + "\n".join(commands).replace("--cli-binary-format raw-in-base64-out", "")
    then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    path = f"{Path(sys.executable).parents[2] / 'target/awscli/bin'}:{os.environ['PATH']}"
    settings = os.environ | {"STACK": stack, "NEW": new, "THEN": then, "PATH": path}
    done = subprocess.run(["bash", "-c", script], env=settings, capture_output=True, text=True, timeout=DEPLOY_SECONDS_MAX)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert '"broken_count": 0' in done.stdout, done.stdout[-500:]
    scan = boto3.client("dynamodb").scan
    in_order = lambda items: sorted(json.dumps(item, sort_keys=True, default=str) for item in items)
    for name, table in of_kind(new, "AWS::DynamoDB::Table").items():
        # The old stack goes on, and the new one's books were checked since.
        was = scan(TableName=f"{stack}-{name.removesuffix('Table')}-then")["Items"]
        # The new stack makes usage-plan keys of its own.
        was = [item for item in was if item.get("pk") != {"S": "key-count"}]
        was = [{key: item[key] for key in item if key not in ("keyed_term", "seen_on")} for item in was]
        # The new stack works on the jobs that were under way, so only what stays of them is compared.
        under_way = [item["id"] for item in was if "due_shard" in item]
        settled = lambda item: {key: item[key] for key in ("id", "tenant", "author", "cost")} if item.get("id") in under_way else item
        was, now = (in_order(settled(item) for item in items) for items in (was, scan(TableName=table)["Items"]))
        assert was or name != "CreditsTable"
        lost = [item for item in was if item not in now]
        assert name == "ReconciliationTable" or not lost, f"{name} has not what it had: {lost}"
    print(f"Restored:\n  {stack} into {new}")


def main(form):
    expected = [(name, DIFFERENCES.get(name, reply)) for name, reply in replies()]
    with_code = [name for name, _ in expected] if form == "all" else SOME
    chosen = [reply for reply in expected if reply[0] in with_code]
    # Last, with what follows from it: no fal is there, so the job is soon due again, and telling of it takes SendMessageBatch,
    # which the emulator refuses to a role with sqs:SendMessage. AWS asks for no more than that.
    chosen.sort(key=lambda reply: reply[0] in ("generations-create", "accounts-me-delete"))
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)):
        folder = Path(folder)
        template = built_template(folder, with_code)
        store_secrets(folder)
        print("Deployed:")
        deploy(template, FIRST)
        # The role is the account's, and the first stack has set it.
        deploy(template, SECOND, SetApiGatewayRole="off")
        one, other = resources(FIRST), resources(SECOND)
        accounts = [of_kind(stack, "AWS::ApiGateway::Account") for stack in (FIRST, SECOND)]
        assert accounts[0] and not accounts[1], accounts
        # A stage is named within its API.
        shared = set(one.values()) & set(other.values()) - {"v1"}
        assert not shared, f"both stacks have {shared}"

        kept = {kind: of_kind(FIRST, kind) for kind in ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue")}
        print("Updated in place:")
        published = versions(FIRST)
        assert not has_stale_settings(FIRST)
        deploy(template, FIRST, SignUpCredits="20000")
        # A bug of SAM's, and the reason for SettingsAlarm: nothing was published.
        assert versions(FIRST) == published and has_stale_settings(FIRST)
        deploy(template, FIRST, "--s3-prefix", "velro/again", SignUpCredits="20000")
        assert not set(versions(FIRST).items()) & set(published.items()) and not has_stale_settings(FIRST)
        for kind, before in kept.items():
            assert of_kind(FIRST, kind) == before, f"an update replaced a {kind}"

        print("Invoked:")
        wrong = invoke_all(chosen, invoker(FIRST))
        assert not wrong, f"{wrong} replied otherwise than expected"

        restore(FIRST, SECOND)
        sam("delete", "--stack-name", SECOND, "--no-prompts")
        print(f"Deleted:\n  {SECOND}")
        # A version is named by what was published.
        stay = [{name for name in found if "Version" not in name} for found in (one, resources(FIRST))]
        assert stay[0] == stay[1], stay[0] ^ stay[1]
        names = {name for name in resources(FIRST).values()}
        schedules = boto3.client("scheduler").list_schedules()["Schedules"]
        left = [schedule["Name"] for schedule in schedules]
        assert len(left) == 3 and all(name in names for name in left), left
        again = [reply for reply in chosen if reply[0] in ("accounts-login", "jobs-reconcile", "service-root")]
        wrong = invoke_all(again, invoker(FIRST))
        assert not wrong, f"{wrong} of the first stack's reply otherwise since the second is gone"
        tables = boto3.client("dynamodb").list_tables()["TableNames"]
        assert set(kept["AWS::DynamoDB::Table"].values()) <= set(tables), tables

        api = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{resources(FIRST)['Api']}/v1"
        compare(api, operations_of(with_code), verify, folder)


if __name__ == "__main__":
    main(sys.argv[1])
