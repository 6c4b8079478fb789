"""Judges what SAM makes of template.yaml, which is what CloudFormation gets. Run by `run`.

The guards in Rust read the template as it is written; what SAM adds, names and widens shows only here.
"""

import json
import re
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
# CloudFormation takes 500. The rest is for the endpoints of the contract that are still to come.
RESOURCES_MAX = 480
# AWS's own policies that a role may have: to write logs, traces, and, for API Gateway, its access log.
MANAGED_POLICIES = {
    "AWSLambdaBasicExecutionRole",
    "AWSXrayWriteOnlyAccess",
    "AWSXRayDaemonWriteAccess",
    "AmazonAPIGatewayPushToCloudWatchLogs",
    "AWSCodeDeployRoleForLambda",
}
# These let people in; whoever writes the wallets moves credits. A new version of all of them goes live gradually.
LET_IN = {"AccountsAuthorize", "AccountsLogin", "AccountsRefresh"}
# Nothing in the stack calls these. Their operator does, when no old version is called any more.
BY_HAND = {"JobsMigrate"}
# What calls a function.
CALLERS = {"AWS::ApiGateway::RestApi", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission", "AWS::Scheduler::Schedule"}
# The property that names a resource physically, where its type has one.
NAMES = {
    "AWS::ApiGateway::ApiKey": "Name",
    "AWS::ApiGateway::RestApi": "Name",
    "AWS::ApiGateway::UsagePlan": "UsagePlanName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SES::ConfigurationSet": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
}


class ManagedPolicies:
    """What SAM asks IAM for: the ARNs of AWS's own policies."""

    def load(self):
        names = MANAGED_POLICIES | {"AWSLambdaSQSQueueExecutionRole"}
        return {name: f"arn:aws:iam::aws:policy/{name}" for name in names}


def transformed():
    """The template as CloudFormation gets it."""
    template = yaml_parse(TEMPLATE.read_text())
    parameters = template["Parameters"].items()
    values = {name: parameter.get("Default", "a@b.example") for name, parameter in parameters}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    return transform(template, values, ManagedPolicies())


def named(value):
    """The logical ids that a value refers to."""
    if isinstance(value, list):
        return set().union(*map(named, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref" and isinstance(inner, str):
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner.split(".")[0] if isinstance(inner, str) else inner[0])
        elif key == "Fn::Sub":
            text = inner if isinstance(inner, str) else inner[0]
            found |= {match.split(".")[0] for match in re.findall(r"\$\{([^!}]+)\}", text)}
        found |= named(inner)
    return found


def needs(resources, start):
    """Every resource that must be there before `start` is made."""
    seen, open_ids = set(), [start]
    while open_ids:
        resource = resources[open_ids.pop()]
        depends = resource.get("DependsOn", [])
        direct = {depends} if isinstance(depends, str) else set(depends)
        direct |= named(resource.get("Properties", {}))
        new = {name for name in direct if name in resources} - seen
        seen |= new
        open_ids += new
    return seen


def moves_credits(resources, function):
    """Whether a function's role lets it write the wallets."""
    role = resources[function["Properties"]["Role"]["Fn::GetAtt"][0]]
    policies = [policy["PolicyDocument"] for policy in role["Properties"].get("Policies", [])]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    return any("CreditsTable" in named(statement) and writes & set(statement["Action"]) for statement in statements)


def rollout_problems(resources):
    """A new version of what moves credits or lets people in is rolled back by the alarms, and nothing calls past that."""
    functions = {name: resource for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Function"}
    gradual = {name for name, function in functions.items() if name in LET_IN or moves_credits(resources, function)}
    gradual -= BY_HAND
    aliases = {name: resource for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Alias"}
    on_alias = {name for alias in aliases.values() for name in named(alias["Properties"]["FunctionName"])}
    for name in gradual ^ on_alias:
        yield f"{name} should {'' if name in gradual else 'not '}be deployed gradually"
    for name, alias in aliases.items():
        update = alias.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        group = resources.get(update.get("DeploymentGroupName", {}).get("Ref"), {"Properties": {}})["Properties"]
        if not group.get("AlarmConfiguration", {}).get("Alarms") or not group["AutoRollbackConfiguration"]["Enabled"]:
            yield f"{name} takes a new version without an alarm that would take it back"
    for name, resource in resources.items():
        past = named(resource.get("Properties", {})) & (on_alias | BY_HAND) if resource["Type"] in CALLERS else set()
        if past:
            yield f"{name} calls {past} past the alias"
    looked_after = named(functions["JobsSweep"]["Properties"]["Environment"]["Variables"]["GRADUAL_VERSIONS"])
    versions = {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"}
    if looked_after != versions:
        yield f"the sweep does not look after {versions ^ looked_after}"


def gateway_problems(resources):
    """The gateway may call what its routes name, each by its alias if it has one, and nothing else."""
    callable_by = {}
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if "apigateway.amazonaws.com" in json.dumps(properties.get("AssumeRolePolicyDocument", {})):
            policies = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            callable_by[name] = set().union(*(named(policy) for policy in policies))
    called_by = {name: set() for name in callable_by}
    apis = [resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::ApiGateway::RestApi"]
    methods = [method for api in apis for path in api["Body"]["paths"].values() for method in path.values()]
    for method in methods:
        call = method["x-amazon-apigateway-integration"]
        if call["type"] != "mock":
            called_by[call["credentials"]["Fn::GetAtt"][0]] |= named(call["uri"]) & set(resources)
    for name, callable_ in callable_by.items():
        if callable_ != called_by[name]:
            yield f"{name} may call {callable_ - called_by[name]} for nothing, and not {called_by[name] - callable_}"


def problems(resources):
    yield from rollout_problems(resources)
    yield from gateway_problems(resources)
    if len(resources) > RESOURCES_MAX:
        yield f"{len(resources)} resources, of which there may be {RESOURCES_MAX}"
    for name, resource in resources.items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        fixed = properties.get(NAMES.get(kind, ""))
        if fixed is not None and "AWS::StackName" not in json.dumps(fixed):
            yield f"{name} is named {fixed} in every stack: no second stack could live beside it"
        namespace = properties.get("Namespace")
        if isinstance(namespace, str) and not namespace.startswith("AWS/"):
            yield f"{name} rings for what any stack's functions measure in {namespace}"
        if kind == "AWS::ApiGateway::Stage":
            for setting in properties.get("MethodSettings", []):
                path = setting["ResourcePath"]
                if path != "/*" and not re.fullmatch(r"/(~1[^/~]+)+", path):
                    yield f"{name} limits {path}, whose slashes must be written as ~1"
            before = needs(resources, name)
            if "ApiGatewayAccount" not in before:
                yield f"{name} may be made before API Gateway can write its log"
            kinds = {resources[name]["Type"] for name in needs(resources, "ApiGatewayAccount")}
            if not kinds & {"AWS::ApiGateway::ApiKey", "AWS::ApiGateway::RestApi"}:
                yield "ApiGatewayAccount may be made before anything of API Gateway's, and is refused then"
        if kind == "AWS::IAM::Role":
            for policy in properties.get("ManagedPolicyArns", []):
                text = policy if isinstance(policy, str) else json.dumps(policy)
                if re.split(r'[/"]', text.rstrip('"}'))[-1] not in MANAGED_POLICIES:
                    yield f"{name} has {text}, which is more than the template spells out"


def main():
    resources = transformed()["Resources"]
    found = list(problems(resources))
    for problem in found:
        print(problem)
    print(f"{len(resources)} resources, {len(found)} problems")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
