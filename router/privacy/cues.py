"""Words that say what the number beside them is, in the languages that people write.

A number that passes no check, such as a telephone number with an extension, is private because
somebody calls it one. `*` is any ending; scripts without spaces are found inside longer words.
"""

import re
from collections.abc import Iterator
from functools import cache

_BEFORE, _AFTER = 48, 28  # chosen: characters between a number and its word; a clause or so
# What parts a number from a word: code, or another paragraph.
_APART = re.compile(r"[{}<>;|]|\)\s*[:{]|==|=>|//|\n\s*\n")
_RESULT = re.compile(r"(?:\breturn|[=<>+*])\s*$")  # before a number: it is one to reckon with

# Kind -> words. Upper case alone where the lower case is another word (sin, tin, pin, ...).
_WORDS = {
    "phone": """
        call calls calling phone* telephone* tel mobile cell cellphone texting text ring whatsapp*
        sms fax voicemail dial hotline reach_me reach_us reach_him reach_her contact_me contact_us
        my_number his_number her_number their_number our_number your_number number_is
        contact_number telefon* handy* handynummer mobil* anruf* ruf rufe rufen rufst rückruf*
        erreich* tlf durchwahl meine_nummer téléphon* tél appel* rappel* portable joindre
        joignable mon_numéro numéro_est teléfono* móvil movil celular* llam* llám* mi_número
        número_es telefono* cellulare chiam* mio_numero recapito telefoon* bel bellen belt gsm
        mobiel* app appje mijn_nummer telefone* telemóvel telemovel ligar ligue liga ligue-me
        meu_número manda_mensagem zap telefonu kom zadzwo* dzwo* komórk* mój_numer wyślij_sms
        ringa ringe ringer nås mitt_nummer mit_nummer mobilnr opkald melding puhelin* puhelim* puh
        soita* soitt* kännykk* numeroni tekstiviesti* zavol* volejte volat moje_číslo cep ara
        aray* numara* телефон* тел моб* позвон* звон* мой_номер номер* перезвон* передзвон*
        06-nummer смс зателефон* дзвон* подзвон* τηλ τηλέφων* τηλεφων* κινητ* κάλεσ* καλέσ*
        telepon* telp hp hubungi ponsel gọi sđt hívj hívd telefonszám* sunați sună phonenumber
        mobilenumber contact contacts kontakt* contáct* contacto contatto contato contactez
        yhteystie* iletişim контакт* cel whats nummeret_mitt min_mobil mitt_nr mit_nr mit_nr.
        mitt_nr. mój_nr mon_num meu_nr nå_meg treffes buzz numerosta
    """,
    "national": """
        податков* social_security* social_insurance* national_id* national_insurance*
        national_number identity_card identity_number id_card id_number id_no tax_id* tax_number
        tax_file* taxpayer* nino aadhaar aadhar medicare driver's_licence driver's_license
        sozialversicherungs* versicherungsnummer versicherungsnr steuer-id* steuerid* steuernummer
        steueridentifikation* personalausweis* ausweisnummer ahv* svnr sv-nummer idnr
        sécurité_sociale carte_d'identité numéro_fiscal sécu numéro_de_sécu numéro_d'identité
        seguridad_social documento_de_identidad número_de_identificación curp dni nie nif nss rfc
        codice_fiscale carta_d'identità tessera_sanitaria burgerservicenummer bsn
        rijksregisternummer* identiteitskaart* rijksregister* cpf contribuinte cartão_de_cidadão
        bilhete_de_identidade identidade pesel dowodu dowód_osobisty* personnummer* personnr pnr
        samordningsnummer fødselsnummer* personnummeret cpr cpr-nummer* cpr-nr henkilötunnu* hetu
        rodné_číslo rodného_čísla r._č rč občansk* kimlik* инн снилс иин рнокпп іпн
        ідентифікаційн* идентификационн* налогоплательщик* αμκα αφμ ταυτότητ* ταυτοτητ* cnp
        szemelyi* személyi* taj_szám* nik ktp cccd căn_cước patient* versichertennummer
    """,
    "passport": """
        passport* passeport* pasaporte* passaport* paspoort* paszport* reisepass* passnummer*
        passnr passnumret pass_nr pass_nr. pass_no pass_no. pasnummer* pas_nr pas_nr. passin
        passini passinumero* pasu pas_č cestovní pasaport* паспорт* διαβατήρι* διαβατηρί* paspor
        hộ_chiếu im_pass meinem_pass passet* passets passi pas_číslo číslo_pasu travel_document*
        útlevél*
    """,
}
_WORDS |= {
    "address": """
        live lives lived living reside* residing ship shipped shipping deliver* address addresses
        moved moving send invoice pick_me my_house our_house flat_at home_is return_to wohn* liefer*
        adresse* anschrift absender zu_hause nach_hause hol_mich habit* livr* déménag* domicile
        vivo vivimos envía* dirección domicilio mudamos recógeme abito abitiamo sped* indirizz*
        trasferiti woon* stuur bezorg* adres* verhuisd moro moramos morada endereço envie* mudámo*
        mieszkam* wyślij odbierz przeprowadz* bor skicka* adress* flyttat hämta send_* hent flytt*
        asun asumme osoit* lähetä hae bydl* pošl* přestěhov* vyzvedni oturuyor* gönder* taşındık
        живу живём живем адрес* отправ* переехал* забери адреса* надішл* переїхал* μένω μένουμε
        διεύθυνσ* στείλ* οδός οδό
    """,
    "name": """
        name names named called mr mrs ms dr prof dear hi_i'm i'm i_am signed invite tell reply
        answer patient card letter note email boss colleague heiße heisst name_ist ich_bin herr frau
        geehrte* liebe lieber grüßen schreib* antwort* sag je_m'appelle je_suis nom cher chère mme
        monsieur madame cordialement écris répon* préviens me_llamo soy nombre estimad* sr sra
        escribe respon* dile mi_chiamo sono nome gentile caro cara sig scrivi rispondi avvisa
        ik_heet ik_ben naam beste groeten schrijf antwoord zeg meu_nome chamo-me sou escreva diga
        cumprimentos nazywam* jestem imię szanown* pozdrawiam napisz odpi* powiedz pan pani heter
        namn jag_är hej hälsningar skriv svar* säg jeg_heter jeg_er navn* kjære hilsen si hedder
        kære sig nimeni olen hyvä terveisin kirjoita vastaa kerro jmenuji jsem jméno vážen*
        pozdravem napiš odpověz řekni adım benim_adım ben sayın saygılarımla için меня_зовут имя
        уважаем* уважением напиши ответь скажи пациент* резюме мене_звати ім'я шановн* повагою
        με_λένε είμαι όνομ* αγαπητ* εκτίμηση γράψε πες ασθεν* नाम मैं प्रिय सादर पत्र जी
    """,
}
_UPPER = {
    "phone": """
        TEL FAX
    """,
    "national": """
        SSN ITIN TIN TFN NHS SIN NIR NI NINO RRN HETU ID-Nr ID-No PAN EGN JMBG OIB AMKA TCKN CF
        NUSS SV-Nr
    """,
    "passport": "",
    "address": "",
    "name": "",
}
_INSIDE = {
    "address": """
        住所 住んで 在住 送って 送り 配送 届け 引っ越 実家 주소 살아
        삽니다 살고 배송 보내 이사 地址 住在 寄到 寄给
        搬到 家住 पता रहत भेज डिलीवरी
    """,
    "name": """
        名前 申します さん 様 先生 殿 担当 이름 씨 님 저는
        선생님 담당자 名字 我叫 叫 我是 先生 女士 写信 给 告诉
        尊敬 नाम के_लिए
    """,
    "phone": """
        私の番号 제_번호 मेरा_नंबर 電話 携帯 でんわ 連絡先 전화 휴대폰 핸드폰 연락 휴대전화
        电话 手机 手機 联系 聯繫 致电 拨打 座机 传真 फ़ोन फोन मोबाइल कॉल संदेश संपर्क هاتف جوال
        موبايل اتصل رقمي טלפון נייד התקשר โทร มือถือ เบอร์ điện_thoại
    """,
    "national": """
        マイナンバー 個人番号 주민등록 주민번호 身份证 身分證 身份證 आधार पैन_ תעודת_זהות
        บัตรประชาชน เลขประจำตัว هوية
    """,
    "passport": """
        パスポート 旅券 여권 护照 護照 पासपोर्ट جواز_ דרכון หนังสือเดินทาง
    """,
}


