"""The list of interactions, and joining one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi import Query as Parameters
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from appliance.console.access import Caller, Listener, Viewer
from appliance.console.state import Console, console
from appliance.console.views import (
    InteractionList,
    InteractionOut,
    MonitoringOut,
    PlatformOut,
    now,
)
from appliance.monitoring.query import COLUMNS, MAX_PER_PAGE, MAX_TEXT, Query
from appliance.monitoring.settings import MAX_REASON
from appliance.monitoring.terms import NOTHING_GIVEN, Given

router = APIRouter(tags=["interactions"])

Text = Annotated[str, Field(max_length=MAX_TEXT)]
Id = Annotated[str, Path(min_length=1, max_length=200)]
SORT = "^-?(" + "|".join([*COLUMNS, "elapsed"]) + ")$"


class ListQuery(BaseModel):
    """Filters, order and page; ``sort`` is a column, with ``-`` before it for descending."""

    model_config = ConfigDict(extra="forbid")
    show: Literal["active", "monitored", "all"] = "active"
    monitored: Literal["all", "yes", "no"] = "all"
    search: Text = ""
    agent: Text = ""
    queue: Text = ""
    flow: Text = ""
    direction: Literal["", "inbound", "outbound"] = ""
    sort: Annotated[str, Field(pattern=SORT)] = "started_at"
    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] = 50

    def for_book(self) -> Query:
        """The same as the book takes it."""
        return Query(**self.model_dump())


class MonitorIn(BaseModel):
    """What the site asks for, as `GET /monitoring/terms` tells it."""

    model_config = ConfigDict(extra="forbid")
    confirmed: StrictBool = False
    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""


@router.get("/interactions")
async def list_interactions(
    request: Request, caller: Viewer, query: Annotated[ListQuery, Parameters()]
) -> InteractionList:
    """The list, filtered, sorted and paged."""
    return list_for(console(request), caller, query)


@router.get("/interactions/{interaction_id}")
async def one_interaction(request: Request, caller: Viewer, interaction_id: Id) -> InteractionOut:
    """One interaction."""
    return InteractionOut.of(console(request).ports.book.get(caller.account, interaction_id))


@router.post(
    "/interactions/{interaction_id}/monitor",
    status_code=201,
    responses={201: {"model": MonitoringOut}},
)
async def monitor(
    request: Request, caller: Listener, interaction_id: Id, body: MonitorIn | None = None
) -> JSONResponse:
    """Join silently. 403, 404, 409 or 503 with the reason.

    Where the site asks for it, 409 ``confirmation_needed`` (the detail is the text to confirm) and
    409 ``reason_needed`` say what the body has to bring.
    """
    ports = console(request).ports
    ports.book.get(caller.account, interaction_id)  # raises not_found
    view = await ports.monitoring.monitor(
        caller.account, interaction_id, Given(**body.model_dump()) if body else NOTHING_GIVEN
    )
    return JSONResponse(MonitoringOut.of(view).body(), 201)


def list_for(state: Console, caller: Caller, query: ListQuery) -> InteractionList:
    """The answer that both the API and the page give."""
    page = state.ports.book.query(caller.account, query.for_book())
    return InteractionList(
        items=[InteractionOut.of(row) for row in page.rows],
        total=page.total,
        as_of=now(),
        platform=PlatformOut.of(state.ports),
    )
