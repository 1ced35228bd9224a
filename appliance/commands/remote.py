"""Commands that ask the running box over its JSON API."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from appliance.console.api_client import Access, ApiError, call, find_access

Answer = Any

MOST_QUESTIONS = 5
"""Before a call is monitored: more is no question of a site."""


def run(chosen: argparse.Namespace) -> int:
    """Carry out the command and print its answer."""
    access = find_access(chosen.url, chosen.token, chosen.run_dir / "cli.json", chosen.fingerprint)
    answer, code, words = _ACTIONS[chosen.command](access, chosen)
    print(json.dumps(answer, indent=2) if chosen.json else words)
    return code


def _interactions(access: Access, chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    query = urlencode({"show": chosen.show, "search": chosen.search, "per_page": 200})
    answer = call(access, "GET", f"/interactions?{query}")
    rows = [
        (
            item["id"],
            ", ".join(agent["name"] for agent in item["agents"]),
            item["customer"],
            item["flow"],
            item["state"],
            "yes" if item["monitorable"] else item["not_monitorable_reason"] or "no",
        )
        for item in answer["items"]
    ]
    table = _table(("ID", "AGENT", "CUSTOMER", "FLOW", "STATE", "MONITORABLE"), rows)
    return answer, 0, f"{table}\n{len(rows)} of {answer['total']}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            _plain(cell).ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _plain(text: str) -> str:
    """Text from a platform is data: no control character of it reaches the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _monitor(access: Access, chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    path = f"/interactions/{quote(chosen.id, safe='')}/monitor"
    given = {"confirmed": chosen.confirm, "reason": chosen.reason}
    for _ in range(MOST_QUESTIONS):
        try:
            answer = call(access, "POST", path, given)
        except ApiError as refused:
            given |= _asked(refused)
        else:
            return answer, 0, _session(answer)
    raise ApiError("The box goes on asking.", code="failed")


def _asked(refused: ApiError) -> dict[str, Any]:
    """What somebody at a terminal answers to the site's question; else the refusal is raised."""
    if refused.code not in ("confirmation_needed", "reason_needed") or not sys.stdin.isatty():
        raise refused
    words = "\n".join(map(_plain, refused.detail.splitlines()))
    print(words, file=sys.stderr)
    if refused.code == "reason_needed":
        return {"reason": _answer("Reason: ", refused)}
    if _answer("Type yes to go on: ", refused).casefold() not in ("y", "yes"):
        raise refused
    return {"confirmed": True}


def _answer(question: str, refused: ApiError) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if not answer:
        raise refused
    return answer


def _mute(access: Access, _chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    answer = call(access, "PUT", "/monitoring/microphone", {"muted": True})
    return answer, 0, _session(answer)


def _unmute(access: Access, chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    audience = "agent" if chosen.coach else "everyone"
    answer = call(access, "PUT", "/monitoring/microphone", {"muted": False, "audience": audience})
    return answer, 0, _session(answer)


def _hangup(access: Access, _chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    return call(access, "DELETE", "/monitoring"), 0, "Left. The call goes on."


def _status(access: Access, _chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    session = call(access, "GET", "/monitoring")
    device = call(access, "GET", "/device")
    headset = device["headset"]
    words = headset["name"] if headset["present"] else headset["detail"] or "not plugged in"
    answer = {"monitoring": session, "device": device}
    return answer, 0, f"{_session(session)}\nHeadset: {_plain(words)}"


def _session(session: Answer) -> str:
    state = session["state"]
    if state in ("idle", "ended"):
        end = session.get("last_end")
        if not end:
            return "Idle."
        return f"Idle. The last session ended: {_plain(end['detail'])} [{end['reason']}]"
    microphone = {True: "muted", False: "OPEN", None: "unknown"}[session.get("muted")]
    interaction = session.get("interaction") or {}
    where = _plain(interaction.get("id", "?"))
    return f"{state.capitalize()} on {where}; microphone {microphone}."


def _selftest(access: Access, _chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    answer = call(access, "POST", "/device/selftest")
    checks = answer["checks"]
    words = "\n".join(
        f"{'pass' if check['passed'] else 'FAIL'}  {check['name']}: {_plain(check['detail'])}"
        for check in checks
    )
    return answer, 0 if all(check["passed"] for check in checks) else 1, words


def _platform(access: Access, _chosen: argparse.Namespace) -> tuple[Answer, int, str]:
    answer = call(access, "POST", "/platform/check")
    words = "\n".join(
        f"{'pass' if step['passed'] else 'FAIL'}  {step['step']}: {_plain(step['detail'])}"
        for step in answer["steps"]
    )
    return answer, 0 if answer["passed"] else 1, words


_ACTIONS = {
    "interactions": _interactions,
    "monitor": _monitor,
    "mute": _mute,
    "unmute": _unmute,
    "hangup": _hangup,
    "status": _status,
    "selftest": _selftest,
    "platform": _platform,
}
