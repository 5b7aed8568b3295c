"""Runs the page's modules one by one: JavaScript out of a test, in an empty page of the fake lab's origin."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page


class JsRunner:
    """Imports modules of `dashboard/js` in a real browser and runs a test's code with them."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def run(self, modules: str, body: str, value: Any = None) -> Any:
        """Run `body` as an asynchronous function and give what it returns.

        Args:
            modules: Names of the modules to import, with spaces between; `body` finds each under its name.
            body: JavaScript; `value` holds the argument.
            value: Anything that can be sent as JSON.
        """
        return self._page.evaluate(f"async (value) => {{ {_imports(modules)}\n{body} }}", value)

    def error_of(self, modules: str, body: str, value: Any = None) -> str:
        """Message of the error that `body` throws; empty where it throws none."""
        guarded = f"try {{ {body} }} catch (error) {{ return error.message; }} return '';"
        return str(self.run(modules, guarded, value))


def _imports(modules: str) -> str:
    return "\n".join(f"const {name} = await import('/static/js/{name}.js');" for name in modules.split())
