"""Who schemathesis calls as, and what there is to call for.

It calls as the platform's admin, and for what ends an account or its sessions as somebody new. Half of the ids that it
makes up are replaced by ids of things that exist, so that it gets beyond "there is no such thing".
"""

import atexit
import json
import os
import uuid
import zlib
from collections import Counter
from pathlib import Path

import schemathesis
from cloud import THINGS_OF_A_KIND, refresh, register

API = os.environ["VELRO_API"]
# Less than an access token lives.
REFRESH_SECONDS = 240
# What leaves its caller without a credential, or with another password.
FATAL = {("POST", "/auth/logout"), ("POST", "/me/password"), ("DELETE", "/me")}


@schemathesis.auth(refresh_interval=REFRESH_SECONDS)
class Caller:
    # Signing in again would not do: schemathesis learns e-mails, and locks them with passwords that it makes up.
    refresh_token = os.environ["VELRO_REFRESH_TOKEN"]

    def get(self, case, context):
        tokens = refresh(API, Caller.refresh_token)
        Caller.refresh_token = tokens["refresh_token"]
        return tokens["access_token"]

    def set(self, case, token, context):
        if (case.operation.method.upper(), case.operation.path) in FATAL:
            token = register(API, f"{uuid.uuid4()}@example.org")["access_token"]
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {token}"


# Things of the admin's, by the name of the path parameter that names them.
THINGS = json.loads(os.environ["VELRO_THINGS"])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    names = path_parameters or {}
    # Of what two ids name, both stay; it is taken apart, not deleted.
    deletes = context.operation.method.upper() == "DELETE" and len(names) == 1
    for name, value in names.items():
        choices = THINGS.get(name)
        # What is deleted is kept apart, so that the other calls still find theirs.
        if choices and len(choices) == THINGS_OF_A_KIND:
            middle = THINGS_OF_A_KIND // 2
            choices = choices[:middle] if deletes else choices[middle:]
        number = zlib.crc32(repr(value).encode())
        if choices and number % 2:
            path_parameters[name] = choices[number // 2 % len(choices)]
    return path_parameters


answered = Counter()


@schemathesis.hook
def after_call(context, case, response):
    # Not with another method: the gateway answers each path's preflight.
    if response.request.method != case.operation.method.upper():
        return
    operation = f"{case.operation.method.upper()} {case.operation.path}"
    answered[operation, response.status_code] += 1


@atexit.register
def tell():
    told = [[operation, status, count] for (operation, status), count in answered.items()]
    Path(os.environ["VELRO_ANSWERED"]).write_text(json.dumps(told))
