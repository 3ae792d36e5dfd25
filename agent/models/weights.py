"""Weights for `local:`: a directory, a hub id or a GGUF file, read into memory.

Only safetensors and GGUF are read, never pickled weights, and no code that comes with a model is
run. A GGUF file is dequantised once, to float16 safetensors in the cache folder under the file's
hash, and read from there afterwards. Knows nothing of prompts or of generation.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from forethought.agent.errors import ConfigError, DataError, ForethoughtError, needs
from forethought.agent.places import cache_home

INSTALL = "pip install 'forethought[local]'"
with needs("a local model", INSTALL):
    import torch
    import transformers
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
    from safetensors import SafetensorError
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging as progress

DType = Literal["auto", "float32", "bfloat16", "float16"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_FOREIGN = (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError, SafetensorError)
"""What reading damaged or unknown weights raises."""
_CONTEXT = 4096
"""Tokens, for models that do not say how many they can take."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What makes two models share one copy of the weights and one worker."""

    source: str
    """A directory, a GGUF file or a hub id."""
    revision: str | None = None
    device: str = "auto"
    dtype: DType = "auto"
    adapter: str | None = None
    context: int | None = None
    """Tokens that prompt and reply may have together; `None` for what the model was made for."""
    max_batch: int = 8
    cache_mb: int = 512
    """Megabytes of keys and values kept for prompts to come."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, with what its directory says of how it is served."""

    model: Any
    tokenizer: Any
    device: torch.device
    context: int
    """Tokens that prompt and reply may have together."""
    ends: frozenset[int]
    """Tokens that end a reply."""


def resolve(name: str) -> str:
    """What a name after `local:` stands for: an absolute path, or a hub id as it is.

    Raises:
        ConfigError: If it is a path and no model lies there.
        DataError: If it is a file that is not GGUF.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        _check_directory(path)
        return str(path.absolute())
    if path.is_file():
        _check_file(path)
        return str(path.absolute())
    if name.startswith((".", "/", "~")) or name.endswith(".gguf") or name.count("/") > 1:
        raise ConfigError(f"no model at {path}: give a directory, a GGUF file or a hub id")
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ConfigError(f"{name!r} is neither a file, a directory nor a hub id") from error
    return name


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ConfigError(f"cannot read the model file {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise DataError(f"{path} is not a GGUF file: it does not begin with the letters GGUF")


def _check_directory(path: Path) -> None:
    if (path / "config.json").is_file():
        return
    if (path / "adapter_config.json").is_file():
        raise ConfigError(f"{path} is an adapter: name its base model and pass adapter={path}")
    raise ConfigError(f"{path} is not a model's directory: it has no config.json")


def check_adapter(adapter: str | os.PathLike[str] | None) -> str | None:
    """The absolute path of a PEFT directory; `None` for none.

    Raises:
        ConfigError: If it is not one, or holds pickled weights only.
    """
    if adapter is None:
        return None
    path = Path(adapter).expanduser()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (path / name).is_file():
            raise ConfigError(f"{path} is not an adapter's directory: it has no {name}")
    return str(path.absolute())


def choose_device(device: str) -> torch.device:
    """The device of that name; `auto` is CUDA where there is one, then MPS, then the CPU.

    Raises:
        ConfigError: If there is no such device here.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"no device {device!r}: write auto, cpu, cuda, cuda:N or mps") from error
    if not {"cpu": True, "cuda": cuda, "mps": mps}.get(chosen.type, False):
        raise ConfigError(f"no device {device!r} here: use auto or cpu")
    return chosen


def choose_dtype(dtype: DType, device: torch.device) -> torch.dtype:
    """The precision of that name; `auto` is bfloat16 on a GPU and float32 on the CPU.

    Raises:
        ConfigError: If there is no such precision.
    """
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if dtype not in _DTYPES:
        raise ConfigError(f"no dtype {dtype!r}; known: auto, {', '.join(_DTYPES)}")
    return _DTYPES[dtype]


def load(settings: Settings) -> Loaded:
    """Read a model into memory; a GGUF file is converted first, unless it was already.

    Raises:
        ConfigError: If the model cannot be served here: not at hand, no chat template, of a kind
            that cannot be batched.
        DataError: If its files cannot be read.
        MissingExtra: If an adapter is given and PEFT is not installed.
    """
    device = choose_device(settings.device)
    source = settings.source
    with _quiet():
        if Path(source).is_file():
            source = str(converted(Path(source)))
        began = time.perf_counter()
        with _border(source):
            model, tokenizer = _read(source, settings, choose_dtype(settings.dtype, device))
        if settings.adapter is not None:
            model = _adapted(model, settings.adapter)
        model = model.to(device).eval()
    _check_model(source, model, tokenizer)
    _log.info("%s loaded in %.1f s on %s", settings.source, time.perf_counter() - began, device)
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or _CONTEXT
    context = min(most, settings.context or most)
    return Loaded(model, tokenizer, device, context, _ends(model, tokenizer))


