"""${title}

Revision: ${revision}
Revises: ${down_revision or ""}
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "${revision}"
down_revision: str | None = ${quoted(down_revision) if down_revision else None}
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("${table}") as batch:
% for field in fields:
        batch.add_column(sa.Column("${field.key}", ${in_revision(field)}, ${server_default(field)}nullable=${field.optional}))
% endfor
% for field, condition in checked:
        batch.create_check_constraint(op.f("ck_${table}_${field.key}"), ${quoted(condition)})
% endfor
% for field, to in keys:
        batch.create_foreign_key(
            op.f("fk_${table}_${field.key}"),
            "${to.plural}",
            ["${field.key}"],
            ["id"],
% if field.on_delete:
            ondelete="${field.on_delete}",
% endif
        )
% endfor
% for field in unique:
% if owned:
        batch.create_unique_constraint(op.f("uq_${table}_owner_${field.key}"), ["owner", "${field.key}"])
% else:
        batch.create_unique_constraint(op.f("uq_${table}_${field.key}"), ["${field.key}"])
% endif
% endfor
% for field, to in keys:
% if not field.unique:
        batch.create_index(op.f("ix_${table}_${field.key}"), ["${field.key}"])
% endif
% endfor


def downgrade() -> None:
    with op.batch_alter_table("${table}") as batch:
% for field, to in keys:
% if not field.unique:
        batch.drop_index(op.f("ix_${table}_${field.key}"))
% endif
        batch.drop_constraint(op.f("fk_${table}_${field.key}"), type_="foreignkey")
% endfor
% for field in unique:
        batch.drop_constraint(op.f("uq_${table}_${"owner_" if owned else ""}${field.key}"), type_="unique")
% endfor
% for field, condition in checked:
        batch.drop_constraint(op.f("ck_${table}_${field.key}"), type_="check")
% endfor
% for field in fields:
        batch.drop_column("${field.key}")
% endfor
