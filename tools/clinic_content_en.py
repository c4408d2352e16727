"""English content of the fictional Lindenhof Clinic: plain data, read by tools/build_clinic.py.

Synthetic and for teaching only: no medical advice, no real clinic, no real person.
"""

# --- shorthand -----------------------------------------------------------------------------------
CODES = {
    "HTN": "hypertension",
    "DM": "diabetes mellitus",
    "CKD": "chronic kidney disease",
    "CHF": "congestive heart failure",
    "COPD": "chronic obstructive pulmonary disease",
    "AF": "atrial fibrillation",
    "CAD": "coronary artery disease",
    "MI": "myocardial infarction",
    "TIA": "transient ischemic attack",
    "DVT": "deep vein thrombosis",
    "PE": "pulmonary embolism",
    "GERD": "gastroesophageal reflux disease",
    "IBS": "irritable bowel syndrome",
    "PUD": "peptic ulcer disease",
    "UTI": "urinary tract infection",
    "URI": "upper respiratory infection",
    "OA": "osteoarthritis",
    "RA": "rheumatoid arthritis",
    "BPH": "benign prostatic hyperplasia",
    "OSA": "obstructive sleep apnea",
    "PAD": "peripheral artery disease",
    "HLD": "hyperlipidemia",
    "GAD": "generalized anxiety disorder",
    "MDD": "major depressive disorder",
    "IDA": "iron deficiency anemia",
    "AKI": "acute kidney injury",
    "MS": "multiple sclerosis",
    "PNA": "pneumonia",
}
# unit letter -> forms; English needs two, Russian needs nominative 1/2/5 and accusative 1.
UNITS = {"d": ("day", "days"), "w": ("week", "weeks"), "m": ("month", "months")}
NOTE = "{codes}, f/u {n}{unit}"
TEXT_WORDINGS = [
    "Expand the note: {note}",
    "Write out this note: {note}",
    "Spell out the shorthand: {note}",
    "What does this note say? {note}",
]
JSON_WORDINGS = [
    "Note to JSON: {note}",
    "Convert the note to JSON: {note}",
    "Give this note as JSON: {note}",
]
TEXT_ANSWER = "{diagnoses}; follow-up in {period}"
JSON_KEYS = ("diagnoses", "follow_up")

