"""Widgets: a resource for the tests only, so that cross-cutting tests need no other."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Query as QueryParameters
from pydantic import MISSING, AwareDatetime, ConfigDict, Field, StrictBool, StrictInt
from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Engine,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
)
{% if cookiecutter.concurrency == "async" %}
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship, selectinload
{% else %}
from sqlalchemy.orm import (
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)
{% endif %}

from app import main
from app.api.dependencies import StoreDep, single_values
from app.api.errors import problems
from app.api.etags import IfMatch, IfNoneMatch, etag, is_known, tagged, versions
from app.db.base import BY_CODE_POINT, Base, EntityTable, contains
from app.db.session import SqlStore
from app.db.sql.base import Children, Link, SqlRepository
from app.db.sql.columns import ColumnRepository
from app.repositories.base import Repository
from app.repositories.store import Repositories, Store
from app.schemas.base import MAX_INT, Changes, Entity, Ids, Schema, Text, UtcDatetime, Whole
from app.schemas.pages import Page, Query, Sort
from app.settings import Settings

Name = Annotated[Text, Field(min_length=1, max_length=128)]
Description = Annotated[Text, Field(max_length=2000)]
Quantity = Annotated[StrictInt, Field(ge=0, le=MAX_INT), Whole]


class WidgetCreate(Schema):
    name: Name
    description: Description | None = None
    quantity: Quantity = 0
    is_active: StrictBool = True
    available_from: UtcDatetime | None = None


class WidgetUpdate(Changes):
    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    quantity: Quantity | MISSING = MISSING
    is_active: StrictBool | MISSING = MISSING
    available_from: UtcDatetime | MISSING | None = MISSING


class Widget(Entity):
    name: Name
    description: Description | None
    quantity: Quantity
    is_active: StrictBool
    available_from: AwareDatetime | None


class WidgetFilter(Query):
    entity = Widget

    name_contains: Annotated[Text, Field(max_length=128)] | None = None
    is_active: bool | None = None
    sort: Sort[Literal["created_at", "-created_at", "name", "-name", "quantity", "-quantity"]] = (
        "created_at",
    )


class WidgetTable(EntityTable):
    __tablename__ = "widgets"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("quantity >= 0", name="quantity"),
        Index(None, "created_at", "id"),
        Index(None, "quantity", "id"),
    )

    name: Mapped[str] = mapped_column(String(128, collation=BY_CODE_POINT))
    description: Mapped[str | None] = mapped_column(String(2000))
    quantity: Mapped[int]
    is_active: Mapped[bool]
    available_from: Mapped[datetime | None]


part_spares = Table(
    "part_spares",
    Base.metadata,
    Column("part_id", ForeignKey("parts.id", ondelete="CASCADE"), primary_key=True),
    Column("spare_id", ForeignKey("widgets.id", ondelete="CASCADE"), primary_key=True),
)


class PartStepTable(Base):
    __tablename__ = "part_steps"

    part_id: Mapped[UUID] = mapped_column(
        ForeignKey("parts.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    widget_id: Mapped[UUID] = mapped_column(ForeignKey("widgets.id", ondelete="RESTRICT"))


class PartTable(EntityTable):
    __tablename__ = "parts"

    widget_id: Mapped[UUID] = mapped_column(ForeignKey("widgets.id", ondelete="RESTRICT"))
    price: Mapped[Decimal | None]
    serial: Mapped[int | None] = mapped_column(index=True, unique=True)

    widget: Mapped[WidgetTable] = relationship(lazy="raise")
    spares: Mapped[list[WidgetTable]] = relationship(secondary=part_spares, lazy="raise")
    steps: Mapped[list[PartStepTable]] = relationship(
        order_by=PartStepTable.position,
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise",
    )

    @property
    def spare_ids(self) -> list[UUID]:
        return sorted(spare.id for spare in self.spares)


def create_widgets(database: Engine) -> None:
    """Creates the tables of widgets and parts, which no revision creates."""
    names = ("widgets", "parts", "part_spares", "part_steps")
    Base.metadata.create_all(database, [Base.metadata.tables[name] for name in names])


class PartStep(Schema):
    model_config = ConfigDict(from_attributes=True)  # built from rows of the table

    widget_id: UUID


class PartCreate(Schema):
    widget_id: UUID
    spare_ids: Ids = ()
    steps: tuple[PartStep, ...] = ()


class PartUpdate(Changes):
    widget_id: UUID | MISSING = MISSING
    serial: StrictInt | MISSING = MISSING
    spare_ids: Ids | MISSING = MISSING
    steps: tuple[PartStep, ...] | MISSING = MISSING


class Part(Entity):
    widget_id: UUID
    widget: Widget
    spare_ids: tuple[UUID, ...]
    steps: tuple[PartStep, ...]


class WidgetRepository(Repository[Widget, WidgetCreate, WidgetUpdate, WidgetFilter]): ...


class SqlWidgetRepository(
    ColumnRepository[Widget, WidgetCreate, WidgetUpdate, WidgetFilter], WidgetRepository
):
    entity = Widget
    table = WidgetTable

    def _conditions(self, query: WidgetFilter) -> Iterator[ColumnElement[bool]]:
        if query.name_contains is not None:
            yield contains(WidgetTable.name, query.name_contains)
        if query.is_active is not None:
            yield WidgetTable.is_active == query.is_active


class SqlPartRepository(SqlRepository[Part, PartCreate, PartUpdate, Query]):
    """Parts reference widgets; they have neither routes nor a fake."""

    entity = Part
    table = PartTable
    options = (
        joinedload(PartTable.widget).options(*SqlWidgetRepository.options),
        selectinload(PartTable.spares),
        selectinload(PartTable.steps),
    )
    children = (Children("steps", PartStepTable, "part_id"),)
    links = (Link("spare_ids", part_spares.c.part_id, part_spares.c.spare_id),)

    def _conditions(self, _: Query) -> Iterator[ColumnElement[bool]]:
        yield from ()


@dataclass(frozen=True, slots=True)
class WithWidgets(Repositories):
    widgets: WidgetRepository


def with_widgets(service: Repositories, widgets: WidgetRepository) -> Repositories:
    own = {field.name: getattr(service, field.name) for field in fields(service)}
    return WithWidgets(**own, widgets=widgets)


def widgets_of(repositories: Repositories) -> WidgetRepository:
    assert isinstance(repositories, WithWidgets)
    return repositories.widgets


class WidgetSqlStore(SqlStore):
    def repositories(self, session: AsyncSession) -> Repositories:
        widgets = SqlWidgetRepository(session)
        return with_widgets(super().repositories(session), widgets)


router = APIRouter(prefix="/v1/widgets", responses=problems(401, 422, 429, 500, 503))


@router.post("", status_code=201, responses=tagged(201) | problems(409, 413))
async def create_widget(
    new: WidgetCreate,
    store: StoreDep,
    request: Request,
    response: Response,
) -> Widget:
    async with store.write() as repositories:
        widget = await widgets_of(repositories).add(new)
    response.headers["Location"] = request.url_for("read_widget", widget_id=widget.id).path
    response.headers["ETag"] = etag(widget)
    return widget


@router.get("", dependencies=[single_values(WidgetFilter)])
async def list_widgets(
    query: Annotated[WidgetFilter, QueryParameters()], store: StoreDep
) -> Page[Widget]:
    async with store.read(snapshot=False) as repositories:
        return await widgets_of(repositories).find(query)


@router.get("/{widget_id:uuid}", responses=tagged(200, 304) | problems(404))
async def read_widget(
    widget_id: UUID, store: StoreDep, response: Response, if_none_match: IfNoneMatch = None
) -> Widget:
    async with store.read(snapshot=False) as repositories:
        widget = await widgets_of(repositories).get(widget_id)
    response.headers["ETag"] = etag(widget)
    if is_known(widget, if_none_match):
        response.status_code = 304
    return widget


@router.patch("/{widget_id:uuid}", responses=tagged(200) | problems(404, 409, 412, 413))
async def update_widget(
    widget_id: UUID,
    changes: WidgetUpdate,
    store: StoreDep,
    response: Response,
    if_match: IfMatch = None,
) -> Widget:
    async with store.write() as repositories:
        widget = await widgets_of(repositories).update(widget_id, changes, versions(if_match))
    response.headers["ETag"] = etag(widget)
    return widget


@router.delete("/{widget_id:uuid}", status_code=204, responses=problems(404, 409, 412))
async def delete_widget(widget_id: UUID, store: StoreDep, if_match: IfMatch = None) -> None:
    async with store.write() as repositories:
        await widgets_of(repositories).remove(widget_id, versions(if_match))


def create_app(settings: Settings | None = None, store: Store | None = None) -> FastAPI:
    """Returns the service's application with the widgets."""
    settings = settings or Settings()
    app = main.create_app(settings, store or WidgetSqlStore(settings))
    app.include_router(router)
    # First: FastAPI prepares the routes of all routers that it asks before, in each application.
    app.routes.insert(0, app.routes.pop())
    return app
