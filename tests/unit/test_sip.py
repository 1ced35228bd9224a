"""The SIP messages of the user agent: parsing with bounds, building, signing in."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from appliance.platforms.sip.building import cancel_of, response_to
from appliance.platforms.sip.credentials import MAX_REALMS, Credentials, Realm
from appliance.platforms.sip.digest import authorization, challenges_of, parse_challenge
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import (
    MAX_HEADERS,
    MAX_MESSAGE,
    Message,
    address,
    parameter,
    parse,
    split,
    user_of,
)

HEADERS = [
    ("Via", "SIP/2.0/WS a.invalid;branch=z9hG4bK1, SIP/2.0/WSS b.invalid;branch=z9hG4bK2"),
    ("From", '"Ada, <x>" <sip:ada@example.org>;tag=1'),
    ("To", "<sip:box@example.org>"),
    ("Call-ID", "abc"),
    ("CSeq", "7 INVITE"),
]
LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40)


def invite(*more: tuple[str, str], body: str = "") -> Message:
    return Message("INVITE", "sip:box@example.org", headers=[*HEADERS, *more], body=body)


def test_a_message_is_read_as_it_was_built() -> None:
    read = parse(invite(("X-Thing", "1"), body="v=0\r\n").build())
    assert (read.method, read.uri, read.body) == ("INVITE", "sip:box@example.org", "v=0\r\n")
    assert read.headers == [*HEADERS, ("X-Thing", "1")]
    assert read.cseq == (7, "INVITE")
    assert read.branch == "z9hG4bK1"


def test_compact_and_folded_headers_are_read() -> None:
    text = (
        "SIP/2.0 200 OK\r\nv: SIP/2.0/WS x;branch=z9\r\nf: <sip:a@b>\r\nt: <sip:c@d>\r\n"
        " ;tag=9\r\ni: id\r\nCSeq: 1 REGISTER\r\nl: 0\r\n\r\n"
    )
    read = parse(text)
    assert read.status == 200
    assert parameter(read.get("to"), "tag") == "9"
    assert not read.get("Content-Length")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "INVITE sip:x SIP/2.0\r\n\r\n",
        "HELLO\r\n\r\n",
        invite().build().replace("7 INVITE", "7 BYE"),
        invite().build().replace("7 INVITE", "many"),
        invite().build().replace("Call-ID: abc", "Call-ID abc"),
        invite().build().replace("Call-ID: abc", "Call-ID: a\x00c"),
        invite().build() + "x" * MAX_MESSAGE,
        invite(*[("X-A", "1")] * MAX_HEADERS).build(),
    ],
)
def test_what_is_no_message_is_refused_in_words(text: str) -> None:
    with pytest.raises(SipError, match=r"\.$"):
        parse(text)


@given(st.text() | st.binary())
def test_anything_is_read_or_refused(data: str | bytes) -> None:
    with contextlib.suppress(SipError):
        parse(data)


@given(LINE, LINE)
def test_any_value_of_a_header_comes_back(value: str, body: str) -> None:
    read = parse(invite(("X-Any", value.strip()), body=body).build())
    assert read.get("x-any") == value.strip()
    assert read.body == body


def test_a_line_break_in_a_header_is_not_sent() -> None:
    with pytest.raises(SipError):
        invite(("X-Any", "1\r\nX-Evil: 2")).build()


@given(st.lists(st.text("ab;=\\ <>", max_size=6), min_size=1, max_size=4))
def test_quoted_commas_part_nothing(parts: list[str]) -> None:
    quoted = ['"' + part.replace("\\", "\\\\") + ', more"' for part in parts]
    assert split(",".join(quoted)) == quoted


@given(st.text(max_size=60))
def test_any_address_can_be_looked_at(value: str) -> None:
    assert isinstance(address(value), str)
    assert isinstance(user_of(value), str)
    assert isinstance(parameter(value, "tag"), str)


def test_an_address_in_a_display_name_is_none() -> None:
    assert address('"<sip:evil@x>" <sip:ada@example.org>;tag=1') == "sip:ada@example.org"
    assert user_of("sip:ada@example.org;tag=1") == "ada"


@pytest.mark.parametrize("tail", ["", "\\", "<sip:a@b>"])
def test_a_quotation_without_an_end_takes_no_time(tail: str) -> None:
    begun = time.process_time()
    assert user_of('"' + '\\"' * (MAX_MESSAGE // 2) + tail) == ""
    assert time.process_time() - begun < 1.0  # 7 s when each mark was begun at


def test_a_control_character_in_the_first_line_is_refused() -> None:
    with pytest.raises(SipError, match=r"\.$"):
        parse(invite().build().replace("sip:box", "\x00sip:box", 1))


def test_a_response_repeats_what_it_must() -> None:
    response = response_to(invite(("Record-Route", "<sip:p;lr>")), 200, "t", "v=0", "<sip:me>")
    assert response.all("Via") == [HEADERS[0][1]]
    assert response.get("Record-Route") == "<sip:p;lr>"
    assert parameter(response.get("To"), "tag") == "t"
    assert response.get("CSeq") == "7 INVITE"


def test_a_cancel_has_the_branch_of_its_invite() -> None:
    cancel = cancel_of(invite(body="v=0"))
    assert cancel.branch == "z9hG4bK1"
    assert cancel.cseq == (7, "CANCEL")
    assert not cancel.body


# -- signing in: RFC 7616 section 3.9.1, with its own figures

CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def answer(*challenges: str) -> str:
    return authorization(
        challenges_of(challenges)[0],
        user="Mufasa",
        password="Circle of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce=CNONCE,
    )


def test_md5_as_in_the_rfc() -> None:
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in answer(CHALLENGE.format("MD5"))


def test_sha_256_as_in_the_rfc() -> None:
    expected = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    assert f'response="{expected}"' in answer(CHALLENGE.format("SHA-256"))


def test_the_topmost_challenge_that_is_known_is_answered() -> None:
    proof = answer('Basic realm="x"', CHALLENGE.format("SHA-9"), CHALLENGE.format("SHA-256"))
    assert "algorithm=SHA-256" in proof


def test_a_challenge_without_quality_is_answered_as_of_old() -> None:
    proof = answer('Digest realm="r", nonce="n"')
    assert "qop" not in proof
    assert "cnonce" not in proof


@pytest.mark.parametrize("challenges", [(), ("Basic x",), ('Digest realm="r"',), ("Digest ,=,",)])
def test_an_unknown_sign_in_is_refused_in_words(challenges: tuple[str, ...]) -> None:
    credentials = Credentials("ada", SecretStr("secret"))
    with pytest.raises(SipError, match=r"\.$"):
        credentials.learn(refusal(*challenges), set())


def refusal(*challenges: str, status: int = 401) -> Message:
    name = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}[status]
    return Message(status=status, headers=[*HEADERS, *((name, one) for one in challenges)])


def test_a_nonce_is_counted_and_a_new_one_begins_anew() -> None:
    credentials = Credentials("ada", SecretStr("secret"))
    assert credentials.proofs("INVITE", "sip:x") == []
    assert credentials.learn(refusal(CHALLENGE.format("MD5")), set())
    counts = [credentials.proofs("INVITE", "sip:x")[0][1][-11:] for _ in range(3)]
    assert counts == ["nc=00000001", "nc=00000002", "nc=00000003"]
    assert credentials.learn(refusal(CHALLENGE.format("MD5").replace("7ypf", "other")), set())
    assert "nc=00000001" in credentials.proofs("INVITE", "sip:x")[0][1]


def test_the_same_password_is_tried_again_only_for_a_stale_nonce() -> None:
    credentials, answered = Credentials("ada", SecretStr("secret")), set[Realm]()
    assert credentials.learn(refusal(CHALLENGE.format("MD5")), answered)
    assert credentials.learn(refusal(CHALLENGE.format("MD5") + ", stale=true"), answered)
    assert not credentials.learn(refusal(CHALLENGE.format("MD5")), answered)


def test_server_and_proxy_are_each_answered_in_their_own_realm() -> None:
    credentials, answered = Credentials("ada", SecretStr("secret")), set[Realm]()
    assert credentials.learn(refusal('Digest realm="proxy", nonce="1"', status=407), answered)
    assert credentials.learn(refusal('Digest realm="server", nonce="2"'), answered)
    proofs = dict(credentials.proofs("INVITE", "sip:x"))
    assert 'realm="proxy"' in proofs["Proxy-Authorization"]
    assert 'realm="server"' in proofs["Authorization"]


@given(st.lists(st.text(max_size=30), max_size=40))
def test_what_is_remembered_of_realms_is_bounded(realms: list[str]) -> None:
    credentials = Credentials("ada", SecretStr("secret"))
    for realm in realms:
        with contextlib.suppress(SipError):
            credentials.learn(refusal(f'Digest realm="{realm}", nonce="1"'), set())
    assert len(credentials.proofs("INVITE", "sip:x")) <= MAX_REALMS


@given(st.text(max_size=80))
def test_any_challenge_is_read(value: str) -> None:
    assert isinstance(parse_challenge(f"Digest {value}"), dict)


def test_the_password_is_not_in_the_answer() -> None:
    assert "Circle" not in answer(CHALLENGE.format("MD5"))
