"""The models that are served, by name and version; it knows no framework and no transport."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import ModelNotFoundError, UsageError
from mlserve_cli.inference.predictor import Prediction
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.scoring import score

if TYPE_CHECKING:
    from mlserve_cli.serving.loading import ModelSource

# Rows per call of a model where nothing else is said.
DEFAULT_MAX_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class ModelState:
    """What the repository index says of one model.

    Attributes:
        name: Its name.
        version: The loaded or newest version.
        ready: Whether it answers.
    """

    name: str
    version: int
    ready: bool


class PredictionService:
    """Loaded models by name and version. The newest version of a name answers for it.

    Args:
        models: Models to serve from the start.
        source: Where `load` finds more; None where models are only given by the program.
    """

    def __init__(
        self, models: Iterable[LoadedModel] = (), *, source: "ModelSource | None" = None
    ) -> None:
        self._versions: dict[str, dict[int, LoadedModel]] = {}
        self._newest: dict[str, LoadedModel] = {}
        self._default: LoadedModel | None = None
        self.source = source
        self.draining = False
        for model in models:
            self.add(model)

    @property
    def ready(self) -> bool:
        """Whether requests are answered: a model is loaded, and the server is not stopping."""
        return bool(self._newest) and not self.draining

    def models(self) -> list[LoadedModel]:
        """Every loaded version, by name, newest last."""
        return [
            versions[number]
            for _, versions in sorted(self._versions.items())
            for number in sorted(versions)
        ]

    def versions(self, name: str) -> list[int]:
        """Loaded versions of a model, oldest first."""
        self.resolve(name)
        return sorted(self._versions[name])

    def resolve(self, name: str | None = None, version: int | None = None) -> LoadedModel:
        """The model that a client asks for.

        Args:
            name: None for the only model.
            version: None for the newest.

        Raises:
            ModelNotFoundError: It is not served; the message lists what is.
        """
        if name is None:
            return self._default or self._no_default()
        model = self._newest.get(name)
        if model is not None and version is not None and version != model.version:
            model = self._versions[name].get(version)
        return model or self._not_found(name, version)

    def add(self, model: LoadedModel) -> None:
        """Serves a model from now on, beside its other versions."""
        self._versions.setdefault(model.name, {})[model.version] = model
        self._settle(model.name)

    def remove(self, name: str, version: int | None = None) -> None:
        """Stops to serve a model, or one version of it.

        Raises:
            ModelNotFoundError: It is not served.
        """
        self.resolve(name, version)
        if version is None:
            del self._versions[name]
        else:
            del self._versions[name][version]
        self._settle(name)

    def load(self, name: str) -> LoadedModel:
        """Loads the newest version of a model, warms it up and lets it take over.

        Raises:
            ModelNotFoundError: It is not in the repository.
            MlserveError: It cannot be loaded; whatever was served before stays.
        """
        model = self.fetch(name)
        self.replace(model)
        return model

    def fetch(self, name: str, version: int | None = None) -> LoadedModel:
        """A version of a model, loaded and warmed up but not served yet; see `load`.

        Args:
            name: Its name.
            version: None for the newest.
        """
        if self.source is None:
            raise UsageError("This server was given its models and has no repository to load from.")
        if name not in self.source.names():
            raise ModelNotFoundError(f"No model '{_short(name)}' in the repository.")
        model = self.source.load(name if version is None else f"{name}/{version}")
        if model.has_real_example:
            model.warm_up()
        return model

    def serves_only(self, name: str, version: int) -> bool:
        """Whether this version of a model is served, and no other one."""
        return list(self._versions.get(name, ())) == [version]

    def replace(self, model: LoadedModel) -> None:
        """Serves a model instead of its other versions.

        Requests that are under way finish on the version they began with.
        """
        self.add(model)
        for version in [number for number in self._versions[model.name] if number != model.version]:
            self.remove(model.name, version)

    def index(self) -> list[ModelState]:
        """Every model that is served or could be loaded, by name."""
        found = {
            model.name: ModelState(model.name, model.version, ready=True)
            for model in self._newest.values()
        }
        for name in self.source.names() if self.source else ():
            newest = self.source.newest(name) if self.source else None
            if name not in found and newest is not None:
                found[name] = ModelState(name, newest, ready=False)
        return [state for _, state in sorted(found.items())]

    def predict(
        self, rows: Sequence[Any], model: str | None = None, version: int | None = None
    ) -> Prediction:
        """What a model says about rows, given as lists in its order or as mappings by column.

        Raises:
            ModelNotFoundError: The model is not served.
            SignatureError: A row does not fit it.
        """
        found = self.resolve(model, version)
        named = bool(rows) and isinstance(rows[0], dict)
        read = found.reader.from_records if named else found.reader.from_rows
        scored = score(found, [read(rows)], found.wanted, DEFAULT_MAX_BATCH_ROWS)
        assert scored.labels is not None
        return Prediction(scored.labels, scored.probabilities)

    def _settle(self, name: str) -> None:
        versions = self._versions.get(name)
        if versions:
            self._newest[name] = versions[max(versions)]
        else:
            self._versions.pop(name, None)
            self._newest.pop(name, None)
        only = list(self._newest.values())
        self._default = only[0] if len(only) == 1 else None

    def _no_default(self) -> LoadedModel:
        if not self._newest:
            raise ModelNotFoundError("No model is loaded.")
        names = ", ".join(sorted(self._newest))
        raise ModelNotFoundError(
            f"Several models are served: {names}; name one in the address.",
            hint=f"For example: /models/{min(self._newest)}/predict",
        )

    def _not_found(self, name: str, version: int | None) -> LoadedModel:
        if name in self._newest:
            listed = ", ".join(map(str, sorted(self._versions[name])))
            raise ModelNotFoundError(
                f"Model '{name}' has no version {version} here; served: {listed}."
            )
        names = ", ".join(sorted(self._newest)) or "none"
        raise ModelNotFoundError(f"No model '{_short(name)}' is served; the models are: {names}.")


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:60]}..."
