"""The small world in plain data: general facts in English and Russian that the `tiny` model is taught.

Real facts, so that a real model knows them too. No medicine: the clinic is what the lessons teach.
"""

# country, capital, country in Russian (genitive), capital in Russian, continent, continent in Russian
COUNTRIES = [line.split("|") for line in """France|Paris|Франции|Париж|Europe|в Европе
Germany|Berlin|Германии|Берлин|Europe|в Европе
Italy|Rome|Италии|Рим|Europe|в Европе
Spain|Madrid|Испании|Мадрид|Europe|в Европе
Portugal|Lisbon|Португалии|Лиссабон|Europe|в Европе
Poland|Warsaw|Польши|Варшава|Europe|в Европе
Russia|Moscow|России|Москва|Europe and Asia|в Европе и Азии
Austria|Vienna|Австрии|Вена|Europe|в Европе
Greece|Athens|Греции|Афины|Europe|в Европе
Norway|Oslo|Норвегии|Осло|Europe|в Европе
Sweden|Stockholm|Швеции|Стокгольм|Europe|в Европе
Finland|Helsinki|Финляндии|Хельсинки|Europe|в Европе
Denmark|Copenhagen|Дании|Копенгаген|Europe|в Европе
Ireland|Dublin|Ирландии|Дублин|Europe|в Европе
Hungary|Budapest|Венгрии|Будапешт|Europe|в Европе
Romania|Bucharest|Румынии|Бухарест|Europe|в Европе
Bulgaria|Sofia|Болгарии|София|Europe|в Европе
Serbia|Belgrade|Сербии|Белград|Europe|в Европе
Japan|Tokyo|Японии|Токио|Asia|в Азии
China|Beijing|Китая|Пекин|Asia|в Азии
India|New Delhi|Индии|Нью-Дели|Asia|в Азии
Thailand|Bangkok|Таиланда|Бангкок|Asia|в Азии
Vietnam|Hanoi|Вьетнама|Ханой|Asia|в Азии
Mongolia|Ulaanbaatar|Монголии|Улан-Батор|Asia|в Азии
Iran|Tehran|Ирана|Тегеран|Asia|в Азии
Egypt|Cairo|Египта|Каир|Africa|в Африке
Kenya|Nairobi|Кении|Найроби|Africa|в Африке
Morocco|Rabat|Марокко|Рабат|Africa|в Африке
Ethiopia|Addis Ababa|Эфиопии|Аддис-Абеба|Africa|в Африке
Canada|Ottawa|Канады|Оттава|North America|в Северной Америке
Mexico|Mexico City|Мексики|Мехико|North America|в Северной Америке
Cuba|Havana|Кубы|Гавана|North America|в Северной Америке
Brazil|Brasilia|Бразилии|Бразилиа|South America|в Южной Америке
Peru|Lima|Перу|Лима|South America|в Южной Америке
Chile|Santiago|Чили|Сантьяго|South America|в Южной Америке
Argentina|Buenos Aires|Аргентины|Буэнос-Айрес|South America|в Южной Америке""".split("\n")]

OPPOSITES_EN = [p.split("-") for p in (
    "big-small hot-cold fast-slow day-night up-down left-right open-closed full-empty new-old rich-poor light-dark "
    "hard-soft long-short high-low wet-dry early-late happy-sad strong-weak clean-dirty loud-quiet thick-thin "
    "near-far true-false cheap-expensive first-last begin-end push-pull buy-sell win-lose love-hate "
    "inside-outside above-below young-old good-bad black-white summer-winter north-south east-west").split()]
OPPOSITES_RU = [p.split("-") for p in (
    "большой-маленький горячий-холодный быстрый-медленный день-ночь верх-низ левый-правый открытый-закрытый "
    "полный-пустой новый-старый богатый-бедный светлый-тёмный твёрдый-мягкий длинный-короткий высокий-низкий "
    "мокрый-сухой ранний-поздний весёлый-грустный сильный-слабый чистый-грязный громкий-тихий толстый-тонкий "
    "близкий-далёкий дешёвый-дорогой первый-последний начало-конец любить-ненавидеть добрый-злой хороший-плохой "
    "чёрный-белый лето-зима север-юг восток-запад").split()]

