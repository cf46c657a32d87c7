"""Frequent words by which a message's language is told when the script alone does not tell it."""

from __future__ import annotations

__all__ = ["ENGLISH", "NEUTRAL", "RUSSIAN_STEMS", "TRANSLITERATED", "TRANSLITERATED_STEMS"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: English words that customers use; whole words, lower case.
ENGLISH = frozenset(
    _words("""
    a about account address after again agent all already am an and any anyone anything app are at
    authentication back bad bill bonus bought broken but buy by call came can cancel cancelled card cash
    change changed charge charged check city code complain complaint completely confirm contact cost could
    courier damaged date day days defective delay delayed delete deliver delivered delivery did different
    discount do does doesn don email english enough exchange expensive fee find first for forgot free
    friday from get give go good goodbye got great had happened has have hello help here hey hi how human
    i if in instead internet invoice is isn it item its join just know last late later let like live login
    long lost made make manager may me missing monday money month more much my name need never new nobody
    not nothing now number of off offer old on one online open operator or order ordered orders other our
    out package paid parcel password pay payment people person phone pick place please points policy price
    problem product promo question quick real really receipt receive received refund register reschedule
    return returned robot sale saturday say see seems sell send sent service shipment shipped shipping
    shop should show sign size so some someone something soon sorry speak status still store street
    subscription sunday support take talk tell terrible thank thanks that the their them then there these
    they thing this thursday till time to today tomorrow too track tracking tried tuesday two understand
    unsubscribe until update us use very visit waiting want was wasn we wednesday week weekend what when
    where which who why will with without won work working would wrong yesterday yet you your
    """)
)

#: Latin words that Russian and English customers use alike.
NEUTRAL = frozenset(
    _words("""
    ok okay okey k kk lol wow omg plz pls sms vip pro max plus mini usb wifi led qr pin cvv iban id url
    www http https com ru iphone samsung xiaomi apple sony visa mastercard paypal email mail online chat
    bot no
    """)
)

#: Beginnings of frequent Russian words (letters of the Russian layout), for text typed in the wrong layout.
RUSSIAN_STEMS = _words("""
    привет здравств добр спасибо пожалуйста помог заказ достав посыл курьер оплат деньг денег возврат верн
    отмен адрес товар когда где почему сколько какой какая какие можно нужно нужен хочу могу оператор
    человек позов менеджер магазин скидк промокод подпис карт чек счет счёт гарант брак слома размер налич
    трек номер статус придет придёт пришел пришёл пришла пришло привез опазд задерж жду ждать работа
    телефон почт парол войти личн кабинет баллы бонус жалоб отзыв вопрос проблем сегодня завтра вчера
    опять снова быстр долго мой моя моё мои меня мне это что как нет
""")

#: Russian words as they are commonly written with Latin letters, none of which is an English word.
TRANSLITERATED = frozenset(
    _words("""
    gde moi moy moj moya moja moe moyo kogda kak chto shto eto etot eta ne net da zdes skolko pochemu
    zachem kto mne menya nam vas vy ya vash vasha nado nuzhno nuzhen nuzhna hochu xochu khochu mogu mozhno
    mojno mozhete mojete budet bylo uzhe uje esche eshe eshyo poka potom segodnya zavtra vchera seichas
    sejchas den dnya nedelyu dengi deneg rubl rublei chek schet nomer kakoi kakoy kakaya privet
    zdravstvuite zdravstvuyte spasibo pozhaluista pozhaluysta pojaluista pomogite pomosh ili dlya esli
    tolko ochen opyat snova
    """)
)

#: Beginnings of longer transliterated words.
TRANSLITERATED_STEMS = _words("""
    zakaz zakas dostavk dostavi posylk posilk kurer kuryer kurier oplat oplachiv vernut vernit vozvrat
    otmen pereda tovar magazin skidk podpisk slomal rabotaet rabotat razmer nalichi prishel prishla
    prishlo pridet privez zaderzh zaderj opazdyv chelovek operatora pozov zhalob telefona parol promokod
    garanti otzyv zdravstv dobry
""")
