"""Readers in processes of their own, behind walls: what a file does to its reader stays there."""
