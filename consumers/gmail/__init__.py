"""Gmail: from `users.messages` resources to facts about messages."""
