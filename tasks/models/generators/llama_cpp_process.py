"""What runs in a process of its own: llama.cpp with one model, which answers on a Unix socket till its parent is gone.

llama.cpp is native code that aborts where it finds a model impossible, and a GGUF file is untrusted: so it ends this
process alone. Settings come in as one line of JSON on standard input, the key with them, so that no list of processes
shows it; one line goes out when the model is loaded, or cannot be. The end of standard input is the end of the parent.
"""

import json
import os
import resource
import sys
from typing import Any

DONE, FAILED = "loaded", "failed"


def main() -> None:
    """Load the model and serve it until standard input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    say = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library prints is no answer
    settings = json.loads(sys.stdin.readline())
    try:
        server = serve(settings)
    except (RuntimeError, ValueError) as error:
        print(json.dumps({"said": FAILED, "reason": str(error)}), file=say, flush=True)
        os._exit(1)
    print(json.dumps({"said": DONE, "address": server.listening_address}), file=say, flush=True)
    sys.stdin.read()
    os._exit(0)  # the library would wait for what is under way


def serve(settings: dict[str, Any]) -> Any:
    """Return the server of llama.cpp with one slot, in which every prompt is read anew.

    Args:
        settings: model, the path of a GGUF file; socket, the path it listens on; key; context, tokens; threads.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.hostnames = [settings["socket"]]
    params.api_keys = [settings["key"]]
    params.n_ctx = settings["context"]
    params.n_parallel = 1  # slots share a batch, and what shares a batch is rounded differently
    params.cache_prompt, params.cache_ram_mib, params.cache_idle_slots = False, 0, False  # nor by what came before
    params.fit_params = False  # the context asked for, or none
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.ui = params.endpoint_slots = params.endpoint_metrics = False
    params.verbosity = 1  # errors alone
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
