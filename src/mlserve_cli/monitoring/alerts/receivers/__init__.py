"""Who is told about alerts; each can be slow or broken without anybody noticing but itself."""
