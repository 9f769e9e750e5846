"""JSON Schemas of the configuration files, for editors: completion, and mistakes while typing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from pipeline.config.experiment import Experiment
from pipeline.config.methods import MethodList
from pipeline.config.recipe import Recipe
from pipeline.config.tolerances import Tolerances

Schema = dict[str, Any]
_EXTENDS = {"type": "string", "description": "What this holds the differences from."}


def configuration_schemas() -> dict[str, Schema]:
    """The schema of every kind of configuration file, by name.

    Any value may be missing from an experiment or a recipe: it may stand in what they extend.
    """
    experiment = _partial(Experiment)
    # They come from a file of their own.
    del experiment["properties"]["pins"]
    experiment["properties"]["extends"] = _EXTENDS
    experiment["$defs"]["Recipe"]["properties"]["extends"] = _EXTENDS
    recipe = _partial(Recipe)
    recipe["properties"]["extends"] = _EXTENDS
    definitions = recipe.pop("$defs")
    recipes = {
        "$defs": {**definitions, "Recipe": recipe},
        "additionalProperties": {"$ref": "#/$defs/Recipe"},
        "description": "`config/recipes.yaml`: the recipes that experiments start from.",
        "title": "Recipes",
        "type": "object",
    }
    return {
        "Experiment": experiment,
        "MethodList": MethodList.model_json_schema(),
        "Recipes": recipes,
        "Tolerances": Tolerances.model_json_schema(),
    }


def _partial(model: type[BaseModel]) -> Schema:
    schema = model.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        part.pop("required", None)
    return _any_of(schema)


def _any_of(schema: Any) -> Any:
    """The schema with `anyOf` for `oneOf`: without its kind, a block may fit several."""
    if isinstance(schema, list):
        return [_any_of(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _any_of(part) for key, part in schema.items() if key != "discriminator"}
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    return kept
