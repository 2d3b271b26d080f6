from app.repositories.${plural} import ${entity}Repository
from app.schemas.${plural} import ${entity}, ${entity}Create, ${entity}Filter, ${entity}Update
from tests.fakes.base import InMemoryRepository


class InMemory${entity}Repository(
    InMemoryRepository[${entity}, ${entity}Create, ${entity}Update, ${entity}Filter],
    ${entity}Repository
):
    entity = ${entity}
% if unique or together:
    unique = (${", ".join([*(quoted(field.key) for field in unique), *(f"({', '.join(quoted(field.key) for field in both)})" for both in together)])},)
% endif
% if any(field.nocase for field in unique):
    nocase = (${", ".join(quoted(field.key) for field in unique if field.nocase)},)
% endif
% if keys:
    references = (${", ".join(f'("{field.name}", "{to.plural}")' for field, to in keys)},)
% endif
% if links:
    links = (${", ".join(f'("{each.keys}", "{each.to.plural}")' for each in links)},)
% endif
% if listed:
    lists = (${", ".join(f'("{rows.name}", "{field.name}", "{to.plural}")' for rows, field, to in listed)},)
% endif
% for attribute, names in on_delete:
    ${attribute} = (${", ".join(map(quoted, names))}${"," if len(names) == 1 else ""})
% endfor

    def _matches(self, row: ${entity}, query: ${entity}Filter) -> bool:
% if matching:
        return (
            ${" and ".join(matching)}
        )
% else:
        return True
% endif
