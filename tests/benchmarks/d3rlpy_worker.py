"""d3rlpy's IQL for `update_speed.py`, in a process and an environment of its own.

Usage: python d3rlpy_worker.py OBSERVATION ACTION BATCH HIDDEN. Each line `KIND COUNT` on standard
input runs so many updates, KIND `full` (critics, value, actor, target) or `values` (without the
actor), on one thread, and answers with the processor seconds taken. Its defaults: ReLU, no layer
normalisation: a little less work than ours.
"""

import dataclasses
import sys
import time

import d3rlpy
import torch


def batch_of(observation: int, action: int, size: int) -> object:
    """A random batch; what IQL does not read is left empty."""
    generator = torch.Generator().manual_seed(0)
    made = {
        "observations": torch.randn(size, observation, generator=generator),
        "next_observations": torch.randn(size, observation, generator=generator),
        "actions": torch.rand(size, action, generator=generator) * 2 - 1,
        "rewards": torch.rand(size, 1, generator=generator).round(),
        "terminals": torch.rand(size, 1, generator=generator).round(),
        "intervals": torch.ones(size, 1),
    }
    kind = d3rlpy.torch_utility.TorchMiniBatch
    empty = {field.name: torch.zeros(size, 1) for field in dataclasses.fields(kind) if field.init}
    return kind(**{**empty, **made, "device": "cpu", "numpy_batch": None})


def main() -> None:
    observation, action, size, hidden = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    factory = d3rlpy.models.VectorEncoderFactory([hidden, hidden])
    algorithm = d3rlpy.algos.IQLConfig(
        batch_size=size,
        actor_encoder_factory=factory,
        critic_encoder_factory=factory,
        value_encoder_factory=factory,
    ).create(device="cpu")
    algorithm.create_impl((observation,), action)
    impl, batch = algorithm.impl, batch_of(observation, action, size)
    print("ready", d3rlpy.__version__, flush=True)
    for line in sys.stdin:
        kind, count = line.split()
        begun = time.process_time()
        for step in range(int(count)):
            if kind == "full":
                impl.inner_update(batch, step)
            else:
                impl.update_critic(batch)
                impl.update_critic_target()
        print(time.process_time() - begun, flush=True)


if __name__ == "__main__":
    main()
