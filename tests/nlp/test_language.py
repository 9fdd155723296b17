"""Language of short messages, and what is removed before it is asked."""

import json
from pathlib import Path

import pytest

from nlp.language import LANGUAGES, UNDECIDED, detect, prose

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Je suis contre la chasse le dimanche, on veut pouvoir se promener.", "fr"),
        ("Banning hunting on Sundays would let families walk in the woods.", "en"),
        ("Prohibir la caza los domingos permitiría pasear tranquilos por el monte.", "es"),
        ("Vietare la caccia la domenica permetterebbe alle famiglie di passeggiare.", "it"),
        ("Proibir a caça aos domingos permitiria às famílias passear na floresta.", "pt"),
        ("Die Jagd am Sonntag zu verbieten wäre ein Gewinn für alle Spaziergänger.", "de"),
        ("Prohibir la caça els diumenges permetria a les famílies passejar pel bosc.", "ca"),
        ("Igandeetan ehiza debekatzeak mendian lasai ibiltzea ekarriko luke.", "eu"),
        ("Ne vo ket aotreet chaseal d'ar Sul ken e koadoù Breizh, emezo.", "br"),
        ("يجب منع الصيد يوم الأحد في جميع أنحاء البلاد", "ar"),
        ("𝗟𝗲𝘀 𝗰𝗵𝗮𝘀𝘀𝗲𝘂𝗿𝘀 𝗱𝗼𝗶𝘃𝗲𝗻𝘁 𝗹𝗮𝗶𝘀𝘀𝗲𝗿 𝗹𝗲 𝗱𝗶𝗺𝗮𝗻𝗰𝗵𝗲 𝗮𝘂𝘅 𝗽𝗿𝗼𝗺𝗲𝗻𝗲𝘂𝗿𝘀", "fr"),
        ("#StopCorrida", UNDECIDED),
        ("ok", UNDECIDED),
        ("https://exemple.fr/this/is/an/english/address 🔥🔥", UNDECIDED),
        ("@quelquun @quelquune 2026", UNDECIDED),
        ("", UNDECIDED),
    ],
)
def test_detect(text: str, expected: str) -> None:
    [(lang, confidence)] = detect([text])
    assert lang == expected
    assert 0.0 <= confidence <= 1.0
    assert lang in (*LANGUAGES, UNDECIDED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("voir https://exemple.fr/a?b=c et www.exemple.org/x", "voir   et  "),
        ("merci @une.personne@piaille.fr et @autre !", "merci   et   !"),
        ("écrire à a@exemple.fr", "écrire à a@exemple.fr"),
        ("#PasDeMonstreDansMonPort", "Pas De Monstre Dans Mon Port"),
        ("#StopLBD #QuinzeHeures2026", "Stop LBD Quinze Heures 2026"),
        ("#mode_éphémère", "mode éphémère"),
    ],
)
def test_prose(text: str, expected: str) -> None:
    assert prose(text) == expected


def test_short_french_messages_are_recognised() -> None:
    if not CORPUS.exists():
        pytest.skip("the open corpus of messages is not beside this checkout")
    texts = [json.loads(row)["text"] for file in CORPUS.glob("*_posts.jsonl") for row in file.open(encoding="utf-8")]
    answers = [lang for lang, _ in detect(texts)]
    assert answers.count("fr") >= 0.99 * len(texts)
    assert set(answers) <= {"fr", UNDECIDED}