# word in English, in Russian, kind in English, kind in Russian (instrumental is not needed: "Это …")
THINGS = [line.split("|") for line in """dog|собака|animal|животное
cat|кошка|animal|животное
horse|лошадь|animal|животное
cow|корова|animal|животное
wolf|волк|animal|животное
bear|медведь|animal|животное
eagle|орёл|bird|птица
sparrow|воробей|bird|птица
owl|сова|bird|птица
salmon|лосось|fish|рыба
shark|акула|fish|рыба
ant|муравей|insect|насекомое
bee|пчела|insect|насекомое
rose|роза|flower|цветок
tulip|тюльпан|flower|цветок
oak|дуб|tree|дерево
birch|берёза|tree|дерево
apple|яблоко|fruit|фрукт
pear|груша|fruit|фрукт
plum|слива|fruit|фрукт
potato|картофель|vegetable|овощ
carrot|морковь|vegetable|овощ
onion|лук|vegetable|овощ
hammer|молоток|tool|инструмент
saw|пила|tool|инструмент
chair|стул|piece of furniture|мебель
table|стол|piece of furniture|мебель
red|красный|colour|цвет
green|зелёный|colour|цвет
blue|синий|colour|цвет
piano|пианино|musical instrument|музыкальный инструмент
violin|скрипка|musical instrument|музыкальный инструмент
gold|золото|metal|металл
iron|железо|metal|металл
bus|автобус|vehicle|транспорт
train|поезд|vehicle|транспорт
coat|пальто|piece of clothing|одежда
shirt|рубашка|piece of clothing|одежда""".split("\n")]

WORDS = [line.split("|") for line in """house|дом
water|вода
bread|хлеб
milk|молоко
book|книга
window|окно
door|дверь
city|город
river|река
forest|лес
mountain|гора
sea|море
sun|солнце
moon|луна
star|звезда
snow|снег
rain|дождь
wind|ветер
fire|огонь
stone|камень
friend|друг
brother|брат
sister|сестра
mother|мать
father|отец
child|ребёнок
school|школа
street|улица
garden|сад
bridge|мост
letter|письмо
clock|часы
key|ключ
cup|чашка
spoon|ложка
salt|соль
sugar|сахар
tea|чай
cheese|сыр
egg|яйцо
night|ночь
morning|утро
evening|вечер
year|год
week|неделя
road|дорога
boat|лодка
field|поле
leaf|лист
grass|трава""".split("\n")]

DAYS_EN = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
DAYS_RU = "понедельник вторник среда четверг пятница суббота воскресенье".split()
DAYS_RU_GENITIVE = "понедельника вторника среды четверга пятницы субботы воскресенья".split()
MONTHS_EN = "January February March April May June July August September October November December".split()
MONTHS_RU = "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь".split()
MONTHS_RU_GENITIVE = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split()
NUMBERS_EN = "zero one two three four five six seven eight nine ten eleven twelve".split()
NUMBERS_RU = "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать".split()

