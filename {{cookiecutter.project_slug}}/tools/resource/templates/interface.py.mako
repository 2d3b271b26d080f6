from app.repositories.base import Repository
from app.schemas.${plural} import ${entity}, ${entity}Create, ${entity}Filter, ${entity}Update


class ${entity}Repository(
    Repository[${entity}, ${entity}Create, ${entity}Update, ${entity}Filter]
):
    """What only ${words} can do is declared here, and written in both implementations."""
