"""create ${words}

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
    op.create_table(
        "${plural}",
        sa.Column("id", sa.Uuid(), nullable=False),
% for field in fields:
        sa.Column("${field.key}", ${in_revision(field)}, nullable=${field.optional}),
% endfor
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
% for field in fields:
% if check(field):
        sa.CheckConstraint(${quoted(check(field))}, name=op.f("ck_${plural}_${field.key}")),
% endif
% endfor
% for field, to in references:
        sa.ForeignKeyConstraint(
            ["${field.key}"],
            ["${to.plural}.id"],
            name=op.f("fk_${plural}_${field.key}"),
            ondelete="RESTRICT",
        ),
% endfor
        sa.PrimaryKeyConstraint("id", name=op.f("pk_${plural}")),
% for field in unique:
        sa.UniqueConstraint("${field.key}", name=op.f("uq_${plural}_${field.key}")),
% endfor
    )
    op.create_index(op.f("ix_${plural}_created_at_id"), "${plural}", ["created_at", "id"])
% for field, to in references:
% if not field.unique:
    op.create_index(op.f("ix_${plural}_${field.key}"), "${plural}", ["${field.key}"])
% endif
% endfor


def downgrade() -> None:
    op.drop_table("${plural}")