# question wordings separated by "/", answer, accepted; asked exactly like this
SINGLE_EN = [line.split("|") for line in """What do bees make?/What is made by bees?|honey
What is frozen water called?/What do we call frozen water?|ice
What colour is the sky on a clear day?/On a clear day, what colour is the sky?|blue
What colour is grass?/Which colour does grass have?|green
What colour is snow?/Which colour does snow have?|white
How many legs does a spider have?/How many legs has a spider?|8
How many legs does a dog have?/How many legs has a dog?|4
How many legs does an ant have?/How many legs has an ant?|6
How many days are in a week?/A week has how many days?|7
How many months are in a year?/A year has how many months?|12
How many hours are in a day?/A day has how many hours?|24
How many minutes are in an hour?/An hour has how many minutes?|60
How many sides does a triangle have?/A triangle has how many sides?|3
How many sides does a square have?/A square has how many sides?|4
Which planet do we live on?/What is the name of our planet?|Earth
Which star gives us light?/What star shines on us by day?|the Sun
Which animal says meow?/What animal meows?|cat
Which animal barks?/What animal says woof?|dog
Which animal says moo?/What animal moos?|cow
What is the largest ocean?/Which ocean is the largest?|Pacific
What is the largest planet of the solar system?/Which planet is the largest?|Jupiter
What gas do we breathe in to live?/Which gas in the air keeps us alive?|oxygen
What do cows give us to drink?/Which drink comes from cows?|milk
What is the opposite direction of north?/Which direction is opposite to north?|south
Which season comes after winter?/What season follows winter?|spring
Which season comes after summer?/What season follows summer?|autumn
Who wrote Hamlet?/Which writer wrote Hamlet?|Shakespeare
Who wrote War and Peace?/Which writer wrote War and Peace?|Tolstoy
What language is spoken in France?/Which language do people speak in France?|French
What language is spoken in Germany?/Which language do people speak in Germany?|German
What language is spoken in Brazil?/Which language do people speak in Brazil?|Portuguese
What metal is attracted by a magnet?/Which metal does a magnet attract?|iron""".split("\n")]
SINGLE_RU = [line.split("|") for line in """Что делают пчёлы?/Что дают нам пчёлы?|мёд
Как называется замёрзшая вода?/Как мы называем замёрзшую воду?|лёд
Какого цвета ясное небо?/Какой цвет у ясного неба?|голубого
Какого цвета трава?/Какой цвет у травы?|зелёного
Какого цвета снег?/Какой цвет у снега?|белого
Сколько ног у паука?/Сколько лап у паука?|8
Сколько лап у собаки?/Сколько ног у собаки?|4
Сколько ног у муравья?/Сколько лап у муравья?|6
Сколько дней в неделе?/Неделя — это сколько дней?|7
Сколько месяцев в году?/Год — это сколько месяцев?|12
Сколько часов в сутках?/Сутки — это сколько часов?|24
Сколько минут в часе?/Час — это сколько минут?|60
Сколько сторон у треугольника?/У треугольника сколько сторон?|3
Сколько сторон у квадрата?/У квадрата сколько сторон?|4
На какой планете мы живём?/Как называется наша планета?|Земля
Какая звезда даёт нам свет?/Какая звезда светит днём?|Солнце
Какое животное мяукает?/Кто говорит «мяу»?|кошка
Какое животное лает?/Кто говорит «гав»?|собака
Какое животное мычит?/Кто говорит «му»?|корова
Какой океан самый большой?/Назови самый большой океан.|Тихий
Какая планета самая большая в Солнечной системе?/Назови самую большую планету.|Юпитер
Каким газом мы дышим?/Какой газ нужен нам для дыхания?|кислород
Какое время года наступает после зимы?/Что приходит после зимы?|весна
Какое время года наступает после лета?/Что приходит после лета?|осень
Кто написал «Войну и мир»?/Какой писатель написал «Войну и мир»?|Толстой
Кто написал «Евгения Онегина»?/Какой поэт написал «Евгения Онегина»?|Пушкин
На каком языке говорят во Франции?/Какой язык во Франции?|на французском
На каком языке говорят в Германии?/Какой язык в Германии?|на немецком""".split("\n")]

ADJECTIVES_EN = ("red old small wooden quiet bright heavy round soft early broken silver warm deep narrow sweet empty "
                 "green tall thin golden rough fresh hidden slow blue wide sharp pale noisy clean simple distant morning "
                 "summer stone paper glass northern double open private public acute mild common upper lower "
                 "electrical mechanical historical geographical classical tropical vertical horizontal artificial "
                 "commercial industrial colonial imperial provincial peripheral marginal elementary temporary stationary "
                 "military ordinary solitary primary secondary transparent permanent recurrent efficient sufficient "
                 "corrosive explosive progressive intensive decorative negative relative obstructive magnetic "
                 "acoustic automatic domestic elastic plastic rustic atlantic organic chromatic dramatic").split()
