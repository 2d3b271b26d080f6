from app.repositories.base import Repository
from app.schemas.${plural} import ${entity}, ${entity}Create, ${entity}Filter, ${entity}Update


class ${entity}Repository(
    Repository[${entity}, ${entity}Create, ${entity}Update, ${entity}Filter]
):
    """Declares methods that only ${words} have; both implementations define them."""
