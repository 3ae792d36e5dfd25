"""The bridge `world:MODULE[:NAME]`: a world that the user wrote, found by the name of its module.

The module is imported and the `World` it holds is played under the id that was typed, so that a
record leads back to it. Imports nothing else and knows no world.
"""

from dataclasses import replace

from forethought.agent.contract import imported
from forethought.agent.errors import ConfigError
from forethought.envs.registry import World

NAME = "WORLD"
"""What a module calls its world where nothing else is said."""


def world(name: str) -> World:
    """The world of `MODULE` or `MODULE:NAME`.

    Raises:
        ConfigError: If the module cannot be imported, or what it holds there is no `World`.
    """
    module, _, attribute = name.partition(":")
    attribute = attribute or NAME
    found = imported(f"world 'world:{name}'", f"{module}:{attribute}")
    if not isinstance(found, World):
        raise ConfigError(
            f"world 'world:{name}': {attribute} is no World; write {NAME} = World(id=..., make=...,"
            " ...) in the module, from forethought.envs.registry"
        )
    return replace(found, id=f"world:{name}")