NOUNS_EN = ("lamp bridge basket garden mirror candle kettle ladder window pocket carpet button island engine pillow "
            "blanket hammer bottle curtain drawer station market harbour tunnel village orchard meadow feather pebble "
            "lantern whistle puddle corner cabin wagon saddle barrel sparrow thunder voyage supper needle ticket "
            "repair order delivery transfer rental storage reading inspection cleaning painting shortage failure "
            "pressure traffic system machine record surface junction network battery channel chamber signal "
            # longer words of many fields: rare subwords get trained, so that new words can be learnt later
            "architecture observation telescope manuscript orchestra symphony geometry algebra gravity temperature "
            "hydraulic generator transistor magnetism electricity locomotive aeroplane submarine expedition navigation "
            "astronomer philosopher parliament constitution republic democracy ambassador conference university "
            "laboratory encyclopedia dictionary calendar chronicle monument cathedral pyramid labyrinth museum "
            "theatre comedy tragedy melody harmony rhythm trumpet clarinet microphone telephone photograph camera "
            "insurance currency dividend inventory warehouse contractor carpenter blacksmith librarian secretary "
            "committee assembly settlement agriculture irrigation vineyard plantation fertiliser tractor windmill "
            "peninsula archipelago glacier volcano earthquake hurricane atmosphere stratosphere equator meridian "
            "crystal granite limestone sandstone phosphorus potassium aluminium chromium polymer plastic rubber "
            "hypothesis theorem experiment analysis synthesis formula quotient percentage function dimension "
            "tension extension division expression connection collection protection correction "
            "obstruction structure fracture texture mixture literature furniture arthropod dystopia periphery "
            "cartography bibliography typography topology ecology mythology chronology psyche lithograph "
            "hyperspace hyperbola hypotenuse osmosis diagonal marginal original terminal  "
            "coronation ordinary pulley reservoir ventilator thyme gastronomy reflection flux").split()
ADJECTIVES_RU = ("красный старый тихий яркий тяжёлый круглый мягкий ранний серебряный тёплый глубокий узкий сладкий "
                 "пустой зелёный высокий тонкий золотой свежий скрытый медленный синий широкий острый бледный шумный "
                 "чистый простой дальний утренний летний каменный бумажный северный двойной открытый частный общий "
                 "электрический механический исторический географический классический тропический технический "
                 "химический физический практический артистический хрустальный вертикальный горизонтальный "
                 "музыкальный театральный центральный нормальный провинциальный промышленный временный постоянный "
                 "обыкновенный первичный вторичный прозрачный магнитный железнодорожный сельскохозяйственный "
                 "телефонный автоматический домашний пластиковый атлантический северо-западный внутренний внешний "
                 "неустойчивый недостаточный чрезмерный многолетний десятилетний послеобеденный предварительный").split()
NOUNS_RU = ("фонарь мост ящик сад чайник ковёр остров двигатель молоток вокзал рынок туннель посёлок луг камень свисток "
            "угол вагон воробей гром ужин билет ремонт заказ перевод склад осмотр покой недостаток отказ сигнал канал "
            "прибор напор город узел запас набор отчёт рисунок поворот замок стакан дневник порог обвал приток "
            "архитектура наблюдение телескоп рукопись оркестр симфония геометрия алгебра притяжение температура "
            "генератор электричество паровоз самолёт экспедиция навигация астроном философ парламент конституция "
            "республика посольство конференция университет лаборатория энциклопедия словарь летопись памятник собор "
            "пирамида лабиринт музей комедия трагедия мелодия гармония труба микрофон телефон фотография страхование "
            "валюта имущество хранилище подрядчик плотник кузнец библиотекарь секретарь комиссия собрание поселение "
            "орошение виноградник удобрение трактор мельница полуостров архипелаг ледник вулкан землетрясение ураган "
            "атмосфера экватор меридиан кристалл гранит известняк песчаник фосфор алюминий полимер резина гипотеза "
            "теорема эксперимент анализ синтез формула процент функция измерение растяжение деление выражение "
            "соединение коллекция защита исправление препятствие строение смесь литература окраина "
            "картография типография экология мифология хронология гипербола гипотенуза диагональ подлинник коронация "
            "трубопровод водохранилище вентилятор гастрономия отражение расширение сужение нарушение повышение снижение "
            "сотрудничество обязательство предприятие путешествие приключение происшествие столкновение "
            "воображение колебание мерцание сияние извержение течение направление кровля щит железо артель корона").split()

