"""The one error that reaches users: what is wrong, and what mends it."""

from __future__ import annotations


class WarehouseError(Exception):
    """A problem that the user can act on; the command line prints it without a traceback.

    `message` names the thing that is wrong; `fix` is the command or change that mends it.
    """

    def __init__(self, message: str, *, fix: str) -> None:
        """Keep both sentences apart, so that callers can show them as they like."""
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        """Both sentences, for logs and for Dagster's run page."""
        return f"{self.message} Fix: {self.fix}"
