"""The forms of the box's network, name and clock, made from their settings' own models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel

from appliance.console.language import translated
from appliance.console.platform_form import FormField, FormGroup, items_of
from appliance.control_link.headset_name import AUTO
from appliance.control_link.states import HeadsetFound
from appliance.provisioning.box.clock import ClockSettings
from appliance.provisioning.box.names import NameSettings
from appliance.provisioning.chosen import ChosenSettings
from appliance.provisioning.network.views import DeviceView
from appliance.provisioning.network.wired import Wired

SHOWN: Final = {
    "ipv4.addresses": "ipv4.method static",
    "ipv4.gateway": "ipv4.method static",
    "ipv4.dns_servers": "ipv4.method dhcp static",
    "ipv4.search_domains": "ipv4.method dhcp static",
    "ipv6.addresses": "ipv6.method static",
    "ipv6.gateway": "ipv6.method static",
    "ipv6.dns_servers": "ipv6.method automatic static",
    "ipv6.search_domains": "ipv6.method automatic static",
    "access.identity": "access.method tls peap",
    "access.anonymous_identity": "access.method tls peap",
    "access.server_domain": "access.method tls peap",
    "access.ca_certificate": "access.method tls peap",
    "access.client_certificate": "access.method tls",
    "access.private_key_password": "access.method tls",
    "access.private_key": "access.method tls",
    "access.password": "access.method peap",
    "servers": "ntp true",
    "time": "ntp false",
    "site.reasons": "site.ask_reason true",
}
"""Settings that count only with certain values of another: its name, and those."""


def wired_form(device: DeviceView) -> list[FormField | FormGroup]:
    """The settings of a wired device; those of IP and of sign-in as groups."""
    return form_of(Wired, _whole(Wired, device.settings or {}), device.secrets_set)


def name_form(values: Mapping[str, Any]) -> list[FormField | FormGroup]:
    """What the box is called."""
    return form_of(NameSettings, values)


def clock_form(values: Mapping[str, Any]) -> list[FormField | FormGroup]:
    """Where the time comes from; the time zone is a choice of the page's own."""
    fields = form_of(ClockSettings, values)
    return [field for field in fields if field.name in {"ntp", "servers"}]


def site_form(
    chosen: ChosenSettings, headsets: Sequence[HeadsetFound], boards: Sequence[str]
) -> list[FormField | FormGroup]:
    """The site's settings; headset and board are chosen from those that there are."""
    named = {AUTO: translated("Whichever is plugged in")}
    named |= {one.choice: f"{one.name} ({one.choice})" for one in headsets}
    now = chosen.headset.choice or AUTO
    named.setdefault(now, translated("%(headset)s (not plugged in)") % {"headset": now})
    choices = {
        "headset.choice": tuple(named.items()),
        "panel.board": tuple((board, board) for board in boards),
    }
    form = form_of(ChosenSettings, chosen.model_dump(mode="json"))
    return [
        replace(group, fields=[_with_choices(field, choices) for field in group.fields])
        for group in form
        if isinstance(group, FormGroup)
    ]


def _with_choices(
    field: FormField, choices: Mapping[str, tuple[tuple[str, str], ...]]
) -> FormField:
    found = choices.get(field.name)
    return field if found is None else replace(field, control="choice", choices=found)


def form_of(
    model: type[BaseModel], values: Mapping[str, Any], secrets_set: list[str] | None = None
) -> list[FormField | FormGroup]:
    """Every setting of *model* that a form has a control for."""
    schema = model.model_json_schema()
    schema["properties"].pop("time", None)
    are_set = frozenset(secrets_set or ())
    return list(items_of(schema, dict(values), "", are_set, schema.get("$defs", {})))


def _whole(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* with the defaults of what they lack; they need not be right."""
    whole = model().model_dump(mode="json")
    for name, value in values.items():
        if isinstance(value, Mapping) and isinstance(whole.get(name), dict):
            whole[name] |= value
        else:
            whole[name] = value
    return whole
