"""Outcomes, answers and logs in the forms that fitting takes, and how they are split."""
