"""Has schemathesis call every operation of the OpenAPI document. Run by `run`.

Fails with the first answer that is a fault, or that the document does not know.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cloud import ADMIN, call, local_cloud, make_admin, sign_in

EXAMPLES = 25
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "use_after_free",
    "ignored_auth",
]


def schemathesis(api, examples):
    """Runs it; how many calls it made."""
    here = Path(__file__).parent
    command = [Path(sys.executable).parent / "schemathesis", "run", f"{api}/openapi.json"]
    command += ["--url", api, "--workers", "2", "--checks", ",".join(CHECKS)]
    command += ["--max-examples", str(examples), "--generation-database", "none", "--seed", "1"]
    command += ["--suppress-health-check", "all", "--continue-on-failure", "--warnings", "off"]
    environment = os.environ | {
        "PYTHONPATH": str(here),
        "SCHEMATHESIS_HOOKS": "hooks",
        "VELRO_API": api,
    }
    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    calls = 0
    for line in run.stdout:
        print(line, end="", flush=True)
        if found := re.search(r"(\d[\d,]*) generated", line):
            calls = int(found[1].replace(",", ""))
    assert run.wait() == 0, "the document and the answers disagree"
    return calls


def main():
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES
    with tempfile.TemporaryDirectory() as folder, local_cloud(Path(folder)) as api:
        make_admin(api)
        token = sign_in(api, ADMIN)
        # Enough for the calls to be more than refusals.
        grant = {"user_id": call("GET", f"{api}/me", token=token)["id"], "amount": 100_000}
        call("POST", f"{api}/admin/credits/grants", grant | {"reason": "To be spent"}, token)
        print(f"{schemathesis(api, examples)} calls")


main()
