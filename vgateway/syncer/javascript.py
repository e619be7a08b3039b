"""Expressions of the configuration: JavaScript in a sandbox of its own, without files, network, clock or chance.

An expression is the operator's; what it is given may be a tenant's. It may take ``MEMORY_BYTES`` and ``CPU_SECONDS``,
keeps nothing between two calls, and the same value always gives the same result: else objects would be written
again and again. The engine (quickjs-ng, five megabytes) is imported by whoever has an expression to evaluate.
"""

from collections.abc import Callable
from typing import Any

import orjson

MEMORY_BYTES = 32 << 20
CPU_SECONDS = 0.1
STACK_BYTES = 256 << 10

_PRELUDE = """
(() => {
    delete Math.random;
    for (const name of ["Date", "performance", "setTimeout"]) delete globalThis[name];
    for (const name of Object.getOwnPropertyNames(globalThis)) {
        const found = globalThis[name];
        if (typeof found === "function" && found.prototype) Object.freeze(found.prototype);
        if (found !== globalThis && found instanceof Object) Object.freeze(found);
    }
    const { parse, stringify } = JSON, functions = [];
    const expression = source => new Function("value", "context", '"use strict"; return (' + source + "\\n)");
    const statements = source => {
        new Function("value", "context", '"use strict"; ' + source);
        return new Function("value", "context", '"use strict"; return eval(' + stringify(source) + ")");
    };
    const compiled = source => {
        try { return expression(source); } catch { return statements(source); }
    };
    globalThis.define = source => functions.push(compiled(source)) - 1;
    globalThis.apply = (at, value, context) => {
        const found = functions[at](parse(value), parse(context));
        return found === undefined ? "null" : stringify(found);
    };
})()
"""


class ExpressionError(Exception):
    """An expression that cannot be read, failed or took too much; the text is the engine's first line."""


class JavaScript:
    """One sandbox for all expressions of a process."""

    def __init__(self) -> None:
        import quickjs

        self._failure = quickjs.JSException
        self._context = quickjs.Context()
        self._context.set_memory_limit(MEMORY_BYTES)
        self._context.set_time_limit(CPU_SECONDS)
        self._context.set_max_stack_size(STACK_BYTES)
        self._context.eval(_PRELUDE)
        self._define, self._apply = self._context.get("define"), self._context.get("apply")
        self._context.eval("delete globalThis.define; delete globalThis.apply; Object.freeze(globalThis)")

    def compile(self, source: str) -> Callable[[Any, Callable[[], Any]], Any]:
        """Return the function of (value, what gives the context). Raises ExpressionError for what is no JavaScript."""
        at = self._run(self._define, source)
        needs_context = "context" in source

        def evaluate(value: Any, context: Callable[[], Any]) -> Any:
            given = orjson.dumps(context() if needs_context else None).decode()
            return orjson.loads(self._run(self._apply, at, orjson.dumps(value).decode(), given))

        return evaluate

    def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._failure as error:
            raise ExpressionError(str(error).partition("\n")[0]) from error
