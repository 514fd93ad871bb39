"""Settings as models: what is unknown or out of range is refused by name."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cariflex_service.reading import SettingsError, read_object, read_secret

CONFIG_VARIABLE = "CARIFLEX_CONFIG"
DEFAULT_CONFIG = "/etc/cariflex/config.json"
Port = Annotated[int, Field(ge=0, le=65535)]


class Model(BaseModel):
    """A part of a configuration: immutable, and without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Listen(Model):
    """Address and port of a listening socket."""

    host: str
    port: Port


class User(Model):
    """A posting user and the file with its password."""

    email: str
    password_file: Path

    def password(self) -> str:
        """The password. Raises SettingsError."""
        return read_secret(self.password_file)


class Server(Model):
    """FlexMeasures: a host without scheme."""

    host: str
    port: Port
    ssl: bool


def read_model[M: BaseModel](model: type[M], path: Path | None = None) -> M:
    """The checked configuration in ``path``, else in the file CARIFLEX_CONFIG names. Raises SettingsError."""
    path = path or Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))
    try:
        return model.model_validate(read_object(path))
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {str(item['input'])[:80]!r}; {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError(f"{path}: {found}") from error
