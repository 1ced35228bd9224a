"""The one settings model of the box, read from one TOML file and refused as a whole when invalid.

Each room owns its section's model; here they are only put together.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from appliance.audio.settings import AudioSettings
from appliance.console.settings import ConsoleSettings
from appliance.leg.settings import LegSettings
from appliance.monitoring.settings import MonitoringSettings
from appliance.panel.settings import PanelSettings
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.bus import SYSTEM_BUS
from appliance.provisioning.chosen import ChosenFile, ChosenFileError, ChosenSettings
from appliance.provisioning.network.settings import NetworkSettings
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole

MAX_BYTES = 256 * 1024


class SettingsError(BargeboxError):
    """The settings file cannot be used; the detail names the field or the line."""

    code = "invalid_settings"


class BoxSettings(BaseModel):
    """Where the box keeps what lives and what lasts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_dir: Path = Path("/run/bargebox")
    """Sockets and the local command line's token; gone at power-off."""
    state_dir: Path = Path("/var/lib/bargebox")
    """Accounts, history, audit log, the platform chosen on the page, the sign-in at the identity
    provider, certificates with their keys, and the one-time password until it is changed."""
    system_bus: str = SYSTEM_BUS
    """D-Bus address of the box's own services: network, name, clock, updater. Empty: the page
    leaves them alone."""

    provisioning_dirs: tuple[Path, ...] = (Path("/boot/firmware"),)
    """Where a ``bargebox.toml`` for this box is looked for at each start."""
    provisioning_media: tuple[Path, ...] = (Path("/run/media/bargebox"),)
    """Where USB sticks are mounted, each in a folder of its own. One is taken up only until the
    administrator has a password: later whoever passes by could bring one."""

    @property
    def leg_socket(self) -> Path:
        """The control link."""
        return self.run_dir / "leg.sock"

    @property
    def panel_socket(self) -> Path:
        """The virtual panel, on boards without pins."""
        return self.run_dir / "panel.sock"

    @property
    def local_access(self) -> Path:
        """Address and token for the command line on the box itself."""
        return self.run_dir / "cli.json"

    @property
    def database(self) -> Path:
        """The store."""
        return self.state_dir / "bargebox.sqlite3"

    @property
    def platform_file(self) -> Path:
        """The platform that was chosen on the page, which goes before the section here."""
        return self.state_dir / "platform.json"

    @property
    def openid_file(self) -> Path:
        """The sign-in at the site's identity provider, with the client's secret."""
        return self.state_dir / "openid-secret.json"

    @property
    def certificates(self) -> Path:
        """The folder of the page's certificates with their keys, and of authorities believed."""
        return self.state_dir / "tls"

    @property
    def time_servers(self) -> Path:
        """The NTP servers that were chosen on the page."""
        return self.state_dir / "time-servers"

    @property
    def log_forwarding(self) -> Path:
        """Where the logs are sent, as it was chosen on the page."""
        return self.state_dir / "log-forwarding.json"

    @property
    def log_position(self) -> Path:
        """How far they were sent."""
        return self.state_dir / "log-forwarding.position"

    @property
    def provisioning(self) -> Path:
        """The folder of what a document of settings is on its way to."""
        return self.state_dir / "provisioning"

    @property
    def first_password(self) -> Path:
        """The one-time password of the first account, from the first start to its change."""
        return self.state_dir / "first-password"


class Settings(BaseModel):
    """The whole box."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    box: BoxSettings = BoxSettings()
    leg: LegSettings = LegSettings()
    audio: AudioSettings = AudioSettings()
    panel: PanelSettings = PanelSettings()
    platform: PlatformSettings = PlatformSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    network: NetworkSettings = NetworkSettings()
    updates: UpdateSettings = UpdateSettings()
    console: ConsoleSettings = ConsoleSettings()


def parse(text: str, source: str) -> Settings:
    """Validate TOML *text* whole. Raises `SettingsError` naming each wrong field or the line."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source} is not valid TOML: {error}. Nothing was changed.") from error
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{source} is refused as a whole. {_words(error)}.") from error


def _words(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:8]
    )


def load(path: Path) -> Settings:
    """Read and validate the file. Raises `SettingsError` when it cannot be read or used."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{path} is larger than {MAX_BYTES} bytes.")
    try:
        return parse(data.decode(), str(path))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start}).") from error


def last_good_of(path: Path) -> Path:
    """Where the last settings that worked are kept, beside the file itself."""
    return path.with_name(f"{path.name}.last-good")


def load_or_last_good(path: Path) -> tuple[Settings, SettingsError | None]:
    """The file's settings, else the last that worked together with what is wrong with the file.

    Raises `SettingsError` when there is nothing that can be used.
    """
    try:
        return load(path), None
    except SettingsError as error:
        if not last_good_of(path).exists():
            raise
        return load(last_good_of(path)), error


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings that count: the file's, and over them what was chosen on the page."""

    settings: Settings
    file: Settings
    """Without what was chosen."""
    fault: SettingsError | None
    """Why the last good ones are used, or nothing of what was chosen."""


def load_in_force(path: Path) -> InForce:
    """The settings of the file at *path* and of what was chosen, each the last good ones else.

    Raises `SettingsError` when there is nothing that can be used.
    """
    file, fault = load_or_last_good(path)
    chosen, error = ChosenFile.beside(path), None
    for source in (chosen, ChosenFile(last_good_of(chosen.path))):
        try:
            return InForce(over(file, source.read()), file, fault or error)
        except (ChosenFileError, ValidationError) as found:
            words = found.detail if isinstance(found, ChosenFileError) else _words(found)
            error = error or SettingsError(words)
    return InForce(file, file, fault or error)


def over(file: Settings, chosen: ChosenSettings) -> Settings:
    """*file* with what was *chosen* over it. Raises ``ValidationError``."""
    panel = chosen.panel.model_dump(exclude_none=True)
    audio = {} if chosen.headset.choice is None else {"headset": chosen.headset.choice}
    changed = {
        "monitoring": chosen.site.over(file.monitoring),
        "panel": file.panel.model_copy(update=panel),
        "audio": file.audio.model_copy(update=audio),
    }
    return file.model_copy(update=changed)


def keep_as_last_good(path: Path) -> None:
    """Remember a file that was loaded whole; old or new, never a mix. Raises ``OSError``."""
    kept, mode = last_good_of(path), path.stat().st_mode & 0o777
    write_whole(kept, path.read_bytes(), mode)
    kept.chmod(mode)  # whatever the umask: the leg is another user and reads it too
