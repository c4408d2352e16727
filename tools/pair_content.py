"""Questions about everything but a clinic, for lesson 03: a judge of paraphrases learns from them; read by build_dump.py.

A topic is (slots, intents); the wordings of one intent ask the same thing, two intents of one topic ask different
things about the same slot. That is the hard case: the words agree, the question does not. No intent here is one of the
report part's (floor, room, telephone, office days; stopping, side effects, urgency, viruses). Everything is invented.
"""

EN = {
    "library": (["atlas", "novel", "dictionary", "song book"], [
        ["How long may I keep the {x}?", "When do I have to bring the {x} back?", "For how many weeks can I borrow the {x}?", "What is the loan period of the {x}?"],
        ["I lost the {x}. What happens now?", "The {x} has disappeared from my bag. Do I pay for it?", "I can't find the {x} any more. What should I do?"],
        ["Can I reserve the {x}?", "Somebody has the {x} at the moment. Put me on the list, please.", "Is it possible to order the {x} in advance?"],
        ["Where on the shelves is the {x}?", "I have been looking for the {x} for ten minutes. Where does it stand?", "In which section do you keep the {x}?"],
        ["Is the {x} there as an e-book?", "Could I read the {x} on my phone?", "Do you have a digital copy of the {x}?"]]),
    "train": (["Lyon", "Porto", "Vilnius", "Graz"], [
        ["From which platform does the train to {x} leave?", "Where do I board for {x}?", "I want to go to {x}. Which track is it?"],
        ["When is the last train to {x}?", "Until what time can I still get to {x} tonight?", "How late does a train go to {x}?"],
        ["May I take a bicycle on the train to {x}?", "Is there space for my bike when I travel to {x}?", "I would like to bring my bicycle to {x}. Allowed?"],
        ["Do I have to change on the way to {x}?", "Is there a direct train to {x}?", "Can I stay in the same carriage until {x}?"],
        ["My train to {x} was late. Do I get money back?", "What compensation is there for the delay to {x}?", "I reached {x} two hours late. Whom do I ask for a refund?"]]),
    "plant": (["basil", "fern", "lemon tree", "orchid"], [
        ["How often should I water my {x}?", "How much water does a {x} need in a week?", "My {x}: every day or only when the soil is dry?"],
        ["The leaves of my {x} turn yellow. Why?", "My {x} is losing its green colour. What is wrong?", "What does it mean when a {x} gets pale leaves?"],
        ["Does a {x} like direct sun?", "Where should the {x} stand, at the window or in the shade?", "How much light is good for my {x}?"],
        ["When do I repot the {x}?", "My {x} has outgrown its pot. Is it time for a larger one?", "How do I know that the {x} needs a new pot?"],
        ["Is the {x} poisonous for cats?", "My cat chews on the {x}. Is that dangerous?", "I have a kitten. Can I keep a {x}?"]]),
    "pet": (["hamster", "puppy", "parrot", "rabbit"], [
        ["What does a {x} eat?", "Which food do I buy for my {x}?", "How do I feed a {x} properly?"],
        ["My {x} does not sleep at night. Is that normal?", "Why is the {x} awake when it is dark?", "The {x} keeps us up every night. What can we do?"],
        ["Can a {x} stay alone for a weekend?", "We go away for two days. What about the {x}?", "For how long may I leave the {x} by itself?"],
        ["How old does a {x} get?", "What is the life span of a {x}?", "How many years will my {x} live?"],
        ["May I take my {x} on a plane?", "We are flying south. Is a {x} allowed in the cabin?", "Do airlines carry a {x}?"]]),
    "hotel": (["single room", "double room", "family suite", "studio"], [
        ["Is breakfast included with the {x}?", "Do I pay extra for breakfast in the {x}?", "I booked a {x}. Can I have breakfast with that?"],
        ["From what time can I move into the {x}?", "When is the {x} ready for me?", "We arrive at noon. Can we have the {x} then?"],
        ["The {x} is too loud. Can I get another?", "I cannot sleep in my {x} because of the street. May I change?", "It is noisy in the {x}. Is a quiet one free?"],
        ["Does the {x} have a balcony?", "Can I sit outside at the {x}?", "Is there a terrace that belongs to the {x}?"],
        ["Are dogs welcome in the {x}?", "I travel with a dog. May it stay in the {x}?", "Is it all right to bring a pet to the {x}?"]]),
    "bank": (["savings account", "youth account", "business account", "joint account"], [
        ["How do I open a {x}?", "What is needed to get a {x}?", "I would like to have a {x}. Which steps are there?"],
        ["How do I close my {x}?", "I don't want the {x} any longer. How can I end it?", "Please cancel my {x}. What do I have to sign?"],
        ["What interest does the {x} pay?", "How much will my money earn in the {x}?", "Which rate do I get with the {x}?"],
        ["What does the {x} cost per month?", "Are there fees for the {x}?", "Is the {x} free of charge?"],
        ["I forgot the password of my {x}. What now?", "I can no longer log in to the {x}. Can you reset it?", "How do I get a new password for the {x}?"]]),
    "phone_plan": (["basic tariff", "family tariff", "student tariff", "travel tariff"], [
        ["Can I use the {x} abroad?", "Does the {x} work in other countries?", "I am going on holiday. Is roaming part of the {x}?"],
        ["How much data is in the {x}?", "How many gigabytes do I get with the {x}?", "When does the internet become slow in the {x}?"],
        ["How do I switch to the {x}?", "I have another contract and want the {x}. What do I do?", "Can I change my contract to the {x}?"],
        ["What is the notice period of the {x}?", "How soon can I leave the {x}?", "For how many months am I bound to the {x}?"]]),
    "car": (["van", "cabriolet", "electric car", "minibus"], [
        ["At what age may I rent the {x}?", "I am nineteen. Can I have the {x}?", "How old must the driver of the {x} be?"],
        ["A warning light is on in the {x}. May I drive on?", "The {x} shows a red lamp. Do I have to stop?", "Something blinks on the dashboard of the {x}. Is it safe to go on?"],
        ["Where do I leave the {x} at the end?", "To which place must the {x} be returned?", "Can I give the {x} back in another city?"],
        ["What insurance does the {x} have?", "Am I covered if I damage the {x}?", "Who pays when the {x} gets a scratch?"],
        ["How many bags fit into the {x}?", "Is the boot of the {x} large enough for four suitcases?", "How much luggage can we load into the {x}?"]]),
    "cooking": (["lasagne", "apple cake", "lentil soup", "flat bread"], [
        ["How long does the {x} stay in the oven or on the stove?", "When is the {x} done?", "For how many minutes do I cook the {x}?"],
        ["Can I freeze the {x}?", "Does the {x} keep in the freezer?", "There is too much {x}. May I store it frozen?"],
        ["The {x} is too salty. How can I save it?", "I put too much salt into the {x}. Is there a trick?", "What helps against too much salt in the {x}?"],
        ["Can I make the {x} without eggs or milk?", "My friend is vegan. Is there a way to prepare the {x} for her?", "What do I use instead of eggs in the {x}?"],
        ["How many people does the {x} feed?", "Is one {x} enough for six?", "For how many guests is the recipe of the {x}?"]]),
    "software": (["text editor", "photo program", "calendar app", "drawing app"], [
        ["How do I install the {x}?", "Where can I download the {x} and set it up?", "What do I have to do to get the {x} on my laptop?"],
        ["The {x} crashes when it starts. What helps?", "My {x} closes by itself right away. How do I repair it?", "I cannot open the {x}; it quits at once."],
        ["How do I undo a step in the {x}?", "I deleted something in the {x} by mistake. Can I go back?", "Which key takes back the last action in the {x}?"],
        ["Can two people work in the {x} at once?", "How do I share my work in the {x} with a colleague?", "Is it possible to edit together in the {x}?"],
        ["Does the {x} work without the internet?", "I am offline a lot. Can I use the {x} then?", "Does one need a connection for the {x}?"]]),
    "school": (["chess club", "choir", "pottery course", "swimming class"], [
        ["How do I sign up my son for the {x}?", "Where can we register for the {x}?", "My child wants to join the {x}. What do I fill in?"],
        ["What must my daughter bring to the {x}?", "Which things are needed for the {x}?", "Is there a list of what to pack for the {x}?"],
        ["Who teaches the {x}?", "What is the name of the person that runs the {x}?", "By whom is the {x} led?"],
        ["My son is ill and misses the {x}. Whom do I tell?", "How do I excuse my child from the {x}?", "We can't come to the {x} this week. Do I have to write?"],
        ["From which age can children go to the {x}?", "Is my five-year-old too young for the {x}?", "How old do kids have to be for the {x}?"]]),
    "parcel": (["parcel", "letter", "suitcase", "bouquet"], [
        ["Where is my {x} now?", "Can you tell me how far the {x} has come?", "How do I track the {x}?"],
        ["The {x} arrived damaged. What should I do?", "My {x} came broken. Whom do I tell?", "The {x} has a big hole. Do I get a refund?"],
        ["Nobody was home. How do I get my {x}?", "I missed the courier with the {x}. Where do I collect it?", "You could not deliver the {x}. Will you try again?"],
        ["How much is it to send a {x} to Canada?", "What do I pay to mail a {x} overseas?", "Tell me the postage for a {x} across the ocean."],
        ["I gave a wrong address for the {x}. Can it be changed?", "The {x} is going to my old flat. Can you redirect it?", "How do I correct the address of the {x}?"]]),
    "sport": (["yoga mat", "kayak", "tennis racket", "tent"], [
        ["How do I clean the {x}?", "The {x} is dirty. What may I wash it with?", "What is the best way to get mud off the {x}?"],
        ["Can I return the {x} if I do not like it?", "I changed my mind about the {x}. Do you take it back?", "For how many days can I bring the {x} back to the shop?"],
        ["Which size of {x} do I need?", "I am tall. How large should the {x} be?", "How do I choose the right size of a {x}?"],
        ["How do I store the {x} in winter?", "Where should the {x} be when it is cold?", "Does the {x} have to be kept warm in the cold season?"],
        ["Is the {x} good for beginners?", "I have never done this. Is the {x} the right one?", "Can somebody without experience use the {x}?"]]),
    "museum": (["whale hall", "coin room", "sculpture garden", "clock tower"], [
        ["May I take pictures in the {x}?", "Is photography allowed in the {x}?", "Can I use my camera when I visit the {x}?"],
        ["Are there guided tours of the {x}?", "Will somebody show us the {x} and explain it?", "Can we book a guide for the {x}?"],
        ["What do children pay for the {x}?", "How much is the {x} for kids?", "Is there a reduced ticket to the {x} for my son?"],
        ["How long does one need for the {x}?", "How much time should we plan for the {x}?", "Is an hour enough to see the {x}?"],
        ["Is the {x} open on holidays?", "We come at Easter. Can we visit the {x}?", "Is the {x} closed on New Year's Day?"]]),
    "garden": (["tomatoes", "roses", "cherries", "strawberries"], [
        ["When do I plant {x}?", "Which month is right to put {x} into the ground?", "Is April too early for {x}?"],
        ["Snails eat my {x}. What can I do?", "How do I keep snails away from the {x}?", "Every night something with a shell nibbles at the {x}. Any help?"],
        ["When are {x} ripe?", "How do I see that I can pick the {x}?", "Is it time to harvest the {x}?"],
        ["Which soil do {x} like?", "What kind of earth is good for {x}?", "Will {x} grow in sand?"],
        ["How do I cut back {x}?", "Should I prune the {x}, and how far?", "Which branches of the {x} do I remove?"]]),
    "work": (["annual leave", "parental leave", "study leave", "unpaid leave"], [
        ["How do I apply for {x}?", "Which form do I hand in for {x}?", "I want to take {x}. Where do I ask?"],
        ["How many days of {x} do I have?", "How much {x} am I entitled to?", "What is the most {x} that I can take?"],
        ["Can my boss refuse {x}?", "Is the company allowed to say no to {x}?", "What if my manager does not want to give me {x}?"],
        ["Do I get paid during {x}?", "Is there a salary while I am on {x}?", "What about my wages when I take {x}?"],
        ["I fell ill during {x}. Do the days count?", "What happens when I get sick on {x}?", "I had the flu in my {x}. Do I get the time back?"]]),
    "flat": (["heating", "lift", "washing machine", "doorbell"], [
        ["The {x} does not work. Who repairs it?", "My {x} is broken. Whom do I call?", "There is a fault in the {x}. Please send someone."],
        ["How do I switch on the {x}?", "I am new in the house. How is the {x} used?", "Which button turns the {x} on?"],
        ["The {x} makes strange noises. Is that dangerous?", "I hear a knocking from the {x}. Should I worry?", "The {x} has become very loud. Can something happen?"],
        ["Who pays for a new {x}, the tenant or the owner?", "Do I have to buy a new {x} myself?", "Does the landlord bear the cost of replacing the {x}?"],
        ["May I use the {x} at night?", "Until what hour is it allowed to use the {x}?", "Do the house rules say when the {x} must be quiet?"]]),
    "language": (["Spanish", "Polish", "Turkish", "Finnish"], [
        ["How long does it take to learn {x}?", "In how many months could I speak {x}?", "When will I be able to talk in {x} if I start now?"],
        ["Which book is good for {x}?", "Can you recommend a textbook of {x}?", "I want to study {x} at home. What should I read?"],
        ["Is {x} hard to pronounce?", "Are the sounds of {x} difficult?", "Will I have trouble speaking {x} clearly?"],
        ["Where can I practise {x} with others?", "Is there a meeting of people who speak {x}?", "I look for a partner to talk {x} with."],
        ["How do I prepare for the {x} exam?", "What should I revise before the test in {x}?", "The {x} certificate is in June. How do I get ready?"]]),
    "concert": (["jazz night", "organ concert", "folk festival", "opera"], [
        ["Are there tickets left for the {x}?", "Is the {x} sold out?", "Can I still get a seat at the {x}?"],
        ["I cannot go to the {x}. Can I give back my ticket?", "Something came up on the day of the {x}. Do you refund me?", "How do I return a ticket for the {x}?"],
        ["What should I wear to the {x}?", "Is there a dress code at the {x}?", "Can I come to the {x} in jeans?"],
        ["When does the {x} end?", "How late will it be after the {x}?", "Until what time does the {x} last?"],
        ["Who is playing at the {x}?", "Which musicians are part of the {x}?", "What is on the programme of the {x}?"]]),
    "passport": (["passport", "driving licence", "visa", "residence permit"], [
        ["My {x} has expired. How do I renew it?", "The {x} is no longer valid. What do I do to get a new one?", "How is a {x} extended?"],
        ["My {x} was stolen. What are the steps?", "Somebody took my {x}. Where do I report it?", "I no longer have my {x} because of a thief. Help?"],
        ["What photo do I need for the {x}?", "Which rules are there for the picture in the {x}?", "May I smile on the photo for my {x}?"],
        ["How many weeks until I get the {x}?", "How long does it take to issue a {x}?", "When will my {x} be ready?"],
        ["Can my brother collect the {x} for me?", "May another person pick up my {x}?", "I am away. Can I send someone to fetch the {x}?"]]),
    "internet": (["router", "printer", "tablet", "headset"], [
        ["How do I connect the {x}?", "Which cable goes into the {x}?", "I just bought a {x}. How do I put it into operation?"],
        ["The {x} is very slow today. Why?", "Why does it take the {x} so long?", "My {x} used to be faster. What is the reason?"],
        ["How do I reset the {x}?", "Can I put the {x} back to its factory settings?", "I want to wipe the {x} and start again. How?"],
        ["How long is the guarantee of the {x}?", "Until when do you repair the {x} for free?", "For how many years is the {x} under warranty?"],
        ["Where do I throw away an old {x}?", "The {x} is dead. How do I dispose of it?", "May a {x} go into the household waste?"]]),
    "insurance": (["bike insurance", "travel insurance", "home insurance", "pet insurance"], [
        ["What does the {x} cover?", "In which cases does the {x} pay?", "Against what am I protected by the {x}?"],
        ["How do I report a claim to the {x}?", "I had an accident. How do I tell the {x}?", "What do I send to the {x} to get my damage paid?"],
        ["Do I need a {x}?", "Is a {x} worth it for me?", "Would you advise me to buy a {x}?"],
        ["Can I insure my family too with the {x}?", "Does the {x} include my partner and children?", "Are relatives part of the {x}?"]]),
}

