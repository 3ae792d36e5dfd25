"""What can be typed about policies: `train policy`, `check-tokens`.

Wiring only, as in `app`, of which these commands are a part.
"""

from pathlib import Path
from typing import Annotated

import typer

from forethought.cli.options import Json, Resume, Seed

policy_app = typer.Typer(rich_markup_mode=None)
policy_train_app = typer.Typer(rich_markup_mode=None)
policy_eval_app = typer.Typer(rich_markup_mode=None)

Tasks = Annotated[
    Path | None, typer.Option(help="JSON lines with question and answers.", metavar="FILE")
]
World = Annotated[
    str | None, typer.Option("--env", help="A world, in place of --tasks.", metavar="ENV")
]
Toy = Annotated[
    str | None,
    typer.Option("--toy", help="The task of a base of train base, likewise.", metavar="BASE"),
]
Instances = Annotated[
    int, typer.Option(min=1, help="Instances of --env, or problems of --toy, that are used.")
]
Demonstrations = Annotated[
    Path | None,
    typer.Option(help="JSON lines with question and solution, for icrl.", metavar="FILE"),
]
Tools = Annotated[
    list[str] | None,
    typer.Option("--tool", help="What the policy may call: python, search:DIR.", metavar="NAME"),
]
Bare = Annotated[bool, typer.Option("--bare", help="The prompt is the question alone.")]
AsAgent = Annotated[
    bool, typer.Option("--agent", help="Prompts and tools as an Agent has them, in place of tags.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, as in loss.beta=0.001.", metavar="KEY=VALUE"),
]
Device = Annotated[str, typer.Option(help="auto, or cpu to leave a GPU alone.")]


@policy_train_app.command("policy")
def train_policy(
    recipe: Annotated[
        str,
        typer.Argument(
            help="grpo, dr_grpo, dapo, gspo, icrl, tocorl, decision-sampling, or a file NAME.toml.",
            metavar="RECIPE",
        ),
    ],
    model: Annotated[
        str, typer.Option(help="A directory, a GGUF file or a hub id, as for local:.", metavar="M")
    ],
    out: Annotated[Path, typer.Option(help="Where the tuned model goes.", metavar="DIR")],
    tasks: Tasks = None,
    env: World = None,
    toy: Toy = None,
    instances: Instances = 1000,
    demonstrations: Demonstrations = None,
    tools: Tools = None,
    bare: Bare = False,
    agent: AsAgent = False,
    prefixes: Annotated[
        list[str] | None,
        typer.Option("--prefix", help="An opening to force, for tocorl.", metavar="TEXT"),
    ] = None,
    bank: Annotated[
        str | None,
        typer.Option(
            "--prefixes", help="Prefixes of a behaviour in a bank file.", metavar="BANK[:NAME]"
        ),
    ] = None,
    changes: Settings = None,
    seed: Seed = 0,
    part: Annotated[
        int, typer.Option(min=1, help="Most rollouts in one forward pass of a process.")
    ] = 64,
    save_every: Annotated[int, typer.Option(min=1, help="Updates between two checkpoints.")] = 50,
    log_rollouts: Annotated[
        int, typer.Option(min=0, help="Batches between two whose rollouts are kept; 0 for none.")
    ] = 10,
    report_to: Annotated[
        list[str] | None,
        typer.Option(help="tensorboard, wandb or trackio, as in TRL.", metavar="NAME"),
    ] = None,
    lora: Annotated[
        int | None, typer.Option(min=1, help="Rank of LoRA adapters; all weights without it.")
    ] = None,
    device: Device = "auto",
    engine: Annotated[
        str, typer.Option(help="What writes rollouts: transformers, or vllm.", metavar="NAME")
    ] = "transformers",
    engine_memory: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of a GPU's memory for vllm.")
    ] = 0.3,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a local model by reinforcement learning; local: serves the result.

    Which recipe when: docs/recipes.md.
    """
    from forethought.cli.tuning import How
    from forethought.cli.tuning import train_policy as run
    from forethought.cli.tuning_what import What

    what = What(
        recipe=recipe,
        changes=changes or [],
        tasks=tasks,
        env=env,
        toy=toy,
        instances=instances,
        demonstrations=demonstrations,
        tools=tools or [],
        bare=bare,
        agent=agent,
        prefixes=prefixes or [],
        bank=bank,
    )
    how = How(
        out=out,
        seed=seed,
        part=part,
        save_every=save_every,
        log_rollouts=log_rollouts,
        report_to=report_to or [],
        lora=lora,
        device=device,
        engine=engine,
        engine_memory=engine_memory,
        resume=resume,
    )
    run(model, what, how, as_json=as_json)


@policy_app.command("check-tokens")
def check_tokens(
    folder: Annotated[Path, typer.Argument(help="What train policy wrote.", metavar="DIR")],
    as_json: Json = False,
) -> None:
    """Verify what trained and what did not, and draw every token on DIR/tokens.html."""
    from forethought.cli.tuning import check_tokens as run

    run(folder, as_json=as_json)


@policy_eval_app.command("policy")
def eval_policy(
    model: Annotated[
        str, typer.Argument(help="What train policy wrote, or any local model.", metavar="M")
    ],
    tasks: Tasks = None,
    env: World = None,
    toy: Toy = None,
    instances: Instances = 100,
    demonstrations: Demonstrations = None,
    tools: Tools = None,
    bare: Bare = False,
    agent: AsAgent = False,
    recipe: Annotated[
        str | None,
        typer.Option(help="Whose sampling and rewards; by default the model's own.", metavar="R"),
    ] = None,
    changes: Settings = None,
    each: Annotated[int, typer.Option(min=1, help="Rollouts of each task.")] = 1,
    stage: Annotated[
        int | None, typer.Option(min=0, help="Whose demonstrations are shown; the last one's.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure what a policy does by itself, without a prefix, on tasks: best ones it never met.

    Of --env and --toy those of the test split are taken.
    """
    from forethought.cli.tuning import eval_policy as run
    from forethought.cli.tuning_what import What

    what = What(
        recipe=recipe,
        changes=changes or [],
        tasks=tasks,
        env=env,
        toy=toy,
        split="test",
        instances=instances,
        demonstrations=demonstrations,
        tools=tools or [],
        bare=bare,
        agent=agent,
    )
    run(model, what, each=each, stage=stage, seed=seed, device=device, as_json=as_json)
