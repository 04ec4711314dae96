"""What the API offers: operations register here, documents are made from here."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Parameter:
    """A query or path parameter.

    schema: JSON Schema; description: text or lazy translation
    sample: what Postman sends, where that is no example
    """

    name: str
    description: object
    schema: dict
    place: str = "query"
    required: bool = False
    example: object = None
    sample: str = ""


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    method: "GET", "POST"; path: with parameters as {name}
    operation_id: unique, in camelCase
    summary, description: texts or lazy translations
    tag: group it is shown in
    scope: scope a key needs; None for addresses without key
    body: media type -> (schema, {example name: value}); empty for none
    responses: status -> (description, schema name or None)
    problems: codes of problem statuses beside the usual ones, status -> description
    module: add-on it belongs to, shown only where that is installed
    """

    method: str
    path: str
    operation_id: str
    summary: object
    description: object = ""
    tag: str = "events"
    scope: str | None = None
    parameters: tuple[Parameter, ...] = ()
    body: dict = field(default_factory=dict)
    responses: dict = field(default_factory=dict)
    problems: dict = field(default_factory=dict)
    module: str = ""


#: (method, path) -> Operation
OPERATIONS = {}
#: name -> (module, schema); descriptions may be lazy translations
SCHEMAS = {}


def register(operation):
    """Show an operation in the documents."""
    OPERATIONS[operation.method, operation.path] = operation


def register_schema(module, name, schema):
    """Give a schema a name that operations refer to.

    :return: the reference to it
    """
    SCHEMAS[name] = (module, schema)
    return reference(name)


def reference(name):
    """Reference to a registered schema."""
    return {"$ref": f"#/components/schemas/{name}"}
