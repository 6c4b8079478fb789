"""Has schemathesis call every operation of the OpenAPI document. Run by `run`.

Fails with the first answer that is a fault, or that the document does not know.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cloud import THINGS_OF_A_KIND, call, local_cloud, make_admin

EXAMPLES = 10
# The share of the operations of which none of the calls may succeed. Some never can, such as a webhook, which its sender alone
# can sign; some succeed by luck. More than these, and the calls have got no further than refusals.
REFUSED_PERCENT_MAX = 25
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


def things(api, token):
    """Makes things to call for; their ids, by the path parameters that name them."""
    user = call("GET", f"{api}/me", token=token)["id"]
    # Enough for the calls to be more than refusals.
    grant = {"user_id": user, "amount": 100_000, "reason": "To be spent"}
    call("POST", f"{api}/admin/credits/grants", grant, token)

    def several(path, body):
        made = (call("POST", f"{api}/{path}", body, token) for _ in range(THINGS_OF_A_KIND))
        return [thing["id"] for thing in made]

    projects = several("projects", {"name": "Foxes", "visibility": "team-only"})
    teams = several("teams", {"name": "Foxes"})
    for project, team in itertools.product(projects, teams):
        call("PUT", f"{api}/projects/{project}/teams/{team}", {"access_level": "read"}, token)
    # Without one, no order may name an address to tell.
    call("POST", f"{api}/me/webhook-secret", token=token)
    hook = {"url": "http://127.0.0.1:9/hook", "events": ["generation.failed"]}
    hooks = several("webhook-endpoints", hook)
    style = {"name": "Ink", "blocks": {"style": "ink and wash"}}
    file = {"purpose": "reference", "content_type": "image/png", "size": 9, "sha256": "0" * 64}
    return {
        "user_id": [user],
        "generation_id": several("generations/flux-dev", {"prompt": "A fox"}),
        "project_id": projects,
        "style_id": several("styles", style),
        "file_id": several("files", file),
        "team_id": teams,
        "webhook_endpoint_id": hooks,
        "event_id": [call("POST", f"{api}/webhook-endpoints/{hook}/test", token=token)["id"] for hook in hooks],
        "key_id": several("me/api-keys", {"name": "Foxes"}),
        "model": ["flux-dev", "veo3"],
        "name": ["0.jpg"],
        "asset": ["docs.js", "docs.css", "icon.svg", "licence.txt"],
    }


def schemathesis(api, examples, settings):
    """Runs it, with these settings of `hooks`."""
    here = Path(__file__).parent
    command = [Path(sys.executable).parent / "schemathesis", "run", f"{api}/openapi.json"]
    command += ["--url", api, "--workers", "2", "--checks", ",".join(CHECKS)]
    command += ["--max-examples", str(examples), "--generation-database", "none", "--seed", "1"]
    command += ["--suppress-health-check", "all", "--continue-on-failure", "--warnings", "off"]
    hooks = {"PYTHONPATH": str(here), "SCHEMATHESIS_HOOKS": "hooks"}
    subprocess.run(command, env=os.environ | hooks | settings, check=True)


def main():
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES
    with tempfile.TemporaryDirectory() as folder, local_cloud(Path(folder)) as api:
        admin = make_admin(api)
        told = Path(folder) / "answered"
        settings = {
            "VELRO_API": api,
            "VELRO_REFRESH_TOKEN": admin["refresh_token"],
            "VELRO_THINGS": json.dumps(things(api, admin["access_token"])),
            "VELRO_ANSWERED": str(told),
        }
        schemathesis(api, examples, settings)
        told = json.loads(told.read_text())
    answers = {(operation, status): count for operation, status, count in told}
    by_status = Counter()
    for (_, status), count in answers.items():
        by_status[status] += count
    print(", ".join(f"{count} of {status}" for status, count in sorted(by_status.items())))
    operations = {operation for operation, _ in answers}
    refused = operations - {operation for operation, status in answers if status < 300}
    print(f"never did what they are for: {', '.join(sorted(refused))}")
    percent = 100 * len(refused) // len(operations)
    assert percent <= REFUSED_PERCENT_MAX, f"{percent} % of the operations only ever refused"
    print(f"{sum(answers.values())} calls of {len(operations)} operations, and every answer is as described")


main()
