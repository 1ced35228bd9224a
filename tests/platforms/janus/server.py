"""Debian's Janus as a process of its own, with a configuration folder of its own."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from appliance.platforms.janus.settings import JanusSettings
from tests.support.certificates import self_signed
from tests.support.child import Child

HOST = "10.77.0.1"
PORT, WSS_PORT, ADMIN_PORT = 8188, 8989, 7188
SECONDS_TO_START = 10.0
RECLAIM_S = 5

API_SECRET, ADMIN_SECRET, ADMIN_KEY, PIN, COACH_PIN, ROOM_SECRET = (
    secrets.token_hex(8) for _ in range(6)
)
"""Who has the API secret, or a token that the Admin API has added, is let in."""

PLUGINS_LEFT_OUT = (
    "echotest", "streaming", "sip", "nosip", "recordplay", "textroom", "videocall", "voicemail",
    "duktape", "lua",
)  # fmt: skip
TRANSPORTS_LEFT_OUT = ("http", "mqtt", "nanomsg", "pfunix", "rabbitmq")


def _files(names: Iterable[str]) -> str:
    return ",".join(f"libjanus_{name}.so" for name in names)


JANUS = f"""
general: {{
  configs_folder = "%s"
  api_secret = "{API_SECRET}"
  admin_secret = "{ADMIN_SECRET}"
  token_auth = true
  session_timeout = 20
  reclaim_session_timeout = {RECLAIM_S}
  debug_level = 3
  debug_timestamps = true
}}
media: {{ rtp_port_range = "20000-24000" }}
nat: {{ ice_enforce_list = "10.77." }}
plugins: {{ disable = "{_files(PLUGINS_LEFT_OUT)}" }}
transports: {{ disable = "{_files(TRANSPORTS_LEFT_OUT)}" }}
loggers: {{ disable = "{_files(["jsonlog"])}" }}
events: {{ broadcast = false }}
"""

WEBSOCKETS = f"""
general: {{
  json = "compact"
  ws = true, ws_port = {PORT}, ws_ip = "{HOST}"
  wss = true, wss_port = {WSS_PORT}, wss_ip = "{HOST}"
}}
certificates: {{ cert_pem = "%s", cert_key = "%s" }}
admin: {{ admin_ws = true, admin_ws_port = {ADMIN_PORT}, admin_ws_ip = "{HOST}" }}
"""

PLUGIN = f"""
general: {{ admin_key = "{ADMIN_KEY}", string_ids = true }}
"""


class JanusProcess(Child):
    """One server after another with the same settings, as long as `start` and `stop` are called."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate, key = self_signed(directory, HOST)
        for name, text in {
            "janus.jcfg": JANUS % directory,
            "janus.transport.websockets.jcfg": WEBSOCKETS % (self.certificate, key),
            "janus.plugin.videoroom.jcfg": PLUGIN,
            "janus.plugin.audiobridge.jcfg": PLUGIN,
        }.items():
            (directory / name).write_text(text)

    @staticmethod
    def settings(**fields: Any) -> JanusSettings:
        """What a driver needs to reach it."""
        return JanusSettings.model_validate(JanusProcess.section() | fields)

    @staticmethod
    def section() -> dict[str, Any]:
        """The same as the settings file has it."""
        return {
            "url": f"ws://{HOST}:{PORT}",
            "api_secret": API_SECRET,
            "admin_key": ADMIN_KEY,
            "room_pin": PIN,
            "coach_pin": COACH_PIN,
            "bridge_secret": ROOM_SECRET,
        }

    def configure(self, plugin: str, text: str = PLUGIN) -> None:
        """Give a plugin another configuration, used from the next start on."""
        (self._directory / f"janus.plugin.{plugin}.jcfg").write_text(text)

    def renew_certificate(self) -> None:
        """Another one, used from the next start on."""
        self_signed(self._directory, HOST)

    async def start(self) -> None:
        """Returns when clients may come."""
        with (self._directory / "janus.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "janus", "-F", str(self._directory), stdout=log, stderr=log
            )
        async with asyncio.timeout(SECONDS_TO_START):
            while not await asyncio.to_thread(_listens):
                assert self._process.returncode is None, "Janus did not start; see janus.log"
                await asyncio.sleep(0.05)


def _listens() -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, PORT)) == 0
