"""A Telegram bot whose messages are asked for, where Telegram cannot reach us. What they mean is in a mapping, as for its webhook."""
