"""What the sign-in by OpenID Connect says to people."""

from __future__ import annotations

from typing import Final

from appliance.monitoring import openid_accounts

REASONS: Final = {
    "provider_away": "{provider} does not answer ({cause}). Sign in with an account of the box "
    "meanwhile, or try again.",
    "provider_fault": "{provider} gave an answer that the box cannot use: {cause} Sign in with an "
    "account of the box meanwhile, and tell whoever manages the accounts.",
    "provider_refused": "{provider} did not let you in ({cause}).",
    "client_refused": "{provider} does not know this box ({cause}). Tell whoever manages the "
    "accounts: client id or secret are not right.",
    "openid_off": "This box has no sign-in by an identity provider.",
    "openid_stale": "This sign-in was begun too long ago, in another browser, or is used up. Begin "
    "again.",
    "openid_changed": "The settings of the sign-in were changed meanwhile. Begin again.",
    "openid_mixed_up": "The answer came from another identity provider than the one that was "
    "asked. Begin again.",
    "openid_token": "{provider} vouched for you in a way that the box does not believe: {cause}",
    "openid_busy": "Others are signing in. Try again.",
}
"""Why a sign-in at the provider led nowhere, by its code."""

TOKEN_FAULTS: Final = {
    "format": "its ID token cannot be read.",
    "algorithm": "its ID token is not signed by a method that the box takes.",
    "signature": "its ID token is not signed with one of its keys.",
    "issuer": "its ID token names another issuer.",
    "audience": "its ID token is meant for another application.",
    "expired": "its ID token has expired. Look at the clocks of the box and the provider.",
    "future": "its ID token is of the future. Look at the clocks of the box and the provider.",
    "nonce": "its ID token belongs to another sign-in.",
    "access_token": "its ID token belongs to another access token.",
    "subject": "it does not say who you are.",
    "person": "it tells of two different people.",
    "name": "it does not say what you are called (claim {claim}).",
}
"""What is wrong with what the provider says of somebody."""

ANSWER_FAULTS: Final = {
    "status": "it answered with status {status}.",
    "moved": "it sends the box elsewhere.",
    "too_large": "its answer is too large.",
    "not_json": "its answer is not JSON.",
    "encoded": "its answer is compressed, though the box does not take that.",
    "no_keys": "it has no key that the box could check its signatures with.",
    "other_issuer": "it calls itself {issuer}.",
    "no_address": "it does not name a secured address as its {field}.",
    "no_code": "it does not offer the code flow.",
    "no_pkce": "it does not offer PKCE with S256.",
    "no_algorithm": "it signs ID tokens by no method that the box takes.",
    "no_method": "it takes the secret in no way that the box has.",
    "no_token": "it gave no ID token.",
    "no_access": "it gave no access token that can be sent.",
}
"""What is wrong with an answer of the provider."""

REFUSALS: Final = {
    "no_role": openid_accounts.NO_ROLE,
    "name_taken": openid_accounts.NAME_TAKEN,
    "invalid_name": openid_accounts.INVALID_NAME,
    "account_locked": openid_accounts.LOCKED,
    "too_many_accounts": openid_accounts.TOO_MANY,
}
"""Why the box itself refuses somebody whom the provider let in."""

FOUND: Final = {
    "settings": "The settings are complete.",
    "no_issuer": "Give the provider's address.",
    "no_client": "Give the client id that the provider has for this box.",
    "discovery": "{issuer} answers and describes itself.",
    "offers": "It offers the code flow, with PKCE.",
    "offers_silently": "It offers the code flow. It does not say whether it knows PKCE; the box "
    "uses it all the same.",
    "keys": "Keys that the box can check its signatures with: {count}.",
    "client": "It knows this client.",
    "client_unsure": "It does not say whether it knows this client ({cause}); sign in once to see.",
    "client_wrong": "It does not know this client ({cause}). Check client id and secret.",
    "roles": "Each group leads to a role that there is.",
    "no_roles": "No group leads to a role, so nobody could sign in.",
    "role_gone": "There is no role {role} any more.",
    "late": "The test took too long and was given up. Try again.",
}
"""What a step of the test found."""
