"""The upper limit of the stack: Starlette, orjson and the bare driver, almost without checks."""
