"""Calculations in words and signs: thirty to develop on, fifty others that are reported.

The fifty were written before any prompt or grammar was tried, and none was changed for them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Calculation:
    """One message.

    Attributes:
        kind: integers, decimals, percentages, thousands or words.
        message: What the user writes.
        result: The number that is right.
    """

    kind: str
    message: str
    result: str


def _of(kind: str, *pairs: tuple[str, str]) -> list[Calculation]:
    return [Calculation(kind, message, result) for message, result in pairs]


DEVELOPMENT = [
    *_of(
        "integers",
        ("What is 37 + 58?", "95"),
        ("How much is 144 divided by 12?", "12"),
        ("Multiply 23 by 17.", "391"),
        ("What is 905 minus 468?", "437"),
        ("Add 12, 30 and 45.", "87"),
        ("What is 84 / 7?", "12"),
    ),
    *_of(
        "decimals",
        ("What is 3.75 + 2.5?", "6.25"),
        ("How much is 19.99 times 3?", "59.97"),
        ("Divide 7.2 by 0.9.", "8"),
        ("What is 100.5 - 37.25?", "63.25"),
        ("What is 0.6 * 0.45?", "0.27"),
        ("What is 2.4 times 2.5?", "6"),
    ),
    *_of(
        "percentages",
        ("What is 20% of 150?", "30"),
        ("How much is 7 percent of 1,300?", "91"),
        ("What is 80 plus 25%?", "100"),
        ("A shirt costs 60. What is its price with 30% off?", "42"),
        ("What is 5.5% of 2,000?", "110"),
        ("How much is 15 percent of 48?", "7.2"),
    ),
    *_of(
        "thousands",
        ("What is 1,250 + 3,980?", "5230"),
        ("What is 12,000 divided by 48?", "250"),
        ("How much is 2,500 times 1.2?", "3000"),
        ("What is 45,600 - 7,850?", "37750"),
        ("Subtract 1,999 from 10,000.", "8001"),
        ("What is 3,125 times 8?", "25000"),
    ),
    *_of(
        "words",
        ("7 tickets at 12.50 each: how much is that?", "87.5"),
        ("I bought 3 books for 8.99 each and paid with 50. How much change do I get?", "23.03"),
        ("A car drives 240 km in 3 hours. How many km is that per hour?", "80"),
        ("If 5 people share a bill of 86.50, how much does each pay?", "17.3"),
        ("I earn 2,400 a month. How much is that in 12 months?", "28800"),
        ("There were 75 eggs and 18 broke. How many are left?", "57"),
    ),
]

REPORTED = [
    *_of(
        "integers",
        ("What is 48 + 77?", "125"),
        ("What is 613 - 284?", "329"),
        ("How much is 36 times 29?", "1044"),
        ("Divide 945 by 15.", "63"),
        ("What is the sum of 19, 43 and 88?", "150"),
        ("What is 54 x 6?", "324"),
        ("Take 57 away from 203.", "146"),
        ("What is 7 to the power of 3?", "343"),
        ("Calculate (18 + 24) / 6.", "7"),
        ("What is the product of 14 and 65?", "910"),
    ),
    *_of(
        "decimals",
        ("What is 4.85 + 3.4?", "8.25"),
        ("What is 12.5 - 7.75?", "4.75"),
        ("How much is 0.35 times 80?", "28"),
        ("What is 9.6 / 1.2?", "8"),
        ("Multiply 3.14 by 2.", "6.28"),
        ("Add 0.75, 1.25 and 2.6.", "4.6"),
        ("How much is 64.4 divided by 7?", "9.2"),
        ("What is 0.07 * 0.3?", "0.021"),
        ("What is 20.05 minus 8.6?", "11.45"),
        ("Calculate 1.5 * (2.2 + 3.8).", "9"),
    ),
    *_of(
        "percentages",
        ("How much is 18 percent of 2,350?", "423"),
        ("What is 40% of 95?", "38"),
        ("What is 12.5% of 640?", "80"),
        ("What is 250 plus 8%?", "270"),
        ("What is 720 minus 15%?", "612"),
        ("A jacket costs 140. How much is it with 20% off?", "112"),
        ("How much is 3 percent of 12,400?", "372"),
        ("What is 110% of 70?", "77"),
        ("A bill is 54. Add a tip of 10 percent.", "59.4"),
        ("What is 6% of 75?", "4.5"),
    ),
    *_of(
        "thousands",
        ("What is 2,249 times 0.85?", "1911.65"),
        ("What is 4,375 + 8,960?", "13335"),
        ("What is 15,300 - 6,475?", "8825"),
        ("How much is 1,728 divided by 12?", "144"),
        ("Multiply 3,600 by 24.", "86400"),
        ("What is 100,000 / 320?", "312.5"),
        ("Subtract 2,745 from 9,000.", "6255"),
        ("Add 1,111 and 22,222.", "23333"),
        ("How much is 7,500 times 1.08?", "8100"),
        ("What is 1,000,000 minus 123,456?", "876544"),
    ),
    *_of(
        "words",
        ("12 items at 4.25 each: what do they cost?", "51"),
        ("A box holds 24 bottles. How many bottles are in 15 boxes?", "360"),
        ("A train covers 420 km in 3.5 hours. What is its average speed in km per hour?", "120"),
        ("Six friends split 93 equally. How much does each get?", "15.5"),
        ("I had 500 and spent 137.40. How much is left?", "362.6"),
        ("Rent is 1,150 a month. How much is that for 6 months?", "6900"),
        ("I buy 4 pens at 1.20 each and a book for 15. What is the total?", "19.8"),
        ("A recipe needs 350 g of flour for one cake. How much is needed for 8 cakes?", "2800"),
        ("The old price was 80 and the new price is 100. By how much did it rise?", "20"),
        ("What is half of 860?", "430"),
    ),
]
