from typing import Any


def make_item(number: int) -> dict[str, Any]:
    return {
        "name": f"name {number}",
        "description": f"description {number}",
        "quantity": number % 100,
        "is_active": number % 2 == 0,
        "available_from": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
    }
