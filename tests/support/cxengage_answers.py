"""What CxEngage may answer, and a client that is answered so."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from hypothesis import strategies as st

Handler = Callable[[httpx.Request], httpx.Response]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=20,
)
"""Anything."""


def client(handler: Handler) -> httpx.AsyncClient:
    """One whose platform is *handler*."""
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))