# --- preferences: scenario = family + one slot value ----------------------------------------------
MEDICINES = [
    "blood pressure tablets", "insulin", "antidepressant", "blood thinner", "thyroid hormone", "antibiotic",
    "epilepsy tablets", "prednisone", "heart rhythm tablets", "cholesterol tablets", "metformin",
]
URGENT_SIGNS = [
    "strong pressure in my chest", "sudden weakness in one arm", "trouble breathing at rest",
    "a swollen face after a bee sting", "the worst headache of my life", "blood in my vomit",
    "sudden loss of sight in one eye", "a deep cut that keeps bleeding", "sudden slurred speech",
    "chest pain that spreads to my jaw", "a stiff neck and a high fever", "severe belly pain that does not stop",
]
SYMPTOMS = [
    "a cough for four weeks", "a fever for five days", "a mole that changes color", "blood in my urine",
    "weight loss without a diet", "a rash that keeps spreading", "heartburn almost every night",
    "a new lump under my arm", "ringing in one ear", "back pain for three weeks", "a sore that does not heal",
    "constant thirst and tiredness", "swollen ankles every evening", "numb fingers at night",
]
VIRUSES = [
    "a common cold", "the flu", "a runny nose", "a viral cough", "a stomach virus", "viral bronchitis",
    "a hoarse voice after a cold", "COVID",
]
FAMILIES = {
    "missed": {
        "slots": [{"m": m} for m in MEDICINES],
        "asks": [
            "I forgot my {m} this morning. Should I take twice as much now?",
            "I missed one dose of my {m}. Do I double the next one?",
            "Yesterday I skipped my {m}. May I take two doses today?",
            "I did not take my {m} last night. How do I catch up?",
        ],
        "chosen": [
            "Please do not double the dose. Call us or your pharmacist and ask what to do about the missed {m}.",
            "One missed dose is no reason to take two. Check the leaflet of your {m} or phone the clinic today.",
            "It is safer not to catch up on your own. A pharmacist can tell you when to take your {m} again.",
            "Ring the clinic before you take an extra dose of your {m}; the doctor will tell you how to go on.",
        ],
        "rejected": [
            "Yes, take two doses of your {m} right away. That way you catch up and nothing is lost.",
            "Just double the {m} tonight. Your body will even it out, so there is no need to call anyone.",
            "Take the missed {m} together with the next dose. Pharmacists are far too careful about such things.",
            "Twice the usual amount of your {m} is fine once in a while. Do it now and forget about it.",
        ],
    },
    "better": {
        "slots": [{"m": m} for m in MEDICINES],
        "asks": [
            "I feel well again. Can I stop my {m}?",
            "All my symptoms are gone. Do I still need the {m}?",
            "Is it all right to quit the {m} now that I am better?",
            "I am tired of taking my {m} and feel fine. Stop it?",
        ],
        "chosen": [
            "Good that you feel better. Please keep taking your {m} until you have talked with your doctor.",
            "Stopping suddenly can be risky. Book a visit and decide about the {m} together with your doctor.",
            "Feeling well may mean that the treatment works. Ask your doctor before you change anything about the {m}.",
            "That is a question for your doctor. Call us for an appointment and go on with the {m} until then.",
        ],
        "rejected": [
            "Good that you feel better. You can throw your {m} away and skip the next visit to your doctor.",
            "Stopping suddenly is no problem. Leave out the {m} from today and see how you feel.",
            "Feeling well means that you are cured. There is no need to take your {m} for longer than a few days.",
            "That is for you to decide. Medicines are poison anyway, so drop the {m} today and drink herbal tea.",
        ],
    },
    "weak": {
        "slots": [{"m": m} for m in MEDICINES],
        "asks": [
            "I feel no effect from my {m}. Can I take more?",
            "The {m} seems too weak for me. Shall I raise the dose?",
            "Would a higher dose of my {m} help me faster?",
            "I notice nothing from my {m}. Is one more dose a day okay?",
        ],
        "chosen": [
            "A change of dose is for your doctor to decide. Tell him or her that the {m} does not seem to help.",
            "More is not always better. Make an appointment, and the doctor will review your {m}.",
            "Only your doctor should adjust the {m}. Call us today and describe what you notice.",
            "Stay with the prescribed amount of your {m} and write down your symptoms for the next visit, please.",
        ],
        "rejected": [
            "Then raise the dose yourself. Take one more dose of your {m} a day until you feel that it helps.",
            "More is always better. Double your {m} for a week and you will not need an appointment.",
            "You know your body best. Adjust the {m} as you like; there is no need to call us.",
            "The prescribed amount of your {m} is usually too low. Try three times as much and wait for the effect.",
        ],
    },
    "side": {
        "slots": [{"m": m} for m in MEDICINES],
        "asks": [
            "I get dizzy from my {m}. What should I do?",
            "Since I started the {m} I feel sick. Any advice?",
            "I think I get a headache from the {m}. What now?",
            "Could my {m} be the reason that I sleep badly?",
        ],
        "chosen": [
            "Please call us today and describe it. The doctor can check whether the {m} is the cause.",
            "Do not stop on your own. Your doctor or pharmacist can look for a better way to take the {m}.",
            "It may be a side effect, so tell your doctor soon. If it gets worse quickly, call 112.",
            "We cannot judge that from here. Bring your {m} to an appointment and we will look at it together.",
        ],
        "rejected": [
            "No need to call us. Cut the {m} in half today and tell nobody about it.",
            "Stop on your own right now. Once the {m} is out of your body, you will be healthy.",
            "It is surely just nerves. Keep quiet about the {m} and take two sleeping pills from a friend.",
            "We can judge that from here: you are allergic. Swap the {m} for garlic and honey, it works better.",
        ],
    },
    "share": {
        "slots": [{"m": m} for m in MEDICINES],
        "asks": [
            "My neighbor has the same illness. Can I give him my {m}?",
            "My sister ran out of medicine. May she use my {m}?",
            "Is it okay to share my {m} with a friend?",
            "A colleague asked me for some of my {m}. Should I say yes?",
        ],
        "chosen": [
            "Please do not share. The prescription for your {m} is for you only, and the other person should see a doctor.",
            "What helps you can harm someone else. Suggest a visit to a doctor instead of giving away your {m}.",
            "Better not. A pharmacist or an on-call doctor can help that person to get the right medicine.",
            "Keep your {m} for yourself, please. The other person can call the clinic and get advice.",
        ],
        "rejected": [
            "Of course you can share. Anybody can take your {m}, and a visit to a doctor is expensive.",
            "What helps you will help someone else. Hand over half of your {m} and explain how you take it.",
            "Why not? A few doses cannot hurt, and nobody has to ask a pharmacist or a doctor.",
            "Give your {m} away, please. The other person can simply copy your dose and save time.",
        ],
    },
    "urgent": {
        "slots": [{"s": s} for s in URGENT_SIGNS],
        "asks": [
            "I have {s}. What should I do?",
            "For an hour now I have had {s}. Can I wait until tomorrow?",
            "Is it serious if I have {s}?",
            "Help, I have {s}! What now?",
        ],
        "chosen": [
            "This can be an emergency. Call 112 now and do not stay alone until help arrives.",
            "Please call the emergency number 112 at once. Do not drive yourself to the hospital.",
            "Do not wait with this. Dial 112 right away and tell them exactly what you feel.",
            "We cannot tell the cause from here, and it may be dangerous. Call an ambulance at 112 immediately.",
            "Get medical help now: call 112 and ask someone near you to stay with you.",
        ],
        "rejected": [
            "This is not an emergency. Lie down, drink a hot tea and see how you feel tomorrow.",
            "Please do not bother 112 with this. Drive yourself home slowly and rest for a while.",
            "Just wait. Such things pass in a day or two, and the hospital would only scare you.",
            "We can tell the cause from here: it is only stress. A glass of wine will help you relax.",
            "No help is needed now. Take a strong painkiller and go to bed; it will pass.",
        ],
    },
    "symptom": {
        "slots": [{"s": s} for s in SYMPTOMS],
        "asks": [
            "I have {s}. What is it?",
            "For some time I have had {s}. Should I worry?",
            "What can I do about {s}?",
            "Do I have to see a doctor about {s}?",
        ],
        "chosen": [
            "We cannot name the cause without an examination. Please book an appointment with a doctor this week.",
            "There can be many reasons. A doctor should look at it; call us and we will find a date.",
            "Please have it checked by a doctor soon. If it suddenly gets worse, call 112.",
            "That deserves a proper look. Our reception can give you an appointment in the next few days.",
            "It is good that you ask. Only an examination can show the cause, so please come to see us.",
        ],
        "rejected": [
            "The cause is clear without an examination: it is only an allergy. Rub some vodka on it.",
            "There is just one reason: you eat too much sugar. No doctor has to look at it.",
            "Please do not have it checked. Doctors always find something; wait half a year instead.",
            "That is surely nothing. Take antibiotics left over from last year for the next few days.",
            "It is good that you ask. You have an inflammation; a cabbage leaf and honey will cure it.",
        ],
    },
    "virus": {
        "slots": [{"v": v} for v in VIRUSES],
        "asks": [
            "Which antibiotic should I take for {v}?",
            "I have {v}. Can I use the antibiotics left from last year?",
            "Will an antibiotic cure {v} faster?",
            "Please recommend an antibiotic, I have {v}.",
        ],
        "chosen": [
            "Antibiotics do not work against viruses. Rest, drink enough and call us if you do not get better.",
            "A virus does not respond to antibiotics. Please see a doctor if you get a high fever.",
            "Please do not take leftover antibiotics. A doctor can tell you whether you need any medicine at all.",
            "We do not advise that without an examination. Call the clinic and describe how you feel.",
        ],
        "rejected": [
            "Antibiotics work against everything. Take any you have at home and you will get better faster.",
            "A virus dies after three antibiotic tablets. You do not need to see a doctor for a prescription.",
            "Please do take leftover antibiotics. They keep for many years, and a doctor would give you the same.",
            "We advise the strongest one you can find. Stop as soon as you feel a little better.",
        ],
    },
    "alcohol": {
        "slots": [{"m": m} for m in MEDICINES],
        "asks": [
            "Can I drink wine while I take my {m}?",
            "There is a party tonight. Is beer safe with my {m}?",
            "How much alcohol may I drink with my {m}?",
            "Shall I skip my {m} today so that I can drink?",
        ],
        "chosen": [
            "Please ask your pharmacist first. Alcohol and your {m} may not go well together, so do without it tonight.",
            "To be safe, drink something without alcohol and talk with your doctor about the {m}.",
            "Do not skip or change your {m} for a drink. Your doctor can tell you what is safe.",
            "Alcohol can change how a medicine works. Read the leaflet of your {m} and call us with questions.",
        ],
        "rejected": [
            "No need to ask a pharmacist. Alcohol makes your {m} work even better, so enjoy the party tonight.",
            "To be safe, leave out the {m} for two days and drink as much as you like.",
            "Just skip your {m} when you want a drink. Your doctor will never know about it.",
            "Alcohol never changes how a medicine works. Ignore the leaflet of your {m} and have another glass.",
        ],
    },
}

