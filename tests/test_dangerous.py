"""Nothing in the code runs text as code, reads objects from bytes, or asks a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(file for package in ("catalog", "router") for file in (ROOT / package).rglob("*.py"))
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "tempfile.mktemp"}
MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "jsonpickle", "ctypes", "xmlrpc", "telnetlib"}


def dangers(text: str) -> Iterator[str]:
    """What is dangerous in a module's text, each with its line."""
    for node in ast.walk(ast.parse(text)):
        found = ""
        if isinstance(node, ast.Import):
            found = ", ".join(sorted({each.name.partition(".")[0] for each in node.names} & MODULES))
        elif isinstance(node, ast.ImportFrom):
            found = (node.module or "").partition(".")[0]
            found = found if found in MODULES else ""
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {each.arg: each.value for each in node.keywords}
            shell = given.get("shell")
            unverified = given.get("verify")
            if name in CALLS:
                found = name
            elif isinstance(shell, ast.Constant) and shell.value:
                found = f"{name}(shell=True)"
            elif isinstance(unverified, ast.Constant) and unverified.value is False:
                found = f"{name}(verify=False)"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "ssl._create_unverified_context":
            found = ast.unparse(node)
        if found:
            yield f"line {node.lineno}: {found}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_the_code_is_free_of_it(file: Path) -> None:
    assert list(dangers(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "eval(x)",
        "exec('1')",
        "__import__(x)",
        "import pickle",
        "from marshal import loads",
        "import os, shelve.x",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "httpx.Client(verify=False)",
        "f(ssl._create_unverified_context)",
    ],
)
def test_what_is_dangerous_is_found(line: str) -> None:
    assert list(dangers(line))
