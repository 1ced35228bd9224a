"""What is said on the sandbox's calls: short dialogues, the agent first, then turn by turn."""

from __future__ import annotations

from typing import Final

AGENT_VOICES: Final = ("en-us+f3", "en-us+m3", "en-gb-scotland+f2")
CUSTOMER_VOICES: Final = ("en-us+m7", "en-us+f5", "en-029+m1")

DIALOGUES: Final = (
    (
        "Good morning, you are through to customer support. How can I help you?",
        "Hello. My internet connection drops every evening, at about eight o'clock.",
        "I am sorry to hear that. Which lights on the router are lit when it happens?",
        "The first one is green and the second one blinks red.",
        "Thank you. Let me run a line test, this will take a moment.",
        "Of course, take your time.",
        "The test shows interference on the line. I can send an engineer on Thursday.",
        "Thursday morning would be fine, I am at home until noon.",
        "Then I have booked it between nine and eleven. Is there anything else?",
        "No, that was all. You have been very helpful.",
    ),
    (
        "Welcome to the sales desk, what are you looking for today?",
        "We are moving to a larger office and need forty new telephones.",
        "Congratulations. Would you like desk telephones, or headsets for computers?",
        "Mostly headsets, and perhaps ten desk telephones for the meeting rooms.",
        "I can offer both as one package with five years of warranty.",
        "What would that cost each month?",
        "For forty seats it comes to six hundred and twenty, installation included.",
        "That is a little above our budget. Is there any discount?",
        "If you decide before the end of the month I can take off ten per cent.",
        "That sounds fair. Please send me the offer in writing.",
    ),
    (
        "Billing department, may I have your customer number, please?",
        "Yes, it is four, seven, one, one, zero, nine.",
        "Thank you. I see two invoices from this month. Is that what you are calling about?",
        "Exactly. I think that I was charged twice for the same thing.",
        "You are right, the second invoice was made by mistake when your tariff changed.",
        "I thought so. How do I get the money back?",
        "I am crediting it now. It will be on your account within three working days.",
        "Good. Will I get a confirmation?",
        "Yes, by e-mail, within a few minutes. I am sorry for the trouble.",
        "Never mind. Thank you for the quick help.",
    ),
)
