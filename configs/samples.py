"""Texts that flows show themselves with where none are given, and that tokenizers are compared by.

Source: article 1 of the Universal Declaration of Human Rights, first sentence, as the United Nations publish it in
each language; the rest is ours.
"""

SAMPLES = {
    "English": "All human beings are born free and equal in dignity and rights.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Spanish": "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Arabic": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "code": "def area(radius: float) -> float:\n\treturn 3.14159 * radius**2  # ROUND\n",
    "signs": "CAPITALIZATION \U0001f3b5 12.0*50=600 naïve co-operate e\u0301 \U0001f469\u200d\U0001f680",
}

BANK = (
    ("river", "We sat on the grassy bank and watched the river flow past."),
    ("river", "The boat ran aground on the muddy bank of the stream."),
    ("river", "Willows grow along the bank where the water is shallow."),
    ("river", "He climbed up the steep bank after swimming across the lake."),
    ("river", "The flood washed away part of the bank and two old trees."),
    ("river", "An otter left its tracks in the sand of the river bank."),
    ("river", "She cast her fishing line from the far bank of the creek."),
    ("river", "Reeds covered the bank and hid the nests of the ducks."),
    ("money", "She opened a savings account at the bank last week."),
    ("money", "The bank raised its interest rates on home loans."),
    ("money", "He works as a clerk in a bank in the city centre."),
    ("money", "Two men robbed the bank and fled with the cash."),
    ("money", "The bank refused to lend the company any more money."),
    ("money", "Deposit the cheque at your bank before noon on Friday."),
    ("money", "The central bank printed new notes and coins this year."),
    ("money", "My bank charges a fee for every transfer abroad."),
)
