"""What the stack can do at most: Starlette, orjson and the bare driver, and next to no checks."""
