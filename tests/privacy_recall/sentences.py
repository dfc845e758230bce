"""Sentences around a value, in the languages of the locales; drawn with openings and closings.

`{}` is where the value goes. They say what people say when they give such a value away.
"""

from random import Random

# Language -> kind -> what stands around the value.
SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "phone": (
            "You can call me on {}.",
            "My phone number is {}, any time after six.",
            "Please text {} when you are there.",
            "tel: {}",
            "Write a reminder: ring the plumber back, {} is his mobile.",
            "Her number is {}; leave a voicemail if nobody picks up.",
            "Lost my bag, finder please contact {}",
            "if the gate is shut buzz Tom on {}",
            "Add Lena to my contacts: {}",
        ),
        "national": (
            "My national ID number is {}.",
            "Fill in the form, social security number {}.",
            "Tax ID: {}",
            "The patient's national number is {}, please check the letter.",
            "For payroll they want my SSN, it's {}",
            "HMRC says my NI number {} is wrong",
        ),
        "passport": (
            "My passport number is {}.",
            "Passport no. {} expires next year, write to the embassy.",
            "Check in for me; travel document (passport) {}.",
            "visa form: passport #{} issued in Leeds",
            "renew passport {}",
        ),
        "address": (
            "I live at {}.",
            "Please ship it to {}, thanks.",
            "Our new address is {}. Write the card for the neighbours.",
            "Send the invoice to {} by Friday.",
        ),
        "name": (
            "My name is {} and I need a letter.",
            "Write a birthday card for {}.",
            "Reply to {} that we cannot come.",
            "The patient {} was seen on Monday.",
        ),
        "other": (
            "Here it is: {}",
            "Please use {} for the booking.",
            "Is {} all right?",
            "{}",
        ),
    },
    "de": {
        "phone": (
            "Du erreichst mich unter {}.",
            "Meine Telefonnummer ist {}.",
            "Ruf mich bitte unter {} an.",
            "Handy: {}",
            "Die Hotline hat {} angegeben, stimmt das?",
            "Schick mir eine WhatsApp an {}",
        ),
        "national": (
            "Meine Sozialversicherungsnummer lautet {}.",
            "Personalausweis Nr. {}",
            "Steuer-ID {}, bitte eintragen.",
            "Meine SV-Nummer: {}",
            "Steuernummer {} fürs Finanzamt",
        ),
        "passport": (
            "Meine Passnummer ist {}.",
            "Reisepass Nr. {} läuft im Mai ab.",
            "Im Pass steht {}",
        ),
        "address": (
            "Ich wohne in der {}.",
            "Bitte liefern Sie an {}.",
            "Meine Adresse: {}",
        ),
        "name": (
            "Ich heiße {} und suche eine Wohnung.",
            "Schreib eine Karte an {}.",
            "Antworte {}, dass es nicht geht.",
        ),
    },
    "fr": {
        "phone": (
            "Tu peux m'appeler au {}.",
            "Mon numéro de téléphone est le {}.",
            "Envoyez un SMS au {}.",
            "Portable : {}",
            "Mon fixe c'est le {}",
            "Contactez-moi sur mon mobile {}",
        ),
        "national": (
            "Mon numéro de sécurité sociale est {}.",
            "Carte d'identité n° {}",
            "Numéro fiscal : {}",
            "Numéro de sécu {}",
        ),
        "passport": (
            "Mon numéro de passeport est {}.",
            "Passeport n° {}, valable jusqu'en mai.",
            "passeport numéro {}",
        ),
        "address": (
            "J'habite au {}.",
            "Merci de livrer à {}.",
            "Mon adresse : {}",
        ),
        "name": (
            "Je m'appelle {} et je cherche un emploi.",
            "Écris une carte pour {}.",
            "Réponds à {} que c'est non.",
        ),
    },
    "es": {
        "phone": (
            "Puedes llamarme al {}.",
            "Mi número de teléfono es {}.",
            "Mándame un WhatsApp al {}.",
            "Móvil: {}",
            "Mi cel es {}",
            "Contáctame en el {}",
        ),
        "national": (
            "Mi número de identificación es {}.",
            "Mi número de la seguridad social es {}.",
            "Documento de identidad: {}",
            "Mi DNI es {}",
        ),
        "passport": (
            "Mi número de pasaporte es {}.",
            "Pasaporte {}, caduca en mayo.",
            "el pasaporte con número {}",
        ),
        "address": (
            "Vivo en {}.",
            "Envíalo a {}, por favor.",
            "Mi dirección es {}.",
        ),
        "name": (
            "Me llamo {} y busco trabajo.",
            "Escribe una carta para {}.",
            "Responde a {} que no puedo.",
        ),
    },
    "it": {
        "phone": (
            "Puoi chiamarmi al {}.",
            "Il mio numero di telefono è {}.",
            "Scrivimi su WhatsApp al {}.",
            "Cellulare: {}",
            "Mandami un sms al {}",
            "Il numero del mio cellulare {}",
        ),
        "national": (
            "Il mio codice fiscale è {}.",
            "Carta d'identità n. {}",
            "Il numero della tessera sanitaria è {}.",
            "CF {}",
        ),
        "passport": (
            "Il mio numero di passaporto è {}.",
            "Passaporto n. {}, scade a maggio.",
            "passaporto numero {}",
        ),
        "address": (
            "Abito in {}.",
            "Spedisci tutto a {}.",
            "Il mio indirizzo è {}.",
        ),
        "name": (
            "Mi chiamo {} e cerco casa.",
            "Scrivi un biglietto per {}.",
            "Rispondi a {} che non posso.",
        ),
    },
    "nl": {
        "phone": (
            "Je kunt me bellen op {}.",
            "Mijn telefoonnummer is {}.",
            "Stuur een appje naar {}.",
            "Mobiel: {}",
            "Mijn 06-nummer is {}",
            "Telefonisch bereikbaar op {}",
        ),
        "national": (
            "Mijn burgerservicenummer is {}.",
            "BSN {}",
            "Mijn rijksregisternummer is {}.",
            "mijn BSN-nummer is {}",
        ),
        "passport": (
            "Mijn paspoortnummer is {}.",
            "Paspoort nr. {} verloopt in mei.",
            "het nummer van mijn paspoort is {}",
        ),
        "address": (
            "Ik woon op {}.",
            "Stuur het naar {}.",
            "Mijn adres is {}.",
        ),
        "name": (
            "Ik heet {} en zoek werk.",
            "Schrijf een kaartje voor {}.",
            "Antwoord {} dat het niet gaat.",
        ),
    },
    "pt": {
        "phone": (
            "Pode me ligar no {}.",
            "O meu número de telefone é {}.",
            "Manda mensagem para o {}.",
            "Celular: {}",
            "O meu contacto é {}",
            "Meu whats é {}",
        ),
        "national": (
            "O meu CPF é {}.",
            "Número de contribuinte: {}",
            "O número do cartão de cidadão é {}.",
            "meu NIF é {}",
            "CPF nº {}",
        ),
        "passport": (
            "O número do meu passaporte é {}.",
            "Passaporte n.º {}, válido até maio.",
            "passaporte nº {}",
        ),
        "address": (
            "Eu moro na {}.",
            "Envie para {}, por favor.",
            "O meu endereço é {}.",
        ),
        "name": (
            "Meu nome é {} e procuro emprego.",
            "Escreva um cartão para {}.",
            "Responda a {} que não posso.",
        ),
    },
    "pl": {
        "phone": (
            "Możesz zadzwonić do mnie pod {}.",
            "Mój numer telefonu to {}.",
            "Wyślij SMS na {}.",
            "tel. kom. {}",
            "Mój nr to {}",
            "Zadzwoń pod numer {}",
        ),
        "national": (
            "Mój PESEL to {}.",
            "Numer dowodu: {}",
            "PESEL: {}",
            "numer PESEL {}",
        ),
        "passport": (
            "Numer mojego paszportu to {}.",
            "Paszport nr {} traci ważność w maju.",
            "paszport o numerze {}",
        ),
        "address": (
            "Mieszkam przy {}.",
            "Wyślij to na adres {}.",
            "Mój adres: {}",
        ),
        "name": (
            "Nazywam się {} i szukam pracy.",
            "Napisz kartkę dla {}.",
            "Odpisz {}, że nie mogę.",
        ),
    },
    "sv": {
        "phone": (
            "Du kan ringa mig på {}.",
            "Mitt telefonnummer är {}.",
            "Skicka ett sms till {}.",
            "Mobil: {}",
            "Mitt nr är {}",
            "Nå mig på mobilen {}",
        ),
        "national": (
            "Mitt personnummer är {}.",
            "Personnummer: {}",
            "Pnr {}",
            "personnumret är {}",
        ),
        "passport": (
            "Mitt passnummer är {}.",
            "Pass nr {} går ut i maj.",
            "passets nummer är {}",
        ),
        "address": (
            "Jag bor på {}.",
            "Skicka paketet till {}.",
            "Min adress är {}.",
        ),
        "name": (
            "Jag heter {} och söker jobb.",
            "Skriv ett kort till {}.",
            "Svara {} att det inte går.",
        ),
    },
    "no": {
        "phone": (
            "Du kan ringe meg på {}.",
            "Telefonnummeret mitt er {}.",
            "Send en melding til {}.",
            "Mobil: {}",
            "Nummeret mitt er {}",
            "Ring {} hvis noe skjer",
        ),
        "national": (
            "Fødselsnummeret mitt er {}.",
            "Fødselsnummer: {}",
            "Personnummer {}",
            "personnummer: {}",
        ),
        "passport": (
            "Passnummeret mitt er {}.",
            "Pass nr. {} går ut i mai.",
            "passet har nummer {}",
        ),
        "address": (
            "Jeg bor i {}.",
            "Send pakken til {}.",
            "Adressen min er {}.",
        ),
        "name": (
            "Jeg heter {} og søker jobb.",
            "Skriv et kort til {}.",
            "Svar {} at det ikke går.",
        ),
    },
    "da": {
        "phone": (
            "Du kan ringe til mig på {}.",
            "Mit telefonnummer er {}.",
            "Send en sms til {}.",
            "Mobil: {}",
            "Mit nr. er {}",
            "Kontakt mig på {}",
        ),
        "national": (
            "Mit CPR-nummer er {}.",
            "CPR: {}",
            "Mit personnummer er {}.",
            "cpr nr. {}",
        ),
        "passport": (
            "Mit pasnummer er {}.",
            "Pas nr. {} udløber i maj.",
            "passets nummer er {}",
        ),
        "address": (
            "Jeg bor på {}.",
            "Send pakken til {}.",
            "Min adresse er {}.",
        ),
        "name": (
            "Jeg hedder {} og søger job.",
            "Skriv et kort til {}.",
            "Svar {}, at det ikke går.",
        ),
    },
    "fi": {
        "phone": (
            "Voit soittaa minulle numeroon {}.",
            "Puhelinnumeroni on {}.",
            "Lähetä tekstiviesti numeroon {}.",
            "puh. {}",
            "Numeroni: {}",
            "Tavoitat minut numerosta {}",
        ),
        "national": (
            "Henkilötunnukseni on {}.",
            "Hetu: {}",
            "Henkilötunnus {}",
            "hetuni on {}",
        ),
        "passport": (
            "Passini numero on {}.",
            "Passin numero {} vanhenee toukokuussa.",
            "passi {}",
        ),
        "address": (
            "Asun osoitteessa {}.",
            "Lähetä paketti osoitteeseen {}.",
            "Osoitteeni on {}.",
        ),
        "name": (
            "Nimeni on {} ja etsin töitä.",
            "Kirjoita kortti: {}.",
            "Vastaa {}, ettei käy.",
        ),
    },
    "cs": {
        "phone": (
            "Můžete mi zavolat na {}.",
            "Moje telefonní číslo je {}.",
            "Pošli SMS na {}.",
            "mobil: {}",
            "Zavolej mi na {}",
            "Můj telefon: {}",
        ),
        "national": (
            "Moje rodné číslo je {}.",
            "Rodné číslo: {}",
            "r. č. {}",
            "RČ: {}",
        ),
        "passport": (
            "Číslo mého pasu je {}.",
            "Cestovní pas č. {} platí do května.",
            "pas číslo {}",
        ),
        "address": (
            "Bydlím na adrese {}.",
            "Pošlete to na {}.",
            "Moje adresa je {}.",
        ),
        "name": (
            "Jmenuji se {} a hledám práci.",
            "Napiš přání pro {}.",
            "Odpověz {}, že to nejde.",
        ),
    },
    "tr": {
        "phone": (
            "Beni {} numarasından arayabilirsin.",
            "Telefon numaram {}.",
            "{} numarasına mesaj at.",
            "Cep: {}",
            "Cep telefonum {}",
            "Ara beni: {}",
        ),
        "national": (
            "TC kimlik numaram {}.",
            "T.C. Kimlik No: {}",
            "Kimlik numarası {}",
            "TCKN: {}",
        ),
        "passport": (
            "Pasaport numaram {}.",
            "Pasaport no {} mayısta bitiyor.",
            "pasaportumun numarası {}",
        ),
        "address": (
            "{} adresinde oturuyorum.",
            "Kargoyu {} adresine gönder.",
            "Adresim: {}",
        ),
        "name": (
            "Benim adım {}, iş arıyorum.",
            "{} için bir kart yaz.",
            "{} kişisine hayır de.",
        ),
    },
    "ru": {
        "phone": (
            "Можешь позвонить мне по номеру {}.",
            "Мой номер телефона {}.",
            "Отправь сообщение на {}, это мой мобильный.",
            "тел. {}",
            "Мой телефон: {}",
            "Перезвони на {}",
        ),
        "national": (
            "Мой ИНН {}.",
            "ИНН: {}",
            "Номер налогоплательщика (ИНН) {}",
            "мой СНИЛС/ИНН {}",
        ),
        "passport": (
            "Номер моего паспорта {}.",
            "Паспорт {} действует до мая.",
            "серия и номер паспорта {}",
        ),
        "address": (
            "Я живу по адресу: {}.",
            "Отправьте посылку на адрес {}.",
            "Мой адрес: {}",
        ),
        "name": (
            "Меня зовут {}, ищу работу.",
            "Напиши открытку: {}.",
            "Пациент {} был на приёме.",
        ),
    },
    "uk": {
        "phone": (
            "Можеш зателефонувати мені за номером {}.",
            "Мій номер телефону {}.",
            "Напиши на {}, це мій мобільний.",
            "тел. {}",
            "Мій телефон: {}",
            "Передзвони на {}",
        ),
        "national": (
            "Мій РНОКПП {}.",
            "ІПН: {}",
            "Ідентифікаційний код {}",
            "податковий номер {}",
        ),
        "passport": (
            "Номер мого паспорта {}.",
            "Паспорт {} дійсний до травня.",
            "серія та номер паспорта {}",
        ),
        "address": (
            "Я живу за адресою: {}.",
            "Надішліть на адресу {}.",
            "Моя адреса: {}",
        ),
        "name": (
            "Мене звати {}, шукаю роботу.",
            "Напиши листівку: {}.",
            "Пацієнт {} був на прийомі.",
        ),
    },
    "el": {
        "phone": (
            "Μπορείς να με πάρεις τηλέφωνο στο {}.",
            "Το τηλέφωνό μου είναι {}.",
            "Στείλε μήνυμα στο κινητό {}.",
            "τηλ. {}",
            "Το κινητό μου είναι {}",
            "Κάλεσέ με στο {}",
        ),
        "national": (
            "Ο ΑΜΚΑ μου είναι {}.",
            "ΑΜΚΑ: {}",
            "Αριθμός ταυτότητας/ΑΜΚΑ {}",
            "ο αριθμός ΑΜΚΑ είναι {}",
        ),
        "passport": (
            "Ο αριθμός διαβατηρίου μου είναι {}.",
            "Διαβατήριο {}, λήγει τον Μάιο.",
            "αριθμός διαβατηρίου: {}",
        ),
        "address": (
            "Μένω στην οδό {}.",
            "Στείλτε το στη διεύθυνση {}.",
            "Η διεύθυνσή μου: {}",
        ),
        "name": (
            "Με λένε {} και ψάχνω δουλειά.",
            "Γράψε μια κάρτα για {}.",
            "Ο ασθενής {} ήρθε.",
        ),
    },
    "ja": {
        "phone": (
            "私の電話番号は{}です。",
            "{}にお電話ください。",
            "携帯は {} です。",
            "TEL: {}",
            "電話番号 {} に連絡して",
            "私の番号は{}",
        ),
        "national": (
            "マイナンバーは{}です。",
            "個人番号:{}",
            "マイナンバー {} を書類に書いて",
            "マイナンバーカードの番号は{}",
        ),
        "passport": (
            "パスポート番号は{}です。",
            "旅券番号 {} は来年まで有効です。",
            "パスポートの番号は{}",
        ),
        "address": (
            "住所は{}です。",
            "{}に住んでいます。",
            "{}に送ってください。",
        ),
        "name": (
            "私の名前は{}です。",
            "{}さんに手紙を書いて。",
            "{}様へ返信してください。",
        ),
    },
    "ko": {
        "phone": (
            "제 전화번호는 {}입니다.",
            "{}로 전화해 주세요.",
            "휴대폰은 {} 입니다.",
            "연락처: {}",
            "제 번호는 {}예요",
            "핸드폰 번호 {}",
        ),
        "national": (
            "제 주민등록번호는 {}입니다.",
            "주민번호: {}",
            "주민등록번호 {} 확인해 주세요",
            "주민등록번호가 {}입니다",
        ),
        "passport": (
            "제 여권번호는 {}입니다.",
            "여권 번호 {} 는 내년에 만료됩니다.",
            "여권번호 {}",
        ),
        "address": (
            "제 주소는 {}입니다.",
            "저는 {}에 살아요.",
            "{}로 보내 주세요.",
        ),
        "name": (
            "제 이름은 {}입니다.",
            "{} 씨에게 편지를 써 줘.",
            "{}님께 답장해 주세요.",
        ),
    },
    "zh": {
        "phone": (
            "我的电话是{}。",
            "请打{}联系我。",
            "手机号:{}",
            "有事请拨打电话 {}。",
            "我的手机号码是{}",
            "打我电话{}",
        ),
        "national": (
            "我的身份证号是{}。",
            "身份证:{}",
            "身份证号码 {} 请核对",
            "身份证号码:{}",
        ),
        "passport": (
            "我的护照号码是{}。",
            "护照 {} 明年到期。",
            "护照号:{}",
        ),
        "address": (
            "我住在{}。",
            "请寄到{}。",
            "我的地址是{}。",
        ),
        "name": (
            "我叫{},想找工作。",
            "给{}写一张贺卡。",
            "我的名字是{}。",
        ),
    },
    "hi": {
        "phone": (
            "मेरा फ़ोन नंबर {} है।",
            "मुझे {} पर कॉल करें।",
            "मोबाइल: {}",
            "{} पर संदेश भेजो।",
            "मेरा नंबर {} है",
            "{} पर फ़ोन करना",
        ),
        "national": (
            "मेरा आधार नंबर {} है।",
            "आधार: {}",
            "आधार संख्या {} लिख दो",
            "आधार कार्ड नंबर {}",
        ),
        "passport": (
            "मेरा पासपोर्ट नंबर {} है।",
            "पासपोर्ट {} मई में समाप्त होगा।",
            "पासपोर्ट संख्या {}",
        ),
        "address": (
            "मेरा पता {} है।",
            "मैं {} में रहता हूँ।",
            "इसे {} पर भेजें।",
        ),
        "name": (
            "मेरा नाम {} है।",
            "{} के लिए एक पत्र लिखो।",
            "{} जी को जवाब दो।",
        ),
    },
}
_OPENINGS = ("", "", "", "Hi! ", "1) ", "Re: Friday. ", "ok so ", "> ", "- ")
_CLOSINGS = ("", "", "", " Thanks!", "\n\nMake it short.", " (v2)", " It is 5 pm now.", " ok?")


def sentence(rng: Random, language: str, kind: str, value: str) -> str:
    """A sentence drawn from `language` that holds `value`."""
    mine = SENTENCES[language]
    pool = mine.get(kind) or SENTENCES["en"]["other"]
    if language != "en" and rng.random() < 0.15 and kind in SENTENCES["en"]:
        pool = SENTENCES["en"][kind]  # people mix
    return rng.choice(_OPENINGS) + rng.choice(pool).replace("{}", value) + rng.choice(_CLOSINGS)