RU = {
    "library": (["атлас", "роман", "словарь", "учебник"], [
        ["На сколько можно взять {x}?", "Когда мне нужно вернуть {x}?", "Сколько недель {x} может быть у меня?", "Какой срок выдачи, если беру {x}?"],
        ["Я потеряла {x}. Что теперь?", "Пропал {x} из сумки. Мне придётся платить?", "Не могу найти {x}. Что мне делать?"],
        ["Можно заказать {x} заранее?", "Сейчас {x} у другого читателя. Запишите меня в очередь.", "Хочу забронировать {x}, это возможно?"],
        ["На какой полке стоит {x}?", "Десять минут ищу {x}. Где он стоит?", "В каком отделе искать {x}?"],
        ["Есть ли {x} в электронном виде?", "Можно прочитать {x} с телефона?", "У вас есть цифровой {x}?"]]),
    "train": (["Казань", "Тверь", "Самару", "Вологду"], [
        ["С какого пути идёт поезд в {x}?", "Где садиться на поезд в {x}?", "Еду в {x}. Какая платформа?"],
        ["Когда последний поезд в {x}?", "До которого часа можно уехать в {x}?", "Как поздно ходят поезда в {x}?"],
        ["Можно взять велосипед в поезд в {x}?", "Найдётся ли место для велосипеда, если еду в {x}?", "Хочу везти велосипед в {x}. Разрешено?"],
        ["Нужно ли пересаживаться по дороге в {x}?", "Есть ли прямой поезд в {x}?", "Я доеду в {x} без пересадки?"],
        ["Поезд в {x} опоздал. Вернут ли деньги?", "Какая компенсация, если задержали поезд в {x}?", "Приехал в {x} на два часа позже. У кого просить возврат?"]]),
    "plant": (["базилик", "папоротник", "лимон", "кактус"], [
        ["Как часто поливать {x}?", "Сколько воды в неделю любит {x}?", "Как поливать {x}: каждый день или когда земля сухая?"],
        ["Почему желтеет {x}?", "Мой {x} теряет зелёный цвет. Что не так?", "У меня {x} стоит с бледными листьями. Что это значит?"],
        ["Любит ли {x} прямое солнце?", "Куда поставить {x}: на окно или в тень?", "Сколько света надо, чтобы рос {x}?"],
        ["Когда пересаживать {x}?", "Моему растению тесно: {x}. Пора в горшок побольше?", "Как понять, что {x} просит новый горшок?"],
        ["Ядовит ли {x} для кошек?", "Кошка грызёт {x}. Это опасно?", "У меня котёнок. Можно держать {x}?"]]),
    "pet": (["хомяк", "щенок", "попугай", "кролик"], [
        ["Что ест {x}?", "Какой корм купить, если дома {x}?", "Чем кормить, когда завёлся {x}?"],
        ["Мой {x} не спит ночью. Это нормально?", "Почему {x} бодрствует, когда темно?", "Из-за него не спим: {x} всю ночь шумит. Что делать?"],
        ["Может ли {x} остаться один на выходные?", "Уезжаем на два дня. А как же {x}?", "На сколько можно оставить одного, если это {x}?"],
        ["Сколько лет живёт {x}?", "Какая продолжительность жизни у зверя, если это {x}?", "До какого возраста доживает {x}?"],
        ["Пустят ли в самолёт, если со мной {x}?", "Летим на юг. Разрешён ли {x} в салоне?", "Возят ли авиакомпании животных вроде таких, как {x}?"]]),
    "hotel": (["одноместный номер", "двухместный номер", "семейный люкс", "номер-студию"], [
        ["Входит ли завтрак в {x}?", "Доплачивать ли за завтрак, если беру {x}?", "Я забронировал {x}. Завтрак там есть?"],
        ["С какого часа можно занять {x}?", "Когда можно заехать в {x}?", "Приедем в полдень. Пустят ли нас в {x}?"],
        ["Хочу сменить {x}: очень шумно.", "Не могу спать из-за улицы. Можно другой {x}?", "Поменяйте мне {x}, пожалуйста, мешает шум."],
        ["Хочу {x} с балконом, такой есть?", "Есть ли терраса, если взять {x}?", "Можно ли посидеть на воздухе, если снять {x}?"],
        ["Можно ли с собакой в {x}?", "Еду с собакой. Пустят ли её в {x}?", "Разрешены ли животные, если снять {x}?"]]),
    "bank": (["накопительный счёт", "детский счёт", "расчётный счёт", "общий счёт"], [
        ["Как открыть {x}?", "Что нужно, чтобы завести {x}?", "Хочу {x}. Какие шаги?"],
        ["Как закрыть {x}?", "Мне больше не нужен {x}. Как отказаться?", "Закройте мне {x}. Что подписать?"],
        ["Какой процент даёт {x}?", "Сколько принесёт {x}?", "Какая ставка, если открыть {x}?"],
        ["Сколько в месяц стоит {x}?", "Берёте ли комиссию за {x}?", "Бесплатный ли у вас {x}?"],
        ["Забыл пароль, чтобы войти в {x}. Что теперь?", "Не могу попасть в {x}. Можно сбросить пароль?", "Как получить новый пароль в {x}?"]]),
    "phone_plan": (["базовый тариф", "семейный тариф", "студенческий тариф", "тариф для поездок"], [
        ["Работает ли {x} за границей?", "Еду в отпуск. Входит ли роуминг в {x}?", "Можно ли использовать {x} в других странах?"],
        ["Сколько интернета включает {x}?", "Сколько гигабайт даёт {x}?", "После какого объёма {x} станет медленным?"],
        ["Как перейти на {x}?", "У меня другой договор, хочу {x}. Что делать?", "Можно ли сменить договор на {x}?"],
        ["За сколько предупредить, чтобы отключить {x}?", "Как скоро можно уйти, если взял {x}?", "На сколько месяцев привязывает {x}?"]]),
    "car": (["фургон", "кабриолет", "электромобиль", "микроавтобус"], [
        ["С какого возраста дают {x}?", "Мне девятнадцать. Дадите {x}?", "Сколько лет должно быть тому, кто берёт {x}?"],
        ["В машине ({x}) загорелась лампа. Можно ехать?", "Мой {x} показывает красный значок. Остановиться?", "Что-то мигает на панели: {x}. Безопасно ли ехать дальше?"],
        ["Где оставить {x} в конце?", "Куда вернуть {x}?", "Можно ли сдать {x} в другом городе?"],
        ["Какая страховка на {x}?", "Покрыт ли ущерб, если я поцарапаю {x}?", "Кто платит, если помну {x}?"],
        ["Сколько сумок влезет в {x}?", "Хватит ли места в багажнике на четыре чемодана, если взять {x}?", "Сколько багажа можно погрузить в {x}?"]]),
    "cooking": (["пирог", "суп", "плов", "хлеб"], [
        ["Сколько готовить {x}?", "Как понять, что {x} готов?", "Сколько минут держать {x} на огне?"],
        ["Можно ли заморозить {x}?", "Хранится ли {x} в морозилке?", "Получилось много. Можно убрать {x} в мороз?"],
        ["Пересолила {x}. Как спасти?", "Слишком солёный {x}. Есть хитрость?", "Что помогает, если {x} вышел солёным?"],
        ["Как сделать {x} без яиц и молока?", "Подруга не ест животного. Можно ли {x} для неё?", "Чем заменить яйца, если готовлю {x}?"],
        ["На сколько человек {x}?", "Хватит ли на шестерых, если будет один {x}?", "На сколько гостей рассчитан {x}?"]]),
    "software": (["редактор", "фотоальбом", "календарь", "блокнот"], [
        ["Как установить {x}?", "Где скачать и настроить {x}?", "Что сделать, чтобы {x} появился на ноутбуке?"],
        ["Программа {x} падает при запуске. Что поможет?", "Мой {x} сразу закрывается. Как починить?", "Не могу открыть {x}: тут же вылетает."],
        ["Как отменить действие в программе {x}?", "Случайно удалил кое-что в программе {x}. Можно вернуть?", "Какая клавиша возвращает назад в программе {x}?"],
        ["Можно ли вдвоём работать в программе {x}?", "Как поделиться с коллегой тем, что в программе {x}?", "Возможна ли совместная правка в программе {x}?"],
        ["Работает ли {x} без интернета?", "Я часто не в сети. Откроется ли {x}?", "Нужна ли связь, чтобы пользоваться программой {x}?"]]),
    "school": (["хор", "кружок шахмат", "бассейн", "курс лепки"], [
        ["Как записать сына в {x}?", "Где регистрируют в {x}?", "Ребёнок хочет в {x}. Что заполнить?"],
        ["Что дочке взять с собой в {x}?", "Какие вещи нужны, чтобы ходить в {x}?", "Есть ли список, что собрать в {x}?"],
        ["Кто ведёт {x}?", "Какой педагог ведёт {x}?", "Чьё имя у руководителя: {x}?"],
        ["Сын болеет и не придёт в {x}. Кому сказать?", "Как отпросить ребёнка, если пропустим {x}?", "На этой неделе не можем в {x}. Нужно ли писать?"],
        ["С какого возраста берут в {x}?", "Не мала ли пятилетка, чтобы ходить в {x}?", "Сколько лет должно быть детям, чтобы взяли в {x}?"]]),
    "parcel": (["пакет", "чемодан", "букет", "ящик"], [
        ["Где сейчас мой {x}?", "Подскажите, докуда доехал {x}?", "Как отследить {x}?"],
        ["Приехал повреждённый {x}. Что делать?", "Мой {x} пришёл сломанным. Кому сообщить?", "В пути порвали {x}. Вернут ли деньги?"],
        ["Никого не было дома. Как получить {x}?", "Разминулся с курьером, где забрать {x}?", "Вы не смогли вручить {x}. Приедете ещё?"],
        ["Сколько стоит отправить {x} в Канаду?", "Что платить, чтобы послать {x} за океан?", "Назовите тариф, чтобы отправить {x} на другой континент."],
        ["Указал неверный адрес, едет {x}. Можно исправить?", "Мой {x} едет на старую квартиру. Перенаправите?", "Как поменять адрес, по которому везут {x}?"]]),
    "sport": (["коврик", "рюкзак", "шлем", "спальник"], [
        ["Как чистить {x}?", "Испачкался {x}. Чем его мыть?", "Как лучше всего отмыть {x} от грязи?"],
        ["Можно ли вернуть {x}, если не понравится?", "Передумал брать {x}. Примете назад?", "Сколько дней есть, чтобы сдать {x} в магазин?"],
        ["Какой размер мне нужен: {x}?", "Я высокий. Насколько большим взять {x}?", "Как подобрать по размеру {x}?"],
        ["Как хранить {x} зимой?", "Где держать {x}, когда холодно?", "Надо ли хранить в тепле {x} в мороз?"],
        ["Подойдёт ли {x} новичку?", "Никогда этого не делал. Мне годится этот {x}?", "Можно ли брать {x} без опыта?"]]),
    "museum": (["зал китов", "зимний сад", "кабинет монет", "музей часов"], [
        ["Можно ли снимать, если идти в {x}?", "Разрешено ли фотографировать, когда придём в {x}?", "Пустят ли с фотоаппаратом в {x}?"],
        ["Есть ли экскурсии в {x}?", "Нам покажут и объяснят {x}?", "Можно ли заказать гида в {x}?"],
        ["Сколько платят дети за вход в {x}?", "Почём {x} для ребёнка?", "Есть ли льготный билет в {x} сыну?"],
        ["Сколько времени занимает {x}?", "Сколько закладывать на {x}?", "Хватит ли часа, чтобы посмотреть {x}?"],
        ["Открыт ли {x} по праздникам?", "Приедем на Пасху. Попадём ли в {x}?", "Закрыт ли {x} первого января?"]]),
    "garden": (["томаты", "розы", "огурцы", "кабачки"], [
        ["Когда сажать {x}?", "В каком месяце высаживать {x}?", "Не рано ли сажать {x} в апреле?"],
        ["Улитки едят {x}. Что делать?", "Как отогнать улиток, чтобы {x} уцелели?", "Ночью кто-то с раковиной грызёт {x}. Помогите?"],
        ["Когда собирать {x}?", "Как увидеть, что {x} поспели?", "Уже пора снимать {x}?"],
        ["Какую почву любят {x}?", "В какой земле хорошо растут {x}?", "Вырастут ли {x} на песке?"],
        ["Как обрезать {x}?", "Надо ли подстригать {x} и насколько?", "Какие ветки убирать, если растут {x}?"]]),
    "work": (["отпуск", "декретный отпуск", "учебный отпуск", "отпуск без оплаты"], [
        ["Как оформить {x}?", "Какое заявление писать на {x}?", "Хочу взять {x}. К кому идти?"],
        ["Сколько дней длится {x}?", "Какой {x} мне положен по длине?", "На сколько самое большее дают {x}?"],
        ["Может ли начальник не дать {x}?", "Имеет ли фирма право отказать, если прошу {x}?", "Что если руководитель против, чтобы я брал {x}?"],
        ["Платят ли за {x}?", "Идёт ли зарплата, когда взял {x}?", "Что с деньгами, если уйти в {x}?"],
        ["Заболел, пока длился {x}. Дни засчитают?", "Что будет, если слечь с простудой в {x}?", "Грипп съел мой {x}. Вернут ли дни?"]]),
    "flat": (["лифт", "звонок", "бойлер", "домофон"], [
        ["Не работает {x}. Кто чинит?", "Сломался {x}. Кому звонить?", "Неисправен {x}, пришлите мастера."],
        ["Как включить {x}?", "Я тут недавно. Как пользоваться, если есть {x}?", "Какой кнопкой запускают {x}?"],
        ["Странно шумит {x}. Это опасно?", "Слышу стук: {x}. Стоит ли бояться?", "Очень громким стал {x}. Может что-то случиться?"],
        ["Кто платит за новый {x}: жилец или хозяин?", "Мне самому покупать новый {x}?", "За чей счёт меняют {x}?"],
        ["Можно ли ночью включать {x}?", "До которого часа разрешён {x}?", "Когда по правилам дома {x} должен молчать?"]]),
    "language": (["испанский", "польский", "турецкий", "финский"], [
        ["За сколько можно выучить {x}?", "Через сколько месяцев заговорю, если учу {x}?", "Когда освою {x}, если начну сейчас?"],
        ["Какой учебник взять, чтобы учить {x}?", "Посоветуйте книгу, учу {x}.", "Хочу учить {x} дома. Что читать?"],
        ["Трудно ли произносить {x}?", "Сложные ли звуки, если учить {x}?", "Будет ли мне трудно говорить чисто, если язык {x}?"],
        ["Где практиковать {x} с людьми?", "Собираются ли где-то те, кто учит {x}?", "Ищу, с кем поговорить: {x}."],
        ["Как готовиться к экзамену, язык {x}?", "Что повторить перед тестом, сдаю {x}?", "В июне сертификат, {x}. Как подготовиться?"]]),
    "concert": (["балет", "фестиваль", "мюзикл", "спектакль"], [
        ["Остались ли билеты на {x}?", "Всё ли продано на {x}?", "Могу я ещё попасть на {x}?"],
        ["Не могу пойти на {x}. Можно сдать билет?", "Появились дела в этот день. Вернёте деньги за {x}?", "Как вернуть билет на {x}?"],
        ["Что надеть на {x}?", "Есть ли требования к одежде, если иду на {x}?", "Пустят ли на {x} в джинсах?"],
        ["Когда кончится {x}?", "Как поздно будет, когда пройдёт {x}?", "До которого часа идёт {x}?"],
        ["Кто выступает, если пойти на {x}?", "Какие артисты заняты: {x}?", "Что в программе, {x}?"]]),
    "passport": (["паспорт", "пропуск", "читательский билет", "вид на жительство"], [
        ["Закончился {x}. Как продлить?", "Мой {x} недействителен. Как получить новый?", "Каким образом обновляют {x}?"],
        ["Украли {x}. Какие действия?", "Кто-то стащил мой {x}. Куда заявить?", "Вор унёс {x}. Помогите?"],
        ["Какое фото нужно на {x}?", "Какие правила для снимка на {x}?", "Можно улыбаться на фото на {x}?"],
        ["Сколько недель делают {x}?", "Долго ли оформляют {x}?", "Когда мой {x} будет готов?"],
        ["Может ли брат получить {x} за меня?", "Можно ли другому человеку забрать {x}?", "Я в отъезде. Могу послать кого-то за документом: {x}?"]]),
    "internet": (["роутер", "принтер", "планшет", "ноутбук"], [
        ["Как подключить {x}?", "Какой кабель вставлять в {x}?", "Только купил {x}. Как ввести в работу?"],
        ["Почему {x} сегодня медленный?", "Отчего {x} так долго думает?", "Раньше {x} был быстрее. В чём причина?"],
        ["Как сбросить {x}?", "Можно ли вернуть {x} к заводским настройкам?", "Хочу стереть {x} и начать заново. Как?"],
        ["Сколько длится гарантия на {x}?", "До какого срока бесплатно чините {x}?", "Сколько лет {x} на гарантии?"],
        ["Куда выбросить старый {x}?", "Умер {x}. Как утилизировать?", "Можно ли {x} в обычный мусор?"]]),
    "insurance": (["страховой полис", "полис на дом", "полис путешественника", "полис на велосипед"], [
        ["Что покрывает {x}?", "В каких случаях платит {x}?", "От чего защищает {x}?"],
        ["Как заявить о случае, если есть {x}?", "У меня авария и {x}. Как сообщить?", "Что прислать, чтобы {x} возместил ущерб?"],
        ["Нужен ли мне {x}?", "Стоит ли брать {x}?", "Вы бы посоветовали купить {x}?"],
        ["Можно ли вписать семью в {x}?", "Включает ли {x} супруга и детей?", "Действует ли {x} на родных?"]]),
}
