"""Answering turns of chats."""