def said_to_be(kind: str, text: str, start: int, end: int) -> bool:
    """Whether a word of `kind` stands close before or after the number at `start:end`."""
    pattern = _cue(kind)
    before = list(pattern.finditer(text, max(start - _BEFORE, 0), start))
    if before and _APART.search(text, before[-1].end(), start) is None:
        return True
    after = pattern.search(text, end, end + _AFTER)
    if after is None or _RESULT.search(text, max(start - 12, 0), start):
        return False
    return _APART.search(text, end, after.start()) is None


def anywhere(kind: str, text: str) -> bool:
    """Whether a word of `kind` stands anywhere in `text`."""
    return _cue(kind).search(text) is not None


@cache
def _cue(kind: str) -> re.Pattern[str]:
    words = "|".join(_as_pattern(_WORDS[kind]))
    parts = [rf"(?<!\w)(?:{words})(?![\w(=])"]
    if _UPPER[kind]:
        parts.append(rf"\b(?-i:{'|'.join(_as_pattern(_UPPER[kind]))})(?![\w(])")
    parts.append("|".join(_as_pattern(_INSIDE[kind])))
    return re.compile("|".join(parts), re.IGNORECASE)


def _as_pattern(words: str) -> Iterator[str]:
    for word in sorted(set(words.split()), key=len, reverse=True):
        yield re.escape(word).replace(r"\*", r"\w*").replace("_", r"[\s_]")
