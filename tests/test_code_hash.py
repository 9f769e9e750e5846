"""What the hash of a method's code covers, in copies of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY

from pipeline.code_hash import code_hashed_once, may_define, source_hash
from pipeline.errors import ConfigError

HASHES = """
import sys
from pipeline.code_hash import source_hash
for module in sys.argv[1:]:
    print(source_hash(module))
loaded = {name.split(".")[0] for name in sys.modules}
assert not loaded & {"torch", "baselines", "dmtnet", "somebody"}, loaded
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copied(tmp_path / "tree")


def copied(target: Path) -> Path:
    for package in ("baselines", "dmtnet", "pipeline"):
        shutil.copytree(REPOSITORY / package, target / package)
    return target


def hashes(tree: Path, *modules: str) -> list[str]:
    """Hashes as a process that starts in `tree` finds them."""
    command = [sys.executable, "-c", HASHES, *modules]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


DPDNET, KPAC, MRNET = METHODS = ("baselines.dpdnet", "baselines.kpac", "baselines.mrnet")


@pytest.mark.parametrize(
    ("touched", "changed"),
    [
        ("baselines/_shared/unet.py", {DPDNET}),
        ("baselines/kpac.py", {KPAC}),
        ("dmtnet/reconstruction.py", {MRNET, "dmtnet"}),
        ("baselines/__init__.py", set(METHODS)),
        ("baselines/_shared/conv_lstm.py", set()),
        ("pipeline/config/experiment.py", set()),
    ],
)
def test_shared_code_counts_where_it_is_imported(
    tree: Path, touched: str, changed: set[str]
) -> None:
    names = (*METHODS, "dmtnet", "pipeline.evaluation.metrics.lpips")
    before = dict(zip(names, hashes(tree, *names), strict=True))
    with (tree / touched).open("a") as stream:
        stream.write("\nextra = 1\n")
    after = dict(zip(names, hashes(tree, *names), strict=True))
    assert {name for name in names if before[name] != after[name]} == changed


SOURCE = '''"""A network."""
import torch

WIDTH = 64
"""Channels."""


class Net(torch.nn.Module):
    """It deblurs."""

    def forward(self, x):
        """Nothing happens."""
        return x * 2
'''


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("A network.", "Another text.", False),
        ("Channels.", "Number of channels.", False),
        ("It deblurs.", "It blurs.", False),
        ('        """Nothing happens."""\n', "", False),
        ("return x * 2", "return x * 2  # twice", False),
        ("import torch\n", "# The framework.\nimport torch\n", False),
        ("\n\n\nclass", "\n\nclass", False),
        ("return x * 2", "return (x\n                * 2)", False),
        ("return x * 2", "return x * 3", True),
        ("return x * 2", "return x + 2", True),
        ("WIDTH = 64", "WIDTH = 65", True),
        ("WIDTH = 64", 'WIDTH = "64"', True),
        ("return x * 2", "x = 2\n        return x * 2", True),
    ],
)
def test_comments_and_docstrings_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, counts: bool
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "somebodys_net.py"
    path.write_text(SOURCE)
    before = source_hash("somebodys_net")
    assert old in SOURCE
    path.write_text(SOURCE.replace(old, new))
    assert (source_hash("somebodys_net") != before) == counts


def test_within_a_command_the_code_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "edited_meanwhile.py"
    path.write_text("WIDTH = 64")
    with code_hashed_once():
        before = source_hash("edited_meanwhile")
        path.write_text("WIDTH = 65")
        assert source_hash("edited_meanwhile") == before
    assert source_hash("edited_meanwhile") != before


def test_docstrings_count_nowhere_and_imports_count_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "deep_net"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("WIDTH = 64")
    blocks = {
        "if": "if x:\n    pass\nelse:\n    {}\n",
        "try": "try:\n    pass\nexcept ValueError:\n    {}\nfinally:\n    pass\n",
        "finally": "try:\n    pass\nfinally:\n    {}\n",
        "match": "match x:\n    case 1:\n        {}\n",
        "with": "with x:\n    {}\n",
        "async": "async def f():\n    async for one in x:\n        {}\n",
    }
    for name, block in blocks.items():
        net = package / f"{name}_net.py"
        net.write_text(block.format("import deep_net.part; 'text'; y = 1"))
        first = source_hash(f"deep_net.{name}_net")
        net.write_text(block.format("import deep_net.part; 'other text'; y = 1"))
        assert source_hash(f"deep_net.{name}_net") == first, name
        (package / "part.py").write_text("WIDTH = 65")
        assert source_hash(f"deep_net.{name}_net") != first, name
        (package / "part.py").write_text("WIDTH = 64")