def _read(source: str, settings: Settings, dtype: torch.dtype) -> tuple[Any, Any]:
    if not _at_hand(source):
        _log.warning("fetching %s from the hub; this may take a while", source)
    options: dict[str, Any] = {"trust_remote_code": False}
    if settings.revision is not None:
        options["revision"] = settings.revision
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        source, dtype=dtype, use_safetensors=True, **options
    )
    return model, tokenizer


def _adapted(model: Any, adapter: str) -> Any:
    """The model with an adapter's changes put into its weights."""
    with needs("an adapter", "pip install peft"):
        from peft import PeftModel
    with _border(adapter), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by old names
        return PeftModel.from_pretrained(model, adapter).merge_and_unload()


def _check_model(source: str, model: Any, tokenizer: Any) -> None:
    if not getattr(tokenizer, "chat_template", None):
        raise ConfigError(
            f"{source} has no chat template: use the instruction-tuned model, or put the template"
            " into its directory as chat_template.jinja"
        )
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if getattr(model, "_is_stateful", False) or not kinds <= {
        "full_attention",
        "sliding_attention",
    }:
        raise ConfigError(
            f"{source} ({model.config.model_type}) has layers without keys and values, which cannot"
            " be batched here: use a transformer, or gguf:"
        )


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a reply, by the generation settings and by the tokenizer."""
    given = getattr(model.generation_config, "eos_token_id", None)
    ends = set(given if isinstance(given, list) else [given])
    return frozenset(token for token in {*ends, tokenizer.eos_token_id} if token is not None)


def converted(file: Path) -> Path:
    """The directory of a GGUF file's weights as safetensors; made on first use.

    Raises:
        DataError: If transformers cannot read the file.
    """
    folder = conversion_of(file)
    if (folder / "config.json").is_file():
        return folder
    began = time.perf_counter()
    _log.warning("converting %s to safetensors, once; this takes a while", file.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        with _border(str(file)):
            _convert(file, Path(part) / "model")
        try:
            (Path(part) / "model").rename(folder)
        except OSError:  # another process was faster; anything else in the way is replaced
            if not (folder / "config.json").is_file():
                shutil.rmtree(folder, ignore_errors=True)
                (Path(part) / "model").rename(folder)
    _log.info("converted %s in %.0f s", file.name, time.perf_counter() - began)
    return folder


def conversion_of(file: Path) -> Path:
    """Where the converted weights of a GGUF file lie, or will."""
    with file.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()[:24]
    return cache_home() / "gguf" / digest


def _convert(file: Path, folder: Path) -> None:
    place = {"gguf_file": file.name, "trust_remote_code": False}
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(file.parent), **place)
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        str(file.parent),
        dtype=torch.float32,
        quantization_config=transformers.GgufConfig(dequantize=True),
        **place,
    )
    if getattr(model, "hf_quantizer", None) is not None:
        model.hf_quantizer.remove_quantization_config(model)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def _border(source: str) -> Iterator[None]:
    """What reading a model raises, made ours; a hub id that is not at hand is told apart."""
    try:
        yield
    except ForethoughtError:
        raise
    except _FOREIGN as error:
        words = " ".join(str(error).split())
        words = words if len(words) <= 240 else words[:237] + "..."
        if _at_hand(source):
            raise DataError(f"cannot use the model at {source}: {words}") from error
        raise ConfigError(
            f"the model {source} is not in the hub's cache and could not be fetched: where there is"
            f" a network, run: hf download {source} (or give a directory)"
        ) from error


def _at_hand(source: str) -> bool:
    """Whether there is something of the model on this machine."""
    return Path(source).exists() or isinstance(try_to_load_from_cache(source, "config.json"), str)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars while weights are read: what there is to say goes to the log."""
    enabled = progress.is_progress_bar_enabled()
    bar = vars(gguf_reader)["tqdm"]
    progress.disable_progress_bar()  # type: ignore[no-untyped-call]
    vars(gguf_reader)["tqdm"] = lambda items, **_: items
    try:
        yield
    finally:
        vars(gguf_reader)["tqdm"] = bar
        if enabled:
            progress.enable_progress_bar()  # type: ignore[no-untyped-call]
