"""create ${words}

Revision: ${revision}
Revises: ${down_revision or ""}
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
{% if cookiecutter.database == "postgres" %}
% if any(field.kind == "json" for field in (*fields, *(each for rows in lists for each in rows.fields))):
from sqlalchemy.dialects import postgresql
% endif
{% endif %}

revision: str = "${revision}"
down_revision: str | None = ${quoted(down_revision) if down_revision else None}
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "${plural}",
        sa.Column("id", sa.Uuid(), nullable=False),
% if owned:
        sa.Column(
            "owner", sa.String(length=255, collation="${columns.BY_CODE_POINT}"), nullable=False
        ),
% endif
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
% for field, to in keys:
        sa.ForeignKeyConstraint(
            ["${field.key}"],
            ["${to.plural}.id"],
            name=op.f("fk_${plural}_${field.key}"),
% if field.on_delete:
            ondelete="${field.on_delete}",
% endif
        ),
% endfor
        sa.PrimaryKeyConstraint("id", name=op.f("pk_${plural}")),
% for field in (field for field in unique if not field.nocase):
% if owned:
        sa.UniqueConstraint("owner", "${field.key}", name=op.f("uq_${plural}_owner_${field.key}")),
% else:
        sa.UniqueConstraint("${field.key}", name=op.f("uq_${plural}_${field.key}")),
% endif
% endfor
% for both in together:
        sa.UniqueConstraint(
            ${'"owner", ' if owned else ""}${", ".join(quoted(field.key) for field in both)},
            name=op.f("uq_${plural}_${"owner_" if owned else ""}${"_".join(field.key for field in both)}")
        ),
% endfor
    )
% if owned:
    op.create_index(
        op.f("ix_${plural}_owner_created_at_id"), "${plural}", ["owner", "created_at", "id"]
    )
% else:
    op.create_index(op.f("ix_${plural}_created_at_id"), "${plural}", ["created_at", "id"])
% endif
% for field in fields:
% if field.index:
    op.create_index(
        op.f("ix_${plural}_${"owner_" if owned else ""}${field.key}_id"), "${plural}", [${'"owner", ' if owned else ""}"${field.key}", "id"]
    )
% endif
% if field.nocase:
    op.create_index(
        op.f("${uq(field)}"), "${plural}", [${'"owner", ' if owned else ""}sa.text(${quoted(lowered(field))})], unique=True
    )
% endif
% endfor
% for field, to in keys:
% if not field.unique:
    op.create_index(op.f("ix_${plural}_${field.key}"), "${plural}", ["${field.key}"])
% endif
% endfor
% for each in links:
    op.create_table(
        "${each.table}",
        sa.Column("${each.own_key}", sa.Uuid(), nullable=False),
        sa.Column("${each.key}", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["${each.own_key}"],
            ["${plural}.id"],
            name=op.f("fk_${each.table}_${each.own_key}"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["${each.key}"],
            ["${each.to.plural}.id"],
            name=op.f("fk_${each.table}_${each.key}"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("${each.own_key}", "${each.key}", name=op.f("pk_${each.table}")),
    )
    op.create_index(op.f("ix_${each.table}_${each.key}"), "${each.table}", ["${each.key}"])
% endfor
% for rows in lists:
    op.create_table(
        "${rows.table}",
        sa.Column("${rows.own_key}", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
% if owned:
        sa.Column(
            "owner", sa.String(length=255, collation="${columns.BY_CODE_POINT}"), nullable=False
        ),
% endif
% for field in rows.fields:
        sa.Column("${field.key}", ${in_revision(field)}, nullable=${field.optional}),
% endfor
% for field in rows.fields:
% if check(field):
        sa.CheckConstraint(${quoted(check(field))}, name=op.f("ck_${rows.table}_${field.key}")),
% endif
% endfor
        sa.ForeignKeyConstraint(
            ["${rows.own_key}"],
            ["${plural}.id"],
            name=op.f("fk_${rows.table}_${rows.own_key}"),
            ondelete="CASCADE",
        ),
% for field, to in rows.references:
        sa.ForeignKeyConstraint(
            ["${field.key}"],
            ["${to.plural}.id"],
            name=op.f("fk_${rows.table}_${field.key}"),
            ondelete="${field.on_delete}",
        ),
% endfor
        sa.PrimaryKeyConstraint("${rows.own_key}", "position", name=op.f("pk_${rows.table}")),
    )
% for field, to in rows.references:
    op.create_index(op.f("ix_${rows.table}_${field.key}"), "${rows.table}", ["${field.key}"])
% endfor
% endfor


def downgrade() -> None:
% for rows in reversed(lists):
    op.drop_table("${rows.table}")
% endfor
% for each in reversed(links):
    op.drop_table("${each.table}")
% endfor
    op.drop_table("${plural}")
