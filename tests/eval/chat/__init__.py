"""How well questions to the chat are understood: intents, and the rule documents found for them."""
