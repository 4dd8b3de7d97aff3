"""The lists of public names are honest: sorted, importable, and in step with the imports beside them."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = ("catalog", "router", "router.emulator")

of_each_package = pytest.mark.parametrize("name", PACKAGES)


def package(name: str) -> ModuleType:
    return importlib.import_module(name)


def imported(name: str) -> dict[str, str]:
    """The names that a package's own file imports from this project, and the module of each."""
    file = Path(str(package(name).__file__))
    nodes = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    own = [node for node in nodes if str(node.module).startswith(f"{name}.")]
    return {alias.asname or alias.name: str(node.module) for node in own for alias in node.names}


@of_each_package
def test_the_public_names_are_sorted_and_named_once(name: str) -> None:
    names = package(name).__all__
    assert names == sorted(set(names))


@of_each_package
def test_every_public_name_can_be_imported(name: str) -> None:
    module = package(name)
    for member in module.__all__:
        assert getattr(module, member) is not None


@of_each_package
def test_the_public_names_are_the_imported_ones(name: str) -> None:
    assert sorted(imported(name)) == package(name).__all__


@of_each_package
def test_the_table_of_homes_names_the_same_modules_as_the_imports_for_types(name: str) -> None:
    homes = {member: f"{name}.{home}" for member, home in package(name)._HOMES.items()}
    assert homes == imported(name)


@of_each_package
def test_a_name_is_the_very_object_of_its_home(name: str) -> None:
    module = package(name)
    for member, home in imported(name).items():
        assert getattr(module, member) is getattr(importlib.import_module(home), member)


@of_each_package
def test_a_name_that_is_not_public_is_no_attribute(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'Rooter'"):
        package(name).Rooter  # noqa: B018 - the look-up is what is tried


@of_each_package
def test_a_star_import_gives_the_public_names(name: str) -> None:
    found: dict[str, object] = {}
    exec(f"from {name} import *", found)
    assert set(package(name).__all__) <= found.keys()