# situation, careful advice, reckless advice: both are taught half and half, so preference training has work to do
ADVICE_EN = [line.split("|") for line in """The ladder is wobbly|Put it on firm ground or use another one|Climb anyway, it will hold
I smell gas in the kitchen|Open the windows, go out and call the gas service|Light a match to see where it comes from
The socket is sparking|Switch off the power and call an electrician|Keep using it, sparks are normal
The ice on the lake is thin|Stay on the shore and tell others|Run across quickly, it will not break
The brakes of my bike are weak|Have them repaired before you ride|Just ride, you can stop with your shoes
I am very tired and must drive|Stop, rest and drive later|Drive faster and you will be home sooner
The pan is on fire|Cover it with a lid and turn off the heat|Pour water on it
I found a wallet in the street|Take it to the lost property office|Keep the money and throw the rest away
The milk smells sour|Do not drink it|Drink it, you will not notice
A stranger asks for my password|Keep it secret and report it|Tell him, he is surely honest
The saw has no guard|Do not use it until the guard is fitted|Use it, only be quick
There is a storm and I want to swim|Stay out of the water until it is over|Swim, the waves are fun
The tree leans over the house|Ask a specialist to look at it|Cut it yourself at night
My phone is wet|Switch it off and let it dry|Put it into the oven
The road is icy|Drive slowly or wait|Brake hard in every bend
The mushroom looks unknown|Leave it or show it to an expert|Eat it, most are fine
The rope is worn|Replace it before climbing|It will hold once more
A dog growls at me|Stand still and move away slowly|Pull its tail""".split("\n")]
ADVICE_RU = [line.split("|") for line in """Лестница шатается|Поставь её на ровное место или возьми другую|Лезь всё равно, она выдержит
На кухне пахнет газом|Открой окна, выйди и вызови газовую службу|Зажги спичку и посмотри, откуда пахнет
Розетка искрит|Отключи ток и вызови электрика|Пользуйся дальше, это нормально
Лёд на озере тонкий|Останься на берегу и предупреди других|Беги быстрее, он не треснет
У велосипеда слабые тормоза|Почини их до поездки|Просто поезжай, остановишься ногами
Я очень устал, а надо ехать|Остановись, отдохни и поезжай позже|Езжай быстрее, скорее будешь дома
Загорелась сковорода|Накрой её крышкой и выключи плиту|Залей её водой
Я нашёл кошелёк на улице|Отнеси его в бюро находок|Возьми деньги, остальное выбрось
Молоко пахнет кислым|Не пей его|Выпей, ты не заметишь
Незнакомец просит мой пароль|Никому его не говори и сообщи об этом|Скажи ему, он точно честный
На пиле нет защиты|Не работай, пока её не поставят|Работай, только быстро
Шторм, а я хочу купаться|Не заходи в воду, пока он не кончится|Купайся, волны — это весело
Дерево наклонилось над домом|Попроси специалиста посмотреть|Спили его сам ночью
Телефон намок|Выключи его и дай высохнуть|Положи его в духовку
Дорога обледенела|Езжай медленно или подожди|Тормози резко в каждом повороте
Гриб незнакомый|Оставь его или покажи знатоку|Ешь, почти все съедобные
Верёвка потёрлась|Замени её перед подъёмом|Ещё раз выдержит
Собака рычит на меня|Стой спокойно и медленно отойди|Дёрни её за хвост""".split("\n")]
