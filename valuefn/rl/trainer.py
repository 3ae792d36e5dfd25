"""`PolicyTrainer`: TRL's `GRPOTrainer` with our rollouts, our losses and our stages.

TRL keeps what it does well: data loading, groups over processes, weighing of rewards, optimiser,
accumulation, checkpoints, reports. Replaced are the rollouts (`rollout_func`), the loss (advantages
and rules for each token, where TRL has a mask of 0 and 1), how a rollout that was asked anew is
read (part by part), and what a checkpoint must hold besides. Nothing is sent to the hub about the
run.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, needs
from forethought.valuefn.rl.apart import ApartTrainer, padded
from forethought.valuefn.rl.attribution import Sums, add_span_gradients, loss_terms, span_norms
from forethought.valuefn.rl.checks import check_tokens
from forethought.valuefn.rl.credit import TurnValues, turn_advantages
from forethought.valuefn.rl.engines import sampler_of
from forethought.valuefn.rl.losses import INSTALL, Batch, Info, Norm, loss_mask, policy_loss
from forethought.valuefn.rl.retries import rate_values
from forethought.valuefn.rl.roller import Place, Roller, Setting
from forethought.valuefn.rl.stages import Course
from forethought.valuefn.rl.store import append_rollouts, keep_lines
from forethought.valuefn.rl.tokens import Kind, Rollout, Span, total_reward

with needs("fine-tuning", INSTALL):
    import torch
    from torch import Tensor
    from trl.models import unwrap_model_for_generation


class PolicyTrainer(ApartTrainer):
    """Fine-tunes one policy by one recipe.

    Args:
        setting: Recipe, tasks, episodes, rewards and demonstrations.
        seed: Of the rollouts.
        log: File that rollouts are written to; `None` for none.
        log_every: Batches of rollouts between two that are written.
        values: Values of turns, for `credit = "value"`.
        given: Passed to `GRPOTrainer`: model, args, train_dataset and so on.

    Raises:
        ConfigError: If `credit = "value"` and there are no values.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        seed: int,
        log: Path | None = None,
        log_every: int = 10,
        values: TurnValues | None = None,
        **given: Any,
    ) -> None:
        if setting.recipe.credit == "value" and values is None:
            raise ConfigError("credit = 'value' needs values=, such as critic_values(critic, goal)")
        self.setting = setting
        self.course = Course(setting.recipe)
        self._log = log
        self._log_every = log_every
        self._values = values
        parts = [_part(name) for name in setting.recipe.rewards]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="You are using 'rollout_func'")
            super().__init__(reward_funcs=parts, rollout_func=self._roll_out, **given)
        self._roller = Roller(setting, given["processing_class"], seed, sampler_of(self))

    def _send_telemetry(self) -> None:
        """Runs stay local."""

    def create_model_card(self, *args: Any, **given: Any) -> None:
        """The card is written once, beside the trained model."""

    @contextmanager
    def policy(self) -> Iterator[Any]:
        """The policy as it is now, to write with."""
        with (
            unwrap_model_for_generation(self.model_wrapped, self.accelerator) as model,
            torch.no_grad(),
            self.accelerator.autocast(),
        ):
            training = model.training
            model.eval()
            try:
                yield model
            finally:
                model.train(training)

    def _roll_out(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        group = self.setting.recipe.group
        first = self.accelerator.process_index * len(prompts)
        rows = range(first, first + len(prompts))
        places = [
            Place(task, row // group, row % group) for task, row in zip(prompts, rows, strict=True)
        ]
        with self.policy() as model:
            rolled = self._roller.roll(model, places, self.course)
        self.fresh = rolled.rollouts
        self._count("groups/redrawn", [float(rolled.redrawn)], total=True)
        return {
            "prompt_ids": [list(one.prompt_ids) for one in rolled.rollouts],
            "completion_ids": [list(one.completion_ids) for one in rolled.rollouts],
            "logprobs": [list(one.logprobs) for one in rolled.rollouts],
            "env_mask": [self._trains(one) for one in rolled.rollouts],
            "parts": [dict(one.rewards) for one in rolled.rollouts],
        }

    def _trains(self, rollout: Rollout) -> list[int]:
        allowed = self.setting.recipe.loss.trains
        return [int(kind in allowed) for kind in rollout.kinds]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        rollouts = self.fresh
        longest = output["completion_ids"].shape[1]
        device = output["completion_ids"].device
        output["kinds"] = padded([one.kinds for one in rollouts], longest, Kind.GIVEN, device)
        output["spans"] = padded([one.spans for one in rollouts], longest, Span.SAMPLE, device)
        output.update(self.parts(longest, device))
        output["advantages"] = self._token_advantages(output["advantages"], longest)
        trains = [self._trains(one) for one in rollouts]
        check_tokens(
            rollouts, trains, allowed=self.setting.recipe.loss.trains, fed=_fed_rows(output)
        )
        self._tell(rollouts)
        batch = self.course.updates
        if (
            self._log is not None
            and self.accelerator.is_main_process
            and self._due(self._log_every)
        ):
            append_rollouts(self._log, batch, rollouts, trains)
        if self._due(self.setting.recipe.attribution):
            self._attribute(output)
        self.course.advance(self._free_success(rollouts))
        return output

    def _due(self, every: int) -> bool:
        return every > 0 and self.course.updates % every == 0

    def _token_advantages(self, advantages: Tensor, longest: int) -> Tensor:
        """One advantage for each token, shape `(B, T)`."""
        if self._values is None or self.setting.recipe.credit == "group":
            return advantages[:, None].expand(-1, longest).contiguous()
        rows = []
        for one, advantage in zip(self.fresh, advantages.tolist(), strict=True):
            reward = total_reward(one.rewards, self.setting.recipe.rewards)
            after = self._values(one, self.setting.tasks[one.task])
            tokens = turn_advantages(one, after, reward=reward, baseline=reward - advantage)
            rows.append([*tokens, *[0.0] * (longest - len(tokens))])
        return torch.tensor(rows, dtype=advantages.dtype, device=advantages.device)

    def _batch(self, model: Any, inputs: dict[str, Any]) -> tuple[Batch, Tensor, Tensor | None]:
        """Log-probabilities as they are now, entropies, and the auxiliary loss of experts."""
        logprobs, entropies, aux = self.figures(
            model, inputs, compute_entropy=True, compute_aux_loss=self.aux_loss_enabled
        )
        old = inputs.get("old_per_token_logps")
        batch = Batch(
            logprobs=logprobs,
            old=logprobs.detach() if old is None else old,
            advantages=inputs["advantages"],
            kinds=inputs["kinds"],
            reference=inputs.get("ref_per_token_logps"),
            weights=inputs.get("importance_sampling_ratio"),
        )
        return batch, entropies, aux

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        batch, entropies, aux = self._batch(model, inputs)
        parts = self.current_gradient_accumulation_steps
        tokens = inputs["num_items_in_batch"].clamp(min=1.0) / self.accelerator.num_processes
        norm = Norm(
            longest=self.max_completion_length,
            tokens=tokens * parts / self.args.steps_per_generation,
            parts=parts,
        )
        loss, info = policy_loss(batch, self.setting.recipe.loss, norm)
        if self.aux_loss_enabled:
            loss = loss + self.router_aux_loss_coef * aux / parts
        self._tell_loss(batch, info, entropies, inputs)
        return loss

    def _attribute(self, output: dict[str, Any]) -> None:
        """Gradient norms by span, of all rollouts of the batch."""
        model = self.accelerator.unwrap_model(self.model_wrapped)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        row = self.setting.recipe.loss
        sums: Sums = {}
        size = self.args.per_device_train_batch_size
        with torch.enable_grad():
            for at in range(0, len(self.fresh), size):
                some = {
                    name: value[at : at + size] if value.dim() else value
                    for name, value in output.items()
                }
                batch, _, _ = self._batch(model, some)
                mask = loss_mask(batch.kinds, row)
                add_span_gradients(sums, loss_terms(batch, row), mask, some["spans"], weights)
        whole = {key: self.accelerator.reduce(flat, "sum") for key, flat in sums.items()}
        mask = loss_mask(output["kinds"], row).bool()
        counts = torch.stack([(mask & (output["spans"] == span)).sum() for span in Span])
        tokens = self.accelerator.reduce(counts, "sum").tolist()
        rollouts = len(self.fresh) * self.accelerator.num_processes
        for name, value in span_norms(
            whole, dict(zip(Span, tokens, strict=True)), rollouts
        ).items():
            self._metrics["train"][name].append(value)

    def _free_success(self, rollouts: Sequence[Rollout]) -> float:
        part = self.setting.recipe.success_part
        return self._mean([one.rewards[part] for one in rollouts if not one.prefixed])

    def _tell(self, rollouts: Sequence[Rollout]) -> None:
        """What this batch shows; the unprefixed policy on its own."""
        recipe = self.setting.recipe
        sides = (
            (("free", False), ("prefixed", True)) if recipe.prefixes.texts else (("free", False),)
        )
        for name, prefixed in sides:
            some = [one for one in rollouts if one.prefixed == prefixed]
            totals = [total_reward(one.rewards, recipe.rewards) for one in some]
            self._count(f"{name}/reward", totals)
            self._count(f"{name}/success", [one.rewards[recipe.success_part] for one in some])
        self._tell_decisions([one for one in rollouts if not one.prefixed])
        kinds = [kind for one in rollouts for kind in one.kinds]
        for kind in Kind:
            self._count(f"tokens/{kind.name.lower()}", [float(kind == found) for found in kinds])
        self._count("turns", [float(len(one.turns)) for one in rollouts])
        if recipe.prefixes.texts:
            forced = [
                sum(
                    value
                    for value, kind in zip(one.logprobs, one.kinds, strict=True)
                    if kind == Kind.FORCED
                )
                for one in rollouts
                if one.prefixed
            ]
            self._count("prefixed/logprob", forced)
            self._metrics["train"]["prefixed/share"].append(self.course.share)
        if len(recipe.stages) > 1 or recipe.stages[0].demonstrations:
            self._metrics["train"]["stage"].append(float(self.course.number))
            self._metrics["train"]["demonstrations"].append(float(self.course.stage.demonstrations))

    def _tell_decisions(self, free: Sequence[Rollout]) -> None:
        """Sampling and deciding apart, of the unprefixed policy."""
        read = self.setting.attempts
        if read is None:
            return
        rounds = [read(one, self.setting.tasks[one.task]) for one in free]
        for name, values in rate_values(rounds).items():
            self._count(f"decisions/{name}", values)

    def _tell_loss(
        self, batch: Batch, info: Info, entropies: Tensor, inputs: dict[str, Any]
    ) -> None:
        metrics = self._metrics["train"]
        sampled = (batch.kinds == Kind.SAMPLED).float()
        metrics["entropy"].append(self._masked(entropies, sampled))
        if info.kl is not None:
            metrics["kl"].append(self._masked(info.kl, info.mask.float()))
        metrics["clip_ratio/region_mean"].append(
            self._masked(info.clipped.float(), info.mask.float())
        )
        gap = (batch.old - inputs["sampling_per_token_logps"]).abs()
        metrics["sampling/logprob_gap"].append(self._masked(gap, sampled))

    def _masked(self, values: Tensor, mask: Tensor) -> float:
        sums = torch.stack([(values.detach() * mask).sum(), mask.sum()])
        total, count = self.accelerator.reduce(sums, reduction="sum").tolist()
        return float(total / max(count, 1.0))

    def _mean(self, values: Sequence[float]) -> float:
        """Mean over all processes; 0 where there is none."""
        sums = torch.tensor([sum(values), float(len(values))], device=self.accelerator.device)
        total, count = self.accelerator.reduce(sums, reduction="sum").tolist()
        return float(total / max(count, 1.0))

    def _count(self, name: str, values: Sequence[float], *, total: bool = False) -> None:
        mean = self._mean(values)
        self._metrics["train"][name].append(
            mean * self.accelerator.num_processes if total else mean
        )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial))
            self.course.save(folder / f"checkpoint-{self.state.global_step}")

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        self.course.load(Path(checkpoint))
        if self._log is not None and self.accelerator.is_main_process:
            begun = self.course.updates  # what comes after it is made again
            keep_lines(self._log, lambda row: row["step"] < begun)


def _part(name: str) -> Any:
    """A reward function of TRL's that tells what was already scored."""

    def part(parts: Sequence[dict[str, float]], **_: Any) -> list[float]:
        return [one[name] for one in parts]

    part.__name__ = name
    return part


def _fed_rows(output: dict[str, Any]) -> list[list[int]]:
    """The tokens that go into the update, row by row, padding left out."""
    ids = torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)
    mask = torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1).bool()
    return [row[on].tolist() for row, on in zip(ids, mask, strict=True)]
