"""The OpenAPI document as a person reads it: what the documentation page shows."""

import json


def describe(document, tags):
    """Facts of the page, in the order shown.

    :param dict document: from :func:`.openapi.document`
    :param dict tags: tag -> title of its group
    :return: dict for the template
    """
    schemas = document["components"]["schemas"]
    groups = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            groups.setdefault(tag, []).append(
                _operation(document, path, method, operation)
            )
    order = {tag: number for number, tag in enumerate(tags)}
    return {
        "info": document["info"],
        "server": document["servers"][0]["url"],
        "groups": [
            {"tag": tag, "title": tags.get(tag, tag), "operations": groups[tag]}
            for tag in sorted(groups, key=lambda tag: order.get(tag, len(order)))
        ],
        "schemas": [
            {
                "name": name,
                "description": schema.get("description", ""),
                "members": _members(schema),
            }
            for name, schema in schemas.items()
            if schema.get("properties")
        ],
    }


def _operation(document, path, method, operation):
    bodies = []
    content = operation.get("requestBody", {}).get("content", {})
    for kind, entry in content.items():
        for example in entry.get("examples", {}).values():
            bodies.append(
                {
                    "kind": kind,
                    "text": json.dumps(example["value"], indent=2, ensure_ascii=False),
                }
            )
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "scope": operation.get("x-scope"),
        "parameters": [
            {
                "name": one["name"],
                "place": one["in"],
                "required": one["required"],
                "type": type_of(one["schema"]),
                "description": one["description"],
            }
            for one in operation.get("parameters", ())
        ],
        "kinds": list(content),
        "bodies": bodies,
        "curl": _curl(document, path, method, operation, bodies),
        "responses": [
            {
                "status": status,
                "description": answer["description"],
                "schema": _schema_of(answer),
            }
            for status, answer in operation["responses"].items()
        ],
    }


def _curl(document, path, method, operation, bodies):
    """A command that does the operation, with the key in a variable."""
    query = "&".join(
        f"{one['name']}={one.get('example', '')}"
        for one in operation.get("parameters", ())
        if one["in"] == "query" and one["required"]
    )
    for one in operation.get("parameters", ()):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one.get("example", "")))
    address = document["servers"][0]["url"] + path + (f"?{query}" if query else "")
    lines = [f"curl '{address}'"]
    if operation["security"]:
        lines.append('  -H "Authorization: Bearer $USAGE_KEY"')
    if bodies:
        lines.append(f"  -H 'Content-Type: {bodies[0]['kind']}'")
        lines.append(f"  -d '{bodies[0]['text']}'")
    elif method == "post":
        lines.append("  -X POST")
    return " \\\n".join(lines)


def _schema_of(answer):
    for entry in answer.get("content", {}).values():
        return name_of(entry["schema"])
    return ""


def _members(schema):
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "type": type_of(member),
            "required": name in required,
            "description": member.get("description", ""),
        }
        for name, member in schema["properties"].items()
    ]


def name_of(schema):
    """Name of a referenced schema, "" for one written in place."""
    return schema.get("$ref", "").rpartition("/")[2]


def type_of(schema):
    """A schema in a few words.

    >>> type_of({"type": ["string", "null"], "maxLength": 5})
    'string | null (≤ 5)'
    """
    if "$ref" in schema:
        return name_of(schema)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    for word in ("anyOf", "oneOf"):
        if word in schema:
            parts = [type_of(part) for part in schema[word]]
            return " | ".join(dict.fromkeys(parts))
    kind = schema.get("type", "")
    kind = " | ".join(kind) if isinstance(kind, (list, tuple)) else kind
    if kind == "array":
        return f"[{type_of(schema.get('items', {}))}]"
    kind = schema.get("format", kind)
    most = schema.get("maxLength") or schema.get("maximum")
    return f"{kind} (≤ {most})" if most else kind
