"""Chats, their messages and their turns."""