def test_arrays_that_a_package_ships_count(tree: Path) -> None:
    jnb, ebdb = hashes(tree, "baselines.jnb", "baselines.ebdb")
    shipped = tree / "baselines" / "jnb" / "dictionary.npz"
    shipped.write_bytes(shipped.read_bytes() + b"more")
    assert hashes(tree, "baselines.jnb")[0] != jnb
    assert hashes(tree, "baselines.ebdb")[0] == ebdb


def test_the_place_of_the_tree_does_not_count(tree: Path, tmp_path: Path) -> None:
    found = hashes(tree, *METHODS, "baselines.ifan")
    assert hashes(copied(tmp_path / "elsewhere"), *METHODS, "baselines.ifan") == found
    assert len(set(found)) == 4
    assert source_hash(DPDNET) == found[0]


def test_a_module_that_moves_counts(tree: Path) -> None:
    before = hashes(tree, DPDNET)
    (tree / "baselines/_shared/unet.py").rename(tree / "baselines/_shared/u_net.py")
    path = tree / "baselines/dpdnet.py"
    path.write_text(path.read_text().replace("_shared.unet", "_shared.u_net"))
    assert hashes(tree, DPDNET) != before


@pytest.mark.parametrize(
    ("source", "touched", "counts"),
    [
        ("import somebody.part", "somebody/part.py", True),
        ("from . import part", "somebody/part.py", True),
        ("from .part import one", "somebody/part.py", True),
        ("def build():\n    from somebody.part import one", "somebody/part.py", True),
        ("from .further import two", "somebody/part.py", True),
        ("from baselines._shared.unet import ConvBlock", "baselines/_shared/unet.py", True),
        ("from ... import part", "somebody/part.py", False),
        ("import stranger", "stranger.py", False),
        ("", "somebody/__init__.py", True),
        ("", "somebody/part.py", False),
    ],
)
def test_what_a_module_outside_this_repository_imports(
    tree: Path, source: str, touched: str, counts: bool
) -> None:
    write(tree / "somebody/__init__.py", "")
    write(tree / "somebody/part.py", "one = 1\n")
    write(tree / "somebody/further.py", "import torch\nfrom somebody import part\ntwo = part.one\n")
    write(tree / "stranger.py", "")
    write(tree / "somebody/net.py", source)
    before = hashes(tree, "somebody.net")
    with (tree / touched).open("a") as stream:
        stream.write("\nextra = 1\n")
    assert (hashes(tree, "somebody.net") != before) == counts


def test_a_source_that_is_not_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "somebody_torn.py").write_text("def build(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"somebody_torn\.py: not a Python source \(.*; fix it"):
        source_hash("somebody_torn")


@pytest.mark.parametrize("module", ["", ".", "sys.path", "baselines.dpdnet.inner", "nobody"])
def test_not_a_module(module: str) -> None:
    with pytest.raises(ConfigError, match="is not installed"):
        source_hash(module)


@pytest.mark.parametrize(
    ("source", "may"),
    [
        ("X = 1", False),
        ('"""SURROGATE"""\nX = 1  # SURROGATE', False),
        ("SURROGATES = 1", False),
        ("SURROGATE = 'x'", True),
        ("if True:\n    SURROGATE: str = 'x'", True),
        ("from somewhere import SURROGATE", True),
        ("from somewhere import X as SURROGATE", True),
        ("from somewhere import *", True),
        ("globals()['SURRO' + 'GATE'] = 'x'", True),
        ("import sys\nsetattr(sys.modules[__name__], 'SURRO' + 'GATE', 'x')", True),
    ],
)
def test_what_a_module_may_define(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, may: bool
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "unread.py").write_text(source)
    assert may_define("unread", "SURROGATE") is may
    assert "unread" not in sys.modules


def test_a_module_that_is_loaded_or_cannot_be_read_may_define_anything() -> None:
    for module in ("pipeline.code_hash", "there.is.no.such.module", "math"):
        assert may_define(module, "SURROGATE")


def test_only_the_surrogate_is_imported_to_learn_that_it_is_one() -> None:
    """Reports ask every method, and importing a network loads torch."""
    code = (
        "import sys; from pipeline.config.experiment import load_methods; "
        "from pipeline.methods import get_method; names = load_methods().methods; "
        "found = [n for n in names if n != 'mrnet' and get_method(n).surrogate]; "
        "print(found, 'torch' in sys.modules, bool(get_method('mrnet').surrogate))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False True\n"
