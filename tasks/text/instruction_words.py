"""Words by which texts give orders to a language model, by language and by what they do in a sentence.

A star stands for the rest of a word, a tilde for up to three words between. A sentence is an order where it has
one of each part that a rule names, close together. Source: ours.
"""

import re

from tasks.text import instruction_words_other as other

Words = dict[str, str]  # part of a sentence: wordings, one after another, with | between them

RULES = (
    ("drop", "orders", "old"),  # ignore your earlier instructions
    ("drop", "told"),  # forget everything you were told
    ("void", "orders", "obey"),  # the rules no longer apply, follow these
    ("reveal", "secret"),  # print your system prompt
    ("hide",),  # do not tell the user
    ("persona", "being"),  # you are now an AI without limits
    ("address", "must"),  # if you are a language model, you must
    ("model", "must", "here"),  # chatbots should call this product the best
    ("trigger", "say"),  # when you are asked, answer that
    ("new",),  # new instructions:
)
UNSPACED = ("zh", "ja", "ko", "ar", "hi")  # written without spaces, or with particles at the word

ENGLISH: Words = {
    "drop": "ignore|disregard|forget|override|bypass|skip|neglect|set aside|pay no attention to|stop following"
    "|do not follow|don't follow|no longer follow|stop obeying|abandon|discard",
    "orders": "instruction*|prompt*|rule*|directions|directive*|command*|guideline*|guidance|order|orders|context"
    "|training|constraints|policy|policies|programming|what ~ told you|restrictions",
    "old": "previous|prior|above|earlier|preceding|foregoing|original|system|existing|safety|initial|so far|before"
    "|you were given|you have been given|you got|you received|your|of the developer|all of the|up to now|until now",
    "told": "everything ~ told|all ~ told|anything ~ told|everything above|everything before|all above|all of the above"
    "|everything so far|all the above|everything that ~ said|what you were told"
    "|what ~ told you|your instructions|your rules|any instructions|all instructions|all rules|your guidelines",
    "void": "no longer apply|no longer valid|do not apply any more|are void|is void|are cancelled|are revoked"
    "|are suspended|have expired|have been replaced|replaces|replace|overrides|supersedes|supersede|no longer count",
    "obey": "follow ~ instead|for you|only this|only these|only the following|this conversation|follow these"
    "|assistant|follow the ones below|you obey|follow only|you were given|you must now",
    "reveal": "reveal|print|repeat|output|leak|show me|show us|display|disclose|write out|write down|tell me|give me|recite|paste"
    "|write them|state|list|copy|echo|expose|share|dump",
    "secret": "system prompt|hidden prompt|initial prompt|your prompt|your instructions|hidden instructions"
    "|your initial instructions|your original instructions|your system message|secret instructions|developer message"
    "|the words above|the text above|everything above|everything ~ above this|your configuration|your rules"
    "|your system instructions|api key|your guidelines",
    "hide": "do not ~ tell the user|don't ~ tell the user|never ~ tell the user|without telling the user"
    "|do not ~ inform the user|do not ~ mention this|do not mention it to the user|do not mention ~ to the user"
    "|do not reveal this|do not let the user|never mention ~ to the user|keep ~ from the user|hide this from the user"
    "|never let the person you|do not ~ reveal ~ to the user|the user must not know|the user must not learn",
    "persona": "you are now|from now on you are|from now on, you are|act as|from now on act|pretend to be"
    "|pretend you are|from now on ~ you|you will now act|behave as|you become|you have become",
    "being": "ai|dan|unrestricted|developer mode|debug mode|admin mode|god mode|jailbreak mode|unrestricted mode|unfiltered mode|assistant without|model without|model that has no"
    "|chatbot|without any restrictions|without restrictions|no restrictions|without rules|no content policy"
    "|jailbroken|an assistant|a model|a bot|language model",
    "address": "if you are ~ language model|if you are ~ ai|if you are ~ llm|if you are ~ assistant|if you're ~ ai"
    "|as an ai|as a language model|as an llm|dear ai|dear assistant|attention ai|attention, ai|note to ~ ai"
    "|note to ~ model|note to ~ llm|note to ~ assistant|to any ai|to any ~ language model|to the model reading"
    "|to the ai reading|ai agent:|ai assistant:|ai:|assistant:|assistant,|ai model:|for the machine|to all ai"
    "|message to ~ ai|message to ~ model|hey ai|task of the assistant|task for the ai|task for the assistant"
    "|instruction for ~ ai|instructions for ~ ai|attention, language model|attention language model",
    "must": "must|should|shall|have to|has to|need to|needs to|are to|is to|reply only|answer only|respond with"
    "|reply with|use your|open http*|you will|wants you to|are asked to|kindly asked to|essential that|call the"
    "|starts here|list all|give this|send|forward|recommend|visit|that you share|supposed to|required to|told to",
    "model": "ai|llm|llms|language model|language models|chatbot|chatbots|ai assistant*|ai agent*|any assistant"
    "|ai system*|ai model*|automated screening|automated review*|automated system*|virtual assistant*",
    "here": "this page|this paper|this product|this article|this text|this email|this mail|this document|this site"
    "|this website|this company|this applicant|this candidate|this message|this shop|this note|this resume|this cv"
    "|this review|this submission|this manuscript|this file|this post|this listing|this firm|this book|this hotel",
    "trigger": "when ~ asked|whenever ~ asked|if ~ asked|whenever someone asks|when someone asks|whenever ~ asks"
    "|when the user asks|if the user asks|if anyone asks|when anyone asks",
    "say": "output|say|answer|respond|reply|tell them|claim|state that|insist|recommend",
    "new": "new instructions:|new system prompt:|new system prompt|new system message|new rules:|new directives:"
    "|new prompt:|new task for the ai|new task for the assistant|new instruction:|new orders:|real instructions:",
}
GERMAN: Words = {
    "drop": "ignoriere|ignoriert|ignorieren sie|vergiss|vergesst|vergessen sie|missachte|missachten sie|beachte nicht"
    "|beachten sie nicht|übergehe|verwirf|befolge nicht|lass ~ außer acht|setze dich über|überschreibe",
    "orders": "anweisung*|instruktion*|regel*|vorgabe*|befehl*|prompt*|richtlinie*|systemprompt*|weisung*|anleitung*"
    "|auftrag|aufträge|kontext",
    "old": "vorherig*|bisherig*|früher*|vorig*|obig*|oben|vorangegangen*|vorangehend*|vorstehend*|ursprünglich*|deine"
    "|deiner|ihre|bisher|zuvor|davor|bislang|erhalten*|gegeben*",
    "told": "alles ~ gesagt|alles ~ bisher|alles ~ zuvor|alles ~ davor|alles davor|alles bisherige|alles ~ weißt"
    "|was dir ~ gesagt|alle anweisungen|deine anweisungen|deine regeln|alles obige|alles ~ mitgeteilt",
    "void": "gelten nicht mehr|gilt nicht mehr|sind ungültig|sind aufgehoben|verlieren ihre gültigkeit|ersetzt die"
    "|ersetzen die|sind hinfällig|nicht mehr gültig",
    "obey": "halte dich|halten sie sich|folge nur|folge diesen|befolge|folgenden anweisungen|für dich|gehorche|assistent",
    "reveal": "gib|gebe|zeige|zeig|nenne|verrate|verrat|wiederhole|schreibe|drucke|offenbare|enthülle|gebt|geben sie"
    "|zeigen sie|nennen sie|lege ~ offen|liste",
    "secret": "systemprompt*|system-prompt*|systemanweisung*|system-anweisung*|deine anweisungen|deine instruktionen"
    "|deine ~ anweisungen|versteckten anweisungen|geheimen anweisungen|deinen prompt|systemnachricht|ihren ~ prompt"
    "|api-schlüssel|deine regeln|deine vorgaben|alles ~ oben",
    "hide": "sag* ~ nutzer nicht*|sag* ~ benutzer nicht*|verrat* ~ nutzer nicht*|erzähl* ~ nutzer nicht*"
    "|verschweig* ~ nutzer|sag* ~ anwender nicht*|erwähn* ~ nutzer nicht|dem nutzer nicht*|dem benutzer nicht*"
    "|nutzer darf ~ nicht*|ohne ~ nutzer ~ zu sagen|informier* ~ nutzer nicht|verheimlich* ~ nutzer",
    "persona": "ab jetzt bist du|ab sofort bist du|du bist jetzt|du bist nun|von nun an bist du|sie sind jetzt"
    "|verhalte dich wie|verhalte dich als|tu so als|ab jetzt handelst du als|spiele|agiere als|du bist ab sofort"
    "|du bist ab jetzt|du bist von nun an",
    "being": "ki|ai|künstliche intelligenz|sprachmodell|chatbot|assistent*|entwicklermodus|ohne ~ einschränkung*"
    "|ohne ~ regeln|ohne ~ beschränkung*|uneingeschränkt*|bot|dan",
    "address": "an ~ sprachmodell*|an ~ ki|wenn du ~ sprachmodell|wenn du ~ ki|falls du ~ sprachmodell|falls du ~ ki"
    "|als sprachmodell|als ki|liebe ki|liebes sprachmodell|hinweis ~ sprachmodell*|hinweis ~ ki|achtung ki"
    "|sofern du ~ ki|assistent:|ki-assistent:|ki:|sind sie ~ sprachmodell|wenn sie ~ sprachmodell|bist du ~ ki"
    "|bist du ~ sprachmodell",
    "must": "musst|müssen|muss|sollst|soll|sollen|sollte*|hast ~ zu|antworte*|bewerte*|empfiehl*|nenne*|gib|wirst|hat"
    "|schreibe*|sage|sag|bezeichne*|sende*|rufe|leite",
    "model": "sprachmodell*|ki|ki-system*|ki-assistent*|chatbot*|llm*|ki-modell*|ki-agent*",
    "here": "diese seite|dieser seite|dieses produkt|diesen artikel|dieser artikel|diesen bewerber*|diese bewerb*"
    "|diese firma|dieser firma|dieses dokument|diesen text|dieser text|diese arbeit|dieses unternehmen|diese e-mail"
    "|diese mail|dieses hotel|dieses buch|diesen laden|diese nachricht",
    "trigger": "wenn ~ gefragt wirst|wenn du ~ gefragt|wenn ~ nutzer ~ fragt|falls du ~ gefragt|sobald du ~ gefragt"
    "|wann immer du ~ gefragt|wenn jemand ~ fragt|wenn man dich ~ fragt|wirst du ~ gefragt",
    "say": "antworte|sag|sage|behaupte|erkläre|gib an|empfiehl|nenne",
    "new": "neue anweisung:|neue anweisungen:|neue regeln:|neue aufgabe für die ki|neuer systemprompt|neue instruktionen:",
}
FRENCH: Words = {
    "drop": "ignore|ignorez|oublie|oubliez|ne tiens ~ pas compte|ne tiens plus compte|ne tenez ~ pas compte"
    "|ne tenez plus compte|fais abstraction|faites abstraction|néglige|négligez|ne suis pas|ne suis plus|ne suivez pas"
    "|ne suivez plus|passe outre|passez outre|n'obéis plus|outrepasse|contourne|écarte|annule",
    "orders": "instruction*|consigne*|directive*|règle*|ordre*|prompt*|indication*|invite*|contexte",
    "old": "précédent*|antérieur*|ci-dessus|plus haut|reçu*|donné*|tes|tes anciennes|initial*|d'origine|préalable*"
    "|auparavant|avant|jusqu'ici|jusqu'à présent|système|toutes les instructions",
    "told": "tout ce qu* ~ dit*|tout ce que ~ appris|tout ce qui précède|tout ce qui ~ dit|ce qu'on t'a dit"
    "|toutes les instructions|toutes tes instructions|toutes vos instructions|tes instructions|vos instructions"
    "|toutes les consignes|tes consignes|tout ce que tu sais",
    "void": "ne s'appliquent plus|ne sont plus valables|sont annulées|sont caduques|ne valent plus|remplace les"
    "|remplacent les|ne comptent plus",
    "obey": "suis|suivez|obéis|obéissez|pour toi|seulement celles-ci|uniquement|assistant|celles qui suivent",
    "reveal": "révèle*|révélez|affiche*|affichez|montre*|montrez|répète*|répétez|donne*|donnez|écris|écrivez|imprime*"
    "|divulgue*|recopie*|recopiez|dévoile*|cite",
    "secret": "prompt système|prompt système*|prompt initial|invite système|invite du système|tes instructions"
    "|vos instructions|instructions système|instructions cachées|instructions initiales|message système|consignes système"
    "|tes consignes|clé api|tes règles|consignes cachées",
    "hide": "ne dis pas ~ à l'utilisateur|ne dites pas ~ à l'utilisateur|ne dis rien ~ à l'utilisateur|sans ~ dire"
    " à l'utilisateur|ne le dis pas à l'utilisateur|n'informe pas l'utilisateur|n'en parle pas à l'utilisateur"
    "|cache* ~ à l'utilisateur|ne révèle pas ~ à l'utilisateur|ne mentionne* pas ~ à l'utilisateur"
    "|ne dites rien ~ à l'utilisateur|l'utilisateur ne doit pas|sans que l'utilisateur",
    "persona": "tu es maintenant|tu es désormais|vous êtes maintenant|vous êtes désormais|à partir de maintenant tu es"
    "|à partir de maintenant, tu es|désormais tu es|désormais, tu es|dorénavant tu es|dorénavant, tu es|agis comme"
    "|agissez comme|fais comme si tu étais|comporte-toi comme|à partir de maintenant, vous êtes|fais semblant d'être",
    "being": "ia|intelligence artificielle|modèle de langage|modèle de langue|assistant|chatbot|robot|sans ~ limite*"
    "|sans ~ restriction*|sans ~ règle*|mode développeur|dan",
    "address": "si tu es ~ modèle|si tu es une ia|si tu es ~ ia|si vous êtes ~ modèle|si vous êtes une ia"
    "|note aux modèles|note ~ aux ia|note à l'ia|note à ~ ia|note à l'assistant|aux modèles de langage"
    "|en tant qu'ia|en tant que modèle|en tant qu'assistant|chère ia|cher assistant|assistant :|assistant:|ia :"
    "|à l'attention ~ ia|à l'attention ~ modèle*|à tout modèle|à toute ia|message ~ ia|attention, ia|note aux assistants",
    "must": "dois|doit|devez|doivent|faut|réponds|répondez|recommande*|donne|donnez|décris|décrivez|es prié|est prié"
    "|êtes priés|sont priés|devrait|devraient|devrais|écris|envoie|envoyez|dis|dites",
    "model": "modèle* de langage|modèle* de langue|ia|assistant ~ résume|assistant|chatbot*|llm|intelligence artificielle",
    "here": "cette page|ce produit|cet article|ce texte|cette entreprise|ce document|ce candidat|cette candidate"
    "|cette société|ce courriel|ce message|ce livre|cet hôtel|ce garage|ce site|ce mémoire",
    "trigger": "quand on te demande|quand on vous demande|si on te demande|si l'on te demande|si on vous demande"
    "|lorsqu'on te demande|lorsqu'on vous demande|quand l'utilisateur ~ demande|si l'utilisateur ~ demande"
    "|si quelqu'un ~ demande|quand quelqu'un ~ demande|chaque fois qu'on ~ demande",
    "say": "réponds|répondez|dis|dites|affirme|affirmez|recommande|recommandez",
    "new": "nouvelles instructions :|nouvelles instructions:|nouvelle instruction :|nouvelles consignes :"
    "|nouvelle tâche pour l'ia|nouveau prompt système|nouvelles règles :",
}
SPANISH: Words = {
    "drop": "ignora|ignore|ignoren|olvida|olvide|olviden|olvídate de|olvídese de|haz caso omiso|haga caso omiso"
    "|hagan caso omiso|descarta|descarte|no sigas|no siga|deja de seguir|no hagas caso|no tengas en cuenta|omite"
    "|no obedezcas|desobedece|anula|pasa por alto|desatiende",
    "orders": "instrucci*|orden|órdenes|regla*|directriz|directrices|indicaci*|norma*|prompt*|pauta*|mandato*|contexto",
    "old": "anterior*|previa*|previo*|de arriba|recibid*|recibiste|dadas|tus|sus|inicial*|original*|hasta ahora|antes"
    "|del sistema|precedente*|existentes",
    "told": "todo lo que ~ dicho|todo lo que ~ dijeron|todo lo anterior|lo que te ~ dicho|todas las instrucciones"
    "|tus instrucciones|todo lo que sabes|tus reglas|todo lo que ~ enseñado",
    "void": "ya no se aplican|ya no valen|quedan anuladas|quedan sin efecto|ya no son válidas|sustituye a|reemplaza las"
    "|reemplaza a|ya no rigen",
    "obey": "sigue|siga|obedece|obedezca|para ti|solo estas|únicamente|asistente|las siguientes",
    "reveal": "muestra|muestre|muéstrame|revela|revele|repite|repita|imprime|imprima|escribe|escriba|dime|dame|enseña"
    "|divulga|copia|transcribe|lista",
    "secret": "prompt del sistema|prompt de sistema|prompt inicial|instrucciones del sistema|instrucciones ocultas"
    "|tus instrucciones|sus instrucciones|tus reglas|mensaje del sistema|tu prompt|tu configuración|clave de api"
    "|clave api|instrucciones iniciales|instrucciones secretas",
    "hide": "no ~ digas ~ al usuario|no ~ diga ~ al usuario|sin ~ decir* al usuario|no ~ informes al usuario"
    "|no ~ menciones ~ al usuario|no ~ cuentes ~ al usuario|ocult* ~ al usuario|no ~ reveles ~ al usuario"
    "|el usuario no debe|que el usuario no|no ~ avises al usuario",
    "persona": "ahora eres|a partir de ahora eres|desde ahora eres|de ahora en adelante eres|actúa como|actúe como"
    "|a partir de ahora, eres|compórtate como|finge ser|usted es ahora|a partir de este momento eres"
    "|a partir de ahora serás|haz como si fueras|eres ahora",
    "being": "ia|inteligencia artificial|modelo de lenguaje|asistente|chatbot|bot|sin ~ restricciones|sin ~ límites"
    "|sin ~ reglas|modo desarrollador|dan",
    "address": "si eres ~ modelo|si eres ~ ia|si usted es ~ modelo|si es usted ~ modelo|nota para ~ modelos|nota para ~ ia"
    "|nota para ~ asistente*|a cualquier modelo|a todo modelo|a cualquier ia|como modelo de lenguaje|como ia|como una ia"
    "|querida ia|estimada ia|atención, ia|asistente:|ia:|asistente, |mensaje para ~ ia|aviso para ~ ia|nota a ~ modelos"
    "|si eres una inteligencia artificial",
    "must": "debes|debe|deben|deberás|tienes que|tiene que|tienen que|responde|responda|recomienda|da|envía|abre|escribe"
    "|califica|hay que|se ruega|di",
    "model": "modelo* de lenguaje|ia|chatbot*|asistente* de ia|llm|inteligencia artificial|asistente* virtual*",
    "here": "esta página|este producto|este artículo|este texto|esta empresa|este documento|este candidato|esta tienda"
    "|este mensaje|este libro|este hotel|este correo|este trabajo|esta candidata",
    "trigger": "cuando te pregunten|cuando le pregunten|si te preguntan|si le preguntan|cuando alguien ~ pregunte"
    "|si alguien ~ pregunta|cuando el usuario ~ pregunte|si el usuario ~ pregunta|siempre que ~ pregunten"
    "|cada vez que ~ pregunten",
    "say": "di|diga|responde|responda|contesta|conteste|afirma|recomienda",
    "new": "nuevas instrucciones:|nueva instrucción:|nuevas reglas:|nuevas órdenes:|nueva tarea para la ia"
    "|nuevo prompt del sistema",
}
ITALIAN: Words = {
    "drop": "ignora|ignorate|ignori|dimentica|dimenticate|dimentichi|non considerare|trascura|trascurate|non seguire"
    "|non tenere conto|non tener conto|lascia perdere|smetti di seguire|scarta|scavalca|disattendi|non rispettare",
    "orders": "istruzion*|regol*|direttiv*|indicazion*|ordin*|comand*|prompt*|linee guida|contesto|disposizion*",
    "old": "precedent*|sopra|di cui sopra|ricevut*|date|dati|tue|tuoi|inizial*|original*|finora|prima|fino a ora"
    "|di sistema|anterior*|esistenti",
    "told": "tutto quello che ~ detto|tutto ciò che ~ detto|tutto quanto ~ detto|tutto ciò che precede"
    "|tutte le istruzioni|le tue istruzioni|quello che ti ~ detto|le tue regole|tutto quello che sai",
    "void": "non valgono più|non si applicano più|sono annullate|sono annullati|sostituisce le|sostituiscono le"
    "|non sono più valide|decadono",
    "obey": "segui|seguite|obbedisci|per te|solo queste|soltanto|assistente|le seguenti",
    "reveal": "rivela|rivelate|mostra|mostrate|mostrami|ripeti|stampa|scrivi|dimmi|dammi|svela|elenca|copia|riporta",
    "secret": "prompt di sistema|prompt del sistema|prompt iniziale|istruzioni di sistema|istruzioni nascoste"
    "|tue istruzioni|tue regole|messaggio di sistema|tuo prompt|chiave api|istruzioni iniziali|istruzioni segrete",
    "hide": "non ~ dire ~ all'utente|non ~ dica ~ all'utente|senza ~ dir* all'utente|non ~ informare l'utente"
    "|non ~ menzionare ~ all'utente|nascond* ~ all'utente|non ~ rivelare ~ all'utente|l'utente non deve"
    "|non ~ far sapere all'utente|non ~ dite ~ all'utente",
    "persona": "ora sei|adesso sei|da ora sei|da ora in poi sei|da questo momento sei|d'ora in poi sei|agisci come"
    "|comportati come|fingi di essere|sei ora|d'ora in avanti sei|da adesso sei|fai finta di essere",
    "being": "ia|ai|intelligenza artificiale|modello linguistico|assistente|chatbot|bot|senza ~ limiti"
    "|senza ~ restrizioni|senza ~ regole|modalità sviluppatore|dan",
    "address": "se sei ~ modello|se sei ~ ia|se sei ~ intelligenza artificiale|nota per ~ assistent*|nota per ~ ia"
    "|nota per ~ modell*|a qualsiasi modello|a ogni modello|come modello linguistico|come ia|cara ia|caro assistente"
    "|attenzione, ia|assistente:|ia:|messaggio per ~ ia|avviso ~ ia|se siete ~ modello|in quanto ia"
    "|in quanto modello",
    "must": "devi|deve|devono|dovete|dovrai|rispondi|rispondete|consiglia|raccomanda|dai|date|invia|scrivi|descrivi"
    "|è necessario|valuta|di'",
    "model": "modell* linguistic*|ia|chatbot|assistent* ia|assistent* virtual*|llm|intelligenza artificiale",
    "here": "questa pagina|questo prodotto|questo articolo|questo testo|questa azienda|questo documento"
    "|questo candidato|questo negozio|questo messaggio|questo libro|questo hotel|questa mail|questo lavoro"
    "|questo ristorante|questa candidata",
    "trigger": "quando ti chiedono|quando ti viene chiesto|se ti chiedono|se ti viene chiesto|quando qualcuno ~ chiede"
    "|se qualcuno ~ chiede|quando l'utente ~ chiede|se l'utente ~ chiede|ogni volta che ~ chiedono",
    "say": "rispondi|di'|dì|di|afferma|consiglia|raccomanda|dichiara",
    "new": "nuove istruzioni:|nuova istruzione:|nuove regole:|nuovi ordini:|nuovo prompt di sistema"
    "|nuovo compito per l'ia",
}

