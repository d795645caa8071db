"""Footage to training packs: find shots, choose clips, write and read packs."""
