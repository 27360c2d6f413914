"""What a full stop after a word or a number means: the abbreviations, ordinals and sentence openers of many languages.

All languages share one list, since a text may hold several and few say which. So a word that also ends sentences in
some language stands only where what follows decides: a number, or a word that opens a sentence.
Source: ours, after the kinds that pySBD (Sadvilkar & Neumann 2020, arXiv:2010.09657) tells apart.
"""

import re


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# A full stop after these ends no sentence.
NEVER = _listed(
    """
    al approx cf dr drs eq fig incl mr mrs ms messrs mme mlle n.b p.s pp prof ref resp rev st viz vol vs abb abt
    bes betr bspw bzgl bzw evtl ggf hrsg inkl sog vgl zzgl zzt m.in bl.a t.ex bijv dhr mevr mej dott
    dott.ssa dott.sa sig sigg avv arch egr gent spett sra srta dra dña lic sta sto excmo exmo ej ilmo ee
    dr.ssa fru jfr dvs tzn tj np zob ul tzw inż mgr płk śp např tzv popř mudr judr phdr rndr ing örn
    bkz alm krş напр проф акад ул см ср бул пер тов κα βλ δρ πρβλ π.χ αριθ डॉ श्री प्रो
    """
)
# Nor does one after these where a number follows.
BEFORE_NUMBER = _listed(
    """
    no nr nos num núm nro n art arts abs absatz anm bd kap cap caps ch chap chr ziff pos p pp s ss f ff sec sect
    tab tabl tbl vol vols ver v page pag pág págs bl blz hs str sid rys obr poz zał č čl odst sz md kl t tel ext
    ed aufl jg ca cca circa env aprox max min mind ok yakl št op par rn jan feb febr mar mär apr jun jul aug sep
    sept oct okt nov dec dez janv févr avr juil déc gen genn mag giu lug ago set ott dic ene abr sty lut kwi cze
    lip sie wrz paź lis gru fev стр с рис табл гл ст п д кв разд ок прим σελ αρ άρθρ κεφ περ παρ εικ ص رقم नं पृ
    """
)
# One after these ends a sentence where a word follows that opens one.
MAY_END = _listed(
    """
    etc ex hr inc ltd co corp bros jr sr esq dept a.m p.m am pm u.s u.k u.s.a e.u d.c a.d b.c ave blvd rd usw usf
    uvm ff jh jhd chr mio mrd tel geb gest verh e.v ecc s.p.a s.r.l a.c pagg a.s s.r.o spol atd apod tzn aj č.p
    enz itd itp osv m.m m.fl b.v n.v vb vd şti cad sok mah p.ej e.u.a uu av bd j.-c cía avda r tys mln mld др пр
    т.д т.п тыс млн млрд г гг в вв обл р κ.λπ κλπ κ.ά κ.α μ.μ π.μ
    """
)
# After a number these make it an ordinal, as in `29. April` and `2. Weltkrieg`; Roman numerals too.
AFTER_ORDINAL = _listed(
    """
    januar jänner jan februar feb märz april apr mai juni juli august aug september sept oktober okt november
    nov dezember dez jahrhundert jahrhunderts jh jahrtausend weltkrieg weltkriegs auflage kapitel platz stock
    obergeschoss klasse geburtstag bundesliga liga runde etage quartal halbjahr semester ausgabe tag woche dünya
    yüzyıl bölüm madde kat sınıf cadde sokak mehmed abdülhamid murad
    """
)
# Before a number these make it one, unless what follows opens a sentence; of German, where nouns have capitals.
BEFORE_ORDINAL = _listed("am der den dem das des vom zum zur im beim ab bis seit jeder jede jeden")
OPENERS = _listed(
    """
    a an the this that these those he she it we you they i his her its our their there here in on at by for from
    with if when while as after before since but and or so then thus however also note see use all both each
    some not der die das den dem des ein eine einen einem er sie es wir ihr ich man im am auf bei mit nach von
    vom für wenn als auch aber und oder dann danach dort hier diese dieser dieses nur da zu zur zum alle wer was
    wie wo le la les l un une il elle nous vous ils elles je tu ce cette ces dans en au aux pour par sur mais et
    rien qui el los las lo una su sus al del con por para pero y que si ella ellos nosotros todo gli di nel
    nella per ma anche questo questa o os um uma ele ela eles elas em na nos se isso este esta mas de het een
    hij zij ze wij dit dat deze op maar ook ona ono oni one my w z do po ale to ten ta te jest nie v s k det ett
    han hon vi ni jag på men och detta bu şu bir ve ama için он она оно они мы вы я это этот эта эти в на с к по
    но и а не то там тут ο η το οι τα αυτός αυτή αυτό στο στη και αλλά δεν
    """
)
# Before a blank in Thai these lead on, and after one they go on.
THAI_LEADS = ("ว่า", "เช่น", "คือ", "ได้แก่", "และ", "หรือ", "ๆ", "ที่", "ซึ่ง", "ของ", "กับ")
THAI_GOES_ON = ("และ", "หรือ", "ที่", "ซึ่ง", "เช่น", "คือ", "ได้แก่", "กับ", "โดย", "เพื่อ", "เพราะ", "จึง", "รวม", "ๆ", "ว่า")
STREETS = ("str", "storg", "väg")  # end names of streets, `Bahnhofstr. 5`
ROMAN = re.compile(r"[IVXLC]+(?!\w)")
LETTERS = re.compile(r"[^\W\d_]+")
REACH = 24  # characters before a full stop that are looked at
# What may stand before an abbreviation.
BOUND = re.compile("[\\s(\\[{<\"'`*/\u2010-\u203a\u00ab\u00bb\u00bf\u00a1\u3000-\u9fff\uff00-\uffef-]")


