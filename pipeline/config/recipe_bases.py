"""`extends` in a recipe: it holds only the differences from another recipe."""

from __future__ import annotations

from typing import Any

from pipeline.config.yaml_files import merged

_KEY = "extends"


def with_bases(recipes: dict[str, Any]) -> dict[str, Any]:
    """Each recipe merged over the one that it extends.

    Bases are those of the experiment at hand: what an experiment changes in a base, it changes in
    all recipes that extend it.

    Args:
        recipes: recipes as data, not validated yet.

    Raises:
        ValueError: a base is unknown, or recipes extend each other in a cycle.

    >>> with_bases({"a": {"epochs": 2, "crop": 64}, "b": {"extends": "a", "epochs": 3}})["b"]
    {'epochs': 3, 'crop': 64}
    """
    return {name: _with_base(name, recipes, ()) for name in recipes}


def _with_base(name: str, recipes: dict[str, Any], below: tuple[str, ...]) -> Any:
    recipe = recipes[name]
    if not isinstance(recipe, dict) or _KEY not in recipe:
        return recipe
    base = recipe[_KEY]
    if not isinstance(base, str) or base not in recipes:
        raise ValueError(f"recipes.{name}: extends unknown recipe {base!r}")
    if base in (*below, name):
        raise ValueError(f"recipes.{name}: recipes extend each other in a cycle; remove one")
    above = _with_base(base, recipes, (*below, name))
    own = {key: value for key, value in recipe.items() if key != _KEY}
    return merged(above, own) if isinstance(above, dict) else own
