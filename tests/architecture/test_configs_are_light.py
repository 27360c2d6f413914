"""Configs can be read where no library for models is installed: not one of their modules needs more than pydantic."""

import pkgutil
import subprocess
import sys

import configs

HEAVY = {
    "torch",
    "numpy",
    "transformers",
    "prefect",
    "mlflow",
    "pyarrow",
    "pandas",
    "scipy",
    "sklearn",
    "tasks",
    "flows",
}


def test_all_modules_of_configs_together_load_nothing_heavy_in_a_fresh_interpreter() -> None:
    names = [module.name for module in pkgutil.iter_modules(configs.__path__)]
    assert {"flows", "resolve", "signatures"} <= set(names)
    code = "".join(f"import configs.{name}\n" for name in names) + "import sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "configs.resolve" in loaded
    assert not loaded & HEAVY
