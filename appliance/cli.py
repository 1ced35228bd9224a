"""The ``bargebox`` command. Exit codes: 0 done, 1 refused, 2 wrong usage, 69 no answer from the
box, 66 a file that cannot be read, 78 wrong settings (the last three as in sysexits.h).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.service.errors import BargeboxError

SETTINGS = Path("/etc/bargebox/bargebox.toml")
LOG_LEVELS = ("debug", "info", "warning", "error")
EXIT_REFUSED, EXIT_NO_INPUT, EXIT_UNREACHABLE, EXIT_SETTINGS = 1, 66, 69, 78
EXIT_CODES = {
    "invalid_settings": EXIT_SETTINGS,
    "wrong_board": EXIT_SETTINGS,
    "no_input": EXIT_NO_INPUT,
    "settings_refused": EXIT_SETTINGS,
    "unreachable": EXIT_UNREACHABLE,
}

VERIFY = """Checks each row against the row before, and the end against the signed heads. Needs no
running box, and does not disturb one."""

# Each command's module is imported only when it runs: the leg must not carry the web server,
# nor control the media stack.
COMMANDS = {
    "demo": "appliance.demo.launcher",
    "leg": "appliance.commands.leg",
    "control": "appliance.commands.control",
    "interactions": "appliance.commands.remote",
    "monitor": "appliance.commands.remote",
    "mute": "appliance.commands.remote",
    "unmute": "appliance.commands.remote",
    "hangup": "appliance.commands.remote",
    "status": "appliance.commands.remote",
    "selftest": "appliance.commands.remote",
    "platform": "appliance.commands.remote",
    "reset-password": "appliance.commands.reset_password",
    "factory-reset": "appliance.commands.factory_reset",
    "audit": "appliance.commands.audit",
    "support-bundle": "appliance.commands.remote",
    "provision": "appliance.commands.provision",
}


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = argparse.ArgumentParser(
        prog="bargebox", description="Silent monitoring and barging in, from a supervisor's desk."
    )
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = sub.add_parser("demo", help="run box, sandbox contact centre and virtual headset here")
    demo.add_argument("--ready-file", type=Path, help="write {url, user, password, token} there")
    demo.add_argument(
        "--port", type=int, default=8080, help="of the page; 0 lets the system choose"
    )
    demo.add_argument(
        "--listed", type=int, default=40, help="interactions listed besides the lively ones"
    )
    demo.add_argument(
        "--changes", type=float, default=1.0, help="changes a second among the listed"
    )

    for name, words in (("leg", "run the audio process"), ("control", "run the control process")):
        process = sub.add_parser(name, help=words)
        process.add_argument("--settings", type=Path, default=SETTINGS, help=f"default {SETTINGS}")
        process.add_argument("--log-level", default="info", choices=LOG_LEVELS)

    reset = sub.add_parser("reset-password", help="a new one-time password, on the box itself")
    reset.add_argument("name", help="of the account")
    reset.add_argument("--settings", type=Path, default=SETTINGS, help=f"default {SETTINGS}")

    factory = sub.add_parser("factory-reset", help="remove everything that was made on this box")
    factory.add_argument("--yes", action="store_true", required=True, help="it is meant")
    factory.add_argument("--settings", type=Path, default=SETTINGS, help=f"default {SETTINGS}")

    remote = argparse.ArgumentParser(add_help=False)
    remote.add_argument("--url", help="of the box; default: the control process on this machine")
    remote.add_argument("--token", help="API token; better in BARGEBOX_TOKEN")
    remote.add_argument(
        "--fingerprint",
        help="SHA-256 of the box's certificate, where this machine does not know it",
    )
    remote.add_argument("--run-dir", type=Path, default=Path("/run/bargebox"))
    remote.add_argument("--json", action="store_true", help="print JSON")

    listing = sub.add_parser("interactions", parents=[remote], help="list the interactions")
    listing.add_argument("--show", choices=("active", "monitored", "all"), default="active")
    listing.add_argument("--search", default="")
    monitor = sub.add_parser("monitor", parents=[remote], help="join an interaction silently")
    monitor.add_argument("id", help="of the interaction")
    monitor.add_argument(
        "--confirm", action="store_true", help="confirm what the site wants confirmed before a call"
    )
    monitor.add_argument("--reason", default="", help="why, where the site asks for it")
    sub.add_parser("mute", parents=[remote], help="silent again")
    unmute = sub.add_parser("unmute", parents=[remote], help="barge in")
    unmute.add_argument("--coach", action="store_true", help="only the agent hears you")
    sub.add_parser("hangup", parents=[remote], help="leave; the call goes on")
    sub.add_parser("status", parents=[remote], help="session, microphone, headset")
    sub.add_parser("selftest", parents=[remote], help="check headset, panel and platform")
    bundle = sub.add_parser(
        "support-bundle", parents=[remote], help="write a file for those who help; no secret in it"
    )
    bundle.add_argument("--out", type=Path, help="the file; default bargebox-support-TIME.tar.gz")
    provision = sub.add_parser("provision", help="use a bargebox.toml on this box, or check it")
    provision.add_argument("file", type=Path, help="the document")
    provision.add_argument("--check", action="store_true", help="only say what is wrong with it")
    provision.add_argument("--settings", type=Path, default=SETTINGS, help=f"default {SETTINGS}")
    sub.add_parser("platform", parents=[remote], help="test the connection to the call platform")
    _add_audit(sub.add_parser("audit", help="the audit log: check it, export it"), remote)
    return parser


def _add_audit(audit: argparse.ArgumentParser, remote: argparse.ArgumentParser) -> None:
    what = audit.add_subparsers(dest="what", required=True, metavar="WHAT")
    verify = what.add_parser(
        "verify", help="whether it is as it was written; 1 if not", description=VERIFY
    )
    where = verify.add_mutually_exclusive_group()
    where.add_argument("--export", type=Path, metavar="FILE", help="check an export, on its own")
    where.add_argument("--database", type=Path, metavar="FILE", help="default: this box's own")
    verify.add_argument("--settings", type=Path, default=SETTINGS, help=f"default {SETTINGS}")
    verify.add_argument("--key", help="the public key that must have signed it, in hexadecimal")
    verify.add_argument(
        "--heads",
        type=Path,
        metavar="FILE",
        help="older exports or log lines from elsewhere, whose signed heads it has to fit too",
    )
    export = what.add_parser(
        "export", parents=[remote], help="every row and the signed head, one JSON object a line"
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    export.add_argument(
        "--database", type=Path, metavar="FILE", help="of a box that does not run; not on record"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    chosen = build_parser().parse_args(arguments)
    # What imports make stays for good: to look through it for garbage again and again would take
    # a fifth of their time, and control has to be back soon.
    gc.disable()
    module = importlib.import_module(COMMANDS[chosen.command])
    gc.freeze()
    gc.enable()
    try:
        code: int = module.run(chosen)
    except BargeboxError as error:
        print(f"bargebox: {error.detail} [{error.code}]", file=sys.stderr)
        return EXIT_CODES.get(error.code, EXIT_REFUSED)
    except BrokenPipeError:
        return EXIT_REFUSED
    return code


if __name__ == "__main__":
    sys.exit(main())
