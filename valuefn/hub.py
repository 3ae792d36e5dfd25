"""Head directories on the Hugging Face hub: up and down.

Only the files of a head travel, in both directions; no code of a repository is fetched or run. What
was downloaded is pinned by its commit: the folder's name is the commit's hash. Knows nothing of
what the files hold.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forethought.agent.errors import ConfigError, HeadError, needs
from forethought.valuefn.stored import FILES

with needs("heads on the hub", "pip install 'forethought[hub]'"):
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: its client's
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

_ALL = [*FILES, "metrics.json", "origin.json", "README.md"]
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""Of a repository: `owner/name`."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A head that was put on the hub."""

    repo_id: str
    revision: str
    """Hash of the commit: give it as `revision` to get exactly this head."""
    url: str


def is_hub_name(text: str) -> bool:
    """Whether a text could name a repository."""
    return _NAME.fullmatch(text) is not None


def upload(
    folder: Path,
    repo_id: str,
    *,
    message: str,
    private: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
) -> Pushed:
    """Put a head directory on the hub, making the repository where there is none.

    Args:
        folder: The directory.
        repo_id: `owner/name`.
        message: Of the commit.
        private: Whether a new repository is private.
        token: Who pushes; the one stored by `hf auth login` by default.
        endpoint: Another hub than huggingface.co.

    Raises:
        ConfigError: If the name cannot be one, or nobody is logged in.
        HeadError: If the hub cannot be reached, or refuses.
    """
    api = HfApi(endpoint=endpoint, token=token)
    with _told(repo_id):
        api.create_repo(repo_id, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repo_id, folder_path=folder, commit_message=message, allow_patterns=_ALL
        )
    return Pushed(repo_id, done.oid, str(done.commit_url))


def download(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    endpoint: str | None = None,
) -> Path:
    """The directory of a head of the hub, fetched once and kept in the hub's own cache.

    Args:
        repo_id: `owner/name`.
        revision: Commit, branch or tag; a commit is the only one that never changes.
        token: Who asks; the stored one by default.
        endpoint: Another hub than huggingface.co.

    Raises:
        ConfigError: If the name cannot be one.
        HeadError: If there is no such repository or revision, or the hub cannot be reached.
    """
    with _told(repo_id, revision):
        found = snapshot_download(
            repo_id,
            revision=revision,
            token=token,
            endpoint=endpoint,
            allow_patterns=_ALL,
            library_name="forethought",
        )
    return Path(found)


@contextmanager
def _told(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """The hub's errors as ours."""
    try:
        yield
    except HFValidationError as error:
        raise ConfigError(f"{repo_id!r} cannot name a repository; write owner/name") from error
    except LocalTokenNotFoundError as error:
        raise ConfigError("nobody is logged in to the hub; run hf auth login") from error
    except RevisionNotFoundError as error:
        raise HeadError(f"{repo_id} has no revision {revision!r}") from error
    except GatedRepoError as error:
        raise HeadError(f"{repo_id} is gated; ask for access on its page, log in") from error
    except RepositoryNotFoundError as error:
        raise HeadError(
            f"there is no repository {repo_id} on the hub, or none that this login may see; a head "
            "on disk is named by its folder"
        ) from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        raise HeadError(
            f"cannot reach the hub for {repo_id}, and it is not in the cache; go online (and unset "
            "HF_HUB_OFFLINE), or give a folder"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        hint = "; run hf auth login, or give a token that may write" if status in {401, 403} else ""
        raise HeadError(f"the hub refused {repo_id} ({status}){hint}") from error
    except (HTTPError, OSError) as error:
        raise HeadError(f"cannot reach the hub for {repo_id}: {error}") from error
