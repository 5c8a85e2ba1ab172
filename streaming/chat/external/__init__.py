"""Services of others that branches ask: one adapter each, which speaks its wire and no more."""