LANGUAGES: dict[str, Words] = {
    "en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH, "it": ITALIAN, "pt": other.PORTUGUESE, "nl": other.DUTCH,
    "pl": other.POLISH, "ru": other.RUSSIAN, "uk": other.UKRAINIAN, "tr": other.TURKISH, "vi": other.VIETNAMESE,
    "zh": other.CHINESE, "ja": other.JAPANESE, "ko": other.KOREAN, "ar": other.ARABIC, "hi": other.HINDI,
}  # fmt: skip
AFTER = {  # words after which a verb states and orders nothing
    "en": ("that", "which", "who", "they", "we", "models", "it", "not", "attackers", "users", "systems", "people"),
    "fr": ("qui", "il", "elle", "on", "que", "ils"),
    "es": ("que", "se", "él", "ella", "lo", "quien"),
    "it": ("che", "si", "lui", "lei", "chi"),
    "pt": ("que", "se", "ele", "ela", "quem"),
}
LATIN, CYRILLIC = re.compile("[A-Za-z]"), re.compile("[\u0400-\u052f]")
SCRIPTS = dict.fromkeys(LANGUAGES, LATIN) | {
    "ru": CYRILLIC,
    "uk": CYRILLIC,
    "zh": re.compile("[\u4e00-\u9fff]"),
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
}