def goes_on(text: str, stop: int, after: int) -> bool:
    """Return whether a sentence goes on after a full stop.

    Args:
        text: The text.
        stop: Where the full stop stands.
        after: Where the next word or number begins.
    """
    head = text[max(0, stop - REACH) : stop].split()
    if not head or text[stop - 1].isspace():
        return False
    word = head[-1] if head[-1].isalnum() else BOUND.split(head[-1])[-1]
    if not word:
        return False
    previous = head[-2] if len(head) > 1 else ""
    if word.isdigit() or (word.isupper() and ROMAN.fullmatch(word)):
        return _ordinal(text, stop - len(word), after, previous) or (len(word) == 1 and word.isalpha())
    if len(word) == 1 or not (word[-2].isalnum() or word[-2] == "_"):
        return _after_letter(text, word, after, previous)
    if (key := word.lower()) in NEVER:
        return True
    if (key in BEFORE_NUMBER or key.endswith(STREETS)) and _numbered(text, after):
        return True
    return key in MAY_END and not _opens(text, after)


def _after_letter(text: str, word: str, after: int, previous: str) -> bool:
    """Return whether a sentence goes on after a single letter: `J. Smith`, `z. B. Frau`, `e.g. Smith`, `p. 5`."""
    last, head = word[-1], word[:-2]
    if not last.isalpha():
        return False
    if not head and previous.endswith(".") and len(prior := BOUND.split(previous)[-1]) == 2:
        head = prior[0]  # `d. h.`, written with a blank
    if head and len(head.rsplit(".", 1)[-1]) <= 2:
        return f"{head}.{last}".lower() not in MAY_END or not _opens(text, after)
    if not last.islower():
        return True
    if text[after + 1 : after + 2] == "." or (last in BEFORE_NUMBER and _numbered(text, after)):
        return True
    return ((not last.isascii() or last == "r") and not _opens(text, after)) or text.startswith(("Co.", "Chr."), after)


def _ordinal(text: str, start: int, after: int, previous: str) -> bool:
    """Return whether a number before a full stop is an ordinal or marks an item, as in `29. April` and `1. Go`."""
    before = text[max(0, start - REACH) : start]
    if not before.rpartition("\n")[2].strip() and ("\n" in before or start < REACH):
        return True
    word = LETTERS.match(text, after)
    if word is None or text[start : start + 3].isdigit():
        return False
    key = word.group().lower()
    return key in AFTER_ORDINAL or (previous.lower() in BEFORE_ORDINAL and key not in OPENERS)


def _numbered(text: str, after: int) -> bool:
    return text[after].isnumeric() or ROMAN.match(text, after) is not None or text[after + 1 : after + 2].isdigit()


def _opens(text: str, after: int) -> bool:
    """Return whether a word stands there that opens sentences."""
    word = LETTERS.match(text, after)
    return word is not None and word.group().lower() in OPENERS
