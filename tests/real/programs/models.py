"""A model is checked."""

import pydantic


class Model(pydantic.BaseModel):
    """One field."""

    x: int


print(Model.model_validate_json('{"x": "1"}'))
