from pydantic import BaseModel, ConfigDict, Field


class FieldProblem(BaseModel):
    location: str = Field(description="Where it was sent: body, query, path or header.")
    field: str = Field(description="The field's name; nested ones joined by dots.")
    detail: str


class Problem(BaseModel):
    """https://www.rfc-editor.org/rfc/rfc9457"""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field([], description="One entry per invalid field.")
