"""Who schemathesis calls as: the platform's admin, and for what ends an account or its sessions, somebody new."""

import os
import uuid

import schemathesis
from cloud import ADMIN, register, sign_in

API = os.environ["VELRO_API"]
# Less than an access token lives.
REFRESH_SECONDS = 300
# What leaves its caller without a credential, or with another password.
FATAL = {("POST", "/auth/logout"), ("POST", "/me/password"), ("DELETE", "/me")}


@schemathesis.auth(refresh_interval=REFRESH_SECONDS)
class Caller:
    def get(self, case, context):
        return sign_in(API, ADMIN)

    def set(self, case, token, context):
        if (case.operation.method.upper(), case.operation.path) in FATAL:
            token = register(API, f"{uuid.uuid4()}@example.org")["access_token"]
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {token}"
