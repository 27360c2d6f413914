"""The same words as `instruction_words` in further languages. Source: ours."""

Words = dict[str, str]

PORTUGUESE: Words = {
    "drop": "ignore|ignora|ignorem|esqueça|esquece|esqueçam|desconsidere|desconsidera|descarte|não siga|não sigas"
    "|deixe de seguir|desrespeite|desobedeça|pare de seguir|não leve em conta|anule|despreze",
    "orders": "instruç*|instruções|regra*|ordem|ordens|diretriz*|diretiva*|indicaç*|orientaç*|comando*|prompt*|norma*|contexto",
    "old": "anterior*|acima|prévi*|recebid*|dadas|dados|suas|seus|tuas|inicia*|origina*|até agora|antes|do sistema"
    "|precedente*|existentes",
    "told": "tudo o que ~ disse*|tudo o que ~ dito|tudo que ~ disse*|tudo o que foi dito|tudo acima|todas as instruções"
    "|suas instruções|tudo o que veio antes|tudo o que sabe|suas regras",
    "void": "não se aplicam mais|já não se aplicam|não valem mais|foram anuladas|perdem a validade|substitui as"
    "|substituem as|não são mais válidas",
    "obey": "siga|segue|obedeça|para você|apenas estas|somente|assistente|as seguintes",
    "reveal": "revele|revela|mostre|mostra|mostre-me|repita|imprima|escreva|diga|exiba|divulgue|copie|liste",
    "secret": "prompt de sistema|prompt do sistema|prompt inicial|instruções do sistema|instruções ocultas"
    "|suas instruções|suas regras|mensagem do sistema|seu prompt|chave de api|instruções iniciais|instruções secretas",
    "hide": "não ~ conte ~ ao usuário|não ~ diga ~ ao usuário|não ~ digas ~ ao utilizador|não ~ diga ~ ao utilizador"
    "|não ~ informe ~ usuário|não ~ mencione ~ ao usuário|sem ~ dizer ao usuário|não ~ revele ~ ao usuário"
    "|o usuário não deve|escond* ~ do usuário|não ~ conte ~ ao utilizador|não ~ avise ~ usuário",
    "persona": "agora você é|você agora é|a partir de agora você é|a partir de agora, você é|de agora em diante você é"
    "|aja como|atue como|finja ser|comporte-se como|agora és|a partir de agora és|doravante você é|você passa a ser",
    "being": "ia|inteligência artificial|modelo de linguagem|assistente|chatbot|robô|sem ~ restrições|sem ~ limites"
    "|sem ~ regras|modo desenvolvedor|dan",
    "address": "se você é ~ modelo|se você é ~ ia|se você for ~ modelo|se você for ~ ia|nota para ~ modelos"
    "|nota para ~ ia|nota para ~ assistente*|a qualquer modelo|como modelo de linguagem|como ia|como uma ia"
    "|cara ia|prezada ia|atenção, ia|assistente:|ia:|mensagem para ~ ia|aviso para ~ ia|se és ~ modelo|se fores ~ modelo",
    "must": "deve|devem|deverá|tem que|tem de|precisa|responda|recomende|dê|envie|escreva|avalie|descreva|diga",
    "model": "modelo* de linguagem|ia|chatbot*|assistente* de ia|assistente* virtua*|llm|inteligência artificial",
    "here": "esta página|este produto|este artigo|este texto|esta empresa|este documento|este candidato|esta loja"
    "|esta mensagem|este livro|este hotel|este e-mail|este trabalho|esta clínica",
    "trigger": "quando ~ perguntarem|se ~ perguntarem|quando alguém ~ perguntar|se alguém ~ perguntar"
    "|quando o usuário ~ perguntar|se o usuário ~ perguntar|sempre que ~ perguntarem",
    "say": "diga|responda|afirme|recomende|declare",
    "new": "novas instruções:|nova instrução:|novas regras:|novas ordens:|novo prompt do sistema|nova tarefa para a ia",
}
DUTCH: Words = {
    "drop": "negeer|negeert|vergeet|sla ~ over|houd geen rekening|volg ~ niet|verwerp|overtreed|omzeil|trek je niets aan",
    "orders": "instructie*|opdracht*|regel*|aanwijzing*|richtlijn*|bevel*|prompt*|voorschrift*|context",
    "old": "eerdere|eerder|vorige|voorgaande|bovenstaande|hierboven|je|jouw|uw|oorspronkelijke|tot nu toe|gekregen|gegeven",
    "told": "alles wat ~ verteld|alles wat ~ gezegd|alles hierboven|alle instructies|je instructies|alles wat je weet"
    "|alles wat hiervoor|alles ~ hiervoor",
    "void": "gelden niet meer|gelden niet langer|zijn vervallen|zijn ongeldig|vervangt de|vervangen de|vervallen",
    "obey": "volg|gehoorzaam|houd je|voor jou|alleen deze|assistent|volgende",
    "reveal": "toon|laat ~ zien|geef|schrijf|herhaal|onthul|druk ~ af|noem|print|vertel|kopieer",
    "secret": "systeemprompt*|systeem-prompt|je instructies|jouw instructies|je ~ instructies|verborgen instructies"
    "|systeeminstructie*|systeembericht|je prompt|api-sleutel|je regels",
    "hide": "vertel ~ gebruiker niet*|zeg ~ gebruiker niet*|verzwijg ~ gebruiker|zonder ~ gebruiker ~ te vertellen"
    "|gebruiker mag ~ niet|meld ~ gebruiker niet|niet ~ aan de gebruiker|niets ~ tegen de gebruiker|noem ~ gebruiker niet",
    "persona": "je bent nu|vanaf nu ben je|u bent nu|vanaf nu bent u|doe alsof je|gedraag je als|vanaf dit moment ben je"
    "|jij bent nu|handel als|voortaan ben je",
    "being": "ai|ki|kunstmatige intelligentie|taalmodel|chatbot|assistent|zonder ~ beperkingen|zonder ~ regels"
    "|ontwikkelaarsmodus|bot|dan",
    "address": "aan elk taalmodel|aan ~ taalmodel*|aan ~ ai|als je ~ taalmodel|als je ~ ai|als u ~ taalmodel|beste ai"
    "|opmerking voor ~ ai|bericht voor ~ ai|bericht aan ~ ai|let op, ai|ai-assistent:|assistent:|als taalmodel|als ai"
    "|ben je ~ taalmodel|ben je ~ ai",
    "must": "moet|moeten|dien|dient|antwoord|noem|geef|beveel|schrijf|stuur|zeg|hoort|zal",
    "model": "taalmodel*|ai|chatbot*|ai-assistent*|ai-systeem|ai-systemen|llm",
    "here": "deze pagina|dit product|dit artikel|deze tekst|dit bedrijf|dit document|deze kandidaat|deze winkel"
    "|dit bericht|dit boek|dit hotel|deze e-mail|deze mail|deze sollicitant",
    "trigger": "als ~ gevraagd wordt|als ~ wordt gevraagd|wanneer ~ gevraagd|als iemand ~ vraagt|als de gebruiker ~ vraagt"
    "|wanneer iemand ~ vraagt|als men je ~ vraagt",
    "say": "antwoord|zeg|beweer|noem|raad",
    "new": "nieuwe instructies:|nieuwe instructie:|nieuwe regels:|nieuwe opdracht voor de ai|nieuwe systeemprompt",
}
POLISH: Words = {
    "drop": "zignoruj*|ignoruj*|zapomnij*|pomiń|pomińcie|odrzuć|nie przestrzegaj|nie stosuj się|nie zważaj|lekceważ"
    "|zlekceważ|porzuć|nie bierz pod uwagę|przestań|unieważnij|obejdź",
    "orders": "instrukcj*|poleceni*|poleceń|zasad*|wytyczn*|reguł*|rozkaz*|prompt*|nakaz*|kontekst*|wskazówk*",
    "old": "poprzedni*|wcześniejsz*|powyższ*|dotychczasow*|otrzyman*|swoje|swoich|twoje|twoich|pierwotn*|początkow*"
    "|dotąd|przedtem|wcześniej|systemow*",
    "told": "wszystk* ~ powiedziano|wszystk* ~ mówiono|wszystk* ~ napisano|wszystko powyżej|wszystkie instrukcje"
    "|swoje instrukcje|wszystko, co wiesz|wszystko ~ wcześniej",
    "void": "już nie obowiązują|nie obowiązują|są nieważne|tracą ważność|zostały uchylone|zastępuje|zastępują",
    "obey": "stosuj się|trzymaj się|słuchaj|przestrzegaj|wykonuj|dla ciebie|tylko te|tylko tych|asystent*|następujących",
    "reveal": "ujawnij|pokaż|wypisz|powtórz|podaj|napisz|wyświetl|wydrukuj|zdradź|wymień|skopiuj|odsłoń",
    "secret": "instrukcj* systemow*|prompt* systemow*|systemow* prompt*|swoje instrukcje|twoje instrukcje|ukryte instrukcje"
    "|komunikat systemowy|swój prompt|początkowe instrukcje|klucz api|swoje zasady|wiadomość systemową",
    "hide": "nie mów ~ użytkownik*|nie wspominaj ~ użytkownik*|nie informuj ~ użytkownik*|nie zdradzaj ~ użytkownik*"
    "|nie mówcie ~ użytkownik*|ukryj* ~ przed użytkownik*|bez wiedzy użytkownika|użytkownik nie może|nie ujawniaj ~ użytkownik*"
    "|nie powiadamiaj ~ użytkownik*",
    "persona": "od teraz jesteś|jesteś teraz|od tej pory jesteś|teraz jesteś|od tej chwili jesteś|zachowuj się jak"
    "|udawaj|działaj jako|wciel się|zachowuj się jakbyś|odtąd jesteś",
    "being": "ai|si|sztuczn* inteligencj*|model* językow*|asystent*|chatbot*|bot*|bez ~ ograniczeń|bez ~ zasad"
    "|tryb* deweloper*|dan",
    "address": "jeśli jesteś ~ model*|jeżeli jesteś ~ model*|jeśli jesteś ~ sztuczn*|jeśli jesteś ~ ai|do modeli językowych"
    "|uwaga dla ~ ai|uwaga dla ~ model*|do każdego modelu|jako model językowy|jako ai|jako sztuczna|droga ai"
    "|drogi asystencie|asystencie|asystent:|ai:|wiadomość dla ~ ai|wiadomość do ~ ai|notatka dla ~ ai",
    "must": "musisz|powinieneś|powinien|powinna|powinny|muszą|musi|masz|należy|odpowiadaj|odpowiedz|oceń|poleć|napisz"
    "|wyślij|nazwij",
    "model": "model* językow*|ai|chatbot*|asystent* ai|llm|sztuczn* inteligencj*|asystent* głosow*",
    "here": "tę stronę|tej strony|ten produkt|ten artykuł|ten tekst|tę firmę|ten dokument|tego kandydata|ten sklep"
    "|tę wiadomość|tę książkę|ten hotel|tę pracę|tego maila|tej firmy|tego produktu",
    "trigger": "gdy ~ zapyta*|kiedy ~ zapyta*|jeśli ~ zapyta*|gdy ktoś ~ zapyta|gdy ~ spyta*|jeśli ~ spyta*|ilekroć ~ pyta*",
    "say": "odpowiedz|odpowiadaj|powiedz|mów|twierdź|poleć",
    "new": "nowe instrukcje:|nowa instrukcja:|nowe zasady:|nowe polecenia:|nowe zadanie dla ai|nowy prompt systemowy",
}
RUSSIAN: Words = {
    "drop": "игнорируй*|проигнорируй*|забудь*|забудьте|не обращай* внимания|отбрось*|пренебреги*|не следуй*|не учитывай*"
    "|пропусти*|отмени*|перестань*|нарушь*|обойди*|не выполняй*|не соблюдай*",
    "orders": "инструкци*|указани*|правил*|команд*|приказ*|распоряжени*|промпт*|директив*|установк*|наставлени*|контекст*",
    "old": "предыдущ*|прежн*|прошл*|вышеуказанн*|вышеприведенн*|вышеизложенн*|выше|данн*|полученн*|свои|своих|твои"
    "|твоих|изначальн*|исходн*|раньше|ранее|до этого|первоначальн*|системн*",
    "told": "все, что ~ говорили|все, что ~ сказали|все, что ~ сказано|все, что было|все ~ раньше|все вышесказанное"
    "|все инструкции|свои инструкции|все, что ~ знаешь|все вышеизложенное|все, чему ~ учили",
    "void": "больше не действуют|не действуют|отменены|недействительны|утратили силу|заменяет|заменяют",
    "obey": "следуй*|слушай*|выполняй*|соблюдай*|подчиняй*|для тебя|только эт*|ассистент*|следующ*",
    "reveal": "покажи*|выведи*|раскрой*|повтори*|напиши*|назови*|сообщи*|распечатай*|выдай*|процитируй*|перечисли*|скопируй*",
    "secret": "системн* промпт*|системн* инструкци*|системн* сообщени*|свои инструкции|твои инструкции|скрыт* инструкци*"
    "|начальн* инструкци*|исходн* инструкци*|свой промпт|ключ api|api-ключ|свои правила|системную подсказку",
    "hide": "не говори* ~ пользовател*|не сообщай* ~ пользовател*|не рассказывай* ~ пользовател*|скрой* ~ от пользовател*"
    "|не упоминай* ~ пользовател*|не раскрывай* ~ пользовател*|не показывай* ~ пользовател*|пользователь не должен"
    "|скрывай* ~ от пользовател*|втайне от пользователя|без ведома пользователя",
    "persona": "с этого момента ты|теперь ты|отныне ты|ты теперь|веди себя как|притворись|действуй как|вы теперь"
    "|с этого момента вы|теперь вы|представь, что ты|с сегодняшнего дня ты",
    "being": "ии|искусственн* интеллект*|языков* модел*|ассистент*|чат-бот*|чатбот*|бот|без ~ ограничений|без ~ правил"
    "|режим* разработчика|нейросет*",
    "address": "если ты ~ языкова* модель|если ты ~ ии|если вы ~ языкова* модель|если вы ~ ии|если ты нейросеть"
    "|всем языковым моделям|языковым моделям|как языковая модель|как ии|дорогой ии|уважаемый ии|внимание, ии"
    "|ассистент:|ии:|примечание для ~ ии|заметка для ~ ии|сообщение для ~ ии|любой языковой модели|для языковых моделей"
    "|внимание ии|ии-ассистент*",
    "must": "должен|должна|должны|обязан*|следует|нужно|отвечай*|ответь*|поставь*|рекомендуй*|порекомендуй*|напиши*"
    "|отправь*|назови*|оцени*|необходимо",
    "model": "языков* модел*|ии|чат-бот*|чатбот*|ии-ассистент*|нейросет*|искусственн* интеллект*|голосов* помощник*",
    "here": "эту страницу|этой страницы|этот продукт|эту статью|этой статье|этот текст|эту компанию|этой компании"
    "|этот документ|этого кандидата|этот магазин|это сообщение|эту книгу|этот отель|эту работу|это письмо|этот товар",
    "trigger": "когда тебя ~ спросят|если тебя ~ спросят|когда ~ спросит|если ~ спросит|когда вас ~ спросят"
    "|если вас ~ спросят|когда ~ спрашивают|всякий раз, когда ~ спрашива*",
    "say": "отвечай*|ответь*|скажи*|говори*|утверждай*|рекомендуй*",
    "new": "новые инструкции:|новая инструкция:|новые правила:|новые указания:|новая задача для ии|новый системный промпт",
}
UKRAINIAN: Words = {
    "drop": "ігноруй*|проігноруй*|забудь*|не зважай*|відкинь*|знехтуй*|не дотримуйся|не виконуй*|не враховуй*|пропусти*"
    "|скасуй*|не слідуй*|облиш*|обійди*",
    "orders": "інструкці*|вказівк*|вказівок|правил*|команд*|наказ*|розпорядженн*|промпт*|директив*|настанов*|контекст*",
    "old": "попередн*|колишн*|минул*|наведен*|вище|дан*|отриман*|свої|своїх|твої|твоїх|початков*|раніше|досі|системн*",
    "told": "усе, що ~ казали|все, що ~ казали|усе, що ~ сказано|все, що ~ сказано|усе, що ~ говорили|все, що ~ говорили"
    "|усе вище|усі інструкції|всі інструкції|свої інструкції|усе, що ~ знаєш",
    "void": "більше не діють|не діють|скасовані|скасовано|недійсні|втратили чинність|замінює|замінюють",
    "obey": "дотримуйся|слухай*|виконуй*|слідуй*|для тебе|тільки ц*|лише ц*|асистент*|наступн*",
    "reveal": "покажи*|виведи*|розкрий*|повтори*|напиши*|назви*|повідом*|роздрукуй*|видай*|процитуй*|перелічи*",
    "secret": "системн* промпт*|системн* інструкці*|системн* повідомленн*|свої інструкції|твої інструкції"
    "|прихован* інструкці*|початков* інструкці*|свій промпт|ключ api|свої правила|системну підказку",
    "hide": "не кажи* ~ користувач*|не повідомляй* ~ користувач*|не розповідай* ~ користувач*|приховай* ~ від користувач*"
    "|не згадуй* ~ користувач*|не розкривай* ~ користувач*|не говори* ~ користувач*|користувач не повинен"
    "|без відома користувача|не показуй* ~ користувач*",
    "persona": "відтепер ти|тепер ти|ти тепер|з цього моменту ти|поводься як|удавай|дій як|відтепер ви|уяви, що ти"
    "|віднині ти",
    "being": "ші|штучн* інтелект*|мовн* модел*|асистент*|чат-бот*|чатбот*|бот|без ~ обмежень|без ~ правил"
    "|режим* розробника|нейромереж*",
    "address": "якщо ти ~ мовна модель|якщо ти ~ ші|якщо ти штучний інтелект|якщо ви ~ мовна модель|мовним моделям"
    "|як мовна модель|як ші|шановний ші|увага, ші|асистент:|ші:|примітка для ~ ші|повідомлення для ~ ші"
    "|будь-якій мовній моделі|для мовних моделей",
    "must": "повинен|повинна|повинні|мусиш|маєш|слід|потрібно|відповідай*|постав*|порадь*|напиши*|надішли*|назви*|оціни*"
    "|мусить|мають",
    "model": "мовн* модел*|ші|чат-бот*|чатбот*|нейромереж*|штучн* інтелект*|ші-асистент*",
    "here": "цю сторінку|цієї сторінки|цей продукт|цю статтю|цій статті|цей текст|цю компанію|цей документ|цього кандидата"
    "|цей магазин|це повідомлення|цю книгу|цей готель|цю роботу|цей лист|цей товар",
    "trigger": "коли тебе ~ спитають|якщо тебе ~ спитають|коли тебе ~ запитають|якщо тебе ~ запитають|коли ~ запитає"
    "|якщо ~ запитає|коли ~ спитає",
    "say": "відповідай*|скажи*|кажи*|стверджуй*|радь*|порадь*",
    "new": "нові інструкції:|нова інструкція:|нові правила:|нові вказівки:|нове завдання для ші|новий системний промпт",
}
TURKISH: Words = {
    "drop": "yok say*|görmezden gel*|unut|unutun|unutunuz|dikkate alma|dikkate almayın|göz ardı et*|uyma|uymayın|boş ver"
    "|geçersiz say*|hiçe say|es geç",
    "orders": "talimat*|yönerge*|kural*|komut*|emir*|emr*|istem*|prompt*|yönlendirme*|bağlam*",
    "old": "önceki|yukarıdaki|daha önce*|verilen|sana|size|aldığın|ilk|şimdiye kadar*|bütün|tüm|sistem|senin",
    "told": "söylenen her şeyi|söylenenlerin hepsini|anlatılan her şeyi|bildiğin her şeyi|yukarıdaki her şeyi"
    "|tüm talimatları|bütün talimatları|söylenen ~ şeyleri|öncesindeki her şeyi|talimatlarını",
    "void": "artık geçerli değil*|geçersizdir|yürürlükten kalk*|yerine geçer|iptal edil*",
    "obey": "uy|uyun|dinle|itaat et|senin için|yalnızca|sadece|asistan|aşağıdaki*",
    "reveal": "göster*|yaz|yazın|yazdır*|açıkla|tekrarla|tekrar et|ver|listele|söyle|ifşa et|paylaş|kopyala",
    "secret": "sistem komut*|sistem istem*|sistem prompt*|sistem talimat*|sistem mesaj*|gizli talimat*|talimatlarını"
    "|ilk talimat*|başlangıç talimat*|api anahtar*|kurallarını",
    "hide": "kullanıcıya ~ söyleme*|kullanıcıya ~ bahsetme*|kullanıcıya ~ belirtme*|kullanıcıdan ~ gizle*|kullanıcı ~ bilmesin"
    "|kullanıcıdan ~ sakla*|kullanıcıya ~ anlatma*|kullanıcıyı ~ bilgilendirme*|kullanıcıya ~ haber verme*",
    "persona": "bundan sonra|artık sen|şu andan itibaren|bundan böyle|gibi davran|rolünü üstlen|şimdi sen",
    "being": "yapay zeka*|dil model*|asistan*|sohbet robot*|chatbot*|bot|kısıtlama* olmayan|sınırsız|kuralsız|geliştirici mod*",
    "address": "eğer ~ dil modeliysen|dil modeliysen|yapay zekaysan|bir yapay zeka olarak|dil modeli olarak|tüm dil modellerine"
    "|yapay zekaya not|yapay zeka asistanı:|asistan:|sevgili yapay zeka|dikkat yapay zeka|yapay zeka için not"
    "|dil modelleri için|dil modellerine|yapay zekaysanız|dil modeliyseniz",
    "must": "*malısın*|*melisin*|*meli|*malı|zorundasın*|vermelisin*|yazmalısın*|demelisin*|etmelisin*|yapmalısın*|gerekir|ver"
    "|yaz|öner|cevapla|yanıtla",
    "model": "dil model*|yapay zeka*|chatbot*|sohbet robot*|llm",
    "here": "bu sayfa*|bu ürün*|bu makale*|bu metn*|bu şirket*|bu belge*|bu aday*|bu mağaza*|bu mesaj*|bu kitab*|bu otel*"
    "|bu çalışma*|bu e-posta*",
    "trigger": "sorulduğunda|sorulursa|sorarsa|sorduğunda|soracak olursa|sorarlarsa|sorduklarında",
    "say": "cevap ver|yanıtla|söyle|de|diye cevapla|öner|olduğunu söyle",
    "new": "yeni talimatlar:|yeni talimat:|yeni kurallar:|yeni yönergeler:|yapay zeka için yeni görev|yeni sistem istemi",
}
VIETNAMESE: Words = {
    "drop": "bỏ qua|phớt lờ|quên|lờ đi|không tuân theo|không làm theo|đừng làm theo|đừng tuân theo|hủy bỏ|bác bỏ|gạt bỏ",
    "orders": "hướng dẫn|chỉ dẫn|chỉ thị|quy tắc|mệnh lệnh|lệnh|lời nhắc|prompt|quy định|yêu cầu|ngữ cảnh",
    "old": "trước đó|trước đây|ở trên|bên trên|trước|đã cho|đã nhận|của bạn|ban đầu|cho đến nay|hệ thống",
    "told": "mọi điều ~ nói|mọi thứ ~ nói|tất cả những gì ~ nói|những gì ~ được nói|mọi điều ở trên|tất cả ở trên"
    "|mọi hướng dẫn|tất cả hướng dẫn|mọi điều ~ được dạy|mọi điều ~ biết|mọi điều đã được nói",
    "void": "không còn hiệu lực|không còn áp dụng|đã bị hủy|thay thế cho|hết hiệu lực",
    "obey": "tuân theo|làm theo|nghe theo|cho bạn|chỉ những|trợ lý|sau đây|dưới đây",
    "reveal": "in ra|tiết lộ|hiển thị|cho xem|cho tôi xem|viết ra|lặp lại|nêu|liệt kê|đưa ra|hãy in|sao chép",
    "secret": "lời nhắc hệ thống|prompt hệ thống|hướng dẫn hệ thống|chỉ dẫn hệ thống|hướng dẫn của bạn|chỉ dẫn ẩn"
    "|hướng dẫn ẩn|thông điệp hệ thống|khóa api|lời nhắc ban đầu|chỉ thị hệ thống|system prompt",
    "hide": "đừng nói ~ người dùng|không nói ~ người dùng|đừng cho người dùng|không cho người dùng|giấu ~ người dùng"
    "|đừng tiết lộ ~ người dùng|đừng báo ~ người dùng|không được nói ~ người dùng|đừng nhắc ~ người dùng"
    "|người dùng không được",
    "persona": "từ bây giờ bạn là|bây giờ bạn là|kể từ bây giờ bạn là|từ nay bạn là|hãy đóng vai|hành động như|từ giờ bạn là"
    "|hãy giả vờ|hãy cư xử như|từ giờ trở đi bạn là",
    "being": "ai|trí tuệ nhân tạo|mô hình ngôn ngữ|trợ lý|chatbot|bot|không có giới hạn|không giới hạn|không có quy tắc"
    "|chế độ nhà phát triển|không bị hạn chế",
    "address": "nếu bạn là ~ mô hình|nếu bạn là ~ ai|nếu bạn là ~ trí tuệ|với tư cách ~ ai|với tư cách ~ mô hình"
    "|gửi ~ mô hình ngôn ngữ|gửi ~ ai|lưu ý cho ~ ai|lưu ý cho ~ mô hình|trợ lý:|ai:|chú ý, ai|dành cho ~ mô hình",
    "must": "phải|nên|cần|hãy|trả lời|chấm|đánh giá|giới thiệu|viết|gửi",
    "model": "mô hình ngôn ngữ|ai|chatbot|trợ lý ảo|trí tuệ nhân tạo|llm",
    "here": "trang này|sản phẩm này|bài này|bài viết này|văn bản này|công ty này|tài liệu này|ứng viên này|cửa hàng này"
    "|tin nhắn này|sách này|khách sạn này|thư này|bài báo này",
    "trigger": "khi được hỏi|nếu được hỏi|khi ai đó hỏi|nếu ai đó hỏi|khi người dùng hỏi|nếu người dùng hỏi|khi có người hỏi"
    "|mỗi khi ~ hỏi|khi bạn được hỏi|nếu bạn được hỏi",
    "say": "trả lời|nói|khẳng định|giới thiệu|bảo",
    "new": "hướng dẫn mới:|chỉ thị mới:|quy tắc mới:|nhiệm vụ mới cho ai|lời nhắc hệ thống mới|mệnh lệnh mới:",
}
CHINESE: Words = {
    "drop": "忽略|无视|忘记|忘掉|不要理会|不要遵守|不要遵循|不再遵守|抛弃|跳过|撤销|覆盖|忽视|別理|忽略掉|違反|無視|忘記",
    "orders": "指令|指示|规则|命令|提示词|提示|要求|说明|规定|准则|设定|約束|規則|设置|限制",
    "old": "之前|以前|先前|上面|以上|此前|前面|前述|上述|你的|您的|原有|原来|最初|系统|已有|所有的|既有|系統",
    "told": "告诉你的一切|告诉过你的|对你说的一切|上面的一切|以上所有内容|以上内容|之前的内容|之前说的|前面的内容|所有指令"
    "|你的指令|你知道的一切|你的规则|之前的对话|你所学",
    "void": "不再有效|不再适用|已失效|作废|已取消|取代|不再生效",
    "obey": "遵守|遵循|听从|服从|按照|以下|只执行",
    "reveal": "输出|显示|透露|泄露|告诉我|打印|重复|复述|列出|写出|公开|展示|說出|说出|给我",
    "secret": "系统提示|系统指令|系统消息|初始指令|初始提示|你的指令|你的提示|隐藏指令|隐藏的指令|你的规则|系統提示|api密钥"
    "|你的设定|系统设定|上面的文字|开发者消息",
    "hide": "不要告诉用户|不要让用户知道|别告诉用户|不要向用户|瞒着用户|不得告诉用户|勿告知用户|不要告知用户|不能让用户|请勿告诉用户"
    "|别让用户|對用戶保密|不要告訴用戶|对用户保密|不要对用户",
    "persona": "从现在起,你|从现在起你|从现在开始,你|从现在开始你|你现在是|现在你是|你将扮演|请扮演|假装你是|今后你是|你不再是"
    "|此后你是",
    "being": "人工智能|ai|语言模型|助手|机器人|没有任何限制|不受限制|没有限制|开发者模式|无限制|模型",
    "address": "如果你是语言模型|如果你是ai|如果你是人工智能|如果你是大语言模型|如果您是语言模型|致所有语言模型|致语言模型|致ai"
    "|作为ai|作为语言模型|作为人工智能|ai助手:|助手:|亲爱的ai|ai请注意|给ai的|给语言模型的|所有ai|如果你是一个语言模型"
    "|如果你是一个ai|如果你是大模型",
    "must": "必须|应该|应当|务必|一定要|需要|请|要|只能|不得",
    "model": "大语言模型|语言模型|大模型|ai助手|聊天机器人|人工智能助手|ai系统",
    "here": "本页|此页|本文|这篇|该论文|此产品|本产品|这个产品|该公司|这家|此文档|本文档|这位候选人|该候选人|审稿|本书|这本书|此邮件"
    "|这封",
    "trigger": "当有人问|当用户问|如果有人问|如果用户问|被问到|每当有人问|有人问起|有人询问|用户询问|问你",
    "say": "回答|回复|说|告诉|声称|推荐",
    "new": "新指令:|新的指令:|新规则:|新的系统提示|新任务:|新的指示:|新的规则:",
}
JAPANESE: Words = {
    "drop": "無視し|無視せよ|無視しろ|忘れて|忘れろ|忘れなさい|忘れてください|従わないで|従うな|破棄し|従わず|取り消し|気にせず|無効にし",
    "orders": "指示|命令|ルール|規則|プロンプト|ガイドライン|指令|設定|制約|説明|指図",
    "old": "これまで|以前|前の|上記|上の|今まで|先の|先ほど|あなたの|元の|最初の|すべての|与えられた|システム|従来|過去の",
    "told": "言われたこと|言われた内容|教えられたこと|これまでのこと|以上のこと|上記のすべて|すべての指示|あなたの指示|聞いたこと"
    "|知っていること|これまでの会話|これまでの内容|上記の内容",
    "void": "もう適用されません|無効です|適用されない|取り消され|置き換え|効力を失",
    "obey": "従って|従え|従いなさい|次の|以下の|のみ",
    "reveal": "表示し|出力し|教えて|明かし|繰り返し|書き出し|見せて|開示し|印刷し|列挙し|書いて|公開し|漏らし",
    "secret": "システムプロンプト|システム指示|システムメッセージ|初期プロンプト|最初の指示|あなたの指示|隠された指示|内部指示"
    "|あなたのプロンプト|apiキー|あなたのルール|初期設定の指示",
    "hide": "ユーザーに言わない|ユーザーには言わない|ユーザーに伝えない|ユーザーには伝えない|ユーザーに知らせない|ユーザーには知らせない"
    "|ユーザーに教えない|ユーザーには教えない|ユーザーに内緒|ユーザーには内緒|利用者に言わない|利用者には言わない|利用者に伝えない"
    "|利用者には伝えない|ユーザーに話さない|ユーザーには話さない|ユーザーに明かさない|ユーザーには秘密|ユーザーに言うな",
    "persona": "今からあなたは|これからあなたは|あなたは今から|あなたはこれから|今後あなたは|あなたは今や|のふりをし|として振る舞|を演じ"
    "|この瞬間からあなたは|以後あなたは",
    "being": "ai|人工知能|言語モデル|アシスタント|チャットボット|ボット|制限のない|制限なし|無制限|開発者モード|制約のない",
    "address": "言語モデルなら|aiなら|人工知能なら|言語モデルの場合|aiの場合|言語モデルへ|aiへ|言語モデルである場合|aiである場合"
    "|aiとして|言語モデルとして|親愛なるai|アシスタント:|aiアシスタント|すべての言語モデル|言語モデルは必ず|aiであれば"
    "|言語モデルであれば|aiの皆|aiに告",
    "must": "なければなりません|しなければ|べき|必ず|ください|しなさい|せよ|してはならない|必要があります|こと",
    "model": "言語モデル|aiアシスタント|チャットボット|大規模言語モデル|生成ai|ai",
    "here": "このページ|この製品|この論文|この記事|この文章|この会社|この文書|この候補者|この応募者|この店|このメッセージ|この本|このホテル"
    "|このメール|この商品|本論文|本製品",
    "trigger": "聞かれたら|尋ねられたら|質問されたら|聞かれた場合|尋ねられた場合|質問された場合|聞かれた時|聞かれたとき|問われたら",
    "say": "答え|回答し|言って|言い|返答し|述べ|勧め|伝え",
    "new": "新しい指示:|新しい命令:|新しいルール:|新しいシステムプロンプト|aiへの新しい|新たな指示:",
}
KOREAN: Words = {
    "drop": "무시하|무시해|잊어|잊으|따르지 마|따르지 말|무시하십시오|버려|지키지 마|무효로|건너뛰|잊고|무시할 것",
    "orders": "지시|명령|규칙|지침|프롬프트|안내|가이드라인|지령|설정|제약",
    "old": "이전|앞의|위의|지금까지|기존|앞서|너의|네|당신의|원래|처음|모든|받은|시스템|위에",
    "told": "지금까지 들은|들은 것|말한 모든|말한 것|알려준 모든|들은 모든|모든 지시|너의 지시|위의 모든|지금까지의 모든|배운 모든"
    "|지금까지 받은",
    "void": "더 이상 적용되지|더 이상 유효하지|무효|효력을 잃|대체한다|대체합니다|폐지",
    "obey": "따르|따라|복종|다음|아래|만 지켜",
    "reveal": "출력|보여|공개|알려|말해|반복|적어|써|나열|드러내|밝혀|유출",
    "secret": "시스템 프롬프트|시스템 지시|시스템 메시지|초기 지시|초기 프롬프트|너의 지시|당신의 지시|숨겨진 지시|숨은 지시|네 지시|api 키"
    "|내부 지침|시스템 지침",
    "hide": "사용자에게 말하지|사용자에게는 말하지|사용자에게 알리지|사용자에게는 알리지|사용자에게 언급하지|사용자 모르게|사용자에게 숨기"
    "|사용자가 알지 못|사용자에게 밝히지|사용자한테 말하지|사용자에게 비밀|사용자에게 이야기하지|사용자에게 알려주지",
    "persona": "지금부터 너는|지금부터 당신은|이제 너는|이제부터 너는|이제 당신은|이제부터 당신은|너는 이제|당신은 이제|인 척|처럼 행동"
    "|역할을 맡아",
    "being": "인공지능|ai|언어 모델|어시스턴트|비서|챗봇|제한이 없는|제한 없는|무제한|개발자 모드|제약 없는",
    "address": "언어 모델이라면|ai라면|인공지능이라면|언어 모델에게|ai에게|언어 모델로서|ai로서|친애하는 ai|어시스턴트:|ai 어시스턴트|모든 언어 모델"
    "|ai 모델에게|인공지능에게|언어 모델인 경우|ai인 경우",
    "must": "해야|줘야|하라|하십시오|하세요|해라|반드시|말아야|말라|써야|줘라",
    "model": "언어 모델|챗봇|ai|인공지능|ai 비서",
    "here": "이 페이지|이 제품|이 논문|이 기사|이 글|이 회사|이 문서|이 지원자|이 후보|이 가게|이 메시지|이 책|이 호텔|이 이메일|이 메일|본 논문",
    "trigger": "물으면|물어보면|질문하면|질문받으면|질문을 받으면|물을 때|물어볼 때|묻거든|물어본다면",
    "say": "대답|답해|답하|말해|말하|추천|주장",
    "new": "새로운 지시:|새 지시:|새로운 규칙:|새로운 명령:|새 시스템 프롬프트|새로운 지침:",
}
ARABIC: Words = {
    "drop": "تجاهل|تجاهلوا|تجاهلي|انس|انسى|انسوا|لا تتبع|لا تلتزم|تخط|تخطى|الغ|ألغ|اهمل|أهمل|توقف عن اتباع|لا تعمل",
    "orders": "التعليمات|تعليمات|القواعد|قواعد|الأوامر|أوامر|التوجيهات|توجيهات|الإرشادات|إرشادات|الموجه|السياق",
    "old": "السابقة|السابق|أعلاه|المذكورة|السالفة|الماضية|قبل|الأصلية|الاصلية|المعطاة|الخاصة بك|حتى الآن|تعليماتك|جميع|كل"
    "|الأولى|النظام",
    "told": "كل ما قيل لك|كل ما قيل|ما قيل لك|كل ما سبق|جميع ما سبق|كل التعليمات|جميع التعليمات|تعليماتك|كل ما تعرفه"
    "|كل ما تعلمته",
    "void": "لم تعد سارية|لم تعد صالحة|ملغاة|لاغية|تحل محل|باطلة",
    "obey": "اتبع|التزم|أطع|نفذ|فقط|التالية",
    "reveal": "اعرض|أظهر|اظهر|اكشف|اطبع|كرر|اكتب|اذكر|أخبرني|اخبرني|أفصح|انسخ|سرب",
    "secret": "موجه النظام|تعليمات النظام|رسالة النظام|تعليماتك|التعليمات المخفية|الموجه الأولي|مطالبة النظام|التعليمات الأولية"
    "|التعليمات السرية|برومبت النظام|مفتاح api|قواعدك",
    "hide": "لا تخبر المستخدم|لا تخبري المستخدم|دون إخبار المستخدم|دون علم المستخدم|لا تذكر للمستخدم|لا تقل للمستخدم|لا تكشف للمستخدم"
    "|أخف عن المستخدم|اخف عن المستخدم|لا تعلم المستخدم|لا يجب أن يعرف المستخدم|لا تبلغ المستخدم",
    "persona": "أنت الآن|من الآن فصاعدا أنت|من الآن أنت|ابتداء من الآن أنت|تصرف كأنك|تصرف ك|تظاهر بأنك|تقمص|من الآن فصاعدا، أنت"
    "|منذ الآن أنت",
    "being": "ذكاء اصطناعي|الذكاء الاصطناعي|نموذج لغوي|نموذج لغة|مساعد|روبوت|بلا قيود|بدون قيود|دون قيود|وضع المطور"
    "|بلا حدود",
    "address": "إذا كنت نموذجا|إذا كنت ذكاء|إن كنت نموذجا|إذا كنت نموذج|إلى كل نموذج|إلى جميع النماذج|بصفتك نموذجا|بصفتك ذكاء"
    "|عزيزي المساعد|عزيزي الذكاء|أيها المساعد|أيها النموذج|أيها الذكاء|ملاحظة للذكاء|ملاحظة لنماذج|المساعد:|باعتبارك نموذجا"
    "|إلى أي نموذج",
    "must": "يجب|عليك|ينبغي|لا بد|أجب|اكتب|أوص|قيم|أرسل|صف|يتعين",
    "model": "نماذج اللغة|نموذج لغوي|النماذج اللغوية|الذكاء الاصطناعي|روبوتات المحادثة|المساعد الذكي|النموذج اللغوي",
    "here": "هذه الصفحة|هذا المنتج|هذه المقالة|هذا المقال|هذا النص|هذه الشركة|هذا المستند|هذا المرشح|هذا المتجر|هذه الرسالة"
    "|هذا الكتاب|هذا الفندق|هذا البحث|هذه الوثيقة",
    "trigger": "عندما تسأل|إذا سئلت|عندما يسألك|إذا سألك|كلما سئلت|إذا سأل المستخدم|عندما يسأل المستخدم|حين تسأل|متى سئلت"
    "|عند سؤالك",
    "say": "أجب|قل|رد|أكد|انصح|أوص",
    "new": "تعليمات جديدة:|التعليمات الجديدة:|قواعد جديدة:|أوامر جديدة:|مهمة جديدة للذكاء|موجه نظام جديد",
}
HINDI: Words = {
    "drop": "अनदेखा कर|अनदेखी कर|नजरअंदाज कर|नज़रअंदाज़ कर|भूल जा|भुला द|ध्यान मत द|पालन मत कर|पालन न कर|छोड़ द|उपेक्षा कर|मत मान|रद्द कर",
    "orders": "निर्देश|नियम|आदेश|हिदायत|दिशानिर्देश|दिशा-निर्देश|प्रॉम्प्ट|अनुदेश|संदर्भ",
    "old": "पिछले|पिछली|पहले|ऊपर|उपरोक्त|पूर्व|दिए गए|अपने|तुम्हारे|आपके|मूल|अब तक|सभी|सारे|सिस्टम|शुरुआती",
    "told": "जो कुछ बताया|जो कुछ कहा|जो कुछ भी बताया|जो कुछ भी कहा|जो बताया गया|जो कहा गया|ऊपर का सब|सभी निर्देश|सारे निर्देश|अपने निर्देश"
    "|सब कुछ जो",
    "void": "अब लागू नहीं|मान्य नहीं|रद्द हैं|रद्द किए|की जगह ले|समाप्त हो",
    "obey": "पालन कर|मानो|मानें|केवल|सिर्फ|निम्न|नीचे",
    "reveal": "दिखाओ|दिखाएँ|दिखाएं|बताओ|बताएँ|बताएं|प्रकट कर|दोहराओ|दोहराएँ|लिखो|लिखें|उजागर कर|छापो|सूची द|दिखाइए|बताइए",
    "secret": "सिस्टम प्रॉम्प्ट|सिस्टम निर्देश|सिस्टम संदेश|छिपे निर्देश|छिपे हुए निर्देश|अपने निर्देश|मूल निर्देश|शुरुआती निर्देश|गुप्त निर्देश|अपना प्रॉम्प्ट"
    "|एपीआई कुंजी|प्रणाली निर्देश",
    "hide": "उपयोगकर्ता को मत बता|उपयोगकर्ता को न बता|उपयोगकर्ता को नहीं बता|उपयोगकर्ता से मत कह|उपयोगकर्ता से छिपा|उपयोगकर्ता को पता न|यूजर को मत बता"
    "|यूज़र को मत बता|उपयोगकर्ता को पता नहीं|उपयोगकर्ता को यह मत|उपयोगकर्ता को कुछ मत|उपयोगकर्ता से कुछ मत",
    "persona": "अब से तुम|अब तुम|अब से आप|अब आप|आज से तुम|की तरह व्यवहार|बनने का नाटक|तुम अब|आप अब|इस क्षण से तुम",
    "being": "एआई|कृत्रिम बुद्धि|भाषा मॉडल|सहायक|चैटबॉट|बॉट|बिना किसी प्रतिबंध|बिना प्रतिबंध|असीमित|डेवलपर मोड|ai",
    "address": "यदि तुम एक भाषा मॉडल|यदि तुम भाषा मॉडल|यदि आप एक भाषा मॉडल|यदि आप भाषा मॉडल|अगर तुम एक भाषा मॉडल|अगर आप एक भाषा मॉडल|यदि तुम एक एआई"
    "|यदि आप एक एआई|अगर आप एआई|अगर तुम एआई|एक एआई के रूप|भाषा मॉडल के रूप|एआई के लिए|भाषा मॉडल के लिए|प्रिय एआई|प्रिय सहायक|सहायक:|सभी भाषा मॉडल",
    "must": "होंगे|होगा|होगी|चाहिए|पड़ेगा|करो|करें|दो|दें|देना|लिखो|कहो|अवश्य|जरूर",
    "model": "भाषा मॉडल|एआई|चैटबॉट|कृत्रिम बुद्धि",
    "here": "इस पृष्ठ|इस उत्पाद|इस लेख|इस पाठ|इस कंपनी|इस दस्तावेज|इस उम्मीदवार|इस दुकान|इस संदेश|इस किताब|इस पुस्तक|इस होटल|इस ईमेल|इस पेज",
    "trigger": "पूछा जाए|पूछे जाने|पूछने पर|कोई पूछे|उपयोगकर्ता पूछे|जब भी पूछ|पूछें तो|पूछे तो",
    "say": "कहो|कहना|कहें|उत्तर दो|जवाब दो|बताओ|उत्तर दें|जवाब दें|बोलो",
    "new": "नए निर्देश:|नया निर्देश:|नए नियम:|नए आदेश:|एआई के लिए नया कार्य|नया सिस्टम प्रॉम्प्ट",
}
