"""What is checked before the first update, so that bad input costs seconds and not a night."""

from collections.abc import Sequence
from typing import Any

from forethought.agent.errors import ConfigError, ModelRefused
from forethought.valuefn.rl.recipe import Sampling, check_recipe
from forethought.valuefn.rl.rewards import REWARDS, Task, score
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rollouts import context_of, prompt_and_prefix
from forethought.valuefn.rl.tokens import Rollout
from forethought.valuefn.rl.worlds import WorldEpisode

_LOOKED_AT = 64
"""Longest tasks whose prompts are tokenized."""


def check_ready(model: Any, tokenizer: Any, setting: Setting) -> None:
    """See whether a training can begin.

    Args:
        model: The policy.
        tokenizer: Its tokenizer.
        setting: What is trained.

    Raises:
        ConfigError: If it cannot; the message says what to change.
    """
    check_recipe(setting.recipe)
    _check_tokenizer(model, tokenizer)
    if not setting.tasks:
        raise ConfigError("there are no tasks to train on")
    if setting.recipe.loss.forced != "none" and not setting.recipe.prefixes.texts:
        raise ConfigError(
            f"recipe {setting.recipe.name!r} has a loss on forced tokens and forces none: give "
            "prefixes.texts (--prefix TEXT), or set loss.forced=none"
        )
    most = max(stage.demonstrations for stage in setting.recipe.stages)
    if most > len(setting.demonstrations):
        raise ConfigError(
            f"recipe {setting.recipe.name!r} shows {most} demonstrations and "
            f"{len(setting.demonstrations)} were given: give more, or change its stages"
        )
    tasks = sorted(setting.tasks.values(), key=lambda task: len(task.question), reverse=True)
    _check_prompts(model, tokenizer, setting, tasks[:_LOOKED_AT])
    _check_rewards(setting, tasks[0])


def _check_tokenizer(model: Any, tokenizer: Any) -> None:
    if tokenizer.pad_token_id is None:
        raise ConfigError(
            "the tokenizer has no pad token: set one, such as "
            f"tokenizer.pad_token = {tokenizer.eos_token!r}, and save it beside the model"
        )
    if tokenizer.eos_token_id is None:
        raise ConfigError("the tokenizer has no end token: set tokenizer.eos_token")
    if tokenizer.chat_template is None:
        raise ConfigError(
            "the tokenizer has no chat template: set tokenizer.chat_template and save it"
        )
    vocabulary = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > vocabulary:
        raise ConfigError(
            f"the tokenizer has {len(tokenizer)} tokens and the model {vocabulary}: they do not "
            "belong together"
        )


def _check_prompts(model: Any, tokenizer: Any, setting: Setting, tasks: Sequence[Task]) -> None:
    recipe = setting.recipe
    context = context_of(model)
    most = max(stage.demonstrations for stage in recipe.stages)
    for task in tasks:
        for prefix in recipe.prefixes.texts or ("",):
            episode = setting.play(task, setting.demonstrations[:most])
            messages = tuple(episode.begin())
            try:
                prompt, forced = prompt_and_prefix(tokenizer, messages, prefix)
            except ModelRefused as error:
                raise ConfigError(f"task {task.id!r}: {error}") from error
            if len(prompt) + len(forced) >= context:
                raise ConfigError(
                    f"task {task.id!r}: a prompt of {len(prompt)} tokens with {most} demonstrations"
                    f" does not fit a context of {context}: use fewer or shorter demonstrations"
                )
            if isinstance(episode, WorldEpisode):
                _check_asked_anew(task, len(prompt), recipe.sampling)
            if len(forced) >= recipe.sampling.completion_tokens:
                raise ConfigError(
                    f"the prefix {prefix!r} has {len(forced)} tokens and a completion "
                    f"{recipe.sampling.completion_tokens}: raise sampling.completion_tokens"
                )


def _check_asked_anew(task: Task, prompt: int, sampling: Sampling) -> None:
    """See that a second turn fits, whose prompt is a new one of about the same length."""
    one = sampling.turn_tokens + prompt
    if sampling.turns > 1 and one >= sampling.completion_tokens:
        raise ConfigError(
            f"task {task.id!r}: every turn is asked anew, with a prompt of about {prompt} tokens, "
            f"and sampling.completion_tokens is {sampling.completion_tokens}: no second turn fits; "
            f"set it to about {sampling.turns * one} for {sampling.turns} turns"
        )


def _check_rewards(setting: Setting, task: Task) -> None:
    """Score what a policy might say, so that a reward that is no number is found now."""
    for name in ("exact", "f1", "whole"):
        if setting.rewards.get(name) is REWARDS[name] and not task.answers:
            raise ConfigError(
                f"task {task.id!r} has no answers for the reward {name!r} to compare with: give "
                "answers, or weigh other parts (a world pays 'outcome')"
            )
    outcome = setting.play(task, ()).outcome
    said = ("", "I do not know.", *(f"<answer>{answer}</answer>" for answer in task.answers[:1]))
    for text in said:
        score(Rollout(task.id, (), (), (), (), (), (text,), outcome=outcome), task, setting.rewards)
