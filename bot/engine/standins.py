"""Modules that stand in for packages which are imported but never used.

A stand-in module answers any `import` and any attribute, so that code which merely *names* a class of the
package at import time keeps working. Calling such a class does nothing useful; whoever installs stand-ins
owes a check that nobody does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

__all__ = ["StandIns"]


class _AnyClass(type):
    """A class whose every attribute is another such class; it can be subscripted and united with `|`."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _any_class(name)

    def __or__(cls, other: Any) -> Any:
        return cls

    def __ror__(cls, other: Any) -> Any:
        return cls

    def __getitem__(cls, key: Any) -> Any:
        return cls


def _any_class(name: str) -> type:
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # As a decorator, leave what it decorates alone.
        return args[0] if args and callable(args[0]) else self

    return _AnyClass(name, (), {"__init__": construct, "__call__": call})


class _AnyModule(ModuleType):
    __path__: list[str] = []  # noqa: RUF012 - what makes Python take it for a package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _AnyFunction(name) if name[:1].islower() else _any_class(name)
        setattr(self, name, value)
        return value

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        # `class Event(declarative_base())`: the result of a call may be used as a base class.
        return (_any_class(self.__name__),)


class _AnyFunction(_AnyModule):
    """A lower-case name: a submodule, a function or a decorator, we cannot know which."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and not kwargs and callable(args[0]) else _AnyFunction("result")


class StandIns(MetaPathFinder, Loader):
    """Finds the named modules, and everything below them, as stand-ins.

    Args:
        names: dotted module names.
        importers: only code of these top-level packages is served (empty: everybody). Libraries that ask
            whether an optional package is installed must hear the truth.
    """

    def __init__(self, names: Iterable[str], importers: Iterable[str] = ()) -> None:
        self.names = frozenset(names)
        self.importers = frozenset(importers)

    def install(self) -> None:
        """Put this finder before all others."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Take the finder out again; what was imported through it stays."""
        sys.meta_path.remove(self)

    def covers(self, name: str) -> bool:
        """Whether `name` is one of the names or lies below one."""
        return name in self.names or any(name.startswith(f"{root}.") for root in self.names)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if not self.covers(name) or not self._serves(_importer(sys._getframe(1))):
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """See `importlib.abc.Loader`."""
        return _AnyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the module makes its attributes up."""

    def _serves(self, importer: str) -> bool:
        return not self.importers or importer.partition(".")[0] in self.importers


def _importer(frame: FrameType | None) -> str:
    """Name of the module whose import statement led here."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in ("importlib", "_frozen_importlib", "_frozen_importlib_external"):
            return name
        frame = frame.f_back
    return ""