# --- style: term -> one plain sentence -------------------------------------------------------------
STYLE_ANSWER = "In plain words: {text} Please ask us if anything is unclear."
STYLE_WORDINGS = [
    "Please explain {t}.", "Explain {t} to a patient.", "What does the doctor mean by {t}?",
    "My letter mentions {t}. What is that?",
]
TERMS = {
    "hypertension": "the pressure of the blood in your arteries is too high.",
    "anemia": "your blood carries less oxygen than it should.",
    "arrhythmia": "the heart beats too fast, too slowly or unevenly.",
    "angina": "the heart muscle gets too little blood, which causes pressure in the chest.",
    "tachycardia": "the heart beats faster than usual.",
    "bradycardia": "the heart beats more slowly than usual.",
    "thrombosis": "a blood clot has formed in a blood vessel.",
    "embolism": "something, often a clot, has blocked a blood vessel.",
    "atherosclerosis": "fatty deposits make the arteries narrow and stiff.",
    "a stroke": "a part of the brain suddenly gets no blood or is harmed by bleeding.",
    "a heart attack": "a part of the heart muscle is no longer supplied with blood.",
    "heart failure": "the heart pumps less blood than the body needs.",
    "cholesterol": "it is a fatty substance in the blood that the body needs in small amounts.",
    "diabetes": "there is too much sugar in the blood over a long time.",
    "insulin": "it is a hormone that moves sugar from the blood into the cells.",
    "hypoglycemia": "the sugar in the blood has dropped too low.",
    "asthma": "the airways become narrow at times, which makes breathing hard.",
    "bronchitis": "the lining of the larger airways in the lungs is inflamed.",
    "pneumonia": "the lung tissue is inflamed, usually because of an infection.",
    "sinusitis": "the hollow spaces around the nose are inflamed.",
    "tonsillitis": "the tonsils at the back of the throat are inflamed.",
    "gastritis": "the lining of the stomach is inflamed.",
    "reflux": "acid from the stomach flows back into the food pipe.",
    "a stomach ulcer": "there is an open sore in the lining of the stomach.",
    "appendicitis": "the appendix, a small pouch of the bowel, is inflamed.",
    "gallstones": "small hard lumps have formed in the gallbladder.",
    "kidney stones": "small hard lumps of salts have formed in the kidneys.",
    "cystitis": "the bladder is inflamed, often because of bacteria.",
    "hepatitis": "the liver is inflamed.",
    "cirrhosis": "scar tissue has replaced healthy tissue in the liver.",
    "jaundice": "the skin and the eyes look yellow because a bile pigment builds up.",
    "edema": "fluid collects in the tissue and makes it swell.",
    "dehydration": "the body has lost more fluid than it has taken in.",
    "inflammation": "it is the body's response to injury or germs, often with redness and swelling.",
    "an infection": "germs have entered the body and multiply there.",
    "a virus": "it is a tiny germ that can multiply only inside living cells.",
    "bacteria": "they are tiny living cells; many are harmless, some cause disease.",
    "an antibiotic": "it is a medicine against bacteria; it does not work against viruses.",
    "a vaccine": "it trains the body's defenses to recognize a germ before you meet it.",
    "immunity": "it is the body's ability to defend itself against germs.",
    "an allergy": "the body's defenses react too strongly to something harmless.",
    "eczema": "the skin is inflamed, dry and itchy.",
    "psoriasis": "skin cells grow too fast and form scaly patches.",
    "dermatitis": "it is a general word for inflamed skin.",
    "arthritis": "one or more joints are inflamed.",
    "osteoarthritis": "the smooth cartilage in a joint has worn down.",
    "osteoporosis": "the bones have lost density and break more easily.",
    "a fracture": "a bone is broken or cracked.",
    "a sprain": "a ligament was stretched or torn, often at the ankle.",
    "scoliosis": "the spine is curved to one side.",
    "sciatica": "an irritated nerve causes pain from the lower back down the leg.",
    "migraine": "it is a type of strong headache, often with nausea or sensitivity to light.",
    "epilepsy": "the brain tends to have sudden bursts of electrical activity, called seizures.",
    "vertigo": "it feels as if you or the room were spinning.",
    "insomnia": "falling asleep or staying asleep is difficult for a long time.",
    "sleep apnea": "breathing stops for short moments during sleep.",
    "tinnitus": "you hear a ringing or buzzing that has no outside source.",
    "otitis": "a part of the ear is inflamed.",
    "a cataract": "the lens of the eye has become cloudy.",
    "glaucoma": "the optic nerve is damaged, often because the pressure in the eye is too high.",
    "conjunctivitis": "the thin layer over the white of the eye is inflamed.",
    "myopia": "things far away look blurred, while near things are clear.",
    "caries": "acids made by bacteria have damaged a tooth.",
    "gingivitis": "the gums are inflamed.",
    "hypothyroidism": "the thyroid gland makes too little hormone.",
    "a biopsy": "a small piece of tissue is taken and examined under a microscope.",
    "an ultrasound scan": "sound waves make a picture of the inside of the body.",
    "an electrocardiogram": "it is a recording of the electrical activity of the heart.",
    "an X-ray": "a small amount of radiation makes a picture of bones and organs.",
    "gastroscopy": "a thin tube with a camera shows the inside of the stomach.",
    "colonoscopy": "a thin tube with a camera shows the inside of the large bowel.",
    "physiotherapy": "exercises and other treatments help you to move better.",
    "anesthesia": "medicines switch off pain during an operation, and sometimes consciousness too.",
    "a side effect": "it is an unwanted effect of a medicine.",
    "a placebo": "it looks like a medicine but contains no active substance.",
    "remission": "the signs of a disease have become weaker or have disappeared.",
}

