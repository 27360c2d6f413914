"""What a run may cost, in tokens and money: reserved before a request is sent, settled when its reply has come."""

import threading

from configs.generators import Prices
from tasks.data.messages import Cost
from tasks.errors import BudgetError


class Budget:
    """Two caps that are never exceeded; threads may share them.

    Attributes:
        tokens: Spent.
        money: Spent.
    """

    def __init__(self, most_tokens: int | None, most_money: float | None, prices: Prices) -> None:
        self.most_tokens, self.most_money, self.prices = most_tokens, most_money, prices
        self.tokens, self.money = 0, 0.0
        self._reserved_tokens, self._reserved_money = 0, 0.0
        self._turn = threading.Lock()

    def fits(self, cost: Cost) -> bool:
        """Return whether so much can still be reserved."""
        with self._turn:
            return not self._excess(cost)

    def reserve(self, cost: Cost) -> None:
        """Reserve what a request can cost at most.

        Raises:
            BudgetError: There is not so much left.
        """
        with self._turn:
            if excess := self._excess(cost):
                raise BudgetError(f"{excess}; raise the budget and run again; replies received so far are kept")
            self._reserved_tokens += cost.tokens
            self._reserved_money += cost.money(self.prices)

    def settle(self, reserved: Cost, spent: Cost) -> None:
        """Count what a request did cost in place of what was reserved for it."""
        with self._turn:
            self._reserved_tokens -= reserved.tokens
            self._reserved_money -= reserved.money(self.prices)
            self.tokens += spent.tokens
            self.money += spent.money(self.prices)

    def _excess(self, cost: Cost) -> str:
        """Say what would exceed a cap; nothing where none is."""
        if self.most_tokens is not None and self.tokens + self._reserved_tokens + cost.tokens > self.most_tokens:
            return f"budget_tokens is {self.most_tokens}, {self.tokens} are spent and a request may take {cost.tokens}"
        money = cost.money(self.prices)
        if self.most_money is not None and self.money + self._reserved_money + money > self.most_money:
            return f"budget_money is {self.most_money:g}, {self.money:.4g} is spent and a request may take {money:.4g}"
        return ""
