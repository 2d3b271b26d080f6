<%def name="done(block)">\
% if block[0].startswith("op."):
% for line in block:
    ${line}
% endfor
% else:
    with op.batch_alter_table("${table}") as batch:
% for line in block:
        ${line}
% endfor
% endif
</%def>\
"""${title}

Revision: ${revision}
Revises: ${down_revision or ""}
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
{% if cookiecutter.database == "postgres" %}
% if any("postgresql." in line for block in (*up, *down) for line in block):
from sqlalchemy.dialects import postgresql
% endif
{% endif %}

revision: str = "${revision}"
down_revision: str | None = ${quoted(down_revision) if down_revision else None}
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
% for field in filled:
    table = sa.table("${table}", sa.column("${field.column}", ${in_revision(field)}))
    op.execute(sa.update(table).where(table.c.${field.column}.is_(None)).values(${field.column}=${in_database(field)}))
% endfor
% for block in up:
${done(block)}\
% endfor


def downgrade() -> None:
% for block in down:
${done(block)}\
% endfor
