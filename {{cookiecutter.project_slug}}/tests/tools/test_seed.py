"""`make seed`: rows of all factories pass the schemas and the database's constraints."""

from sqlalchemy import Engine, func, select

from app.settings import Settings
from tests.conftest import ROOT
from tools.seed.resources import in_order
from tools.seed.seed import row_id, seed

COUNT = 10


async def test_each_factory_creates_valid_rows(settings: Settings, database: Engine) -> None:
    resources = in_order(ROOT)
    await seed(settings, resources, COUNT, "ann")
    with database.connect() as connection:
        for resource in resources:
            rows = select(func.count()).select_from(resource.table)
            assert connection.scalar(rows) == COUNT, resource.plural
            first = select(resource.table.c.id).order_by(resource.table.c.created_at)
            assert connection.scalar(first) == row_id(resource.plural, 1)
