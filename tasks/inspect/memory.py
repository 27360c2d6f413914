"""Watch how much memory the tensors of some work hold at once. Source: ours, on torch's dispatch."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Watch(TorchDispatchMode):
    """Counts the bytes of every storage from the first tensor on it to the last; views of what was there are free."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.users: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation, and count what it gives."""
        given = func(*args, **(kwargs or {}))
        read = {t.untyped_storage().data_ptr() for t in args if isinstance(t, torch.Tensor)}
        before = read - self.users.keys()
        for tensor in given if isinstance(given, tuple | list) else (given,):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in before:
                self._hold(tensor)
        return given

    def _hold(self, tensor: torch.Tensor) -> None:
        place = tensor.untyped_storage().data_ptr()
        if place not in self.users:
            self.sizes[place] = tensor.untyped_storage().nbytes()
            self.now += self.sizes[place]
            self.peak = max(self.peak, self.now)
        self.users[place] = self.users.get(place, 0) + 1
        weakref.finalize(tensor, self._release, place)

    def _release(self, place: int) -> None:
        self.users[place] -= 1
        if not self.users[place]:
            del self.users[place]
            self.now -= self.sizes.pop(place)


def peak_bytes(work: Callable[[], Any]) -> int:
    """Return the most bytes that tensors made by some work held at once."""
    with Watch() as watch:
        work()
    return int(watch.peak)
