"""Write `docs/security.md` from `security.md.in` and `template.yaml`: `make docs`.

What uses a statement is read from `docs/used_permissions.json`, which `make record` writes from the
decisions that the local AWS records in the end-to-end tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from docs.accepted_findings import accepted_findings
from docs.policies import Resources, Statement, statements
from docs.reach import COLUMNS, reach
from docs.translated_template import resolve, translate, written_template

if TYPE_CHECKING:
    from autodrop_local.decisions import Decision

PAGE = Path(__file__).with_name("security.md")
USED = Path(__file__).with_name("used_permissions.json")

_BEGINNING = PAGE.with_suffix(".md.in")
_HEADS = ("statement: what for", "actions", "resources", "used by")
_ENDING = """
## What SAM adds

These come from SAM and AWS and are not judged one by one. No code of autodrop uses them: Lambda,
X-Ray and EventBridge Scheduler work with them.

"""
_FINDINGS = """
## What checkov and bandit find, and why it stays

`make audit` runs [checkov](https://github.com/bridgecrewio/checkov) on the translated template and
[bandit](https://github.com/PyCQA/bandit) on the code. It fails for a finding that is not in this
table, and for a line of the table that nothing finds any more. Their environment is their own
(`audit/uv.lock`): checkov needs other versions of boto3 and networkx than autodrop has.

"""
_ADVISORIES = """
`make audit` then asks for known vulnerabilities of everything in `uv.lock` and `audit/uv.lock`
(`uv audit`). That needs a network, and its answer changes without a change of autodrop, so it is
no test: run it before a release. It has not been answered yet: nobody could reach the advisories
where autodrop has been developed so far. ruff's rules `S` are bandit's as well, and are part of
`make check`.
"""


def page() -> str:
    """Return the content of `docs/security.md`."""
    written = written_template()
    resources: Resources = translate(written)["Resources"]
    use = json.loads(USED.read_text(encoding="utf-8"))
    listed: dict[str, list[Statement]] = {}
    for each in statements(resources, written["Resources"]):
        listed.setdefault(each.role, []).append(each)
    parts = [_beginning(resources, listed)]
    for role, members in sorted(listed.items()):
        parts += [f"\n## {_principal(role)}\n\n", _does(role, written["Resources"]), "\n"]
        parts += [_rows(_HEADS, [_row(each, use.get(role, {})) for each in members])]
    parts += [_ENDING, *(f"- {line}\n" for line in _added(resources))]
    parts += [_FINDINGS, _findings(), _ADVISORIES]
    return "".join(parts)


def only_roles_write_runs(resources: Resources) -> dict[str, Any]:
    """Return a statement for the bucket's policy: only the roles that write `runs/` may."""
    writers = sorted(
        {each.role for each in statements(resources, resources) if "s3:PutObject" in each.actions}
    )
    return {
        "Sid": "OnlyTheStacksRolesWriteRuns",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"{resolve({'Fn::GetAtt': ['DataBucket', 'Arn']}, resources)}/runs/*",
        "Condition": {
            "ArnNotEquals": {
                "aws:PrincipalArn": [
                    resolve({"Fn::GetAtt": [role, "Arn"]}, resources) for role in writers
                ]
            }
        },
    }


def recorded_use(decisions: Iterable[Decision]) -> dict[str, dict[str, list[str]]]:
    """Return the actions that each statement allowed, by role and Sid, in order."""
    use: dict[str, dict[str, set[str]]] = {}
    for each in decisions:
        if each.allowed:
            use.setdefault(each.role, {}).setdefault(each.statement, set()).add(each.action)
    return {
        role: {sid: sorted(use[role][sid]) for sid in sorted(use[role])} for role in sorted(use)
    }


def _beginning(resources: Resources, listed: Mapping[str, Sequence[Statement]]) -> str:
    only_roles = json.dumps(only_roles_write_runs(resources), indent=2)
    rows = [
        [_principal(role), *("<br>".join(cell) for cell in reach(members).values())]
        for role, members in sorted(listed.items())
    ]
    return (
        _BEGINNING.read_text(encoding="utf-8")
        .replace("{only_roles}", indent(only_roles, "   "))
        .replace("{reach}", _rows(("role of", *COLUMNS), rows))
    )


def _principal(role: str) -> str:
    if not role.endswith("FunctionRole"):
        return f"SageMaker, as `{role}`"
    name = role.removesuffix("FunctionRole")
    return f"`{''.join('_' + c.lower() if c.isupper() else c for c in name).lstrip('_')}`"


def _does(role: str, written: Mapping[str, Any]) -> str:
    function = written.get(role.removesuffix("Role"), {}).get("Properties", {})
    return (
        f"{function['Description']}\n"
        if "Description" in function
        else ("What Autopilot, batch transform and Processing jobs work with.\n")
    )


def _row(statement: Statement, use: Mapping[str, Sequence[str]]) -> list[str]:
    used = use.get(statement.sid, [])
    by = "<br>".join(f"`{each}`" for each in used)
    return [
        f"`{statement.sid}`",
        "<br>".join(f"`{each}`" for each in statement.actions),
        "<br>".join(f"`{each}`" for each in statement.resources) + _conditions(statement),
        f"**AWS only.** {statement.needed_on_aws}" if statement.needed_on_aws else by,
    ]


def _conditions(statement: Statement) -> str:
    return "".join(
        f"<br>if `{key}` is `{wanted}`"
        for keys in statement.conditions.values()
        for key, wanted in keys.items()
    )


def _added(resources: Resources) -> list[str]:
    lines = []
    for name, each in resources.items():
        if each["Type"] != "AWS::IAM::Role":
            continue
        properties = each["Properties"]
        managed = [
            json.dumps(one).rpartition("/")[2].strip('"}] ')
            for one in properties.get("ManagedPolicyArns", [])
        ]
        own = [
            action if isinstance(action, str) else ", ".join(action)
            for policy in properties.get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
            if "Sid" not in statement
            for action in [statement["Action"]]
        ]
        if managed or own:
            lines.append(f"`{name}`: " + ", ".join(f"`{one}`" for one in [*managed, *own]))
    return sorted(lines)


def _findings() -> str:
    heads = ["check", "asks for", "not so in", "why it stays", "kept true by"]
    rows = [
        [
            f"{entry.tool} `{entry.check}`",
            entry.asks,
            "<br>".join(f"`{place}`" for place in entry.where),
            entry.reason,
            "<br>".join(f"`{name}`" for name in entry.kept_by),
        ]
        for entry in accepted_findings()
    ]
    return _rows(heads, rows)


def _rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
