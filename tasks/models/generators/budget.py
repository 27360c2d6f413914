"""What a run may cost, in tokens and money: reserved before a request is sent, settled when its reply has come."""

from configs.generators import Prices
from tasks.data.messages import Cost
from tasks.errors import BudgetError
from tasks.store import spending


class Budget:
    """Two caps on what a run spends, never exceeded; all that ask in the run share what is spent."""

    def __init__(self, most_tokens: int | None, most_money: float | None, prices: Prices) -> None:
        self.most_tokens, self.most_money, self.prices = most_tokens, most_money, prices
        self.ledger = spending.current()
        for name, cap in (("budget_tokens", most_tokens), ("budget_money", most_money)):
            if cap is not None:
                self.ledger.caps[name] = max(cap, self.ledger.caps.get(name, 0))

    @property
    def tokens(self) -> int:
        """Tokens that the run has spent."""
        return self.ledger.tokens

    def fits(self, cost: Cost) -> bool:
        """Return whether so much can still be reserved."""
        with self.ledger.turn:
            return not self._excess(cost)

    def reserve(self, cost: Cost) -> None:
        """Reserve what a request can cost at most; what others have under way is waited for.

        Raises:
            BudgetError: There is not so much left.
        """
        with self.ledger.turn:
            while excess := self._excess(cost):
                if not self.ledger.reserved_tokens:
                    raise BudgetError(f"{excess}; raise the budget and run again; replies received so far are kept")
                self.ledger.turn.wait()
            self.ledger.reserved_tokens += cost.tokens
            self.ledger.reserved_money += cost.money(self.prices)

    def settle(self, reserved: Cost, spent: Cost) -> None:
        """Count what a request did cost in place of what was reserved for it."""
        with self.ledger.turn:
            self.ledger.reserved_tokens -= reserved.tokens
            self.ledger.reserved_money -= reserved.money(self.prices)
            self.ledger.tokens += spent.tokens
            self.ledger.money += spent.money(self.prices)
            self.ledger.turn.notify_all()

    def _excess(self, cost: Cost) -> str:
        """Say what would exceed a cap; nothing where none is."""
        held = self.ledger
        if self.most_tokens is not None and held.tokens + held.reserved_tokens + cost.tokens > self.most_tokens:
            return f"budget_tokens is {self.most_tokens}, {held.tokens} are spent and a request may take {cost.tokens}"
        money = cost.money(self.prices)
        if self.most_money is not None and held.money + held.reserved_money + money > self.most_money:
            return f"budget_money is {self.most_money:g}, {held.money:.4g} is spent and a request may take {money:.4g}"
        return ""


class Attempts:
    """What the attempts at one request cost: each is reserved before it is sent, and none that may be paid is free.

    Attributes:
        most: What one attempt can cost at most; reserved for the first by whoever makes this.
    """

    def __init__(self, budget: Budget, most: Cost) -> None:
        self.budget, self.most, self._held = budget, most, True

    def begin(self) -> None:
        """Reserve for an attempt, unless that is done.

        Raises:
            BudgetError: There is not so much left.
        """
        if not self._held:
            self.budget.reserve(self.most)
            self._held = True

    def end(self, spent: Cost) -> None:
        """Count what an attempt did cost; nothing where none is under way."""
        if self._held:
            self._held = False
            self.budget.settle(self.most, spent)
