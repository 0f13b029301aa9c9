"""Where the two commands of this distribution are: `python -m hermetic_check` runs the first."""

import os
import sys
import sysconfig

__all__ = ["find"]


def find(command: str = "hermetic-check") -> str:
    """The path of `hermetic-check` or `hermetic-lsp`, as installed together with this module."""
    name = command + (sysconfig.get_config_var("EXE") or "")
    modules = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    scripts = sysconfig.get_path("scripts")
    user = sysconfig.get_preferred_scheme("user") if sys.version_info >= (3, 10) else f"{os.name}_user"
    # `pip install --prefix` makes the same folders in another place: `lib/python3.9/site-packages`, or `Lib` and that.
    prefix = os.path.join(modules, *[os.pardir] * (2 if os.name == "nt" else 3))
    folders = [
        scripts,
        sysconfig.get_path("scripts", user),
        # `pip install --target` has them beside the modules.
        os.path.join(modules, "bin"),
        os.path.normpath(os.path.join(prefix, os.path.basename(scripts))),
    ]
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(
        f"{name} is in none of {', '.join(folders)}; install it anew: "
        f"{sys.executable} -m pip install --force-reinstall hermetic-check"
    )
