"""The process of `identity_provider`: Canaille on the people that it is told of.

Started with a JSON object on its command line; then each line of its input is another one, with
the groups of somebody from now on.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server


def main(given: dict[str, Any]) -> None:
    """Serve until the input ends."""
    app = create_app(
        {
            "SECRET_KEY": "of this test",
            "SERVER_NAME": f"{given['name']}:{given['port']}",
            "PREFERRED_URL_SCHEME": "https",
            "CANAILLE": {"DATABASE": "memory", "LOGGING": {"version": 1}, "SMTP": None},
            "CANAILLE_OIDC": {
                "ACTIVE_JWKS": [RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)],
                "USERINFO_MAPPING": {"PREFERRED_USERNAME": "{{ user.user_name }}"},
            },
        }
    )
    app.config["TESTING"] = False
    with app.app_context():
        people = {
            name: models.User(
                user_name=name, formatted_name=name.title(), family_name=name,
                emails=[f"{name}@example.org"], password=given["password"],
            )
            for name in given["people"]
        }  # fmt: skip
        for person in people.values():
            Backend.instance.save(person)
        for name, groups in given["people"].items():
            put(people[name], groups)
        client = models.Client(
            client_id=given["client"], client_secret=given["secret"], client_name="Bargebox",
            client_uri="https://box.invalid", redirect_uris=given["redirects"],
            scope=["openid", "profile", "email", "groups"], response_types=["code"],
            grant_types=["authorization_code"], token_endpoint_auth_method=given["method"],
        )  # fmt: skip
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)

    server = make_server(
        given["name"], given["port"], app, threaded=True, ssl_context=tuple(given["tls"])
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        with app.app_context():
            for name, groups in json.loads(line).items():
                put(Backend.instance.get(models.User, user_name=name), groups)
        print("done", flush=True)
    server.shutdown()


def put(person: Any, groups: list[str]) -> None:
    """The person is in these groups and in no other."""
    for group in list(Backend.instance.query(models.Group)):
        if person in group.members and group.display_name not in groups:
            group.members = [one for one in group.members if one != person]
            if group.members:
                Backend.instance.save(group)
            else:
                Backend.instance.delete(group)
    for name in groups:
        group = Backend.instance.get(models.Group, display_name=name)
        group = group or models.Group(display_name=name, members=[])
        if person not in group.members:
            group.members = [*group.members, person]
        Backend.instance.save(group)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