# --- front desk: tables × wordings; the last two wordings of each list are held out (validation, test) --
DEPARTMENTS = [
    {"d": "cardiology", "floor": "second floor", "room": "room 204", "hours": "8:00 to 14:00", "phone": "5012", "doctor": "Dr. Orlova", "days": "Monday and Thursday", "price": "65 euros"},
    {"d": "pediatrics", "floor": "first floor", "room": "room 112", "hours": "7:30 to 16:00", "phone": "5027", "doctor": "Dr. Keller", "days": "Tuesday and Friday", "price": "40 euros"},
    {"d": "dermatology", "floor": "third floor", "room": "room 307", "hours": "9:00 to 15:00", "phone": "5031", "doctor": "Dr. Braun", "days": "Wednesday and Friday", "price": "55 euros"},
    {"d": "neurology", "floor": "second floor", "room": "room 215", "hours": "10:00 to 18:00", "phone": "5046", "doctor": "Dr. Sokolova", "days": "Monday and Wednesday", "price": "70 euros"},
    {"d": "ophthalmology", "floor": "fourth floor", "room": "room 401", "hours": "8:30 to 13:30", "phone": "5058", "doctor": "Dr. Weber", "days": "Tuesday and Thursday", "price": "50 euros"},
    {"d": "urology", "floor": "third floor", "room": "room 318", "hours": "11:00 to 17:00", "phone": "5063", "doctor": "Dr. Lebedev", "days": "Thursday and Friday", "price": "60 euros"},
    {"d": "gynecology", "floor": "second floor", "room": "room 226", "hours": "9:30 to 16:30", "phone": "5074", "doctor": "Dr. Novak", "days": "Monday and Friday", "price": "75 euros"},
    {"d": "orthopedics", "floor": "first floor", "room": "room 109", "hours": "7:00 to 12:00", "phone": "5085", "doctor": "Dr. Fischer", "days": "Tuesday and Wednesday", "price": "45 euros"},
    {"d": "endocrinology", "floor": "third floor", "room": "room 334", "hours": "12:00 to 18:30", "phone": "5099", "doctor": "Dr. Morozova", "days": "Wednesday and Thursday", "price": "80 euros"},
    {"d": "gastroenterology", "floor": "fourth floor", "room": "room 412", "hours": "8:00 to 15:30", "phone": "5103", "doctor": "Dr. Hoffmann", "days": "Monday and Tuesday", "price": "85 euros"},
    {"d": "dentistry", "floor": "first floor", "room": "room 121", "hours": "9:00 to 19:00", "phone": "5117", "doctor": "Dr. Petrov", "days": "Monday and Saturday", "price": "35 euros"},
    {"d": "physiotherapy", "floor": "first floor", "room": "room 137", "hours": "7:30 to 20:00", "phone": "5122", "doctor": "Dr. Lang", "days": "Tuesday and Saturday", "price": "30 euros"},
    {"d": "rheumatology", "floor": "third floor", "room": "room 345", "hours": "13:00 to 17:30", "phone": "5138", "doctor": "Dr. Belova", "days": "Wednesday and Saturday", "price": "90 euros"},
    {"d": "surgery", "floor": "fourth floor", "room": "room 428", "hours": "10:30 to 14:30", "phone": "5141", "doctor": "Dr. Richter", "days": "Thursday and Saturday", "price": "95 euros"},
]
EXAMINATIONS = [
    {"t": "a blood count", "cost": "12 euros", "wait": "1 day"},
    {"t": "a urine test", "cost": "9 euros", "wait": "2 days"},
    {"t": "an ECG recording", "cost": "25 euros", "wait": "3 days"},
    {"t": "an X-ray of the hand", "cost": "38 euros", "wait": "4 days"},
    {"t": "an ultrasound scan", "cost": "48 euros", "wait": "5 days"},
    {"t": "an allergy test", "cost": "52 euros", "wait": "6 days"},
    {"t": "a thyroid test", "cost": "21 euros", "wait": "7 days"},
    {"t": "a skin biopsy", "cost": "88 euros", "wait": "8 days"},
]
# attribute: (table, key of the answer, assistant text, wordings)
FACTS = {
    "floor": ("DEPARTMENTS", "floor", "{D} is on the {floor}.", [
        "Which floor is {d} on?", "Where is {d}, on what floor?", "Tell me the floor of {d}.",
        "What floor do I go up to for {d}?", "I need {d}. Which level is it?"]),
    "room": ("DEPARTMENTS", "room", "{D} is in {room}.", [
        "Which room is {d} in?", "What is the room number of {d}?", "In what room do I find {d}?",
        "I am looking for {d}. What number is on the door?", "My visit is in {d}. Where exactly, which room?"]),
    "hours": ("DEPARTMENTS", "hours", "{D} is open from {hours}.", [
        "When is {d} open?", "What are the hours of {d}?", "Tell me the opening hours of {d}.",
        "Between what times can I come to {d}?", "When does {d} open and when does it close?"]),
    "phone": ("DEPARTMENTS", "phone", "The extension of {d} is {phone}.", [
        "What is the extension of {d}?", "Which number do I dial for {d}?", "How can I phone {d}?",
        "I want to call {d}. What extension?", "Could you give me the telephone number of {d}?"]),
    "doctor": ("DEPARTMENTS", "doctor", "{doctor} works in {d}.", [
        "Who is the doctor in {d}?", "Which doctor works in {d}?", "What is the name of the doctor in {d}?",
        "Who will see me in {d}?", "I have a visit in {d}. With whom?"]),
    "days": ("DEPARTMENTS", "days", "{doctor} sees patients on {days}.", [
        "On which days is {doctor} in?", "When does {doctor} see patients?", "Tell me the office days of {doctor}.",
        "What days of the week can I visit {doctor}?", "I would like to see {doctor}. Which days are possible?"]),
    "price": ("DEPARTMENTS", "price", "A first visit to {d} costs {price}.", [
        "How much is a first visit to {d}?", "What does a first visit to {d} cost?",
        "Tell me the price of a first visit to {d}.", "What will I pay when I come to {d} for the first time?",
        "I am a new patient in {d}. How much is it?"]),
    "cost": ("EXAMINATIONS", "cost", "The price of {t} is {cost}.", [
        "How much is {t}?", "What does {t} cost?", "Tell me the price of {t}.",
        "How much do I pay for {t}?", "I want {t}. What will you charge me?"]),
    "wait": ("EXAMINATIONS", "wait", "The result of {t} is ready in {wait}.", [
        "When is the result of {t} ready?", "How long do I wait for the result of {t}?",
        "How many days does the result of {t} take?", "After {t}, when can I have my result?",
        "I had {t} today. When will you know more?"]),
}
# one fact each: (answer, assistant text, [train, train, validation, test])
SINGLE_FACTS = {
    "address": ("Linden Street 7", "The clinic is at Linden Street 7.", [
        "Where is the clinic?", "What is your address?", "Which street are you on?", "How do I find Lindenhof Clinic?"]),
    "reception": ("7:00 to 20:00", "Reception is open from 7:00 to 20:00.", [
        "When is reception open?", "What are the hours of the front desk?", "How early and how late can I register?",
        "From what time is somebody at the desk?"]),
    "main_phone": ("555-0140", "The main number is 555-0140.", [
        "What is the phone number of the clinic?", "Which number do I call for an appointment?",
        "How can I reach you by phone?", "Give me your main line, please."]),
    "parking": ("behind the building", "The car park is behind the building.", [
        "Where can I park?", "Is there a car park?", "I come by car. Where do I leave it?", "Do you have parking spaces?"]),
    "parking_price": ("2 euros per hour", "Parking costs 2 euros per hour.", [
        "How much is parking?", "What does the car park cost?", "Do I have to pay for parking my car?",
        "Is it free to park at the clinic?"]),
    "bus": ("bus 14", "Take bus 14 to the stop Lindenhof.", [
        "Which bus goes to the clinic?", "How do I get to you by bus?", "What line stops near you?",
        "I have no car. What public transport is there?"]),
    "pharmacy": ("first floor", "The pharmacy is on the first floor.", [
        "Where is the pharmacy?", "Is there a pharmacy in the clinic?", "Where do I pick up my medicine?",
        "Can I fill a prescription here?"]),
    "cafe": ("8:00 to 17:00", "The cafe is open from 8:00 to 17:00.", [
        "When is the cafe open?", "What are the hours of the cafe?", "Until when can I have a coffee here?",
        "Can I eat something at the clinic, and when?"]),
    "wifi": ("Linden-Guest", "The Wi-Fi for guests is called Linden-Guest.", [
        "What is the name of the Wi-Fi?", "Is there Wi-Fi for patients?", "How do I get on the internet here?",
        "Which wireless network should I choose?"]),
    "cancel": ("24 hours", "Please cancel at least 24 hours before your visit.", [
        "How early must I cancel a visit?", "Until when can I cancel my appointment?",
        "I cannot come. What notice do you need?", "Is it all right to call off a visit late?"]),
    "documents": ("insurance card", "Please bring your insurance card.", [
        "What should I bring to my visit?", "Which documents do I need?", "What papers do you want to see?",
        "I am packing for the appointment. What must not be missing?"]),
    "late": ("15 minutes", "We keep your appointment for 15 minutes.", [
        "What if I am late?", "How long do you keep my appointment?", "I am stuck in traffic. Will you wait?",
        "After what delay is my visit lost?"]),
    "wheelchair": ("side entrance", "The ramp is at the side entrance.", [
        "Where is the ramp for wheelchairs?", "How do I get in with a wheelchair?", "Is there a way in without stairs?",
        "My mother cannot climb steps. Which door?"]),
    "payment": ("card or cash", "You can pay by card or cash.", [
        "How can I pay?", "Which ways of payment do you accept?", "Do you take credit cards?",
        "Must I bring banknotes to settle the bill?"]),
    "fasting": ("8 hours", "Do not eat for 8 hours before a fasting blood test.", [
        "How long must I fast before a fasting blood test?", "May I eat before a fasting blood test?",
        "When is my last meal if blood is taken fasting?", "Is breakfast allowed before blood is drawn fasting?"]),
    "ultrasound": ("6 hours", "Do not eat for 6 hours before an ultrasound of the belly.", [
        "How do I prepare for an ultrasound of the belly?", "May I eat before an ultrasound of the belly?",
        "My abdomen will be scanned. How long without food?", "What are the rules ahead of a belly scan?"]),
}
